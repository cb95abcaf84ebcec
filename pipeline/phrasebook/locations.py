"""Constructions of place: where people and things are, and what there is."""

from collections.abc import Iterable, Sequence

from pipeline.phrasebook import people
from pipeline.phrasebook.being import (
    FUTURE_BEINGS,
    MOODS,
    NOT_I,
    TENSES,
    copula,
    counted,
)
from pipeline.phrasebook.clauses import Clause, Tense, be
from pipeline.phrasebook.construction import Construction, Sentence, ask, say
from pipeline.phrasebook.hindi import (
    past_of_be,
    present_of_be,
)
from pipeline.phrasebook.lexicon import (
    NOUNS,
    PLACES,
    listed,
)
from pipeline.phrasebook.phrases import Phrase, Thing, render

# Where things stand: English, Hindi, key. The oblique is written out.
_SURFACES = (
    ("on the table", "मेज़ पर", "noun:table"),
    ("on the chair", "कुर्सी पर", "noun:chair"),
    ("on the bed", "पलंग पर", "noun:bed"),
    ("on the floor", "फ़र्श पर", "noun:floor"),
    ("under the table", "मेज़ के नीचे", "noun:table"),
    ("under the chair", "कुर्सी के नीचे", "noun:chair"),
    ("under the bed", "पलंग के नीचे", "noun:bed"),
    ("in the cupboard", "अलमारी में", "noun:cupboard"),
    ("in the box", "डिब्बे में", "noun:box"),
    ("in the bag", "थैले में", "noun:bag"),
    ("in the basket", "टोकरी में", "noun:basket"),
    ("in the room", "कमरे में", "noun:room"),
    ("in the car", "गाड़ी में", "noun:car"),
    ("near the door", "दरवाज़े के पास", "noun:door"),
    ("near the window", "खिड़की के पास", "noun:window"),
    ("behind the door", "दरवाज़े के पीछे", "noun:door"),
)
_NEARBY = (
    ("in front of the house", "मकान के सामने", "noun:house"),
    ("behind the house", "मकान के पीछे", "noun:house"),
    ("near the river", "नदी के पास", "noun:river"),
    ("near the temple", "मंदिर के पास", "noun:temple"),
    ("in the garden", "बगीचे में", "place:garden"),
    ("in the field", "खेत में", "place:field"),
    ("on the road", "सड़क पर", "noun:road"),
    ("under the tree", "पेड़ के नीचे", "noun:tree"),
)
_VESSELS = (
    ("in the glass", "गिलास में", "noun:glass"),
    ("in the bottle", "बोतल में", "noun:bottle"),
    ("in the bucket", "बाल्टी में", "noun:bucket"),
    ("in the pot", "घड़े में", "noun:pot"),
    ("in the house", "मकान में", "noun:house"),
)
_SMALL = listed(
    "book newspaper letter magazine mango banana apple orange shirt hat "
    "watch umbrella pen pencil notebook key lock ball toy gift picture "
    "camera phone candle ticket flower coin parcel knife spoon plate cup "
    "ring"
)
_OUTSIDE = listed("dog cat cow horse goat monkey bird camel peacock buffalo")
_VEHICLES_OUTSIDE = listed("car bus truck taxi bicycle motorcycle")


def located(subject: Phrase, where: tuple[str, str, str], tense: Tense, mood: str) -> Sentence:
    """The key is on the table → चाबी मेज़ पर है."""
    return copula(subject, tense, where[:2], mood, (where[2],))


def existing(thing: Thing, where: tuple[str, str, str], tense: Tense, mood: str) -> Sentence:
    """There are two books on the table → मेज़ पर दो किताबें हैं."""
    there = render(thing)
    if tense is Tense.PRESENT:
        english_verb = "are" if there.many else "is"
        hindi_verb = present_of_be(there.agreement)
    else:
        english_verb = "were" if there.many else "was"
        hindi_verb = past_of_be(there.agreement)
    words = (*there.words, where[2])
    if mood == "asked":
        said = Clause(
            f"{english_verb} there {there.english} {where[0]}",
            f"{where[1]} {there.direct} {hindi_verb}",
            words,
        )
        return ask(said)
    return say(
        Clause(
            f"there {english_verb} {there.english} {where[0]}",
            f"{where[1]} {there.direct} {hindi_verb}",
            words,
        )
    )


def lacking(thing: Thing, where: tuple[str, str, str], tense: Tense) -> Sentence:
    """There is no milk in the glass → गिलास में दूध नहीं है."""
    there = render(thing)
    if tense is Tense.PRESENT:
        verbs = ("are" if there.many else "is", present_of_be(there.agreement))
    else:
        verbs = ("were" if there.many else "was", past_of_be(there.agreement))
    # A thing that can be counted is denied with कोई.
    any_ = "" if thing.noun.mass or there.many else "कोई "
    return say(
        Clause(
            f"there {verbs[0]} no {there.english} {where[0]}",
            f"{where[1]} {any_}{there.direct} नहीं {verbs[1]}",
            (*there.words, where[2]),
        )
    )


def where_is(subject: Phrase, tense: Tense) -> Sentence:
    """Where are your books? → आपकी किताबें कहाँ हैं?"""
    said = be(subject, tense, ("", "कहाँ"), asked=True)
    return ask(Clause(f"where {said.english}", said.hindi, said.words), yes_no=False)


def _places() -> tuple[tuple[str, str, str], ...]:
    return tuple((place.at, place.located, place.key) for place in PLACES.values())


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    small = tuple(NOUNS[word] for word in _SMALL)
    outside = tuple(NOUNS[word] for word in (*_OUTSIDE, *_VEHICLES_OUTSIDE))
    liquids = tuple(NOUNS[word] for word in ["milk", "water", "oil", "juice"])
    known = tuple(
        render(Thing(noun, determiner, many))
        for noun in small
        for determiner in ("the", "my", "your", "this")
        for many in (False, True)
        if not (determiner == "this" and noun.english == "key")
    )
    known_outside = tuple(
        render(Thing(noun, "the", many)) for noun in outside for many in (False, True)
    )
    for mood in MOODS:
        suffix = {"affirmed": "", "denied": ", not", "asked": "?"}[mood]
        yield Construction(
            f"things located{suffix}",
            located,
            ((known, _SURFACES, TENSES, (mood,)), (known_outside, _NEARBY, TENSES, (mood,))),
        )
        who = NOT_I if mood == "asked" else people.EVERYONE
        yield Construction(
            f"people located{suffix}",
            located,
            (
                (who, _places(), TENSES, (mood,)),
                (FUTURE_BEINGS, _places(), (Tense.FUTURE,), (mood,)),
            ),
        )
    blocks: tuple[tuple[Sequence[object], ...], ...] = (
        (tuple(thing for noun in small for thing in counted(noun)), _SURFACES, TENSES),
        (tuple(thing for noun in outside for thing in counted(noun)), _NEARBY, TENSES),
        (tuple(thing for noun in liquids for thing in counted(noun)), _VESSELS, TENSES),
    )
    yield Construction("existing", existing, tuple((*block, ("affirmed",)) for block in blocks))
    unsome = tuple(
        (
            tuple(
                thing
                for thing in block[0]
                if isinstance(thing, Thing) and thing.determiner != "some"
            ),
            *block[1:],
        )
        for block in blocks
    )
    yield Construction("existing?", existing, tuple((*block, ("asked",)) for block in unsome))
    none = tuple(Thing(noun, many=many) for noun in small for many in (False, True))
    yield Construction(
        "lacking",
        lacking,
        (
            (none, _SURFACES, TENSES),
            (tuple(Thing(noun, many=True) for noun in outside), _NEARBY, TENSES),
            (tuple(Thing(noun) for noun in liquids), _VESSELS, TENSES),
        ),
    )
    yield Construction(
        "where is?", where_is, ((known, TENSES), (NOT_I, TENSES), (known_outside, TENSES))
    )
