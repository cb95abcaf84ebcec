"""Constructions of belonging: professions, whose things are and who is related to whom."""

from collections.abc import Iterable

from pipeline.phrasebook import english, people
from pipeline.phrasebook.being import (
    HAD_NOUNS,
    MOODS,
    TENSES,
    copula,
)
from pipeline.phrasebook.clauses import Tense
from pipeline.phrasebook.construction import Construction, Sentence
from pipeline.phrasebook.hindi import (
    decline_marked,
)
from pipeline.phrasebook.lexicon import (
    ADJECTIVES,
    NOUNS,
    Adjective,
    Noun,
)
from pipeline.phrasebook.phrases import Phrase, Thing, render

_PROFESSIONS = (
    "student",
    "farmer",
    "shopkeeper",
    "driver",
    "gardener",
    "tailor",
    "carpenter",
    "soldier",
    "singer",
    "writer",
    "lawyer",
    "engineer",
    "teacher",
    "doctor",
)
_ELDERS = {"father", "mother", "grandfather", "grandmother", "uncle", "aunt"}
_FEMININE = {
    "student": "छात्रा",
    "singer": "गायिका",
    "writer": "लेखिका",
    "teacher": "अध्यापिका",
    "gardener": "मालिन",
}


def profession(
    subject: Phrase, noun: Noun, adjective: Adjective | None, tense: Tense, mood: str
) -> Sentence:
    """Sita is a good singer → सीता अच्छी गायिका है; the predicate takes no एक."""
    described = f"{adjective.english} {noun.english}" if adjective else noun.english
    if subject.many and subject.english != "you":
        said = f"{adjective.english} {noun.english_plural}" if adjective else noun.english_plural
    else:
        said = english.with_article(described)
    title = noun.forms.singular
    if subject.gender == "f":
        title = _FEMININE.get(noun.english, title)
    form = adjective.form(subject.gender, subject.plural) + " " if adjective else ""
    words = (noun.key, adjective.key) if adjective else (noun.key,)
    return copula(subject, tense, (said, form + title), mood, words)


def belonging(demonstrative: str, thing: Thing, owner: Phrase, mood: str) -> Sentence:
    """These are my shoes → ये मेरे जूते हैं."""
    noun, many = thing.noun, thing.many
    known = render(thing)
    near = demonstrative == "this"
    subject = Phrase(
        ("these" if near else "those") if many else demonstrative,
        ("ये" if near else "वे") if many else ("यह" if near else "वह"),
        "",
        noun.gender,
        many,
        many,
    )
    whose = owner.owner if owner.pronoun else f"{owner.english}'s"
    complement = (
        f"{whose} {known.english}",
        f"{owner.genitive(noun.gender, many)} {known.direct}",
    )
    return copula(subject, Tense.PRESENT, complement, mood, (*known.words, *owner.words))


def whose(demonstrative: str, noun: Noun, many: bool) -> Sentence:
    """Whose book is this? → यह किसकी किताब है?"""
    near = demonstrative == "this"
    pronoun = ("ये" if near else "वे") if many else ("यह" if near else "वह")
    asked = ("these" if near else "those") if many else demonstrative
    noun_english = noun.english_plural if many else noun.english
    noun_hindi = noun.forms.plural if many else noun.forms.singular
    of_whom = decline_marked("किसका", noun.gender, many)
    is_english, is_hindi = ("are", "हैं") if many else ("is", "है")
    return Sentence(
        f"Whose {noun_english} {is_english} {asked}?",
        f"{pronoun} {of_whom} {noun_hindi} {is_hindi}?",
        (noun.key,),
    )


def relation(subject: Phrase, owner: Phrase, noun: Noun, mood: str) -> Sentence:
    """Ram is Sita's brother → राम सीता का भाई है."""
    of = owner.owner if owner.pronoun else f"{owner.english}'s"
    complement = (
        f"{of} {noun.english}",
        f"{owner.genitive(noun.gender, noun.honorific)} {noun.forms.singular}",
    )
    return copula(subject, Tense.PRESENT, complement, mood, (*owner.words, noun.key))


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    jobs = tuple(NOUNS[word] for word in _PROFESSIONS)
    single = tuple(
        who for who in people.EVERYONE if who.words[0].split(":")[0] in {"pronoun", "name"}
    )
    relatives = tuple(
        who
        for who in people.RELATIVES
        if who.words[0] not in {"noun:teacher", "noun:neighbour", "noun:guest"}
    )
    for mood in MOODS:
        suffix = {"affirmed": "", "denied": ", not", "asked": "?"}[mood]
        who = tuple(
            person for person in (*single, *relatives) if mood != "asked" or person.english != "I"
        )
        learners = tuple(
            person for person in who if person.words[0].removeprefix("noun:") not in _ELDERS
        )
        yield Construction(
            f"profession{suffix}",
            profession,
            (
                (who, jobs[1:], (None,), TENSES, (mood,)),
                (learners, jobs[:1], (None,), TENSES, (mood,)),
                *(
                    (
                        learners if noun.english == "student" else who,
                        (noun,),
                        tuple(ADJECTIVES[word] for word in noun.adjectives if word != "new"),
                        (Tense.PRESENT,),
                        (mood,),
                    )
                    for noun in jobs
                    if noun.adjectives
                ),
            ),
        )
    owners = (*people.I_AND_OTHERS, *people.NAMED, *people.RELATIVES[:9])
    things = tuple(Thing(noun, many=many) for noun in HAD_NOUNS for many in (False, True))
    colours = tuple(Thing(noun, adjective=ADJECTIVES[noun.adjectives[0]]) for noun in HAD_NOUNS)
    for mood in MOODS:
        suffix = {"affirmed": "", "denied": ", not", "asked": "?"}[mood]
        yield Construction(
            f"belonging{suffix}",
            belonging,
            (((("this", "that")), (*things, *colours), owners, (mood,)),),
        )
    yield Construction("whose?", whose, ((("this", "that"), HAD_NOUNS, (False, True)),))
    kin = {
        "m": tuple(NOUNS[word] for word in ("brother", "son", "friend", "neighbour")),
        "f": tuple(NOUNS[word] for word in ("sister", "daughter")),
    }
    plain_names = tuple(name for name in people.NAMED if not name.plural)
    yield Construction(
        "relation",
        relation,
        tuple(
            (
                (person,),
                tuple(owner for owner in (*plain_names, *people.I_AND_OTHERS) if owner != person),
                kin[person.gender],
                MOODS,
            )
            for person in plain_names
        ),
    )
