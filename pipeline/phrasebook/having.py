"""Constructions of having, ailing, liking, needing and getting."""

from collections.abc import Iterable

from pipeline.phrasebook import english, people
from pipeline.phrasebook.being import (
    HAD_NOUNS,
    MOODS,
    TEMPERED,
    TENSES,
    TOMORROWS,
    YESTERDAYS,
    counted,
)
from pipeline.phrasebook.clauses import Clause, Tense
from pipeline.phrasebook.construction import Construction, Sentence, ask, say
from pipeline.phrasebook.hindi import (
    NUMBER_WORDS,
    future,
    past_of_be,
    perfective,
    present_of_be,
)
from pipeline.phrasebook.lexicon import (
    GAMES,
    NOUNS,
    SUBJECTS_OF_STUDY,
    Noun,
    Time,
    listed,
)
from pipeline.phrasebook.phrases import Phrase, Thing, render


def having(subject: Phrase, thing: Thing, tense: Tense, mood: str) -> Sentence:
    """I have a car → मेरे पास एक गाड़ी है."""
    had = render(thing)
    if tense is Tense.PRESENT:
        verb = present_of_be(had.agreement)
        have = "has" if subject.person == 3 and not subject.many else "have"
        do = "does" if have == "has" else "do"
    else:
        verb, have, do = past_of_be(had.agreement), "had", "did"
    near = subject.with_compound("पास")
    words = (*subject.words, *had.words)
    if mood == "asked":
        return ask(
            Clause(
                f"{do} {subject.english} have {had.english}", f"{near} {had.direct} {verb}", words
            )
        )
    if mood == "denied":
        # "does not have a car": Hindi denies any car, not one car.
        denied = had.direct.removeprefix("एक ")
        any_ = "कोई " if denied != had.direct else ""
        return say(
            Clause(
                f"{subject.english} {do} not have {had.english}",
                f"{near} {any_}{denied} नहीं {verb}",
                words,
            )
        )
    return say(
        Clause(f"{subject.english} {have} {had.english}", f"{near} {had.direct} {verb}", words)
    )


def having_kin(subject: Phrase, noun: Noun, count: int, mood: str) -> Sentence:
    """Sita has two brothers → सीता के दो भाई हैं; kin take का, not के पास."""
    many = count > 1
    agreement = Phrase("", "", "", noun.gender, many).agreement
    of = subject.genitive(noun.gender, many)
    counted = f"{NUMBER_WORDS[count]} {noun.forms.plural if many else noun.forms.singular}"
    said = (
        f"{english.NUMBER_WORDS[count]} {noun.english_plural}"
        if many
        else english.with_article(noun.english)
    )
    words = (*subject.words, noun.key)
    third = subject.person == 3 and not subject.many
    if mood == "asked":
        do = "does" if third else "do"
        return ask(
            Clause(
                f"{do} {subject.english} have {said}",
                f"{of} {counted} {present_of_be(agreement)}",
                words,
            )
        )
    have = "has" if third else "have"
    return say(
        Clause(
            f"{subject.english} {have} {said}", f"{of} {counted} {present_of_be(agreement)}", words
        )
    )


_AILMENTS = (
    ("a fever", "बुख़ार", "m"),
    ("a cold", "ज़ुकाम", "m"),
    ("a cough", "खाँसी", "f"),
)


def ailing(subject: Phrase, ailment: tuple[str, str, str], tense: Tense, mood: str) -> Sentence:
    """My son has a fever → मेरे बेटे को बुख़ार है."""
    said, form, gender = ailment
    agreement = Phrase("", "", "", "f" if gender == "f" else "m").agreement
    verb = present_of_be(agreement) if tense is Tense.PRESENT else past_of_be(agreement)
    third = subject.person == 3 and not subject.many
    words = (*subject.words, f"noun:{said.removeprefix('a ')}")
    if mood == "asked":
        do = "did" if tense is Tense.PAST else ("does" if third else "do")
        return ask(
            Clause(f"{do} {subject.english} have {said}", f"{subject.dative} {form} {verb}", words)
        )
    have = "had" if tense is Tense.PAST else ("has" if third else "have")
    return say(Clause(f"{subject.english} {have} {said}", f"{subject.dative} {form} {verb}", words))


def liking(subject: Phrase, thing: Thing, mood: str) -> Sentence:
    """Ram likes mangoes → राम को आम पसंद हैं."""
    liked = render(thing)
    third = subject.person == 3 and not subject.many
    do = "does" if third else "do"
    words = (*subject.words, *liked.words)
    verb = present_of_be(liked.agreement)
    if mood == "asked":
        return ask(
            Clause(
                f"{do} {subject.english} like {liked.english}",
                f"{subject.dative} {liked.direct} पसंद {verb}",
                words,
            )
        )
    if mood == "denied":
        return say(
            Clause(
                f"{subject.english} {do} not like {liked.english}",
                f"{subject.dative} {liked.direct} पसंद नहीं {verb}",
                words,
            )
        )
    return say(
        Clause(
            f"{subject.english} {'likes' if third else 'like'} {liked.english}",
            f"{subject.dative} {liked.direct} पसंद {verb}",
            words,
        )
    )


def needing(subject: Phrase, thing: Thing, mood: str) -> Sentence:
    """She needs two tickets → उसे दो टिकट चाहिए."""
    needed = render(thing)
    third = subject.person == 3 and not subject.many
    words = (*subject.words, *needed.words)
    direct = f"{subject.dative} {needed.direct} चाहिए"
    if mood == "asked":
        return ask(
            Clause(
                f"{'does' if third else 'do'} {subject.english} need {needed.english}",
                direct,
                words,
            )
        )
    return say(
        Clause(f"{subject.english} {'needs' if third else 'need'} {needed.english}", direct, words)
    )


def getting(subject: Phrase, thing: Thing, tense: Tense, time: Time | None) -> Sentence:
    """I got a letter yesterday → मुझे कल एक चिट्ठी मिली."""
    got = render(thing)
    when_english, when_hindi = (f" {time.english}", f" {time.hindi}") if time else ("", "")
    if tense is Tense.PAST:
        said, verb = "got", perfective("मिल", got.agreement)
    else:
        said, verb = "will get", future("मिल", got.agreement)
    words = (*subject.words, *got.words, "verb:get", *((time.key,) if time else ()))
    return say(
        Clause(
            f"{subject.english} {said} {got.english}{when_english}",
            f"{subject.dative}{when_hindi} {got.direct} {verb}",
            words,
        )
    )


_LIKED = listed(
    "mango banana apple orange guava papaya sweet samosa biscuit egg story "
    "poem film song flower book cake sari"
)


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    kept = tuple(NOUNS[word] for word in listed("dog cat cow horse goat parrot buffalo"))
    owned = tuple(thing for noun in (*HAD_NOUNS, *kept) for thing in counted(noun))
    deniable = tuple(thing for thing in owned if thing.determiner == "a")
    grown = tuple(who for who in people.SOME_PEOPLE)
    not_i = tuple(who for who in grown if who.english != "I")
    yield Construction("having", having, ((grown, owned, TENSES, ("affirmed",)),))
    yield Construction("having, not", having, ((grown, deniable, TENSES, ("denied",)),))
    yield Construction("having?", having, ((not_i, owned, TENSES, ("asked",)),))
    kin = tuple(NOUNS[word] for word in ("brother", "sister", "son", "daughter"))
    wide = (*people.I_AND_OTHERS, *people.NAMED, *people.ADULTS[:14], *people.RELATIVES[:9])
    yield Construction(
        "having kin", having_kin, ((wide, kin, (1, 2, 3, 4, 5), ("affirmed", "asked")),)
    )
    yield Construction(
        "ailing", ailing, ((people.EVERYONE, _AILMENTS, TENSES, ("affirmed", "asked")),)
    )
    liked: tuple[Thing, ...] = (
        *(Thing(NOUNS[word], many=True) for word in _LIKED),
        *(
            Thing(NOUNS[word], determiner, many)
            for word in (*_HAD_LIKED, "picture", "film", "song")
            for determiner, many in (
                ("this", False),
                ("that", False),
                ("this", True),
                ("your", False),
            )
        ),
        *(Thing(NOUNS[word]) for word in TEMPERED),
        *(Thing(game) for game in GAMES.values()),
        *(Thing(subject) for subject in SUBJECTS_OF_STUDY.values()),
    )
    not_your = tuple(thing for thing in liked if thing.determiner != "your")
    for mood in MOODS:
        suffix = {"affirmed": "", "denied": ", not", "asked": "?"}[mood]
        yield Construction(
            f"liking{suffix}",
            liking,
            (
                (people.OTHERS, liked, (mood,)),
                (
                    (*people.I_AND_OTHERS[:2], people.I_AND_OTHERS[4])
                    if mood != "asked"
                    else (people.I_AND_OTHERS[1],),
                    not_your,
                    (mood,),
                ),
            ),
        )
    needed = (
        *(
            thing
            for noun in HAD_NOUNS
            for thing in counted(noun)
            if not (thing.adjective and thing.adjective.english in {"old", "long"})
        ),
        *(
            thing
            for word in listed("milk water tea food medicine salt sugar paper soap rice")
            for thing in counted(NOUNS[word])
        ),
    )
    for mood in ("affirmed", "asked"):
        who = grown if mood == "affirmed" else not_i
        things = tuple(
            thing for thing in needed if mood == "affirmed" or thing.determiner != "some"
        )
        yield Construction(
            f"needing{'?' if mood == 'asked' else ''}", needing, ((who, things, (mood,)),)
        )
    received = tuple(
        thing
        for word in listed("letter parcel gift ticket book job key phone picture watch bicycle")
        for thing in (*counted(NOUNS[word]), Thing(NOUNS[word], "the"))
        if not thing.many or word in {"letter", "parcel", "gift", "ticket", "book", "picture"}
    )
    yield Construction(
        "getting",
        getting,
        (
            (grown, received, (Tense.PAST,), (None, *YESTERDAYS)),
            (grown, received, (Tense.FUTURE,), (None, *TOMORROWS)),
        ),
    )


_HAD_LIKED = ("book", "shirt", "watch", "car", "house", "room", "bicycle", "umbrella")
