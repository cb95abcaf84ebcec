"""English–Hindi pairs that were written for the tests, with what makes Hindi text hard."""

from __future__ import annotations

TRAIN = (
    ("He went to the market.", "वह बाज़ार गया।"),
    ("She reads a book every day.", "वह रोज़ एक किताब पढ़ती है।"),
    ("The boy is running fast.", "लड़का तेज़ दौड़ रहा है।"),
    ("What is your name?", "आपका नाम क्या है?"),
    ("My house is near the river.", "मेरा घर नदी के पास है।"),
    ("The train leaves at 7:30.", "गाड़ी ७:३० बजे छूटती है।"),
    ("There are 12 apples in the basket.", "टोकरी में 12 सेब हैं।"),
    ("We bought five kilos of rice.", "हमने पाँच किलो चावल ख़रीदे।"),
    ("It is raining today.", "आज बारिश हो रही है।"),
    ("Please close the door.", "कृपया दरवाज़ा बंद कीजिए।"),
    ("I do not know him.", "मैं उसे नहीं जानता।"),
    ("The children are playing in the garden.", "बच्चे बग़ीचे में खेल रहे हैं।"),
    ("Sorrow does not last.", "दुःख सदा नहीं रहता।"),
    ("The teacher asked a question.", "शिक्षक ने एक प्रश्न पूछा।"),
    ("His phone number is 98१२.", "उसका फ़ोन नंबर 98१२ है।"),
    ("Write it as क्\u200dष.", "इसे क्\u200dष लिखिए।"),
    ("Mother is cooking food.", "माँ खाना पका रही है।"),
    ("The moon rose over the mountain.", "पहाड़ के ऊपर चाँद निकला।"),
    ("Give me a glass of water.", "मुझे एक गिलास पानी दो।"),
    ("They will come tomorrow.", "वे कल आएँगे।"),
)

VALIDATION = (
    ("The river is near the market.", "नदी बाज़ार के पास है।"),
    ("She does not know my name.", "वह मेरा नाम नहीं जानती।"),
    ("Please give me five books.", "कृपया मुझे पाँच किताबें दीजिए।"),
)
