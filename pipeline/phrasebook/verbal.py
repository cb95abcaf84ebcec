"""Constructions around a full verb: every tense, affirmed and negated, and the questions."""

from collections.abc import Callable, Iterable, Sequence

from pipeline.phrasebook import actions, people
from pipeline.phrasebook.clauses import Action, Clause, Tense, clause, perform
from pipeline.phrasebook.construction import Construction, Sentence, ask, say
from pipeline.phrasebook.hindi import decline_marked
from pipeline.phrasebook.lexicon import (
    CITIES,
    CONTINUING_PAST_TIMES,
    FREQUENCIES,
    FUTURE_TIMES,
    HABITUAL_TIMES,
    NOUNS,
    PAST_TIMES,
    PRESENT_TIMES,
    RECENT_TIMES,
    VERBS,
    Noun,
    Time,
    listed,
)
from pipeline.phrasebook.phrases import Phrase, Thing

Block = tuple[Sequence[object], ...]

# Tense, the times that go with it (None is no time), and whether it is also said in the negative.
_TENSES: tuple[tuple[Tense, tuple[Time | None, ...], bool], ...] = (
    (Tense.PRESENT, (None, *HABITUAL_TIMES), True),
    (Tense.PROGRESSIVE, (None, *PRESENT_TIMES), True),
    (Tense.PAST_PROGRESSIVE, (None, *CONTINUING_PAST_TIMES), False),
    (Tense.USED_TO, (None, *HABITUAL_TIMES[:3]), False),
    (Tense.FUTURE, (None, *FUTURE_TIMES), True),
    (Tense.PAST, (None, *PAST_TIMES), True),
    (Tense.PERFECT, (None, *RECENT_TIMES), True),
    (Tense.PAST_PERFECT, (None,), False),
    (Tense.ALREADY, (None,), False),
    (Tense.STARTED_TO, (None,), False),
    (Tense.CAN, (None,), True),
    (Tense.WANT_TO, (None,), True),
    (Tense.HAVE_TO, (None, *FUTURE_TIMES[:3]), False),
    (Tense.SHOULD, (None,), True),
    (Tense.HAD_TO, (None, *PAST_TIMES[:3]), False),
    (Tense.WILL_HAVE_TO, (None, *FUTURE_TIMES[:3]), False),
)
_UNFOLDING = frozenset({Tense.PROGRESSIVE, Tense.PAST_PROGRESSIVE, Tense.STARTED_TO})
_NOT_FOR_STATES = frozenset(
    {Tense.PAST, Tense.PERFECT, Tense.PAST_PERFECT, Tense.ALREADY, Tense.HAD_TO}
)


_HABITUAL = frozenset({Tense.PRESENT, Tense.USED_TO})
_MODAL = frozenset(
    {Tense.CAN, Tense.WANT_TO, Tense.HAVE_TO, Tense.SHOULD, Tense.HAD_TO, Tense.WILL_HAVE_TO}
)
# One does these once to a thing, so that as a habit they go with things in general.
_ONCE_EACH = frozenset(
    listed("eat drink cook make buy sell order taste write cut break send plant grow sew bring ask")
)
_NOT_HABITS = frozenset(
    listed(
        "choose stop forgive recognize hide throw pick look start finish see understand "
        "break cry laugh"
    )
)
_NOT_AT_WILL = frozenset({"cry", "laugh", "fight", "recognize", "break", "understand", "reach"})
_NOT_STARTED = frozenset(
    listed("go come return reach travel start finish stop meet bring order buy")
)
# To see somebody is देखना when it happens; what one wants or will do is to meet: मिलना.
_NOT_TO_SEE_PEOPLE = _MODAL - {Tense.CAN} | {Tense.FUTURE}
# These take a moment, and nobody dates them by the week.
_BRIEF = frozenset(
    listed(
        "eat drink taste cook wash clean open close fill pick throw break cut count light hide "
        "look ask wear use sit laugh cry get sleep rest bathe stroll run wait wake stop"
    )
)


def _is_habit(doing: Action) -> bool:
    if doing.verb.english in _NOT_HABITS:
        return False
    thing = doing.object
    of_person = (doing.verb.link or doing.link) and doing.verb.english != "use"
    if not isinstance(thing, Thing) or of_person:
        return True
    if doing.recipient:
        return thing.determiner == "a" and not thing.adjective
    if doing.verb.english in _ONCE_EACH:
        several = thing.count is not None or thing.determiner == "many"
        if several and doing.verb.english not in {"eat", "write", "ask"}:
            return False
        return thing.determiner in {"", "a", "some", "many"} and (thing.many or not thing.adjective)
    if thing.count is not None:
        return False
    return thing.determiner in {"", "the", "own"} or (
        thing.determiner == "a" and not thing.adjective
    )


def _possible(tense: Tense, doings: Iterable[Action]) -> tuple[Action, ...]:
    return tuple(
        doing
        for doing in doings
        if not (tense in _UNFOLDING and not doing.verb.unfolding)
        and not (doing.verb.state and (tense in _UNFOLDING or tense in _NOT_FOR_STATES))
        and not (tense in _HABITUAL and not _is_habit(doing))
        and not (tense in _MODAL and doing.verb.english in _NOT_AT_WILL)
        and not (tense is Tense.STARTED_TO and doing.verb.english in _NOT_STARTED)
        and not (tense is Tense.FUTURE and doing.verb.english in {"cry", "laugh"})
        and not (tense in _NOT_TO_SEE_PEOPLE and doing.verb.english == "see" and doing.link)
    )


def _fits(doing: Action, time: Time | None) -> bool:
    if time is None:
        return True
    if doing.verb.state:  # one lives somewhere for long
        return time.english in {"next month", "next year"}
    return doing.verb.english not in _BRIEF or not time.english.startswith(("last ", "next "))


def _timed(
    blocks: Iterable[tuple[Sequence[object], Sequence[Action]]], times: Sequence[Time | None]
) -> tuple[Block, ...]:
    """The blocks with times, divided so that every action has the times that fit it."""
    made: list[Block] = []
    for who, doings in blocks:
        divided: dict[tuple[Time | None, ...], list[Action]] = {}
        for doing in doings:
            fitting = tuple(time for time in times if _fits(doing, time))
            divided.setdefault(fitting, []).append(doing)
        made.extend((who, tuple(part), fitting) for fitting, part in divided.items())
    return tuple(made)


def _unlike_the_past(doings: Sequence[Action]) -> tuple[Action, ...]:
    return tuple(doing for doing in doings if doing.verb.english not in {"read", "cut", "put"})


def _deniable(doings: Sequence[Action]) -> tuple[Action, ...]:
    """Without indefinite objects, which a negation would change in both languages."""
    return tuple(
        doing
        for doing in doings
        if not isinstance(doing.object, Thing)
        or doing.object.determiner in {"the", "this", "that", "own"}
        or (doing.object.determiner == "" and doing.object.count is None)
    )


def _said(tense: Tense, negative: bool = False) -> Callable[..., Sentence]:
    def build(subject: Phrase, doing: Action, time: Time | None) -> Sentence:
        return say(clause(subject, tense, doing, time, negative=negative))

    return build


def _asked(tense: Tense) -> Callable[..., Sentence]:
    def build(subject: Phrase, doing: Action, time: Time | None) -> Sentence:
        return ask(clause(subject, tense, doing, time, asked=True))

    return build


_PRONOUNS = {phrase.english: phrase for phrase in people.I_AND_OTHERS}
_FIXED_OBJECTS = actions.NAMED_OBJECTS
_FIRST_AND_SECOND = tuple(_PRONOUNS[word] for word in ("I", "you", "we"))
_SELF_AND_OTHERS = tuple(_PRONOUNS[word] for word in ("he", "she", "they"))
_PEOPLE = tuple(who for who in people.SOME_PEOPLE if who.words[0].startswith("noun:"))
_STRANGERS = tuple(who for who in _PEOPLE if who.english.startswith("the "))
# These act on anybody; strangers ("the boy") not on a stranger who might be the same.
_ACQUAINTED = tuple(who for who in people.SOME_PEOPLE if who not in _STRANGERS)
_NOT_NAMED_TWICE = tuple(
    who for who in people.SOME_PEOPLE if who.english not in {o.english for o in _FIXED_OBJECTS}
)
_OWN_PEOPLE = tuple(
    thing
    for thing in actions.PEOPLE_AS_OBJECTS
    if isinstance(thing, Thing)
    and thing.determiner == "own"
    and thing.noun.english not in {"son", "daughter"}
)


def _with_people(
    make: Callable[[Iterable[Thing | Phrase]], tuple[Action, ...]], tense: Tense
) -> tuple[tuple[tuple[Phrase, ...], tuple[Action, ...]], ...]:
    return (
        (_ACQUAINTED, _possible(tense, make(actions.PEOPLE_AS_OBJECTS))),
        (_STRANGERS, _possible(tense, make(_OWN_PEOPLE))),
        (_NOT_NAMED_TWICE, _possible(tense, make(_FIXED_OBJECTS))),
        # A pronoun must not mean the subject, so each person sees only the other persons.
        (people.OTHERS, _possible(tense, make(_FIRST_AND_SECOND))),
        (_FIRST_AND_SECOND, _possible(tense, make(_SELF_AND_OTHERS))),
    )


def _families(tense: Tense) -> dict[str, tuple[tuple[tuple[Phrase, ...], tuple[Action, ...]], ...]]:
    """Subjects and actions that go together, by family."""
    return {
        "things": (
            (people.EVERYONE, _possible(tense, actions.EVERYDAY)),
            (people.GROWN_UP, _possible(tense, actions.GROWN_UP)),
            (people.WOMEN, _possible(tense, actions.WOMENS)),
        ),
        "motion": (
            (people.EVERYONE, _possible(tense, actions.MOVING)),
            (people.GROWN_UP, _possible(tense, actions.TRAVELLING)),
            (people.EVERYONE, _possible(tense, _LIVING)),
        ),
        "people": _with_people(actions.dealing_with, tense),
        "gifts": _with_people(actions.giving, tense),
    }


_LIVING = actions.going("live", (*CITIES, "village", "city"), "in")


def _declaratives() -> Iterable[Construction]:
    for tense, times, negatable in _TENSES:
        for family, blocks in _families(tense).items():
            # Not every tense with gifts: the point of gifts is their word order.
            if family == "gifts" and len(times) < 4:
                continue
            timed = times if family != "gifts" else times[:3]
            timed_blocks = _timed(blocks, timed)
            if tense is Tense.PRESENT:
                # "I read the book" is the past; the present needs a time to be told from it.
                unlike = tuple((who, _unlike_the_past(doings)) for who, doings in blocks)
                timed_blocks = (*_timed(unlike, timed[:1]), *_timed(blocks, timed[1:]))
            yield Construction(f"{tense.value}, {family}", _said(tense), timed_blocks)
            if negatable and family != "gifts":
                denied = _timed(((who, _deniable(doings)) for who, doings in blocks), times[:2])
                yield Construction(f"{tense.value}, {family}, not", _said(tense, True), denied)


# --- habits and states ----------------------------------------------------------------------------


def frequent(subject: Phrase, doing: Action, often: Time) -> Sentence:
    """She often reads books → वह अक्सर किताबें पढ़ती है."""
    return say(clause(subject, Tense.PRESENT, doing, frequency=often))


def never(subject: Phrase, doing: Action, tense: Tense) -> Sentence:
    """She has never eaten fish → उसने कभी मछली नहीं खाई है."""
    made = clause(subject, tense, doing, frequency=NEVER, negative=True)
    # English says the negation with the adverb alone, Hindi with both.
    spoken = clause(subject, tense, doing, frequency=NEVER)
    in_english = spoken.english
    if tense is Tense.PERFECT:
        have = "has " if "never has " in in_english else "have "
        in_english = in_english.replace(f"never {have}", f"{have}never ", 1)
    return say(Clause(in_english, made.hindi, made.words))


NEVER = Time("never", "कभी")


def _states() -> Iterable[Construction]:
    blocks = _with_people(actions.attitudes_to, Tense.PAST_STATE)
    now: Block = ((None,),)
    for tense in (Tense.PRESENT, Tense.PAST_STATE):
        for negative in (False, True):
            suffix = ", not" if negative else ""
            yield Construction(
                f"{tense.value}, attitudes{suffix}",
                _said(tense, negative),
                tuple((*block, *now) for block in blocks),
            )
    yield Construction(
        "past state, living",
        _said(Tense.PAST_STATE),
        ((people.EVERYONE, _LIVING, (None, *PAST_TIMES[2:4])),),
    )
    speaking: Block = (people.EVERYONE, actions.SPEAKING)
    for tense in (Tense.PRESENT, Tense.CAN):
        for negative in (False, True):
            yield Construction(
                f"{tense.value}, languages{', not' if negative else ''}",
                _said(tense, negative),
                ((*speaking, (None,)),),
            )
    yield Construction(
        "frequency",
        frequent,
        (
            (people.EVERYONE, actions.MOVING, FREQUENCIES),
            (people.SOME_PEOPLE, _possible(Tense.PRESENT, actions.EVERYDAY)[::2], FREQUENCIES),
            (people.EVERYONE, actions.SPEAKING, FREQUENCIES),
        ),
    )
    fixed = tuple(
        doing
        for doing in actions.EVERYDAY
        if isinstance(doing.object, Thing)
        and doing.object.determiner == ""
        and doing.object.count is None
        and doing.verb.english in {"eat", "drink", "read", "write", "sing", "play", "wear", "see"}
    )
    yield Construction(
        "never", never, ((people.SOME_PEOPLE, fixed, (Tense.PRESENT, Tense.PERFECT)),)
    )


# --- yes–no questions -----------------------------------------------------------------------------

_QUESTIONED = (
    (Tense.PRESENT, (None, *HABITUAL_TIMES[:4])),
    (Tense.PROGRESSIVE, (None,)),
    (Tense.PAST, (None, *PAST_TIMES[:3])),
    (Tense.FUTURE, (None, *FUTURE_TIMES[:3])),
    (Tense.PERFECT, (None,)),
    (Tense.CAN, (None,)),
    (Tense.WANT_TO, (None,)),
    (Tense.HAVE_TO, (None,)),
    (Tense.SHOULD, (None,)),
)
_ASKED_ABOUT_ONESELF = frozenset({Tense.CAN, Tense.HAVE_TO, Tense.SHOULD})


def _animals() -> Iterable[Construction]:
    for tense, times in (
        (Tense.PRESENT, (*HABITUAL_TIMES[:2], *HABITUAL_TIMES[3:6])),
        (Tense.PROGRESSIVE, (None, *PRESENT_TIMES)),
        (Tense.PAST_PROGRESSIVE, (None, *CONTINUING_PAST_TIMES[:3])),
        (Tense.PAST, (None, PAST_TIMES[0], PAST_TIMES[5])),
        (Tense.CAN, (None,)),
    ):
        blocks = (
            (people.BEASTS, _possible(tense, actions.OF_ANIMALS), times),
            (people.BIRDS, _possible(tense, actions.OF_BIRDS), times),
        )
        yield Construction(f"{tense.value}, animals", _said(tense), blocks)
        if tense in {Tense.PROGRESSIVE, Tense.PAST}:
            yield Construction(f"{tense.value}, animals, not", _said(tense, True), blocks)
            yield Construction(f"{tense.value}, animals?", _asked(tense), blocks)


def _questions() -> Iterable[Construction]:
    for tense, times in _QUESTIONED:
        for family, blocks in _families(tense).items():
            if family == "gifts":
                continue
            asked = tuple(
                (
                    tuple(
                        who
                        for who in subjects
                        if tense in _ASKED_ABOUT_ONESELF or who.english != "I"
                    ),
                    doings,
                )
                for subjects, doings in blocks
            )
            yield Construction(f"{tense.value}, {family}?", _asked(tense), _timed(asked, times))


# --- wh-questions ---------------------------------------------------------------------------------

ADVERBS_ASKED = (("where", "कहाँ"), ("when", "कब"), ("why", "क्यों"))
_WH_TENSES = (Tense.PRESENT, Tense.PROGRESSIVE, Tense.PAST, Tense.FUTURE)
_WHAT_VERBS = (
    "read",
    "write",
    "eat",
    "drink",
    "make",
    "buy",
    "cook",
    "sell",
    "order",
    "watch",
    "learn",
    "teach",
    "look for",
    "wear",
    "play",
    "sing",
    "choose",
)


def asking_adverb(subject: Phrase, doing: Action, tense: Tense, why: tuple[str, str]) -> Sentence:
    """Why did Ram sell the car? → राम ने गाड़ी क्यों बेची?"""
    return ask(clause(subject, tense, doing, why=why), yes_no=False)


def asking_what(subject: Phrase, verb: str, tense: Tense, time: Time | None) -> Sentence:
    """What did she buy? → उसने क्या ख़रीदा?"""
    what = Phrase("", "क्या", "किस")
    made = clause(subject, tense, Action(VERBS[verb], what), time, asked=True)
    # The asked word opens the English, and Hindi leaves it where the object stands.
    return ask(Clause(f"what {made.english}", made.hindi, made.words), yes_no=False)


def asking_who(doing: Action, tense: Tense, time: Time | None) -> Sentence:
    """Who broke this glass? → यह गिलास किसने तोड़ा?"""
    who = Phrase("who", "कौन", "किस")
    done = perform(doing, who)
    made = clause(who, tense, doing, time)
    asker = "किसने" if tense is Tense.PAST and doing.verb.ergative else "कौन"
    plain = made.hindi.removeprefix("किस ने ").removeprefix("कौन ")
    # What is known comes first: the time, the object, then the asked word, then the verb.
    known = f"{time.hindi} {done.before}".strip() if time else done.before
    rest = plain.removeprefix(known).strip()
    return ask(Clause(made.english, f"{known} {asker} {rest}".strip(), made.words), yes_no=False)


def asking_how_many(subject: Phrase, verb: str, noun: Noun, tense: Tense) -> Sentence:
    """How many books did you buy? → आपने कितनी किताबें ख़रीदीं?"""
    many = decline_marked("कितना", noun.gender, True)
    asked = Phrase(
        "", f"{many} {noun.forms.plural}", "", noun.gender, True, True, words=(noun.key,)
    )
    made = clause(subject, tense, Action(VERBS[verb], asked), asked=True)
    return ask(
        Clause(f"how many {noun.english_plural} {made.english}", made.hindi, made.words),
        yes_no=False,
    )


def asking_which(subject: Phrase, verb: str, noun: Noun, tense: Tense) -> Sentence:
    """Which book did you buy? → आपने कौन-सी किताब ख़रीदी?"""
    which = "कौन-" + decline_marked("सा", noun.gender, False)
    asked = Phrase("", f"{which} {noun.forms.singular}", "", noun.gender, words=(noun.key,))
    made = clause(subject, tense, Action(VERBS[verb], asked), asked=True)
    return ask(Clause(f"which {noun.english} {made.english}", made.hindi, made.words), yes_no=False)


# Verb and the countable nouns that one asks about with it.
_COUNTED = {
    "buy": "book pen shirt ticket mango banana chair flower egg sari",
    "read": "book letter story poem magazine newspaper",
    "eat": "mango banana egg samosa biscuit orange guava apple",
    "sell": "bicycle flower toy car sari",
    "wash": "plate glass cup shirt spoon",
    "write": "letter poem story essay",
    "send": "letter parcel gift picture",
    "choose": "book gift picture song",
    "bring": "chair newspaper ball bucket bottle",
    "repair": "watch bicycle fan radio phone",
}


def _wh_questions() -> Iterable[Construction]:
    askable = tuple(who for who in people.SOME_PEOPLE if who.english != "I")
    definite = tuple(
        doing
        for doing in (*actions.EVERYDAY, *actions.GROWN_UP)
        if isinstance(doing.object, Thing)
        and doing.object.determiner in {"the", "this", "that"}
        and doing.verb.unfolding
    )
    going_out = (
        *actions.going("go", (*CITIES, "market", "hospital", "village", "bank"), "to"),
        *actions.going("return", ("home", "village", *CITIES), "to"),
        *actions.doing("rest", ("", "")),
        *actions.doing("sleep", ("", "")),
        *actions.doing("bathe", ("", "")),
        *actions.doing("work", ("", "")),
    )
    bare = tuple(doing for doing in going_out if not doing.tail)
    playing = tuple(doing for doing in actions.EVERYDAY if doing.verb.english in {"play", "learn"})
    placed = tuple(
        doing for doing in definite if doing.verb.english in {"buy", "wash", "see", "sell"}
    )
    where, when, why = ADVERBS_ASKED
    dealing = _possible(Tense.PROGRESSIVE, actions.dealing_with(actions.PEOPLE_AS_OBJECTS[:24]))
    yield Construction(
        "where?",
        asking_adverb,
        (
            (askable, (*bare, *playing), _WH_TENSES, (where,)),
            (askable, placed, (Tense.PAST, Tense.FUTURE), (where,)),
        ),
    )
    past_or_future = (Tense.PAST, Tense.FUTURE)
    yield Construction(
        "when?",
        asking_adverb,
        (
            (askable, (*definite, *going_out), past_or_future, (when,)),
            (askable, dealing, past_or_future, (when,)),
        ),
    )
    unfolding = _possible(Tense.PROGRESSIVE, (*definite, *going_out))
    yield Construction(
        "why?",
        asking_adverb,
        (
            (askable, unfolding, (Tense.PROGRESSIVE, Tense.PAST), (why,)),
            (
                askable,
                _possible(Tense.PROGRESSIVE, dealing),
                (Tense.PROGRESSIVE, Tense.PAST),
                (why,),
            ),
            (
                askable,
                _possible(Tense.PROGRESSIVE, actions.doing("cry", ("", ""))),
                (Tense.PROGRESSIVE, Tense.PAST),
                (why,),
            ),
        ),
    )
    yield Construction(
        "what?",
        asking_what,
        (
            (
                askable,
                tuple(verb for verb in _WHAT_VERBS if VERBS[verb].english not in _NOT_HABITS),
                (Tense.PRESENT,),
                (None, *HABITUAL_TIMES[:2]),
            ),
            (askable, _WHAT_VERBS, (Tense.PAST,), (None, *PAST_TIMES[:2])),
            (askable, _WHAT_VERBS, (Tense.FUTURE,), (None, *FUTURE_TIMES[:2])),
            (
                askable,
                tuple(verb for verb in _WHAT_VERBS if VERBS[verb].unfolding),
                (Tense.PROGRESSIVE,),
                (None,),
            ),
            (askable, _WHAT_VERBS, (Tense.WANT_TO,), (None,)),
        ),
    )
    plain = tuple(
        doing
        for doing in (*definite, *actions.going("go", (*CITIES, "market"), "to"))
        if not (isinstance(doing.object, Thing) and doing.object.determiner == "own")
    )
    yield Construction(
        "who?",
        asking_who,
        (
            (plain, (Tense.PAST,), (None, *PAST_TIMES[:1])),
            (plain, (Tense.FUTURE,), (None, *FUTURE_TIMES[:1])),
            (plain, (Tense.PROGRESSIVE,), (None,)),
        ),
    )
    counted = tuple(
        (askable, (verb,), tuple(NOUNS[word] for word in nouns.split()), past_or_future)
        for verb, nouns in _COUNTED.items()
    )
    yield Construction("how many?", asking_how_many, counted)
    yield Construction("which?", asking_which, counted)


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    yield from _declaratives()
    yield from _states()
    yield from _animals()
    yield from _questions()
    yield from _wh_questions()
