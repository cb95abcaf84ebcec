"""Constructions with phrases that lean on a clause: with, for, a kilo of, from … to, at an hour."""

from collections.abc import Iterable

from pipeline.phrasebook import actions, english, people
from pipeline.phrasebook.clauses import Action, Clause, Tense, be, clause, perform
from pipeline.phrasebook.construction import Construction, Sentence, say
from pipeline.phrasebook.doings import (
    AT_HOME,
    GAMES_PLAYED,
    OUT,
    done_to,
)
from pipeline.phrasebook.hindi import NUMBER_WORDS
from pipeline.phrasebook.lexicon import (
    ADJECTIVES,
    CITIES,
    FUTURE_TIMES,
    IN_MONTHS,
    NOUNS,
    PAST_TIMES,
    PLACES,
    SUBJECTS_OF_STUDY,
    VERBS,
    Adjective,
    Noun,
    Place,
    Time,
    listed,
)
from pipeline.phrasebook.phrases import PRONOUNS, Phrase, Thing, render


def relative(
    noun: Noun, subject: Phrase, verb: str, adjective: Adjective, tense: Tense
) -> Sentence:
    """The book that Ram bought is good → जो किताब राम ने ख़रीदी वह अच्छी है."""
    what = Phrase("", f"जो {noun.forms.singular}", "", noun.gender)
    inner = clause(subject, tense, Action(VERBS[verb], what))
    # The relative phrase leads its clause.
    said = inner.hindi.replace(f"{what.direct} ", "", 1)
    verb_english = inner.english
    form = adjective.form(noun.gender, False)
    return say(
        Clause(
            f"the {noun.english} that {verb_english} is {adjective.english}",
            f"{what.direct} {said} वह {form} है",
            (noun.key, *inner.words, adjective.key),
        )
    )


def together(subject: Phrase, companion: Thing | Phrase, doing: Action, tense: Tense) -> Sentence:
    """Ram plays cricket with his friends → राम अपने दोस्तों के साथ क्रिकेट खेलता है."""
    with_whom = render(companion, subject.owner) if isinstance(companion, Thing) else companion
    company = (
        f"{with_whom.oblique} के साथ" if not with_whom.pronoun else with_whom.with_compound("साथ")
    )
    done = Action(
        doing.verb,
        doing.object,
        tail=" ".join(part for part in (doing.tail, f"with {with_whom.object_english}") if part),
        head=" ".join(part for part in (company, doing.head) if part),
        words=(*doing.words, *with_whom.words),
    )
    return say(clause(subject, tense, done))


def for_somebody(
    subject: Phrase, beneficiary: Thing | Phrase, doing: Action, frame: tuple[Tense, Time | None]
) -> Sentence:
    """She bought a sari for her mother → उसने अपनी माँ के लिए एक साड़ी ख़रीदी."""
    tense, time = frame
    for_whom = render(beneficiary, subject.owner) if isinstance(beneficiary, Thing) else beneficiary
    done = Action(
        doing.verb,
        doing.object,
        tail=" ".join(part for part in (doing.tail, f"for {for_whom.object_english}") if part),
        head=for_whom.with_compound("लिए"),
        words=for_whom.words,
    )
    return say(clause(subject, tense, done, time))


# A measure is not inflected: दो बोतल पानी.
_MEASURES = {"kilo": "किलो", "glass": "गिलास", "cup": "कप", "bottle": "बोतल", "litre": "लीटर"}


def measured(
    subject: Phrase,
    verb: str,
    amount: tuple[int, str],
    noun: Noun,
    frame: tuple[Tense, Time | None],
) -> Sentence:
    """She drank a cup of tea → उसने एक कप चाय पी; the verb agrees with the substance."""
    count, measure = amount
    unit = (
        english.with_article(measure)
        if count == 1
        else (f"{english.NUMBER_WORDS[count]} {english.plural(measure)}")
    )
    said = noun.english if noun.mass else noun.english_plural
    substance = noun.forms.singular if noun.mass else noun.forms.plural
    quantity = Phrase(
        f"{unit} of {said}",
        f"{NUMBER_WORDS[count]} {_MEASURES[measure]} {substance}",
        "",
        noun.gender,
        not noun.mass,
        words=(noun.key, f"measure:{measure}"),
    )
    tense, time = frame
    return say(clause(subject, tense, Action(VERBS[verb], quantity), time))


def bought_for(subject: Phrase, thing: Thing, rupees: int, verb: str) -> Sentence:
    """He bought the shirt for 500 rupees → उसने कमीज़ 500 रुपये में ख़रीदी."""
    sold = render(thing)
    amount = Phrase(
        f"{sold.english} for {rupees} rupees",
        f"{sold.direct} {rupees} रुपये में",
        "",
        sold.gender,
        sold.plural,
        words=sold.words,
    )
    return say(clause(subject, Tense.PAST, Action(VERBS[verb], amount)))


def from_to(
    subject: Phrase, start: Place, goal: Place, tense: Tense, time: Time | None
) -> Sentence:
    """They went from Delhi to Agra → वे दिल्ली से जयपुर गए."""
    doing = Action(
        VERBS["go"],
        tail=f"{start.source} {goal.to}",
        head=f"{start.hindi} से {goal.hindi}",
        words=(start.key, goal.key),
    )
    return say(clause(subject, tense, doing, time))


def at_hour(subject: Phrase, doing: Action, hour: int, tense: Tense) -> Sentence:
    """My father gets up at five o'clock → मेरे पिताजी पाँच बजे उठते हैं."""
    time = Time(f"at {english.NUMBER_WORDS[hour]} o'clock", f"{NUMBER_WORDS[hour]} बजे")
    made = clause(subject, tense, doing, time)
    words = tuple(word for word in made.words if not word.startswith("time:at "))
    return say(Clause(made.english, made.hindi, words))


def fond_of_doing(subject: Phrase, doing: Action, negative: bool) -> Sentence:
    """I like to read books → मुझे किताबें पढ़ना पसंद है."""
    done = perform(doing, subject)
    third = subject.person == 3 and not subject.many
    like = f"{'does' if third else 'do'} not like" if negative else "likes" if third else "like"
    spoken = (subject.english, like, "to", doing.verb.english, done.tail)
    hindi = (
        subject.dative,
        done.before,
        done.nominal,
        f"{doing.verb.stem}ना पसंद",
        "नहीं है" if negative else "है",
    )
    return say(
        Clause(
            " ".join(part for part in spoken if part),
            " ".join(part for part in hindi if part),
            (*subject.words, *done.words),
        )
    )


def forgotten(subject: Phrase, thing: Thing, place: Place) -> Sentence:
    """I forgot my umbrella at school → मैं अपना छाता स्कूल में भूल गया; भूल जाना takes no ने."""
    lost = render(thing, subject.owner)
    agreed = {
        ("m", False): "गया",
        ("m", True): "गए",
        ("f", False): "गई",
        ("f", True): "गईं",
    }[subject.gender, subject.plural]
    return say(
        Clause(
            f"{subject.english} forgot {lost.english} {place.at}",
            f"{subject.direct} {lost.direct} {place.located} भूल {agreed}",
            (*subject.words, *lost.words, place.key, "verb:forget"),
        )
    )


def put_somewhere(
    subject: Phrase, thing: Thing, where: tuple[str, str, str], frame: tuple[Tense, Time | None]
) -> Sentence:
    """She put the key on the table → उसने चाबी मेज़ पर रखी."""
    placed = render(thing, subject.owner)
    whole = Phrase(
        f"{placed.english} {where[0]}",
        f"{placed.direct} {where[1]}",
        "",
        placed.gender,
        placed.plural,
        words=(*placed.words, where[2]),
    )
    tense, time = frame
    return say(clause(subject, tense, Action(VERBS["put"], whole), time))


def posture(
    subject: Phrase, pose: tuple[str, str, str], where: tuple[str, str, str], past: bool
) -> Sentence:
    """Sita is sitting on the chair → सीता कुर्सी पर बैठी है: a state, not बैठ रही है."""
    gerund_english, form, key = pose
    agreed = Adjective("", form, "", "", True).form(subject.gender, subject.plural)
    made = be(
        subject,
        Tense.PAST if past else Tense.PRESENT,
        (f"{gerund_english} {where[0]}", f"{where[1]} {agreed}"),
        words=(key, where[2]),
    )
    return say(made)


_SPOTS = (
    ("on the table", "मेज़ पर", "noun:table"),
    ("on the chair", "कुर्सी पर", "noun:chair"),
    ("in the box", "डिब्बे में", "noun:box"),
    ("in the cupboard", "अलमारी में", "noun:cupboard"),
    ("in the bag", "थैले में", "noun:bag"),
    ("under the bed", "पलंग के नीचे", "noun:bed"),
    ("near the window", "खिड़की के पास", "noun:window"),
)
_SITTING = (
    ("on the chair", "कुर्सी पर", "noun:chair"),
    ("on the bed", "पलंग पर", "noun:bed"),
    ("on the floor", "फ़र्श पर", "noun:floor"),
    ("under the tree", "पेड़ के नीचे", "noun:tree"),
    ("near the window", "खिड़की के पास", "noun:window"),
    ("near the door", "दरवाज़े के पास", "noun:door"),
    ("in the garden", "बगीचे में", "place:garden"),
)
_STANDING = (
    *_SITTING[3:],
    ("in front of the house", "मकान के सामने", "noun:house"),
    ("on the road", "सड़क पर", "noun:road"),
)
_PAST = tuple((Tense.PAST, time) for time in (None, *PAST_TIMES[:3]))
_COMING = tuple((Tense.FUTURE, time) for time in (None, *FUTURE_TIMES[:2]))
_FRAMES = (*_PAST, *_COMING)


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    some = people.SOME_PEOPLE
    bought = {
        "buy": "book shirt toy flower sweet car house bicycle phone ticket",
        "read": "book story poem magazine letter",
        "write": "story poem letter essay",
        "choose": "shirt gift picture sari",
        "see": "film picture temple house car",
    }
    judged = {"book", "story", "poem", "magazine", "film", "essay"}
    yield Construction(
        "relative",
        relative,
        tuple(
            (
                (NOUNS[word],),
                some,
                (verb,),
                tuple(
                    ADJECTIVES[adjective]
                    for adjective in NOUNS[word].adjectives[: 5 if word in judged else 4]
                ),
                (Tense.PAST,) if verb != "read" else (Tense.PAST, Tense.PROGRESSIVE),
            )
            for verb, words in bought.items()
            for word in words.split()
        ),
    )
    companions = tuple(
        thing
        for thing in actions.PEOPLE_AS_OBJECTS
        if isinstance(thing, Thing)
        and thing.determiner == "own"
        and thing.noun.english not in {"son", "daughter"}
    )
    outings = (
        *GAMES_PLAYED,
        *actions.going("go", (*CITIES, "market", "temple", "park", "zoo", "museum", "fort"), "to"),
        *actions.going("stroll", ("park", "garden", "market"), "in"),
        *actions.going("live", CITIES[:4], "in"),
        *actions.doing("dance", ("", "")),
        *actions.doing("work", ("", "")),
        done_to("drink", "tea", ""),
        done_to("watch", "film", "a"),
        done_to("listen to", "music", ""),
    )
    done = tuple(doing for doing in outings if not doing.verb.state)
    first_two = tuple(PRONOUNS[word] for word in ("I", "you", "we"))
    yield Construction(
        "with",
        together,
        (
            (some, companions, outings, (Tense.PRESENT, Tense.FUTURE)),
            (some, companions, done, (Tense.PAST,)),
            (people.OTHERS, first_two, outings, (Tense.PRESENT, Tense.FUTURE)),
            (people.OTHERS, first_two, done, (Tense.PAST,)),
        ),
    )
    presents = tuple(
        Action(VERBS[verb], Thing(NOUNS[word], determiner, many))
        for verb, words in {
            "buy": "book shirt toy flower watch bicycle umbrella bag gift shoe ring sari",
            "make": "cake toy picture",
            "bring": "medicine fruit newspaper gift flower",
            "choose": "gift shirt sari toy",
            "order": "medicine gift",
        }.items()
        for word in words.split()
        for determiner, many in (("a", False), ("this", False), ("", True), ("the", True))
        if word != "shoe" or many
    )
    served = tuple(
        Action(VERBS[verb], Thing(NOUNS[word]))
        for verb, words in {
            "make": "tea coffee bread soup lassi",
            "cook": "food rice dal fish",
            "bring": "water milk tea food",
        }.items()
        for word in words.split()
    )
    own = tuple(
        thing
        for thing in actions.PEOPLE_AS_OBJECTS
        if isinstance(thing, Thing) and thing.determiner == "own"
    )
    yield Construction(
        "for",
        for_somebody,
        (
            (some, own, (*presents, *served), _FRAMES),
            (people.OTHERS, first_two, (*presents, *served), _FRAMES),
        ),
    )
    kilos = tuple((count, "kilo") for count in (1, 2, 3, 4, 5, 10))
    litres = tuple((count, "litre") for count in (1, 2, 3, 5))
    yield Construction(
        "measured",
        measured,
        (
            (
                some,
                ("buy", "bring"),
                kilos,
                tuple(
                    NOUNS[word]
                    for word in listed(
                        "rice dal sugar flour salt fish wheat cheese apple mango banana potato "
                        "tomato onion orange"
                    )
                ),
                _FRAMES,
            ),
            (
                some,
                ("buy", "bring"),
                litres,
                tuple(NOUNS[word] for word in ["milk", "oil"]),
                _FRAMES,
            ),
            (
                some,
                ("drink",),
                tuple((count, "glass") for count in (1, 2, 3)),
                tuple(NOUNS[word] for word in ["milk", "water", "juice", "lassi"]),
                _FRAMES,
            ),
            (
                some,
                ("drink", "make", "order"),
                tuple((count, "cup") for count in (1, 2, 3, 4)),
                tuple(NOUNS[word] for word in ["tea", "coffee"]),
                _FRAMES,
            ),
            (
                some,
                ("buy",),
                tuple((count, "bottle") for count in (1, 2, 4)),
                tuple(NOUNS[word] for word in ["water", "juice", "oil", "honey"]),
                _FRAMES,
            ),
        ),
    )
    goods = tuple(
        Thing(NOUNS[word], determiner, many)
        for word in listed("shirt sari coat bag umbrella book watch chair bicycle radio blanket")
        for determiner, many in (("the", False), ("this", False))
    ) + tuple(
        Thing(NOUNS[word], "this", True) for word in ["shirt", "book", "shoe", "chair", "toy"]
    )
    yield Construction(
        "bought for",
        bought_for,
        ((some, goods, (50, 100, 150, 200, 250, 300, 500, 800, 1000, 1500), ("buy", "sell")),),
    )
    cities = tuple(PLACES[city] for city in CITIES)
    yield Construction(
        "from and to",
        from_to,
        tuple(
            (some, (start,), tuple(goal for goal in cities if goal != start), (tense,), times)
            for start in cities
            for tense, times in (
                (Tense.PAST, (None, *PAST_TIMES[:4], *IN_MONTHS)),
                (Tense.FUTURE, (None, *FUTURE_TIMES[:3], *IN_MONTHS)),
                (Tense.PROGRESSIVE, (None, Time("today", "आज"))),
            )
        ),
    )
    daily = (
        *OUT,
        *actions.doing("sleep", ("", "")),
        *actions.doing("bathe", ("", "")),
        *actions.doing("get up", ("", "")),
        done_to("eat", "food", "the"),
        done_to("drink", "tea", ""),
    )
    yield Construction(
        "at an hour",
        at_hour,
        ((some, daily, tuple(range(1, 13)), (Tense.PRESENT, Tense.PAST, Tense.FUTURE)),),
    )
    enjoyed = (
        *GAMES_PLAYED,
        *(
            doing
            for doing in AT_HOME
            if doing.verb.english in {"read", "write", "drink", "listen", "sing"}
            and isinstance(doing.object, Thing)
            and doing.object.determiner == ""
        ),
        *actions.doing("swim", ("", ""), ("in the river", "नदी में")),
        *actions.doing("dance", ("", "")),
        *actions.going("stroll", ("park", "garden"), "in"),
        *(Action(VERBS["learn"], Thing(language)) for language in SUBJECTS_OF_STUDY.values()),
    )
    yield Construction("fond of doing", fond_of_doing, ((people.EVERYONE, enjoyed, (False, True)),))
    small = (
        "umbrella",
        "bag",
        "book",
        "key",
        "watch",
        "phone",
        "pen",
        "notebook",
        "hat",
        "ticket",
        "coat",
    )
    forgetting_places = tuple(
        PLACES[name]
        for name in ("home", "school", "office", "bank", "library", "station", "hotel", "shop")
    )
    yield Construction(
        "forgotten",
        forgotten,
        (
            (
                people.EVERYONE,
                tuple(
                    Thing(NOUNS[word], "own", many)
                    for word in small
                    for many in (False, True)
                    if not many or word in {"book", "key", "notebook"}
                ),
                forgetting_places,
            ),
        ),
    )
    yield Construction(
        "put",
        put_somewhere,
        (
            (
                some,
                tuple(
                    Thing(NOUNS[word], determiner, many)
                    for word in listed(
                        "book key pen newspaper hat watch letter ticket toy notebook candle knife"
                    )
                    for determiner, many in (
                        ("the", False),
                        ("own", False),
                        ("the", True),
                        ("this", False),
                    )
                ),
                _SPOTS,
                _FRAMES,
            ),
        ),
    )
    yield Construction(
        "posture",
        posture,
        (
            (people.EVERYONE, (("sitting", "बैठा", "verb:sit"),), _SITTING, (False, True)),
            (people.EVERYONE, (("standing", "खड़ा", "verb:stand"),), _STANDING, (False, True)),
            (
                people.EVERYONE,
                (("lying", "लेटा", "verb:lie"),),
                (*_SITTING[1:4], _SITTING[6]),
                (False, True),
            ),
        ),
    )
