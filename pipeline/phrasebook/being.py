"""What the constructions of being and having share: moods, tenses and whose things are named."""

from pipeline.phrasebook import people
from pipeline.phrasebook.clauses import Tense, be
from pipeline.phrasebook.construction import Sentence, ask, say
from pipeline.phrasebook.lexicon import (
    ADJECTIVES,
    NOUNS,
    Noun,
    Time,
    listed,
)
from pipeline.phrasebook.phrases import Phrase, Thing

TENSES = (Tense.PRESENT, Tense.PAST)
NOT_I = tuple(who for who in people.EVERYONE if who.english != "I")
MOODS = ("affirmed", "denied", "asked")


def copula(
    subject: Phrase,
    tense: Tense,
    complement: tuple[str, str],
    mood: str,
    words: tuple[str, ...],
    time: Time | None = None,
) -> Sentence:
    if mood == "asked":
        return ask(be(subject, tense, complement, asked=True, words=words, time=time))
    return say(be(subject, tense, complement, negative=mood == "denied", words=words, time=time))


# होऊँगा is bookish, so nobody says "I will be" here.
FUTURE_BEINGS = tuple(who for who in people.SOME_PEOPLE if who.person == 3 and who.english != "you")

# What people have, in these sentences.
HAD = frozenset(
    listed(
        "book notebook pen pencil watch umbrella bag key ring camera computer "
        "phone radio bicycle motorcycle car ticket ball toy house shop boat "
        "mirror blanket chair table shirt coat sweater hat shoe letter "
        "gift picture"
    )
)
HAD_NOUNS = tuple(NOUNS[word] for word in sorted(HAD))
# Food and drink as masses.
TEMPERED = listed("rice bread dal food fish milk water tea coffee juice lassi soup yogurt cheese")
YESTERDAYS = (Time("yesterday", "कल"), Time("last week", "पिछले हफ़्ते"), Time("today", "आज"))
TOMORROWS = (Time("tomorrow", "कल"), Time("next week", "अगले हफ़्ते"))


def counted(noun: Noun) -> tuple[Thing, ...]:
    if noun.mass:
        return (
            Thing(noun),
            Thing(noun, "some"),
            *(Thing(noun, adjective=ADJECTIVES[word]) for word in noun.adjectives[:2]),
        )
    count = 2 + sum(map(ord, noun.hindi)) % 11
    if noun.english == "shoe":  # in pairs
        return (Thing(noun, many=True, adjective=ADJECTIVES["new"]), Thing(noun, many=True))
    return (
        Thing(noun, "a"),
        Thing(noun, "many", many=True),
        Thing(noun, many=True, count=count),
        Thing(noun, many=True, count=count + 5),
        *(Thing(noun, "a", adjective=ADJECTIVES[word]) for word in noun.adjectives[:2]),
    )
