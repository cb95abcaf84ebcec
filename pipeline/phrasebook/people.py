"""Who acts: pronouns, names, relatives and people by what they do."""

from pipeline.phrasebook.lexicon import ADJECTIVES, NAMES, NOUNS
from pipeline.phrasebook.phrases import PRONOUNS, Phrase, Thing, named, render

_POSSESSED = {
    "my": (
        "father",
        "mother",
        "brother",
        "sister",
        "grandfather",
        "grandmother",
        "uncle",
        "aunt",
        "friend",
        "son",
        "daughter",
    ),
    "your": ("father", "mother", "brother", "sister", "friend", "son", "daughter"),
    "his": ("father", "mother", "brother", "friend"),
    "her": ("father", "mother", "sister", "son"),
    "our": ("teacher", "neighbour", "uncle", "guest"),
    "their": ("grandfather", "grandmother", "daughter"),
}
_ADULTS = (
    "man",
    "woman",
    "farmer",
    "shopkeeper",
    "driver",
    "gardener",
    "tailor",
    "carpenter",
    "soldier",
    "teacher",
    "doctor",
    "nurse",
    "lawyer",
    "engineer",
)
_YOUNG = ("boy", "girl", "child", "student")


def _the(noun: str, determiner: str = "the", many: bool = False) -> Phrase:
    return render(Thing(NOUNS[noun], determiner, many))


I_AND_OTHERS = tuple(PRONOUNS.values())
NAMED = tuple(named(name) for name in NAMES.values())
RELATIVES = tuple(
    _the(noun, determiner) for determiner, nouns in _POSSESSED.items() for noun in nouns
)
ADULTS = (
    *tuple(_the(noun) for noun in _ADULTS),
    _the("man", "that"),
    _the("woman", "this"),
    _the("woman", many=True),
    _the("farmer", many=True),
    _the("guest", many=True),
    _the("man", "this", many=True),
)
YOUNG = (
    *tuple(_the(noun) for noun in _YOUNG),
    _the("boy", many=True),
    _the("girl", many=True),
    _the("child", many=True),
    _the("student", many=True),
    _the("boy", "this"),
    _the("girl", "that"),
    _the("girl", "this", many=True),
    _the("boy", "that", many=True),
)
GROWN_UP = (*I_AND_OTHERS, *NAMED, *RELATIVES, *ADULTS)
EVERYONE = (*GROWN_UP, *YOUNG)
WOMEN = tuple(who for who in EVERYONE if who.gender == "f")

# Fewer, for constructions in which people are not the point.
SOME_PEOPLE = (
    *I_AND_OTHERS,
    *NAMED,
    *(_the(noun, "my") for noun in ("father", "mother", "brother", "sister", "friend")),
    *(_the(noun) for noun in ("boy", "girl", "man", "woman", "teacher", "farmer")),
    _the("child", many=True),
    _the("girl", many=True),
)
OTHERS = tuple(who for who in SOME_PEOPLE if who.person == 3 and who.english != "you")

_BEASTS = (
    "dog",
    "cat",
    "cow",
    "horse",
    "goat",
    "elephant",
    "monkey",
    "camel",
    "buffalo",
    "lion",
    "mouse",
)


def _animals(nouns: tuple[str, ...]) -> tuple[Phrase, ...]:
    made: list[Phrase] = []
    for noun in nouns:
        made.extend(
            (_the(noun), _the(noun, "this"), _the(noun, many=True), _the(noun, "that", True))
        )
        made.extend(
            render(Thing(NOUNS[noun], "the", adjective=ADJECTIVES[word]))
            for word in NOUNS[noun].adjectives[:3]
        )
    return tuple(made)


BEASTS = _animals(_BEASTS)
BIRDS = _animals(("bird", "parrot"))
