"""Constructions of more than one clause, and phrases that lean on a clause: with, for, a kilo of.

In the second of two clauses joined by "and" with the same subject, Hindi drops the subject as
English does: मैं घर जाता हूँ और सोता हूँ.
"""

from collections.abc import Iterable, Sequence

from pipeline.phrasebook import actions, english, people
from pipeline.phrasebook.clauses import Action, Clause, Tense, be, clause, perform
from pipeline.phrasebook.construction import Construction, Sentence, say
from pipeline.phrasebook.doings import (
    AT_HOME,
    DOINGS,
    GAMES_PLAYED,
    OUT,
    OUTDOOR_GAMES,
    SAME_FRAME,
    done_to,
)
from pipeline.phrasebook.lexicon import (
    ADJECTIVES,
    CITIES,
    PLACES,
    VERBS,
    Adjective,
    Verb,
)
from pipeline.phrasebook.phrases import PRONOUNS, Phrase


def and_then(subject: Phrase, first: Action, second: Action, tense: Tense) -> Sentence:
    """I go home and sleep → मैं घर जाता हूँ और सोता हूँ."""
    one = clause(subject, tense, first)
    two = clause(subject, tense, second, drop_subject=True)
    spoken = two.english.removeprefix("will ") if tense is Tense.FUTURE else two.english
    return say(
        Clause(
            f"{one.english} and {spoken}", f"{one.hindi} और {two.hindi}", (*one.words, *two.words)
        )
    )


def two_people(
    one: Phrase, other: Phrase, first: Action, second: Action, how: tuple[Tense, str, str]
) -> Sentence:
    """Ram reads a book but Sita sleeps → राम एक किताब पढ़ता है लेकिन सीता सोती है."""
    tense, joiner_english, joiner_hindi = how
    left, right = clause(one, tense, first), clause(other, tense, second)
    return say(
        Clause(
            f"{left.english} {joiner_english} {right.english}",
            f"{left.hindi} {joiner_hindi} {right.hindi}",
            (*left.words, *right.words),
        )
    )


def because(subject: Phrase, doing: Action, feeling: Adjective, how: str, of: Phrase) -> Sentence:
    """He is eating fruits because he is hungry → वह फल खा रहा है क्योंकि वह भूखा है."""
    state = (feeling.english, feeling.form(of.gender, of.plural))
    if how == "because":
        left = clause(subject, Tense.PROGRESSIVE, doing)
        right = be(of, Tense.PRESENT, state)
        joined = (f"{left.english} because {right.english}", f"{left.hindi} क्योंकि {right.hindi}")
    elif how == "not because":
        left = clause(subject, Tense.PROGRESSIVE, doing, negative=True)
        right = be(of, Tense.PRESENT, state)
        joined = (f"{left.english} because {right.english}", f"{left.hindi} क्योंकि {right.hindi}")
    else:
        left = be(subject, Tense.PRESENT, state)
        right = clause(of, Tense.PROGRESSIVE, doing)
        joined = (f"{left.english}, so {right.english}", f"{left.hindi}, इसलिए {right.hindi}")
    return say(Clause(*joined, (*left.words, *right.words, feeling.key)))


def if_then(one: Phrase, first: Action, other: Phrase, second: Action) -> Sentence:
    """If you come here, I will make tea → अगर आप यहाँ आएँगे तो मैं चाय बनाऊँगा."""
    # English says the condition in the present, Hindi in the future.
    spoken = clause(one, Tense.PRESENT, first)
    condition = clause(one, Tense.FUTURE, first)
    result = clause(other, Tense.FUTURE, second)
    return say(
        Clause(
            f"if {spoken.english}, {result.english}",
            f"अगर {condition.hindi} तो {result.hindi}",
            (*condition.words, *result.words),
        )
    )


def if_it_rains(subject: Phrase, doing: Action, negative: bool) -> Sentence:
    """If it rains, we will not go → अगर बारिश हुई तो हम नहीं जाएँगे."""
    result = clause(subject, Tense.FUTURE, doing, negative=negative)
    return say(
        Clause(f"if it rains, {result.english}", f"अगर बारिश हुई तो {result.hindi}", result.words)
    )


def while_past(one: Phrase, first: Action, other: Phrase, second: Action) -> Sentence:
    """While Ram was sleeping, Sita was working → जब राम सो रहा था तब सीता काम कर रही थी."""
    left = clause(one, Tense.PAST_PROGRESSIVE, first)
    right = clause(other, Tense.PAST_PROGRESSIVE, second)
    return say(
        Clause(
            f"while {left.english}, {right.english}",
            f"जब {left.hindi} तब {right.hindi}",
            (*left.words, *right.words),
        )
    )


def reporting(subject: Phrase, verb: Verb, content: Clause) -> Sentence:
    """She says that Ram is at home → वह कहती है कि राम घर पर है."""
    frame = clause(subject, Tense.PRESENT, Action(verb))
    return say(
        Clause(
            f"{frame.english} that {content.english}",
            f"{frame.hindi} कि {content.hindi}",
            (*frame.words, *content.words),
        )
    )


def thinking(subject: Phrase, content: Clause) -> Sentence:
    """I think that Ram is ill → मुझे लगता है कि राम बीमार है."""
    think = "thinks" if subject.person == 3 and not subject.many else "think"
    return say(
        Clause(
            f"{subject.english} {think} that {content.english}",
            f"{subject.dative} लगता है कि {content.hindi}",
            (*subject.words, "verb:think", *content.words),
        )
    )


def around(subject: Phrase, first: Action, second: Action, how: tuple[str, str, Tense]) -> Sentence:
    """After eating the food, we slept → खाना खाने के बाद हम सोए."""
    word, postposition, tense = how
    done = perform(first, subject)
    ing = english.gerund(first.verb.english)
    main = clause(subject, tense, second)
    opening_english = " ".join(part for part in (word, ing, done.tail) if part)
    opening_hindi = " ".join(
        part for part in (done.before, done.nominal, f"{first.verb.stem}ने {postposition}") if part
    )
    return say(
        Clause(
            f"{opening_english}, {main.english}",
            f"{opening_hindi} {main.hindi}",
            (*done.words, *main.words),
        )
    )


_REASONS = (
    (
        "hungry",
        (
            done_to("eat", "fruit", "", True),
            done_to("cook", "food", ""),
            done_to("eat", "bread", ""),
        ),
    ),
    ("thirsty", (done_to("drink", "water", ""), done_to("drink", "juice", ""))),
    ("sad", (*actions.doing("cry", ("", "")),)),
    (
        "happy",
        (
            *actions.doing("laugh", ("", "")),
            *actions.doing("dance", ("", "")),
            done_to("sing", "song", "a"),
        ),
    ),
    ("ill", (*actions.doing("rest", ("", "")), *actions.going("go", ("hospital",), "to"))),
)
_REASONS_NOT = (
    ("ill", (*GAMES_PLAYED, *OUT[:5], *actions.doing("work", ("", "")))),
    (
        "busy",
        (
            *GAMES_PLAYED,
            done_to("watch", "film", "the"),
            *actions.doing("rest", ("", "")),
            *OUT[3:6],
        ),
    ),
    ("worried", (*actions.doing("sleep", ("", "")), *actions.doing("laugh", ("", "")))),
)


def _pronoun_for(subject: Phrase) -> Phrase:
    if subject.pronoun:
        return subject
    if subject.many:
        return PRONOUNS["they"]
    pronoun = PRONOUNS["he" if subject.gender == "m" else "she"]
    if subject.plural:
        # An honoured person is वे, and keeps the gender: माँ … वे थकी हैं.
        return Phrase(
            pronoun.english,
            "वे",
            "उन",
            subject.gender,
            True,
            False,
            3,
            pronoun.owner,
            (),
            PRONOUNS["they"].pronoun,
        )
    return pronoun


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    some = people.SOME_PEOPLE
    named = people.NAMED
    yield Construction(
        "and",
        and_then,
        tuple(
            (
                some,
                (first,),
                tuple(second for second in DOINGS if second.verb is not first.verb),
                SAME_FRAME,
            )
            for first in DOINGS
            if first.verb.english != "sleep"
        ),
    )
    contrasts = (
        (Tense.PRESENT, "but", "लेकिन"),
        (Tense.PRESENT, "and", "और"),
        (Tense.PROGRESSIVE, "and", "और"),
        (Tense.PAST, "and", "और"),
        (Tense.PAST, "but", "लेकिन"),
        (Tense.FUTURE, "and", "और"),
    )
    others = (*people.RELATIVES[:4], *named[1::3])
    firsts = tuple(who for who in some if who not in others)
    yield Construction(
        "two people",
        two_people,
        tuple(
            (
                firsts,
                others,
                (first,),
                tuple(d for d in DOINGS[::2] if d.verb is not first.verb),
                contrasts,
            )
            for first in DOINGS[1::2]
        ),
    )
    reasons: list[tuple[Sequence[object], ...]] = []
    for table, ways in ((_REASONS, ("because", "so")), (_REASONS_NOT, ("not because",))):
        for feeling, doings in table:
            adjective = (ADJECTIVES[feeling],)
            reasons.extend(((who,), doings, adjective, ways, (_pronoun_for(who),)) for who in some)
    yield Construction("because", because, tuple(reasons))
    arrivals = (
        *actions.doing("come", ("here", "यहाँ"), ("home", "घर")),
        *actions.going("go", ("market", "park", "office", *CITIES[:3]), "to"),
    )
    hosts = (*people.I_AND_OTHERS[:2], people.I_AND_OTHERS[4], *named[::4])
    guests = (*people.I_AND_OTHERS[1:], *named[:13], *people.RELATIVES[:6])
    pairs = tuple((one, tuple(other for other in hosts if other != one)) for one in guests)
    yield Construction(
        "if",
        if_then,
        tuple(((one,), arrivals, others, (*AT_HOME[:8], *GAMES_PLAYED)) for one, others in pairs),
    )
    yield Construction(
        "if it rains",
        if_it_rains,
        ((some, (*OUT, *OUTDOOR_GAMES), (True,)), (some, AT_HOME[:14], (False,))),
    )
    activities = (*AT_HOME[:-2], *GAMES_PLAYED)
    yield Construction(
        "while",
        while_past,
        tuple(
            (
                firsts[::2],
                (first,),
                others,
                tuple(d for d in activities if d.verb is not first.verb),
            )
            for first in activities
        ),
    )
    facts = _facts()
    speakers = tuple(who for who in some if who.english not in {"I", "you", "we"})

    def of_others(who: Phrase) -> tuple[Clause, ...]:
        return tuple(fact for about, fact in facts if about != who)

    say_that = tuple(((who,), (_SAY,), of_others(who)) for who in speakers)
    know_that = tuple(((who,), (VERBS["know"],), of_others(who)) for who in some)
    yield Construction("says that", reporting, say_that)
    yield Construction("knows that", reporting, know_that)
    yield Construction("thinks that", thinking, tuple(((who,), of_others(who)) for who in some))
    prepared = (
        done_to("eat", "food", "the"),
        done_to("read", "newspaper", "the"),
        done_to("finish", "work", "the"),
        done_to("drink", "tea", ""),
        done_to("clean", "room"),
        done_to("write", "letter", "a"),
        done_to("watch", "film", "the"),
        *GAMES_PLAYED,
    )
    afterwards = (
        *OUT,
        *actions.doing("rest", ("", "")),
        *actions.doing("bathe", ("", "")),
        *actions.doing("sleep", ("", "")),
    )
    orders = tuple(
        (word, postposition, tense)
        for word, postposition in (("after", "के बाद"), ("before", "से पहले"))
        for tense in (Tense.PRESENT, Tense.PAST, Tense.FUTURE)
    )
    yield Construction("before and after", around, ((some, prepared, afterwards, orders),))


_SAY = Verb("say", "कह")


def _facts() -> tuple[tuple[Phrase, Clause], ...]:
    """Short clauses to say, know and think, each with whom it is about."""
    who = (*people.NAMED[1::2], *people.RELATIVES[:6], *people.ADULTS[9:11])
    made: list[tuple[Phrase, Clause]] = []
    for person in who:
        for word in ("happy", "ill", "busy", "ready", "hungry", "angry", "honest", "clever"):
            adjective = ADJECTIVES[word]
            state = (word, adjective.form(person.gender, person.plural))
            made.append((person, be(person, Tense.PRESENT, state, words=(adjective.key,))))
        for name in ("home", "office", "hospital", "market", "Delhi", "Mumbai", "village"):
            place = PLACES[name]
            where = (place.at, place.located)
            made.append((person, be(person, Tense.PRESENT, where, words=(place.key,))))
        made.extend(
            (person, clause(person, Tense.FUTURE, doing))
            for doing in actions.going("go", ("market", "Jaipur", "temple"), "to")
        )
        made.extend((person, clause(person, Tense.PAST, doing)) for doing in _DEEDS)
    return tuple(made)


_DEEDS = (
    done_to("buy", "car", "a"),
    done_to("sell", "house", "the"),
    done_to("write", "book", "a"),
)
