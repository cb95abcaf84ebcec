"""Clauses: a subject, an action and a tense become one English and one Hindi clause.

The subject's case and what the verb agrees with follow from the tense:

- direct subject, agreement with it: राम किताब पढ़ता है;
- perfective of a transitive: ने, agreement with an unmarked object: राम ने किताब पढ़ी;
- obligation: dative subject, agreement with an unmarked object: राम को किताब पढ़नी है.

    >>> from pipeline.phrasebook.lexicon import NOUNS, VERBS
    >>> from pipeline.phrasebook.phrases import PRONOUNS
    >>> reading = Action(VERBS["read"], Thing(NOUNS["book"], "a"))
    >>> statement(clause(PRONOUNS["she"], Tense.PAST, reading))
    ('She read a book.', 'उसने एक किताब पढ़ी।')
"""

from dataclasses import dataclass
from enum import Enum

from pipeline.phrasebook import english, hindi
from pipeline.phrasebook.hindi import MASCULINE_SINGULAR, Agreement
from pipeline.phrasebook.lexicon import Time, Verb
from pipeline.phrasebook.phrases import Phrase, Thing, render


class Tense(Enum):
    """Tense, aspect and modality, named by the English."""

    PRESENT = "present"
    PROGRESSIVE = "progressive"
    PAST_PROGRESSIVE = "past progressive"
    USED_TO = "used to"
    PAST_STATE = "past state"
    FUTURE = "future"
    PAST = "past"
    PERFECT = "perfect"
    PAST_PERFECT = "past perfect"
    ALREADY = "already"
    STARTED_TO = "started to"
    CAN = "can"
    WANT_TO = "want to"
    HAVE_TO = "have to"
    SHOULD = "should"
    HAD_TO = "had to"
    WILL_HAVE_TO = "will have to"


_PERFECTIVE = frozenset({Tense.PAST, Tense.PERFECT, Tense.PAST_PERFECT})
_OBLIGATION = frozenset({Tense.HAVE_TO, Tense.SHOULD, Tense.HAD_TO, Tense.WILL_HAVE_TO})


@dataclass(frozen=True)
class Action:
    """A verb with its objects and complement.

    ``object`` may be the subject's own, so it is said only when the subject is known. ``tail`` and
    ``head`` are a complement such as "to school" / स्कूल. ``link`` overrides the postposition of
    the verb.
    """

    verb: Verb
    object: Thing | Phrase | None = None
    recipient: Thing | Phrase | None = None
    tail: str = ""
    head: str = ""
    words: tuple[str, ...] = ()
    link: str | None = None


@dataclass(frozen=True)
class Clause:
    """A clause in both languages, without capital letter and full stop."""

    english: str
    hindi: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class _Performed:
    """An action by a known subject: what stands around the verb, and what the object agrees as."""

    tail: str
    before: str
    nominal: str
    nominal_is_noun: bool
    controller: Agreement
    words: tuple[str, ...]


def _join(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _say(thing: Thing | Phrase, subject: Phrase) -> Phrase:
    return render(thing, subject.owner) if isinstance(thing, Thing) else thing


def perform(action: Action, subject: Phrase) -> _Performed:
    """Say the objects of an action, now that its subject is known."""
    verb = action.verb
    link = verb.link if action.link is None else action.link
    words = [verb.key]
    recipient_english = recipient_hindi = object_english = object_hindi = ""
    controller = Agreement(verb.nominal_gender) if verb.nominal_gender else MASCULINE_SINGULAR
    if action.recipient is not None:
        recipient = _say(action.recipient, subject)
        recipient_english, recipient_hindi = recipient.object_english, recipient.dative
        words.extend(recipient.words)
    if action.object is not None:
        thing = _say(action.object, subject)
        object_english = thing.object_english
        words.extend(thing.words)
        if link == "का":
            object_hindi = thing.genitive(verb.nominal_gender or "m")
        elif link:
            object_hindi = thing.marked(link)
        else:
            object_hindi = thing.direct
            controller = Agreement(thing.gender, thing.plural)
    return _Performed(
        _join(verb.particle, recipient_english, object_english, action.tail),
        _join(action.head, recipient_hindi, object_hindi),
        verb.nominal,
        verb.nominal_gender is not None,
        controller,
        (*words, *action.words),
    )


# --- the verb in English --------------------------------------------------------------------------


def _form_of_be(subject: Phrase, past: bool = False) -> str:
    plural = subject.many
    if past:
        return "were" if plural else "was"
    return "are" if plural else ("am" if subject.person == 1 else "is")


def _agreeing(verb: str, subject: Phrase) -> str:
    singular = not subject.many and subject.person == 3
    return english.third_person(verb) if singular else verb


def _english_verb(tense: Tense, verb: str, subject: Phrase) -> tuple[str, str, str]:
    """The auxiliary, what follows it, and the whole when nothing separates them."""
    do, have = _agreeing("do", subject), _agreeing("have", subject)
    match tense:
        case Tense.PRESENT:
            return do, verb, _agreeing(verb, subject)
        case Tense.PROGRESSIVE:
            auxiliary, rest = _form_of_be(subject), english.gerund(verb)
        case Tense.PAST_PROGRESSIVE:
            auxiliary, rest = _form_of_be(subject, past=True), english.gerund(verb)
        case Tense.USED_TO:
            return "did", f"use to {verb}", f"used to {verb}"
        case Tense.FUTURE:
            auxiliary, rest = "will", verb
        case Tense.PAST | Tense.PAST_STATE:
            return "did", verb, english.past(verb)
        case Tense.PERFECT:
            auxiliary, rest = have, english.participle(verb)
        case Tense.PAST_PERFECT:
            auxiliary, rest = "had", english.participle(verb)
        case Tense.ALREADY:
            auxiliary, rest = have, f"already {english.participle(verb)}"
        case Tense.STARTED_TO:
            return "did", f"start to {verb}", f"started to {verb}"
        case Tense.CAN:
            auxiliary, rest = "can", verb
        case Tense.WANT_TO:
            return do, f"want to {verb}", f"{_agreeing('want', subject)} to {verb}"
        case Tense.HAVE_TO:
            return do, f"have to {verb}", f"{have} to {verb}"
        case Tense.SHOULD:
            auxiliary, rest = "should", verb
        case Tense.HAD_TO:
            return "did", f"have to {verb}", f"had to {verb}"
        case Tense.WILL_HAVE_TO:
            auxiliary, rest = "will", f"have to {verb}"
    return auxiliary, rest, f"{auxiliary} {rest}"


# --- the verb in Hindi ----------------------------------------------------------------------------


def _hindi_verb(tense: Tense, stem: str, agreement: Agreement, no: str) -> str:
    """The verb with its auxiliaries; ``no`` is नहीं or empty."""
    is_, was = hindi.present_of_be(agreement), hindi.past_of_be(agreement)
    gender, plural = agreement.gender, agreement.plural
    match tense:
        case Tense.PRESENT:
            # A negated habitual drops its auxiliary, and then shows the feminine plural itself.
            form = hindi.imperfective(stem, agreement, last=bool(no))
            return _join(no, form, "" if no else is_)
        case Tense.PROGRESSIVE:
            return _join(no, stem, hindi.decline_marked("रहा", gender, plural), is_)
        case Tense.PAST_PROGRESSIVE:
            return _join(no, stem, hindi.decline_marked("रहा", gender, plural), was)
        case Tense.USED_TO | Tense.PAST_STATE:
            return _join(no, hindi.imperfective(stem, agreement), was)
        case Tense.FUTURE:
            return _join(no, hindi.future(stem, agreement))
        case Tense.PAST:
            return _join(no, hindi.perfective(stem, agreement))
        case Tense.PERFECT:
            return _join(no, hindi.perfective(stem, agreement, last=False), is_)
        case Tense.PAST_PERFECT:
            return _join(no, hindi.perfective(stem, agreement, last=False), was)
        case Tense.ALREADY:
            return _join(no, stem, hindi.perfective("चुक", agreement, last=False), is_)
        case Tense.STARTED_TO:
            return _join(no, f"{stem}ने", hindi.perfective("लग", agreement))
        case Tense.CAN:
            form = hindi.imperfective("सक", agreement, last=bool(no))
            return _join(no, stem, form, "" if no else is_)
        case Tense.WANT_TO:
            form = hindi.imperfective("चाह", agreement, last=bool(no))
            return _join(hindi.infinitive(stem), no, form, "" if no else is_)
        case Tense.HAVE_TO:
            return _join(no, hindi.infinitive(stem, agreement), is_)
        case Tense.SHOULD:
            return _join(no, hindi.infinitive(stem, agreement), "चाहिए")
        case Tense.HAD_TO:
            return _join(no, hindi.infinitive(stem, agreement), hindi.perfective("पड़", agreement))
        case Tense.WILL_HAVE_TO:
            return _join(no, hindi.infinitive(stem, agreement), hindi.future("पड़", agreement))


# --- whole clauses --------------------------------------------------------------------------------


def clause(
    subject: Phrase,
    tense: Tense,
    action: Action,
    time: Time | None = None,
    *,
    negative: bool = False,
    frequency: Time | None = None,
    why: tuple[str, str] | None = None,
    asked: bool = False,
    drop_subject: bool = False,
) -> Clause:
    """Put a clause together.

    ``asked`` inverts the English for a question; ``why`` is a question adverb in both languages
    ("why", "क्यों"), which Hindi puts before the verb; ``drop_subject`` is for the second of two
    joined clauses with the same subject.
    """
    verb = action.verb
    done = perform(action, subject)

    auxiliary, rest, whole = _english_verb(tense, verb.english, subject)
    often = frequency.english if frequency else ""
    if asked or why:
        spoken = _join(auxiliary, subject.english, "not" if negative else "", often, rest)
    else:
        spoken = "" if drop_subject else subject.english
        if negative:
            denied = "cannot" if auxiliary == "can" else f"{auxiliary} not"
            spoken = _join(spoken, denied, often, rest)
        else:
            spoken = _join(spoken, often, whole)
    in_english = _join(why[0] if why else "", spoken, done.tail, time.english if time else "")

    if tense in _OBLIGATION:
        who, agreement = subject.dative, done.controller
    elif tense in _PERFECTIVE and verb.ergative:
        who, agreement = subject.ergative, done.controller
    else:
        who, agreement = subject.direct, subject.agreement
    no = "नहीं" if negative else ""
    wh = why[1] if why else ""
    # कमरा क्यों साफ़ किया, but राम की मदद क्यों की: only a noun parts from its verb.
    nominal = _join(done.nominal, wh) if done.nominal_is_noun else _join(wh, done.nominal)
    in_hindi = _join(
        "" if drop_subject else who,
        time.hindi if time else "",
        frequency.hindi if frequency else "",
        done.before,
        nominal,
        _hindi_verb(tense, verb.stem, agreement, no),
    )
    words = [*subject.words, *done.words]
    words.extend(adverb.key for adverb in (time, frequency) if adverb)
    return Clause(in_english, in_hindi, tuple(words))


def be(
    subject: Phrase,
    tense: Tense,
    complement: tuple[str, str],
    *,
    time: Time | None = None,
    negative: bool = False,
    asked: bool = False,
    words: tuple[str, ...] = (),
) -> Clause:
    """A clause with to be; the complement is said in both languages and already agrees."""
    if tense is Tense.FUTURE:
        auxiliary, rest, verb = "will", "be", hindi.future("हो", subject.agreement)
    elif tense is Tense.PAST:
        auxiliary, rest = _form_of_be(subject, past=True), ""
        verb = hindi.past_of_be(subject.agreement)
    elif tense is Tense.PRESENT:
        auxiliary, rest, verb = _form_of_be(subject), "", hindi.present_of_be(subject.agreement)
    else:
        raise ValueError(f"to be is said in the present, past and future, not in {tense.value}")
    no = "not" if negative else ""
    spoken = (
        _join(auxiliary, subject.english, no, rest)
        if asked
        else _join(subject.english, auxiliary, no, rest)
    )
    return Clause(
        _join(spoken, complement[0], time.english if time else ""),
        _join(
            subject.direct,
            time.hindi if time else "",
            complement[1],
            "नहीं" if negative else "",
            verb,
        ),
        (*subject.words, *words, *((time.key,) if time else ())),
    )


# --- sentences ------------------------------------------------------------------------------------


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def statement(said: Clause) -> tuple[str, str]:
    """A clause as a statement."""
    return f"{_capital(said.english)}.", f"{said.hindi}।"


def question(said: Clause, *, yes_no: bool = True) -> tuple[str, str]:
    """A clause as a question; a yes–no question opens with क्या."""
    return f"{_capital(said.english)}?", ("क्या " if yes_no else "") + f"{said.hindi}?"
