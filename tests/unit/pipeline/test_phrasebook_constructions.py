"""Whole sentences of every kind, translated by hand."""

# ruff: noqa: E501, E741 — a sentence and its translation are read side by side; I am I.

import pytest

from pipeline.phrasebook import (
    actions,
    belonging,
    commands,
    figures,
    having,
    joined,
    leaning,
    locations,
    qualities,
    verbal,
)
from pipeline.phrasebook.clauses import Action, Tense, be, clause, statement
from pipeline.phrasebook.construction import ask, say
from pipeline.phrasebook.doings import done_to, going_to
from pipeline.phrasebook.lexicon import ADJECTIVES, GAMES, NAMES, NOUNS, PLACES, VERBS, Time
from pipeline.phrasebook.phrases import PRONOUNS, Thing, named, render

I, YOU, HE, SHE, WE, THEY = (PRONOUNS[word] for word in ("I", "you", "he", "she", "we", "they"))
RAM, SITA = named(NAMES["Ram"]), named(NAMES["Sita"])
SHARMA = named(NAMES["Mr. Sharma"])
MOTHER = render(Thing(NOUNS["mother"], "my"))
FATHER = render(Thing(NOUNS["father"], "my"))
GIRLS = render(Thing(NOUNS["girl"], "the", many=True))
BOY = render(Thing(NOUNS["boy"], "the"))
BOOK, BOOKS = done_to("read", "book", "a"), done_to("read", "book", "", True)
TWO_BOOKS = Action(VERBS["read"], Thing(NOUNS["book"], many=True, count=2))
HELP_BROTHER = Action(VERBS["help"], Thing(NOUNS["brother"], "own"))
CALL_GIRL = Action(VERBS["call"], Thing(NOUNS["girl"], "the"))
CLEAN_ROOM = done_to("clean", "room")
GO_HOME = going_to("home")
YESTERDAY, TOMORROW = Time("yesterday", "कल"), Time("tomorrow", "कल")
MANGO, MANGOES = Thing(NOUNS["mango"], "a"), Thing(NOUNS["mango"], "", True)
CRICKET = Action(VERBS["play"], Thing(GAMES["cricket"]))
SLEEP = actions.doing("sleep", ("", ""))[0]
REST = actions.doing("rest", ("", ""))[0]


@pytest.mark.parametrize(
    ("subject", "tense", "action", "english", "hindi"),
    [
        (SHE, Tense.PRESENT, BOOKS, "She reads books.", "वह किताबें पढ़ती है।"),
        (MOTHER, Tense.PRESENT, GO_HOME, "My mother goes home.", "मेरी माँ घर जाती हैं।"),
        (FATHER, Tense.PROGRESSIVE, CLEAN_ROOM, "My father is cleaning the room.", "मेरे पिताजी कमरा साफ़ कर रहे हैं।"),
        (I, Tense.PROGRESSIVE, BOOK, "I am reading a book.", "मैं एक किताब पढ़ रहा हूँ।"),
        (GIRLS, Tense.PAST_PROGRESSIVE, BOOKS, "The girls were reading books.", "लड़कियाँ किताबें पढ़ रही थीं।"),
        (YOU, Tense.PAST_PROGRESSIVE, SLEEP, "You were sleeping.", "आप सो रहे थे।"),
        (RAM, Tense.USED_TO, CRICKET, "Ram used to play cricket.", "राम क्रिकेट खेलता था।"),
        (SITA, Tense.USED_TO, GO_HOME, "Sita used to go home.", "सीता घर जाती थी।"),
        (I, Tense.FUTURE, GO_HOME, "I will go home.", "मैं घर जाऊँगा।"),
        (GIRLS, Tense.FUTURE, BOOKS, "The girls will read books.", "लड़कियाँ किताबें पढ़ेंगी।"),
        (RAM, Tense.PAST, BOOK, "Ram read a book.", "राम ने एक किताब पढ़ी।"),
        (RAM, Tense.PAST, TWO_BOOKS, "Ram read two books.", "राम ने दो किताबें पढ़ीं।"),
        (GIRLS, Tense.PAST, Action(VERBS["eat"], MANGOES), "The girls ate mangoes.", "लड़कियों ने आम खाए।"),
        (SHE, Tense.PAST, GO_HOME, "She went home.", "वह घर गई।"),
        (MOTHER, Tense.PAST, GO_HOME, "My mother went home.", "मेरी माँ घर गईं।"),
        (RAM, Tense.PAST, CALL_GIRL, "Ram called the girl.", "राम ने लड़की को बुलाया।"),
        (SITA, Tense.PAST, HELP_BROTHER, "Sita helped her brother.", "सीता ने अपने भाई की मदद की।"),
        (THEY, Tense.PAST, Action(VERBS["meet"], RAM), "They met Ram.", "वे राम से मिले।"),
        (SITA, Tense.PAST, Action(VERBS["bring"], MANGOES), "Sita brought mangoes.", "सीता आम लाई।"),
        (I, Tense.PAST, Action(VERBS["talk to"], HE), "I talked to him.", "मैंने उससे बात की।"),
        (RAM, Tense.PAST, Action(VERBS["wait for"], I), "Ram waited for me.", "राम ने मेरा इंतज़ार किया।"),
        (HE, Tense.PERFECT, TWO_BOOKS, "He has read two books.", "उसने दो किताबें पढ़ी हैं।"),
        (I, Tense.PERFECT, GO_HOME, "I have gone home.", "मैं घर गया हूँ।"),
        (SITA, Tense.PAST_PERFECT, BOOK, "Sita had read a book.", "सीता ने एक किताब पढ़ी थी।"),
        (GIRLS, Tense.PAST_PERFECT, GO_HOME, "The girls had gone home.", "लड़कियाँ घर गई थीं।"),
        (SITA, Tense.ALREADY, BOOK, "Sita has already read a book.", "सीता एक किताब पढ़ चुकी है।"),
        (RAM, Tense.STARTED_TO, SLEEP, "Ram started to sleep.", "राम सोने लगा।"),
        (GIRLS, Tense.STARTED_TO, BOOKS, "The girls started to read books.", "लड़कियाँ किताबें पढ़ने लगीं।"),
        (WE, Tense.CAN, GO_HOME, "We can go home.", "हम घर जा सकते हैं।"),
        (SHE, Tense.WANT_TO, BOOKS, "She wants to read books.", "वह किताबें पढ़ना चाहती है।"),
        (I, Tense.HAVE_TO, BOOK, "I have to read a book.", "मुझे एक किताब पढ़नी है।"),
        (RAM, Tense.HAVE_TO, Action(VERBS["eat"], MANGOES), "Ram has to eat mangoes.", "राम को आम खाने हैं।"),
        (SHARMA, Tense.SHOULD, GO_HOME, "Mr. Sharma should go home.", "शर्मा जी को घर जाना चाहिए।"),
        (SHE, Tense.SHOULD, HELP_BROTHER, "She should help her brother.", "उसे अपने भाई की मदद करनी चाहिए।"),
        (BOY, Tense.HAD_TO, TWO_BOOKS, "The boy had to read two books.", "लड़के को दो किताबें पढ़नी पड़ीं।"),
        (WE, Tense.WILL_HAVE_TO, GO_HOME, "We will have to go home.", "हमें घर जाना पड़ेगा।"),
    ],
)  # fmt: skip
def test_a_tense_is_said(subject, tense, action, english, hindi):
    assert statement(clause(subject, tense, action)) == (english, hindi)


@pytest.mark.parametrize(
    ("subject", "tense", "action", "english", "hindi"),
    [
        (I, Tense.PRESENT, BOOKS, "I do not read books.", "मैं किताबें नहीं पढ़ता।"),
        (MOTHER, Tense.PRESENT, GO_HOME, "My mother does not go home.", "मेरी माँ घर नहीं जातीं।"),
        (RAM, Tense.PROGRESSIVE, CLEAN_ROOM, "Ram is not cleaning the room.", "राम कमरा साफ़ नहीं कर रहा है।"),
        (RAM, Tense.PAST, BOOKS, "Ram did not read books.", "राम ने किताबें नहीं पढ़ीं।"),
        (SITA, Tense.PAST, HELP_BROTHER, "Sita did not help her brother.", "सीता ने अपने भाई की मदद नहीं की।"),
        (WE, Tense.FUTURE, GO_HOME, "We will not go home.", "हम घर नहीं जाएँगे।"),
        (GIRLS, Tense.CAN, GO_HOME, "The girls cannot go home.", "लड़कियाँ घर नहीं जा सकतीं।"),
        (HE, Tense.WANT_TO, GO_HOME, "He does not want to go home.", "वह घर जाना नहीं चाहता।"),
        (YOU, Tense.SHOULD, BOOKS, "You should not read books.", "आपको किताबें नहीं पढ़नी चाहिए।"),
    ],
)  # fmt: skip
def test_a_tense_is_denied(subject, tense, action, english, hindi):
    assert statement(clause(subject, tense, action, negative=True)) == (english, hindi)


SENTENCES = [
    # questions
    (ask(clause(SITA, Tense.PAST, BOOK, YESTERDAY, asked=True)), "Did Sita read a book yesterday?", "क्या सीता ने कल एक किताब पढ़ी?"),
    (ask(clause(YOU, Tense.PRESENT, GO_HOME, asked=True)), "Do you go home?", "क्या आप घर जाते हैं?"),
    (verbal.asking_adverb(RAM, CLEAN_ROOM, Tense.PAST, ("why", "क्यों")), "Why did Ram clean the room?", "राम ने कमरा क्यों साफ़ किया?"),
    (verbal.asking_adverb(SITA, HELP_BROTHER, Tense.PAST, ("when", "कब")), "When did Sita help her brother?", "सीता ने अपने भाई की मदद कब की?"),
    (verbal.asking_adverb(YOU, SLEEP, Tense.FUTURE, ("where", "कहाँ")), "Where will you sleep?", "आप कहाँ सोएँगे?"),
    (verbal.asking_what(SHE, "buy", Tense.PAST, None), "What did she buy?", "उसने क्या ख़रीदा?"),
    (verbal.asking_what(YOU, "look for", Tense.PROGRESSIVE, None), "What are you looking for?", "आप क्या ढूँढ रहे हैं?"),
    (verbal.asking_who(done_to("break", "glass", "this"), Tense.PAST, None), "Who broke this glass?", "यह गिलास किसने तोड़ा?"),
    (verbal.asking_who(GO_HOME, Tense.FUTURE, TOMORROW), "Who will go home tomorrow?", "कल घर कौन जाएगा?"),
    (verbal.asking_who(done_to("bring", "chair"), Tense.PAST, None), "Who brought the chair?", "कुर्सी कौन लाया?"),
    (verbal.asking_how_many(YOU, "buy", NOUNS["book"], Tense.PAST), "How many books did you buy?", "आपने कितनी किताबें ख़रीदीं?"),
    (verbal.asking_how_many(RAM, "eat", NOUNS["mango"], Tense.FUTURE), "How many mangoes will Ram eat?", "राम कितने आम खाएगा?"),
    (verbal.asking_which(SHE, "choose", NOUNS["gift"], Tense.PAST), "Which gift did she choose?", "उसने कौन-सा तोहफ़ा चुना?"),
    (verbal.asking_which(RAM, "read", NOUNS["book"], Tense.FUTURE), "Which book will Ram read?", "राम कौन-सी किताब पढ़ेगा?"),
    # habits and states
    (verbal.frequent(SHE, BOOKS, Time("often", "अक्सर")), "She often reads books.", "वह अक्सर किताबें पढ़ती है।"),
    (verbal.frequent(FATHER, GO_HOME, Time("always", "हमेशा")), "My father always goes home.", "मेरे पिताजी हमेशा घर जाते हैं।"),
    (verbal.never(SHE, done_to("eat", "fish", ""), Tense.PERFECT), "She has never eaten fish.", "उसने कभी मछली नहीं खाई है।"),
    (verbal.never(THEY, CRICKET, Tense.PRESENT), "They never play cricket.", "वे कभी क्रिकेट नहीं खेलते।"),
    (say(clause(RAM, Tense.PAST_STATE, verbal.actions.going("live", ("Delhi",), "in")[0])), "Ram lived in Delhi.", "राम दिल्ली में रहता था।"),
    (say(clause(MOTHER, Tense.PAST_STATE, Action(VERBS["trust"], I))), "My mother trusted me.", "मेरी माँ मुझ पर भरोसा करती थीं।"),
    # qualities
    (qualities.quality(render(Thing(NOUNS["shirt"], "the", True)), ADJECTIVES["dirty"], Tense.PRESENT, "affirmed"), "The shirts are dirty.", "कमीज़ें गंदी हैं।"),
    (qualities.quality(MOTHER, ADJECTIVES["hungry"], Tense.PAST, "denied"), "My mother was not hungry.", "मेरी माँ भूखी नहीं थीं।"),
    (qualities.quality(RAM, ADJECTIVES["ready"], Tense.FUTURE, "asked"), "Will Ram be ready?", "क्या राम तैयार होगा?"),
    (qualities.very(SITA, ADJECTIVES["clever"], Tense.PRESENT), "Sita is very clever.", "सीता बहुत होशियार है।"),
    (qualities.compared(Thing(NOUNS["room"], "this"), Thing(NOUNS["room"], "that"), ADJECTIVES["big"], Tense.PRESENT), "This room is bigger than that room.", "यह कमरा उस कमरे से बड़ा है।"),
    (qualities.people_compared(SITA, I, ADJECTIVES["hardworking"], "affirmed"), "Sita is more hardworking than me.", "सीता मुझसे ज़्यादा मेहनती है।"),
    (qualities.superlative(NOUNS["road"], ADJECTIVES["long"], ("the city", "शहर", "place:city"), "affirmed"), "This is the longest road in the city.", "यह शहर की सबसे लंबी सड़क है।"),
    # belonging
    (belonging.profession(SITA, NOUNS["singer"], ADJECTIVES["good"], Tense.PRESENT, "affirmed"), "Sita is a good singer.", "सीता अच्छी गायिका है।"),
    (belonging.profession(THEY, NOUNS["farmer"], None, Tense.PAST, "denied"), "They were not farmers.", "वे किसान नहीं थे।"),
    (belonging.profession(YOU, NOUNS["doctor"], None, Tense.PRESENT, "asked"), "Are you a doctor?", "क्या आप डॉक्टर हैं?"),
    (belonging.belonging("this", Thing(NOUNS["shoe"], many=True), I, "affirmed"), "These are my shoes.", "ये मेरे जूते हैं।"),
    (belonging.belonging("that", Thing(NOUNS["book"]), SITA, "asked"), "Is that Sita's book?", "क्या वह सीता की किताब है?"),
    (belonging.whose("this", NOUNS["book"], False), "Whose book is this?", "यह किसकी किताब है?"),
    (belonging.whose("that", NOUNS["shoe"], True), "Whose shoes are those?", "वे किसके जूते हैं?"),
    (belonging.relation(RAM, SITA, NOUNS["brother"], "affirmed"), "Ram is Sita's brother.", "राम सीता का भाई है।"),
    (belonging.relation(SITA, WE, NOUNS["sister"], "denied"), "Sita is not our sister.", "सीता हमारी बहन नहीं है।"),
    # places
    (locations.located(render(Thing(NOUNS["key"], "the")), ("on the table", "मेज़ पर", "noun:table"), Tense.PRESENT, "affirmed"), "The key is on the table.", "चाबी मेज़ पर है।"),
    (locations.located(MOTHER, ("at home", "घर पर", "place:home"), Tense.PAST, "denied"), "My mother was not at home.", "मेरी माँ घर पर नहीं थीं।"),
    (locations.existing(Thing(NOUNS["book"], many=True, count=2), ("on the table", "मेज़ पर", "noun:table"), Tense.PRESENT, "affirmed"), "There are two books on the table.", "मेज़ पर दो किताबें हैं।"),
    (locations.existing(Thing(NOUNS["milk"]), ("in the glass", "गिलास में", "noun:glass"), Tense.PAST, "asked"), "Was there milk in the glass?", "क्या गिलास में दूध था?"),
    (locations.lacking(Thing(NOUNS["milk"]), ("in the glass", "गिलास में", "noun:glass"), Tense.PRESENT), "There is no milk in the glass.", "गिलास में दूध नहीं है।"),
    (locations.lacking(Thing(NOUNS["book"]), ("in the box", "डिब्बे में", "noun:box"), Tense.PAST), "There was no book in the box.", "डिब्बे में कोई किताब नहीं थी।"),
    (locations.where_is(render(Thing(NOUNS["book"], "your", True)), Tense.PRESENT), "Where are your books?", "आपकी किताबें कहाँ हैं?"),
    (locations.where_is(RAM, Tense.PAST), "Where was Ram?", "राम कहाँ था?"),
    # having
    (having.having(I, Thing(NOUNS["car"], "a"), Tense.PRESENT, "affirmed"), "I have a car.", "मेरे पास एक गाड़ी है।"),
    (having.having(RAM, Thing(NOUNS["car"], "a"), Tense.PAST, "denied"), "Ram did not have a car.", "राम के पास कोई गाड़ी नहीं थी।"),
    (having.having(YOU, Thing(NOUNS["book"], many=True, count=2), Tense.PRESENT, "asked"), "Do you have two books?", "क्या आपके पास दो किताबें हैं?"),
    (having.having_kin(I, NOUNS["brother"], 2, "affirmed"), "I have two brothers.", "मेरे दो भाई हैं।"),
    (having.having_kin(SITA, NOUNS["daughter"], 1, "asked"), "Does Sita have a daughter?", "क्या सीता की एक बेटी है?"),
    (having.ailing(BOY, ("a fever", "बुख़ार", "m"), Tense.PRESENT, "affirmed"), "The boy has a fever.", "लड़के को बुख़ार है।"),
    (having.ailing(SHE, ("a cough", "खाँसी", "f"), Tense.PAST, "asked"), "Did she have a cough?", "क्या उसे खाँसी थी?"),
    (having.liking(RAM, Thing(NOUNS["mango"], "", True), "affirmed"), "Ram likes mangoes.", "राम को आम पसंद हैं।"),
    (having.liking(I, Thing(NOUNS["tea"]), "denied"), "I do not like tea.", "मुझे चाय पसंद नहीं है।"),
    (having.needing(SHE, Thing(NOUNS["ticket"], many=True, count=2), "affirmed"), "She needs two tickets.", "उसे दो टिकट चाहिए।"),
    (having.needing(YOU, Thing(NOUNS["tea"]), "asked"), "Do you need tea?", "क्या आपको चाय चाहिए?"),
    (having.getting(I, Thing(NOUNS["letter"], "a"), Tense.PAST, YESTERDAY), "I got a letter yesterday.", "मुझे कल एक चिट्ठी मिली।"),
    (having.getting(RAM, Thing(NOUNS["gift"], "", True, 2), Tense.FUTURE, None), "Ram will get two gifts.", "राम को दो तोहफ़े मिलेंगे।"),
    # figures
    (figures.age(SITA, 10), "Sita is ten years old.", "सीता दस साल की है।"),
    (figures.age(FATHER, 50), "My father is fifty years old.", "मेरे पिताजी पचास साल के हैं।"),
    (figures.how_old(render(Thing(NOUNS["brother"], "your"))), "How old is your brother?", "आपका भाई कितने साल का है?"),
    (figures.how_old(MOTHER), "How old is my mother?", "मेरी माँ कितने साल की हैं?"),
    (figures.price(render(Thing(NOUNS["shirt"], "this")), 500, Tense.PRESENT), "This shirt costs 500 rupees.", "यह कमीज़ 500 रुपये की है।"),
    (figures.price(render(Thing(NOUNS["fan"], "the", True)), 2000, Tense.PAST), "The fans cost 2000 rupees last year.", "पंखे पिछले साल 2000 रुपये के थे।"),
    (figures.how_much(render(Thing(NOUNS["shirt"], "this", True))), "How much do these shirts cost?", "ये कमीज़ें कितने की हैं?"),
    (figures.how_much(render(Thing(NOUNS["fan"], "that"))), "How much does that fan cost?", "वह पंखा कितने का है?"),
    (figures.distance(PLACES["fort"], PLACES["airport"], 2), "The fort is two kilometres from the airport.", "क़िला हवाई अड्डे से दो किलोमीटर दूर है।"),
    (figures.distance(PLACES["school"], PLACES["bank"], 1), "The school is one kilometre from the bank.", "स्कूल बैंक से एक किलोमीटर दूर है।"),
    (figures.clock(1, None), "It is one o'clock.", "एक बजा है।"),
    (figures.clock(1, ("at night", "रात के")), "It is one o'clock at night.", "रात का एक बजा है।"),
    (figures.clock(5, ("in the evening", "शाम के")), "It is five o'clock in the evening.", "शाम के पाँच बजे हैं।"),
    (figures.weekday("Monday", ("yesterday", "कल", "was", "था"), "affirmed"), "Yesterday was Monday.", "कल सोमवार था।"),
    (figures.weekday("Friday", ("today", "आज", "is", "है"), "denied"), "Today is not Friday.", "आज शुक्रवार नहीं है।"),
    (figures.weather(("hot", "गर्मी", "f"), PLACES["Delhi"], Tense.PAST, True), "It was very hot in Delhi.", "दिल्ली में बहुत गर्मी थी।"),
    (figures.weather(("dark", "अँधेरा", "m"), PLACES["park"], Tense.PRESENT, False), "It is dark in the park.", "पार्क में अँधेरा है।"),
    (figures.raining(PLACES["Mumbai"], Tense.PROGRESSIVE, None), "It is raining in Mumbai.", "मुंबई में बारिश हो रही है।"),
    (figures.raining(None, Tense.FUTURE, TOMORROW), "It will rain tomorrow.", "कल बारिश होगी।"),
    (figures.departing(NOUNS["train"], PLACES["Delhi"], 5, None, True), "The train reaches Delhi at five o'clock.", "रेलगाड़ी पाँच बजे दिल्ली पहुँचती है।"),
    (figures.departing(NOUNS["bus"], PLACES["village"], 9, ("at night", "रात के"), False), "The bus leaves the village at nine o'clock at night.", "बस रात के नौ बजे गाँव से निकलती है।"),
    (figures.bus_number(12, PLACES["station"], Tense.PRESENT), "Bus number 12 goes to the station.", "12 नंबर की बस स्टेशन जाती है।"),
    (figures.bus_number(7, PLACES["Delhi"], Tense.FUTURE), "Bus number 7 will go to Delhi.", "7 नंबर की बस दिल्ली जाएगी।"),
    # commands
    (commands.told(done_to("open", "door")), "Open the door.", "दरवाज़ा खोलो।"),
    (commands.told(Action(VERBS["give"], Thing(NOUNS["water"], "some"), I)), "Give me some water.", "मुझे थोड़ा पानी दो।"),
    (commands.requested(done_to("open", "door")), "Please open the door.", "कृपया दरवाज़ा खोलिए।"),
    (commands.requested(Action(VERBS["wake"], Thing(NOUNS["brother"], "own"))), "Please wake your brother.", "कृपया अपने भाई को जगाइए।"),
    (commands.forbidden(done_to("close", "window")), "Do not close the window.", "खिड़की बंद मत करो।"),
    (commands.forbidden(GO_HOME), "Do not go home.", "घर मत जाओ।"),
    (commands.discouraged(done_to("drink", "tea", "")), "Please do not drink tea.", "कृपया चाय न पीजिए।"),
    (commands.discouraged(CLEAN_ROOM), "Please do not clean the room.", "कृपया कमरा साफ़ न कीजिए।"),
    (commands.called(("children", "बच्चो", "noun:child"), BOOKS), "Children, read books.", "बच्चो, किताबें पढ़ो।"),
    (commands.called(("Ram", "राम", "name:Ram"), GO_HOME), "Ram, go home.", "राम, घर जाओ।"),
    (commands.called_politely(SHARMA, BOOK), "Mr. Sharma, please read a book.", "शर्मा जी, कृपया एक किताब पढ़िए।"),
    (commands.suggested(GO_HOME), "Let us go home.", "आइए, घर चलें।"),
    (commands.suggested(done_to("drink", "tea", "")), "Let us drink tea.", "आइए, चाय पिएँ।"),
    # joined clauses
    (joined.and_then(I, GO_HOME, SLEEP, Tense.PRESENT), "I go home and sleep.", "मैं घर जाता हूँ और सोता हूँ।"),
    (joined.and_then(SHE, GO_HOME, REST, Tense.FUTURE), "She will go home and rest.", "वह घर जाएगी और आराम करेगी।"),
    (joined.two_people(RAM, SITA, BOOKS, SLEEP, (Tense.PAST, "but", "लेकिन")), "Ram read books but Sita slept.", "राम ने किताबें पढ़ीं लेकिन सीता सोई।"),
    (joined.two_people(WE, MOTHER, CRICKET, REST, (Tense.FUTURE, "and", "और")), "We will play cricket and my mother will rest.", "हम क्रिकेट खेलेंगे और मेरी माँ आराम करेंगी।"),
    (joined.because(HE, SLEEP, ADJECTIVES["ill"], "because", HE), "He is sleeping because he is ill.", "वह सो रहा है क्योंकि वह बीमार है।"),
    (joined.because(SITA, CRICKET, ADJECTIVES["hungry"], "not because", SHE), "Sita is not playing cricket because she is hungry.", "सीता क्रिकेट नहीं खेल रही है क्योंकि वह भूखी है।"),
    (joined.if_then(SITA, GO_HOME, I, CRICKET), "If Sita goes home, I will play cricket.", "अगर सीता घर जाएगी तो मैं क्रिकेट खेलूँगा।"),
    (joined.if_it_rains(WE, CRICKET, True), "If it rains, we will not play cricket.", "अगर बारिश हुई तो हम क्रिकेट नहीं खेलेंगे।"),
    (joined.while_past(RAM, SLEEP, MOTHER, BOOKS), "While Ram was sleeping, my mother was reading books.", "जब राम सो रहा था तब मेरी माँ किताबें पढ़ रही थीं।"),
    (joined.reporting(SHE, VERBS["know"], be(RAM, Tense.PRESENT, ("at home", "घर पर"))), "She knows that Ram is at home.", "वह जानती है कि राम घर पर है।"),
    (joined.thinking(I, clause(SITA, Tense.PAST, BOOK)), "I think that Sita read a book.", "मुझे लगता है कि सीता ने एक किताब पढ़ी।"),
    (joined.around(WE, done_to("eat", "food"), SLEEP, ("after", "के बाद", Tense.PAST)), "After eating the food, we slept.", "खाना खाने के बाद हम सोए।"),
    (joined.around(SITA, CLEAN_ROOM, REST, ("before", "से पहले", Tense.FUTURE)), "Before cleaning the room, Sita will rest.", "कमरा साफ़ करने से पहले सीता आराम करेगी।"),
    # phrases that lean on a clause
    (leaning.relative(NOUNS["book"], RAM, "buy", ADJECTIVES["good"], Tense.PAST), "The book that Ram bought is good.", "जो किताब राम ने ख़रीदी वह अच्छी है।"),
    (leaning.relative(NOUNS["toy"], GIRLS, "choose", ADJECTIVES["new"], Tense.PAST), "The toy that the girls chose is new.", "जो खिलौना लड़कियों ने चुना वह नया है।"),
    (leaning.together(RAM, Thing(NOUNS["friend"], "own", True), CRICKET, Tense.PRESENT), "Ram plays cricket with his friends.", "राम अपने दोस्तों के साथ क्रिकेट खेलता है।"),
    (leaning.together(SITA, I, GO_HOME, Tense.PAST), "Sita went home with me.", "सीता मेरे साथ घर गई।"),
    (leaning.for_somebody(SHE, Thing(NOUNS["mother"], "own"), done_to("buy", "sari", "a"), (Tense.PAST, None)), "She bought a sari for her mother.", "उसने अपनी माँ के लिए एक साड़ी ख़रीदी।"),
    (leaning.for_somebody(RAM, WE, done_to("make", "tea", ""), (Tense.FUTURE, TOMORROW)), "Ram will make tea for us tomorrow.", "राम कल हमारे लिए चाय बनाएगा।"),
    (leaning.measured(HE, "buy", (2, "kilo"), NOUNS["sugar"], (Tense.PAST, None)), "He bought two kilos of sugar.", "उसने दो किलो चीनी ख़रीदी।"),
    (leaning.measured(SITA, "drink", (1, "glass"), NOUNS["milk"], (Tense.PAST, YESTERDAY)), "Sita drank a glass of milk yesterday.", "सीता ने कल एक गिलास दूध पिया।"),
    (leaning.bought_for(HE, Thing(NOUNS["shirt"], "the"), 500, "buy"), "He bought the shirt for 500 rupees.", "उसने कमीज़ 500 रुपये में ख़रीदी।"),
    (leaning.from_to(THEY, PLACES["Delhi"], PLACES["Mumbai"], Tense.PAST, None), "They went from Delhi to Mumbai.", "वे दिल्ली से मुंबई गए।"),
    (leaning.at_hour(FATHER, actions.doing("get up", ("", ""))[0], 5, Tense.PRESENT), "My father gets up at five o'clock.", "मेरे पिताजी पाँच बजे उठते हैं।"),
    (leaning.fond_of_doing(I, BOOKS, False), "I like to read books.", "मुझे किताबें पढ़ना पसंद है।"),
    (leaning.fond_of_doing(RAM, CRICKET, True), "Ram does not like to play cricket.", "राम को क्रिकेट खेलना पसंद नहीं है।"),
    (leaning.forgotten(SITA, Thing(NOUNS["umbrella"], "own"), PLACES["school"]), "Sita forgot her umbrella at school.", "सीता अपना छाता स्कूल में भूल गई।"),
    (leaning.put_somewhere(SHE, Thing(NOUNS["key"], "the", True), ("on the table", "मेज़ पर", "noun:table"), (Tense.PAST, None)), "She put the keys on the table.", "उसने चाबियाँ मेज़ पर रखीं।"),
    (leaning.posture(MOTHER, ("sitting", "बैठा", "verb:sit"), ("on the chair", "कुर्सी पर", "noun:chair"), False), "My mother is sitting on the chair.", "मेरी माँ कुर्सी पर बैठी हैं।"),
    (leaning.posture(RAM, ("standing", "खड़ा", "verb:stand"), ("near the door", "दरवाज़े के पास", "noun:door"), True), "Ram was standing near the door.", "राम दरवाज़े के पास खड़ा था।"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "english", "hindi"), SENTENCES)
def test_a_sentence_is_said(made, english, hindi):
    assert (made.english, made.hindi) == (english, hindi)


def possible(tense, family):
    blocks = verbal._families(tense)[family]
    return [(who, doing) for people, doings in blocks for who in people for doing in doings]


@pytest.mark.parametrize(
    ("tense", "family", "verb", "noun", "who"),
    [
        (Tense.PROGRESSIVE, "motion", "stay", None, None),  # not रुक रहा है
        (Tense.WANT_TO, "people", "see", None, None),  # that is मिलना
        (Tense.FUTURE, "people", "see", None, None),
        (Tense.STARTED_TO, "things", "finish", None, None),
        (Tense.STARTED_TO, "people", "stop", None, None),
        (Tense.PRESENT, "things", "understand", None, None),
        (Tense.PAST, "things", "wear", "sari", RAM),
    ],
)
def test_what_nobody_says_is_not_made(tense, family, verb, noun, who):
    for subject, doing in possible(tense, family):
        said = doing.object.noun.english if noun else None
        assert (doing.verb.english, said, who and subject) != (verb, noun, who)


@pytest.mark.parametrize(
    ("verb", "noun", "adjective"),
    [("clean", "mirror", "clean"), ("write", "poem", "old"), ("wash", "glass", "clean")],
)
def test_a_thing_is_not_made_what_it_already_is(verb, noun, adjective):
    assert not [
        doing
        for doing in actions.EVERYDAY
        if isinstance(doing.object, Thing)
        and (doing.verb.english, doing.object.noun.english) == (verb, noun)
        and doing.object.adjective is ADJECTIVES[adjective]
    ]


def test_a_moment_is_not_dated_by_the_year_nor_a_home_by_the_day():
    cut, live = done_to("cut", "apple"), actions.going("live", ("Delhi",), "in")[0]
    times = (None, Time("tomorrow", "कल"), Time("next year", "अगले साल"))
    timed = {
        doings[0].verb.english: fitting
        for _, doings, fitting in verbal._timed([((), (cut, live))], times)
    }
    assert timed == {"cut": times[:2], "live": times[::2]}


def test_birds_sit_in_trees():
    assert any(doing.tail == "in the tree" and doing.head == "पेड़ पर" for doing in actions.OF_BIRDS)
