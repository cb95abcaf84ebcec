"""Constructions of quality: adjectives, comparison and superlative."""

from collections.abc import Iterable

from pipeline.phrasebook import people
from pipeline.phrasebook.being import (
    FUTURE_BEINGS,
    HAD,
    MOODS,
    NOT_I,
    TEMPERED,
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
    CITIES,
    NOUNS,
    PLACES,
    Adjective,
    Noun,
    listed,
)
from pipeline.phrasebook.phrases import Phrase, Thing, render


def quality(subject: Phrase, adjective: Adjective, tense: Tense, mood: str) -> Sentence:
    """The shirts are dirty → कमीज़ें गंदी हैं."""
    form = adjective.form(subject.gender, subject.plural)
    return copula(subject, tense, (adjective.english, form), mood, (adjective.key,))


def very(subject: Phrase, adjective: Adjective, tense: Tense) -> Sentence:
    """My sister is very clever → मेरी बहन बहुत होशियार है."""
    form = adjective.form(subject.gender, subject.plural)
    complement = (f"very {adjective.english}", f"बहुत {form}")
    return copula(subject, tense, complement, "affirmed", (adjective.key,))


def _more(adjective: Adjective, subject: Phrase) -> str:
    """Adjectives in -ा compare bare (उससे बड़ा), the others with ज़्यादा."""
    form = adjective.form(subject.gender, subject.plural)
    return form if adjective.inflects else f"ज़्यादा {form}"


def compared(one: Thing, other: Thing, adjective: Adjective, tense: Tense) -> Sentence:
    """This house is bigger than that house → यह मकान उस मकान से बड़ा है."""
    subject, standard = render(one), render(other)
    form = _more(adjective, subject)
    return copula(
        subject,
        tense,
        (f"{adjective.comparative} than {standard.english}", f"{standard.oblique} से {form}"),
        "affirmed",
        (adjective.key, *standard.words),
    )


def people_compared(subject: Phrase, standard: Phrase, adjective: Adjective, mood: str) -> Sentence:
    """Sita is taller than my brother → सीता मेरे भाई से लंबी है."""
    form = _more(adjective, subject)
    return copula(
        subject,
        Tense.PRESENT,
        (
            f"{adjective.comparative} than {standard.object_english}",
            f"{standard.marked('से')} {form}",
        ),
        mood,
        (adjective.key, *standard.words),
    )


def superlative(
    noun: Noun, adjective: Adjective, where: tuple[str, str, str], mood: str
) -> Sentence:
    """This is the biggest house in the village → यह गाँव का सबसे बड़ा मकान है."""
    subject = Phrase("this", "यह", "इस", noun.gender)
    place_english, place_hindi, key = where
    of = decline_marked("का", noun.gender, False)
    form = adjective.form(noun.gender, False)
    best = f"the {adjective.superlative} {noun.english} in {place_english}"
    translated = f"{place_hindi} {of} सबसे {form} {noun.forms.singular}"
    return copula(subject, Tense.PRESENT, (best, translated), mood, (noun.key, adjective.key, key))


_FEELINGS = (
    "happy",
    "sad",
    "ill",
    "ready",
    "busy",
    "hungry",
    "thirsty",
    "angry",
    "worried",
    "alone",
)
_CHARACTERS = (
    "tall",
    "honest",
    "clever",
    "hardworking",
    "lazy",
    "brave",
    "rich",
    "poor",
    "famous",
    "strong",
)
_COMPARABLE = ("tall", "honest", "clever", "hardworking", "lazy", "brave", "rich", "strong")
_QUALIFIED = listed(
    "book letter story magazine question lesson mango banana apple orange "
    "shirt sari coat hat shoe watch umbrella bag pen box toy gift picture "
    "camera computer phone fan chair table cupboard door window wall room "
    "house floor glass cup plate bottle bucket basket car bus train bicycle "
    "boat film match song game flower tree stone medicine parcel shop road "
    "bridge river mountain lake fort temple city village garden hospital "
    "blanket mirror exam job language notebook ring"
)


def _known(noun: Noun) -> tuple[Thing, ...]:
    if noun.mass:
        return (Thing(noun, "the"), Thing(noun, "this"), Thing(noun, "that"))
    return (
        Thing(noun, "the"),
        Thing(noun, "this"),
        Thing(noun, "that"),
        Thing(noun, "the", many=True),
        Thing(noun, "this", many=True),
        Thing(noun, "that", many=True),
        *((Thing(noun, "my"),) if noun.english in HAD else ()),
    )


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    of_things = tuple(
        (
            tuple(render(thing) for thing in _known(NOUNS[word])),
            tuple(ADJECTIVES[quality] for quality in NOUNS[word].adjectives),
        )
        for word in (*_QUALIFIED, *TEMPERED)
    )
    feelings = tuple(ADJECTIVES[word] for word in _FEELINGS)
    passing = tuple(ADJECTIVES[word] for word in ("happy", "ready", "busy", "angry", "worried"))
    characters = tuple(ADJECTIVES[word] for word in _CHARACTERS)
    for mood in MOODS:
        who = NOT_I if mood == "asked" else people.EVERYONE
        suffix = {"affirmed": "", "denied": ", not", "asked": "?"}[mood]
        yield Construction(
            f"feelings{suffix}",
            quality,
            (
                (who, feelings, TENSES, (mood,)),
                (FUTURE_BEINGS, passing, (Tense.FUTURE,), (mood,)),
            ),
        )
        yield Construction(
            f"character{suffix}", quality, ((who, characters, (Tense.PRESENT,), (mood,)),)
        )
        yield Construction(
            f"qualities{suffix}",
            quality,
            tuple((*block, TENSES, (mood,)) for block in of_things),
        )
    gradable = tuple(
        (things, tuple(item for item in adjectives if item.english not in _ABSOLUTE))
        for things, adjectives in of_things
    )
    yield Construction(
        "very",
        very,
        (
            (people.EVERYONE, feelings[:2] + feelings[4:9] + characters, (Tense.PRESENT,)),
            *((*block, TENSES) for block in gradable),
        ),
    )
    comparable = tuple(
        (noun, tuple(ADJECTIVES[word] for word in noun.adjectives if word not in _ABSOLUTE))
        for noun in (NOUNS[word] for word in _QUALIFIED)
    )
    yield Construction(
        "compared",
        compared,
        tuple(
            ((Thing(noun, "this", many),), (Thing(noun, "that", many),), adjectives, TENSES)
            for noun, adjectives in comparable
            for many in (False, True)
        )
        + tuple(
            ((Thing(noun, "my"),), (Thing(noun, "your"), Thing(noun, "his")), adjectives, TENSES)
            for noun, adjectives in comparable
            if noun.english in HAD
        ),
    )
    compared_people = tuple(ADJECTIVES[word] for word in _COMPARABLE)
    first = tuple(who for who in people.SOME_PEOPLE if who.person == 3 and who.pronoun is None)
    rivals = people.NAMED[::2]
    yield Construction(
        "people compared",
        people_compared,
        (
            *tuple(
                (
                    tuple(who for who in (*first, *people.I_AND_OTHERS) if who != rival),
                    (rival,),
                    compared_people,
                    ("affirmed", "denied"),
                )
                for rival in rivals
            ),
            (
                first,
                people.I_AND_OTHERS[:1] + people.I_AND_OTHERS[4:5],
                compared_people,
                ("affirmed",),
            ),
        ),
    )
    yield Construction(
        "superlative",
        superlative,
        (
            *(
                (
                    (NOUNS[word],),
                    tuple(
                        ADJECTIVES[adjective]
                        for adjective in NOUNS[word].adjectives
                        if adjective not in _ABSOLUTE
                    ),
                    _SETTLEMENTS,
                    ("affirmed", "asked"),
                )
                for word in listed("shop road bridge fort temple garden hospital house tree river")
            ),
            (
                tuple(NOUNS[word] for word in ("boy", "girl", "man", "woman")),
                tuple(ADJECTIVES[word] for word in _COMPARABLE),
                _SETTLEMENTS,
                ("affirmed", "asked"),
            ),
        ),
    )


_ABSOLUTE = {
    "red",
    "white",
    "blue",
    "black",
    "green",
    "yellow",
    "pink",
    "brown",
    "empty",
    "raw",
    "new",
    "important",
    "wet",
    "dry",
    "ripe",
    "fresh",
}
_SETTLEMENTS = (
    ("the village", "गाँव", "place:village"),
    ("the city", "शहर", "place:city"),
    *((city, PLACES[city].hindi, PLACES[city].key) for city in CITIES),
)
