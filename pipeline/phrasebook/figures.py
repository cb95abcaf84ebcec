"""Constructions with numbers: age, price, distance, the clock, the calendar and the weather."""

from collections.abc import Iterable

from pipeline.phrasebook import english, people
from pipeline.phrasebook.being import (
    MOODS,
    TENSES,
    TOMORROWS,
    YESTERDAYS,
)
from pipeline.phrasebook.clauses import Clause, Tense, be
from pipeline.phrasebook.construction import Construction, Sentence, ask, say
from pipeline.phrasebook.hindi import (
    NUMBER_WORDS,
    decline_marked,
    future,
    past_of_be,
    present_of_be,
)
from pipeline.phrasebook.lexicon import (
    CITIES,
    IN_MONTHS,
    NOUNS,
    PLACES,
    WEEKDAYS,
    Noun,
    Place,
    Time,
)
from pipeline.phrasebook.phrases import Phrase, Thing, render

_YOUNG_AGES = tuple(range(5, 21))
_MIDDLE_AGES = (30, 40, 50)
_OLD_AGES = (60, 70, 80, 90)


def age(subject: Phrase, years: int) -> Sentence:
    """My sister is ten years old → मेरी बहन दस साल की है."""
    of = decline_marked("का", subject.gender, subject.plural)
    complement = (f"{english.NUMBER_WORDS[years]} years old", f"{NUMBER_WORDS[years]} साल {of}")
    return say(be(subject, Tense.PRESENT, complement))


def how_old(subject: Phrase) -> Sentence:
    """How old is your brother? → आपका भाई कितने साल का है?"""
    of = decline_marked("का", subject.gender, subject.plural)
    made = be(subject, Tense.PRESENT, ("", f"कितने साल {of}"), asked=True)
    return ask(Clause(f"how old {made.english}", made.hindi, made.words), yes_no=False)


_PRICES = (
    (
        "pen pencil notebook ticket ball toy lamp basket candle newspaper magazine lock",
        (5, 10, 15, 20, 25, 30, 40, 50, 75),
    ),
    (
        "shirt hat shoe bag umbrella blanket mirror book picture sweater bucket plate",
        (100, 150, 200, 250, 300, 350, 400, 500, 600, 750, 900),
    ),
    (
        "sari coat ring watch fan radio chair table bed camera phone bicycle",
        (1000, 1200, 1500, 2000, 2500, 3000, 4000, 5000),
    ),
    ("motorcycle car boat computer", (40000, 50000, 60000, 75000, 80000, 90000)),
)


def price(subject: Phrase, rupees: int, tense: Tense) -> Sentence:
    """This shirt costs 500 rupees → यह कमीज़ 500 रुपये की है."""
    of = decline_marked("का", subject.gender, subject.plural)
    if tense is Tense.PAST:
        verb, said = past_of_be(subject.agreement), "cost"
    else:
        verb = present_of_be(subject.agreement)
        said = "cost" if subject.many else "costs"
    when_english, when_hindi = (" last year", "पिछले साल ") if tense is Tense.PAST else ("", "")
    return say(
        Clause(
            f"{subject.english} {said} {rupees} rupees{when_english}",
            f"{subject.direct} {when_hindi}{rupees} रुपये {of} {verb}",
            subject.words,
        )
    )


def how_much(subject: Phrase) -> Sentence:
    """How much does this shirt cost? → यह कमीज़ कितने की है?"""
    do = "do" if subject.many else "does"
    of = decline_marked("का", subject.gender, subject.plural)
    return ask(
        Clause(
            f"how much {do} {subject.english} cost",
            f"{subject.direct} कितने {of} {present_of_be(subject.agreement)}",
            subject.words,
        ),
        yes_no=False,
    )


def distance(one: Place, other: Place, kilometres: int) -> Sentence:
    """The school is two kilometres from the park → स्कूल पार्क से दो किलोमीटर दूर है."""
    here, there = (
        "the school" if place.name == "school" else place.source.removeprefix("from ")
        for place in (one, other)
    )
    subject = _PLACE_SUBJECTS[one.name]
    unit = "kilometre" if kilometres == 1 else "kilometres"
    return say(
        Clause(
            f"{here} is {english.NUMBER_WORDS[kilometres]} {unit} from {there}",
            f"{subject} {other.hindi} से {NUMBER_WORDS[kilometres]} किलोमीटर दूर है",
            (one.key, other.key),
        )
    )


# A place's direct form, where it differs from the oblique.
_PLACE_SUBJECTS = {
    name: {"garden": "बगीचा", "factory": "कारख़ाना", "fort": "क़िला", "airport": "हवाई अड्डा"}.get(
        name, place.hindi
    )
    for name, place in PLACES.items()
}


def clock(hour: int, part: tuple[str, str] | None) -> Sentence:
    """It is five o'clock → पाँच बजे हैं; one o'clock is singular: रात का एक बजा है."""
    verb = "बजा है" if hour == 1 else "बजे हैं"
    when_english, when_hindi = (f" {part[0]}", f"{part[1]} ") if part else ("", "")
    if hour == 1:
        when_hindi = when_hindi.replace("के ", "का ")
    return say(
        Clause(
            f"it is {english.NUMBER_WORDS[hour]} o'clock{when_english}",
            f"{when_hindi}{NUMBER_WORDS[hour]} {verb}",
            (),
        )
    )


def weekday(day: str, which: tuple[str, str, str, str], mood: str) -> Sentence:
    """Tomorrow is Monday → कल सोमवार है; yesterday takes था."""
    name, form, verb_english, verb_hindi = which
    words = (f"time:on {day}",)
    if mood == "asked":
        return ask(
            Clause(f"{verb_english} {name} {day}", f"{form} {WEEKDAYS[day]} {verb_hindi}", words)
        )
    no_english, no_hindi = (" not", "नहीं ") if mood == "denied" else ("", "")
    return say(
        Clause(
            f"{name} {verb_english}{no_english} {day}",
            f"{form} {WEEKDAYS[day]} {no_hindi}{verb_hindi}",
            words,
        )
    )


_WEATHER = (
    ("hot", "गर्मी", "f"),
    ("cold", "ठंड", "f"),
    ("dark", "अँधेरा", "m"),
)


def weather(kind: tuple[str, str, str], place: Place, tense: Tense, very_much: bool) -> Sentence:
    """It was very hot in Delhi → दिल्ली में बहुत गर्मी थी."""
    said, noun, gender = kind
    agreement = Phrase("", "", "", "f" if gender == "f" else "m").agreement
    if tense is Tense.PRESENT:
        be_english, be_hindi = "is", present_of_be(agreement)
    elif tense is Tense.PAST:
        be_english, be_hindi = "was", past_of_be(agreement)
    else:
        be_english, be_hindi = "will be", future("हो", agreement)
    much = ("very ", "बहुत ") if very_much else ("", "")
    return say(
        Clause(
            f"it {be_english} {much[0]}{said} {place.at}",
            f"{place.located} {much[1]}{noun} {be_hindi}",
            (place.key,),
        )
    )


def raining(place: Place | None, tense: Tense, time: Time | None) -> Sentence:
    """It is raining in Mumbai → मुंबई में बारिश हो रही है."""
    said, verb = {
        Tense.PROGRESSIVE: ("it is raining", "हो रही है"),
        Tense.PAST: ("it rained", "हुई"),
        Tense.FUTURE: ("it will rain", "होगी"),
        Tense.PAST_PROGRESSIVE: ("it was raining", "हो रही थी"),
        Tense.PRESENT: ("it rains", "होती है"),
    }[tense]
    english_parts = [said, place.at if place else "", time.english if time else ""]
    hindi_parts = [time.hindi if time else "", place.located if place else "", "बारिश", verb]
    words = (*((place.key,) if place else ()), *((time.key,) if time else ()))
    return say(
        Clause(
            " ".join(part for part in english_parts if part),
            " ".join(part for part in hindi_parts if part),
            words,
        )
    )


def departing(
    vehicle: Noun, place: Place, hour: int, part: tuple[str, str] | None, arrives: bool
) -> Sentence:
    """The train reaches Delhi at five o'clock → रेलगाड़ी पाँच बजे दिल्ली पहुँचती है."""
    ending = decline_marked("ता", vehicle.gender, False)
    when_english, when_hindi = (f" {part[0]}", f"{part[1]} ") if part else ("", "")
    o_clock = f"at {english.NUMBER_WORDS[hour]} o'clock{when_english}"
    at_hour = f"{when_hindi}{NUMBER_WORDS[hour]} बजे"
    where = place.source.removeprefix("from ")
    if arrives:
        said = f"the {vehicle.english} reaches {where} {o_clock}"
        translated = f"{vehicle.forms.singular} {at_hour} {place.hindi} पहुँच{ending} है"
        verb = "verb:reach"
    else:
        said = f"the {vehicle.english} leaves {where} {o_clock}"
        translated = f"{vehicle.forms.singular} {at_hour} {place.hindi} से निकल{ending} है"
        verb = "verb:leave"
    return say(Clause(said, translated, (vehicle.key, place.key, verb)))


_BUSES = (2, 5, 7, 12, 15, 18, 21, 24, 30, 33, 42, 45, 50, 60)


def bus_number(number: int, place: Place, tense: Tense) -> Sentence:
    """Bus number 12 goes to the station → 12 नंबर की बस स्टेशन जाती है."""
    said, verb = {
        Tense.PRESENT: ("goes", "जाती है"),
        Tense.FUTURE: ("will go", "जाएगी"),
        Tense.PROGRESSIVE: ("is going", "जा रही है"),
    }[tense]
    return say(
        Clause(
            f"bus number {number} {said} {place.to}",
            f"{number} नंबर की बस {place.hindi} {verb}",
            (NOUNS["bus"].key, place.key),
        )
    )


def constructions() -> Iterable[Construction]:
    """All constructions of this module."""
    cities = tuple(PLACES[city] for city in CITIES)
    stops = tuple(place for name, place in PLACES.items() if name not in {"home", "shop", "school"})
    aged = (
        *people.I_AND_OTHERS[:1],
        *people.I_AND_OTHERS[2:4],
        *people.NAMED,
        *people.RELATIVES,
        *people.YOUNG[:2],
    )
    old = {"grandfather", "grandmother"}
    middle = {"father", "mother", "uncle", "aunt", "teacher"}
    by_age: dict[str, list[Phrase]] = {"young": [], "middle": [], "old": []}
    for person in aged:
        word = person.words[0].removeprefix("noun:")
        if word in old:
            by_age["old"].append(person)
        elif word in middle or person.plural:
            by_age["middle"].append(person)
        else:
            by_age["young"].append(person)
    yield Construction(
        "age",
        age,
        (
            (by_age["young"], _YOUNG_AGES),
            (by_age["middle"], (*_MIDDLE_AGES, *_OLD_AGES[:1])),
            (by_age["old"], _OLD_AGES),
            (
                tuple(person for person in by_age["young"] if person in people.NAMED),
                _MIDDLE_AGES,
            ),
        ),
    )
    yield Construction("how old?", how_old, ((aged[1:],),))
    priced = tuple(
        (
            tuple(
                render(Thing(NOUNS[word], determiner, many))
                for word in words.split()
                for determiner, many in (
                    ("this", False),
                    ("that", False),
                    ("the", False),
                    ("this", True),
                )
                if many or word != "shoe"
            ),
            amounts,
        )
        for words, amounts in _PRICES
    )
    yield Construction("price", price, tuple((*block, TENSES) for block in priced))
    yield Construction("how much?", how_much, tuple((things,) for things, _ in priced))
    near = tuple(
        place
        for name, place in PLACES.items()
        if name not in {"home", *CITIES, "village", "city", "field", "garden"}
    )
    yield Construction(
        "distance",
        distance,
        tuple(
            ((place,), tuple(other for other in near if other != place), (1, 2, 3, 4, 5, 6, 8, 10))
            for place in near
        ),
    )
    morning_etc = (("in the morning", "सुबह के"), ("in the evening", "शाम के"), ("at night", "रात के"))
    parts = (None, *morning_etc)
    morning = (5, 6, 7, 8, 9, 10, 11)
    yield Construction(
        "clock",
        clock,
        (
            (tuple(range(1, 13)), (None,)),
            (morning, parts[1:2]),
            ((5, 6, 7), parts[2:3]),
            ((9, 10, 11, 12, 1, 2), parts[3:]),
        ),
    )
    which = (
        ("today", "आज", "is", "है"),
        ("tomorrow", "कल", "is", "है"),
        ("yesterday", "कल", "was", "था"),
    )
    yield Construction("weekday", weekday, ((tuple(WEEKDAYS), which, MOODS),))
    yield Construction(
        "weather",
        weather,
        (
            (
                _WEATHER[:2],
                (*cities, PLACES["village"], PLACES["office"]),
                (Tense.PRESENT, Tense.PAST, Tense.FUTURE),
                (False, True),
            ),
            (_WEATHER[2:], stops[:9], (Tense.PRESENT, Tense.PAST), (False, True)),
        ),
    )
    towns = (*cities, PLACES["village"], PLACES["city"])
    yield Construction(
        "raining",
        raining,
        (
            ((None, *towns), (Tense.PROGRESSIVE,), (None, Time("now", "अभी"))),
            ((None, *towns), (Tense.PAST,), (None, *YESTERDAYS[:2], *IN_MONTHS)),
            ((None, *towns), (Tense.FUTURE,), (None, *TOMORROWS, *IN_MONTHS)),
            ((None, *towns), (Tense.PAST_PROGRESSIVE,), (None, *YESTERDAYS[:1])),
            ((None, *towns), (Tense.PRESENT,), (*IN_MONTHS, Time("every day", "रोज़"))),
        ),
    )
    vehicles = tuple(NOUNS[word] for word in ("train", "bus"))
    hours = (
        ((*range(1, 13),), (None,)),
        (morning, parts[1:2]),
        ((5, 6, 7), parts[2:3]),
        ((9, 10, 11), parts[3:]),
    )
    yield Construction(
        "timetable",
        departing,
        tuple((vehicles, (*cities, PLACES["village"]), *hour, (True, False)) for hour in hours),
    )
    bus_stops = tuple(place for place in stops if place.name not in {"field", "garden"})
    yield Construction(
        "bus number",
        bus_number,
        ((_BUSES, bus_stops, (Tense.PRESENT, Tense.FUTURE, Tense.PROGRESSIVE)),),
    )
