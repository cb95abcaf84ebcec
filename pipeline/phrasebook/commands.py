"""Commands: a bare English imperative is said to तुम, one with "please" to आप."""

from collections.abc import Iterable, Sequence

from pipeline.phrasebook import actions, people
from pipeline.phrasebook.clauses import Action, Clause, perform
from pipeline.phrasebook.construction import Construction, Sentence, say
from pipeline.phrasebook.hindi import (
    Agreement,
    familiar_imperative,
    polite_imperative,
    subjunctive,
    vocative_plural,
)
from pipeline.phrasebook.lexicon import NOUNS, VERBS, listed
from pipeline.phrasebook.phrases import PRONOUNS, Phrase, Thing

_YOU, _WE = PRONOUNS["you"], PRONOUNS["we"]


def _said(
    doing: Action, subject: Phrase, opening: tuple[str, str], verb: str, no: str = ""
) -> Clause:
    done = perform(doing, subject)
    english_parts = (opening[0], doing.verb.english, done.tail)
    hindi_parts = (opening[1], done.before, done.nominal, no, verb)
    return Clause(
        " ".join(part for part in english_parts if part),
        " ".join(part for part in hindi_parts if part),
        done.words,
    )


def told(doing: Action) -> Sentence:
    """Open the door → दरवाज़ा खोलो."""
    return say(_said(doing, _YOU, ("", ""), familiar_imperative(doing.verb.stem)))


def forbidden(doing: Action) -> Sentence:
    """Do not open the door → दरवाज़ा मत खोलो."""
    return say(_said(doing, _YOU, ("do not", ""), familiar_imperative(doing.verb.stem), "मत"))


def requested(doing: Action) -> Sentence:
    """Please open the door → कृपया दरवाज़ा खोलिए."""
    return say(_said(doing, _YOU, ("please", "कृपया"), polite_imperative(doing.verb.stem)))


def discouraged(doing: Action) -> Sentence:
    """Please do not open the door → कृपया दरवाज़ा न खोलिए."""
    verb = polite_imperative(doing.verb.stem)
    return say(_said(doing, _YOU, ("please do not", "कृपया"), verb, "न"))


def called(who: tuple[str, str, str], doing: Action) -> Sentence:
    """Children, wash your hands → बच्चो, अपने हाथ धोओ."""
    opening = (f"{who[0]},", f"{who[1]},")
    made = _said(doing, _YOU, opening, familiar_imperative(doing.verb.stem))
    return say(Clause(made.english, made.hindi, (who[2], *made.words)))


def called_politely(who: Phrase, doing: Action) -> Sentence:
    """Mr. Sharma, please sit here → शर्मा जी, कृपया यहाँ बैठिए."""
    opening = (f"{who.english}, please", f"{who.direct}, कृपया")
    made = _said(doing, _YOU, opening, polite_imperative(doing.verb.stem))
    return say(Clause(made.english, made.hindi, (*who.words, *made.words)))


def suggested(doing: Action) -> Sentence:
    """Let us go home → आइए, घर चलें; going together is चलना."""
    stem = "चल" if doing.verb.english == "go" else doing.verb.stem
    verb = subjunctive(stem, Agreement("m", plural=True))
    return say(_said(doing, _WE, ("let us", "आइए,"), verb))


_MOTIONS = frozenset(listed("go come sit work rest sleep get return swim dance run stay"))
_COMMANDED = frozenset(
    listed(
        "read write eat drink make buy sell wash clean open close listen bring "
        "send look cut wear start finish memorize use choose count throw pick "
        "hide light fill plant ride play learn repair drive paint cook order "
        "sing break"
    )
)
_SENSIBLE_HERE = {"the", "this", "that", "own", ""}


def _commandable() -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """What one is told to do, and what one is told not to do."""
    things = tuple(
        doing
        for doing in (*actions.EVERYDAY, *actions.GROWN_UP)
        if doing.verb.english in _COMMANDED
        and isinstance(doing.object, Thing)
        # "one's own" of an addressee is अपना, as with any subject.
        and (doing.object.determiner in _SENSIBLE_HERE or doing.object.determiner == "a")
        and not (doing.object.determiner == "" and doing.object.many and doing.object.adjective)
    )
    moving = tuple(doing for doing in actions.MOVING if doing.verb.english in _MOTIONS)
    positive = tuple(doing for doing in things if doing.verb.english != "break")
    negative = tuple(
        doing
        for doing in things
        if isinstance(doing.object, Thing)
        and doing.object.determiner in _SENSIBLE_HERE
        and doing.object.count is None
    )
    return (*positive, *moving), (
        *negative,
        *moving,
        *actions.doing("cry", ("", "")),
        *actions.doing("laugh", ("", "")),
    )


def _personal() -> tuple[Action, ...]:
    """Commands that deal with people: "wake your brother", "help me"."""
    verbs = ("call", "wake", "stop", "forgive", "phone", "help", "wait for", "talk to", "meet")
    me_and_others = tuple(PRONOUNS[word] for word in ("I", "he", "she", "we", "they"))
    return (
        *(
            doing
            for doing in actions.dealing_with(actions.PEOPLE_AS_OBJECTS, verbs)
            if doing.verb.english in {verb.split()[0] for verb in verbs}
        ),
        *(
            doing
            for doing in actions.dealing_with((*me_and_others, *actions.NAMED_OBJECTS), verbs)
            # "Meet me" is said, but "meet her" is not told apart from him in Hindi, which is fine.
            if doing.link is None
        ),
    )


def _giving() -> tuple[Action, ...]:
    recipients = tuple(PRONOUNS[word] for word in ("I", "he", "she", "we", "they"))
    wanted = listed(
        "book pen glass ticket key ball newspaper cup plate chair medicine umbrella bag knife spoon"
    )
    consumed = listed("water milk tea coffee food salt sugar paper soap rice")
    made: list[Action] = []
    for recipient in recipients:
        for word in wanted:
            noun = NOUNS[word]
            made.extend(
                Action(VERBS["give"], thing, recipient)
                for thing in (
                    Thing(noun, "a"),
                    Thing(noun, "the"),
                    Thing(noun, "that"),
                    Thing(noun, "own"),
                    Thing(noun, many=True, count=2),
                    Thing(noun, many=True, count=3),
                )
            )
        for word in consumed:
            made.extend(
                Action(VERBS["give"], Thing(NOUNS[word], determiner), recipient)
                for determiner in ("", "some", "the")
            )
    return tuple(made)


# Children are called in the plural of address, which has no nasal.
_CALLED = (
    ("children", vocative_plural("बच्चा", "m"), "noun:child"),
    ("boys", vocative_plural("लड़का", "m"), "noun:boy"),
    ("girls", vocative_plural("लड़की", "f"), "noun:girl"),
    *((who.english, who.direct, who.words[0]) for who in people.NAMED if not who.plural),
)


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    positive, negative = _commandable()
    personal = _personal()
    giving = _giving()
    everything: Sequence[Action] = (*positive, *personal)
    denied: Sequence[Action] = (*negative, *personal)
    simple = tuple(
        doing
        for doing in positive
        if not isinstance(doing.object, Thing) or doing.object.adjective is None
    )
    yield Construction("command", told, ((everything,),))
    yield Construction("command, not", forbidden, ((denied,),))
    yield Construction("request", requested, ((everything,),))
    yield Construction("request, not", discouraged, ((denied,),))
    yield Construction("command to give", told, ((giving,),))
    yield Construction("request to give", requested, ((giving,),))
    for_anybody = tuple(doing for doing in simple if doing not in actions.GROWN_UP)
    own_kin = tuple(
        doing
        for doing in personal[:100]
        if isinstance(doing.object, Thing)
        and doing.object.determiner == "own"
        and doing.object.noun.english not in {"son", "daughter"}
    )
    yield Construction(
        "called",
        called,
        ((_CALLED[:3], (*for_anybody, *own_kin)), (_CALLED[3:], (*simple, *personal[:100]))),
    )
    honoured = tuple(who for who in people.NAMED if who.plural)
    yield Construction(
        "called politely", called_politely, ((honoured, (*simple, *personal[:100], *giving)),)
    )
    together = tuple(
        doing for doing in positive if doing.verb.english not in {"come", "get", "wear", "bring"}
    )
    yield Construction("suggestion", suggested, ((together,),))
