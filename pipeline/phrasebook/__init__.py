"""The phrasebook: the English–Hindi corpus that we generate ourselves, the offline default.

A grammar of some two hundred constructions over some three hundred and eighty content words of
daily life.

    She bought a sari for her mother.    उसने अपनी माँ के लिए एक साड़ी ख़रीदी।
    My father does not drink tea.        मेरे पिताजी चाय नहीं पीते।
    How many mangoes did you buy?        आपने कितने आम ख़रीदे?

It offers 34,833,299 sentence pairs: the sum of the constructions' sizes. Among 667,000 of them,
all of every small construction and a sample of every large one, no English sentence came twice. A
corpus draws a few ten thousand by its seed.

A Hindi sentence says more than its English does, so conventions make the translation a function:

- "you" is आप, a man or men; in a bare imperative it is तुम ("Open the door." दरवाज़ा खोलो।), with
  "please" it is आप (कृपया दरवाज़ा खोलिए।). "Let us" is आइए with the subjunctive.
- "I", "we" and "they" are masculine; "he" and "she" are वह, "they" are वे.
- Parents, grandparents, uncles and aunts, teachers, doctors and those called Mr. and Mrs. are
  honoured: they agree as plurals (मेरी माँ आ रही हैं) and are वे. Nobody else is.
- "his", "her", "my", … is अपना when it can mean the subject of its clause, and only then.
- "the" is not said; "a" is एक, except in a predicate (वह डॉक्टर है), and कोई where there is none.
- People take को as objects; things do not, and the verb agrees with them.
- A negated habitual drops its auxiliary and shows the feminine plural itself: मेरी माँ नहीं जातीं.
- "has to" is ना है, "had to" ना पड़ा, "will have to" ना पड़ेगा; "should" is चाहिए, invariably.
- The past of a state is the imperfect (वह दिल्ली में रहता था); the present perfect is the perfective
  with है; "has already" is चुकना, "started to" लगना.
- Adjectives in -ा compare with से alone (उससे बड़ा), the others with ज़्यादा (उससे ज़्यादा मेहनती).
- Statements end in a danda, without a space; small numbers are words, prices and bus numbers
  digits.
- The text is NFC, as Unicode has it: a nukta letter is the letter and its nukta.

Modules, in the order of reading: ``hindi`` and ``english`` (morphology), ``lexicon`` (the words),
``phrases`` (noun phrases), ``clauses`` (tense, case, agreement), ``people``, ``actions`` and
``doings`` (who does what), ``construction`` (a numbered pattern), the constructions in ``verbal``,
``qualities``, ``belonging``, ``locations``, ``having``, ``figures``, ``commands``, ``joined`` and
``leaning``, and ``splits``, which draws the corpus.
"""

from functools import cache

from pipeline.phrasebook import (
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
from pipeline.phrasebook.construction import Construction, Pair
from pipeline.phrasebook.splits import PhrasebookConfig, split

__all__ = ["Construction", "Pair", "PhrasebookConfig", "constructions", "generate"]


@cache
def constructions() -> tuple[Construction, ...]:
    """All constructions of the grammar, in a fixed order."""
    made = (
        *verbal.constructions(),
        *qualities.constructions(),
        *belonging.constructions(),
        *locations.constructions(),
        *having.constructions(),
        *figures.constructions(),
        *commands.constructions(),
        *joined.constructions(),
        *leaning.constructions(),
    )
    assert len({item.name for item in made}) == len(made), "construction names are unique"
    return made


def generate(config: PhrasebookConfig) -> dict[str, list[Pair]]:
    """Generate the corpus: a list of pairs for "train", "validation", "test" and "hard".

    Raises:
        ValueError: more pairs are asked for than the grammar has.
    """
    return split(constructions(), config)
