"""What people do: verbs with the objects and places that make sense with them."""

from collections.abc import Iterable

from pipeline.phrasebook.clauses import Action
from pipeline.phrasebook.lexicon import (
    ADJECTIVES,
    CITIES,
    CLOTHES,
    FOOT,
    GAMES,
    HAND,
    LANGUAGES,
    MONEY,
    NAMES,
    NOUNS,
    PLACES,
    SUBJECTS_OF_STUDY,
    VERBS,
    WORKPLACES,
    Noun,
    listed,
)
from pipeline.phrasebook.phrases import Phrase, Thing, named

_CHILD_SAFE = {
    "read": "book newspaper letter story poem magazine lesson",
    "write": "letter story poem essay",
    "eat": "mango banana apple orange guava papaya egg samosa biscuit sweet bread rice dal fish "
    "cake yogurt",
    "drink": "milk water tea coffee juice lassi soup",
    "make": "tea coffee bread picture toy lassi soup cake",
    "buy": "shirt sari watch bag umbrella ticket flower toy vegetable chair pen ring soap",
    "taste": "dal sweet juice soup honey cheese mango butter",
    "wash": "shirt plate glass cup bag carrot spoon bottle",
    "clean": "room window table floor mirror cupboard house chair",
    "open": "door window box shop bag bottle cupboard lock",
    "close": "door window box shop bag cupboard",
    "watch": "film match programme",
    "see": "picture river mountain fort temple lake bridge elephant peacock monkey lion bird "
    "horse camel",
    "listen to": "song story poem music programme",
    "sing": "song",
    "ask": "question",
    "bring": "ice fruit milk chair medicine newspaper umbrella ball bucket water salt",
    "send": "letter parcel picture gift",
    "look for": "key pen umbrella watch ball notebook hat ticket",
    "break": "glass plate window toy pot cup",
    "cut": "apple onion potato papaya cake tomato paper lemon wood",
    "wear": "shirt coat hat sweater ring",
    "start": "work lesson game",
    "finish": "work lesson book essay food",
    "memorize": "poem lesson story song",
    "use": "phone pen computer camera bicycle knife umbrella",
    "choose": "book gift shirt picture song flower toy",
    "count": "coin chair plate book",
    "throw": "ball stone",
    "pick up": "box bag stone chair basket parcel leaf",
    "hide": "gift key letter coin",
    "light": "lamp candle",
    "fill": "glass bucket bottle pot",
    "plant": "tree flower plant",
    "ride": "bicycle",
    "understand": "lesson question story poem",
}
_ADULT_ONLY = {
    "cook": "rice dal vegetable food fish potato",
    "sell": "flower vegetable toy milk fruit bicycle sari fish",
    "order": "tea coffee food book medicine juice",
    "repair": "watch bicycle fan radio phone car camera",
    "drive": "car bus truck taxi",
    "ride": "motorcycle",
    "paint": "wall door room chair boat",
    "grow": "vegetable wheat rice flower",
    "sew": "shirt coat",
    "buy": "car house motorcycle medicine rice oil lemon butter wood",
}
_NOT_ONES_OWN = {"taste", "see", "buy", "order"}
_CERTAIN = {"start", "finish", "clean", "count", "open", "close"}
_ONE_AT_A_TIME = {"wear", "ride", "drive", "use"}
# What one does not do to a thing of that quality.
_SENSELESS = {
    "wash": {"clean"},
    "clean": {"clean"},
    "buy": {"clean"},
    "paint": {"clean"},
    "write": {"old"},
    "make": {"old", "dry"},
    "cook": {"hot", "cold"},
    "plant": {"old", "big"},
    "grow": {"cheap"},
    "sew": {"old", "dirty"},
}
_OWN_IN_PLURAL = {
    "book",
    "letter",
    "story",
    "poem",
    "toy",
    "shirt",
    "sari",
    "pen",
    "gift",
    "picture",
    "ring",
    "bag",
    "notebook",
    "coin",
    "plate",
    "glass",
    "chair",
    "bottle",
}
_ANIMATE = {"elephant", "peacock", "monkey", "lion", "bird", "horse", "camel"}


def _described(noun: Noun, *, definite: bool, own: bool) -> Iterable[Thing]:
    adjectives = [ADJECTIVES[word] for word in noun.adjectives]
    if noun.mass:
        yield Thing(noun)
        yield Thing(noun, "some")
        if definite:
            yield Thing(noun, "the")
        if own:
            yield Thing(noun, "own")
        for adjective in adjectives[:3]:
            yield Thing(noun, adjective=adjective)
        return
    yield Thing(noun, "a")
    yield Thing(noun, many=True)
    yield Thing(noun, "many", many=True)
    # The count differs from noun to noun, so that all small numbers are learned.
    count = 2 + sum(map(ord, noun.english)) % 9
    yield Thing(noun, many=True, count=count)
    for adjective in adjectives[:4]:
        yield Thing(noun, "a", adjective=adjective)
    for adjective in adjectives[:3]:
        yield Thing(noun, many=True, adjective=adjective)
    if definite:
        yield Thing(noun, "the")
        yield Thing(noun, "this")
        yield Thing(noun, "that")
        yield Thing(noun, "the", many=True)
        yield Thing(noun, "this", many=True)
        for adjective in adjectives[1:4]:
            yield Thing(noun, "the", adjective=adjective)
    if own:
        yield Thing(noun, "own")
        if noun.english in _OWN_IN_PLURAL:
            yield Thing(noun, "own", many=True)
        for adjective in adjectives[:2]:
            yield Thing(noun, "own", adjective=adjective)


# What one does not call one's own in these actions.
_NOT_OWNED = frozenset(
    listed(
        "river mountain fort temple lake bridge road match film programme music "
        "fish bus tree stone newspaper magazine game song bird elephant peacock "
        "monkey camel lion salt water soap floor wheat fruit honey cheese oil ice wood leaf butter "
        "cake sweet samosa biscuit juice lassi soup potato onion tomato lemon vegetable"
    )
)


def _actions(table: dict[str, str]) -> tuple[Action, ...]:
    made: list[Action] = []
    for verb, nouns in table.items():
        for word in nouns.split():
            made.extend(
                Action(VERBS[verb], thing)
                for thing in _described(
                    NOUNS[word],
                    definite=word not in _ANIMATE,
                    own=word not in _NOT_OWNED and verb not in _NOT_ONES_OWN,
                )
                if verb not in _CERTAIN or thing.determiner in {"the", "this", "that", "own"}
                if thing.many or verb != "count"
                if not (verb in _ONE_AT_A_TIME and thing.many and (thing.determiner or thing.count))
                if not (thing.adjective and thing.adjective.english in _SENSELESS.get(verb, ()))
            )
    return tuple(made)


def _plain(verb: str, *things: Thing) -> tuple[Action, ...]:
    return tuple(Action(VERBS[verb], thing) for thing in things)


EVERYDAY = (
    *_actions(_CHILD_SAFE),
    *_plain("play", *(Thing(game) for game in GAMES.values())),
    *_plain("learn", *(Thing(subject) for subject in SUBJECTS_OF_STUDY.values())),
    *_plain("listen to", Thing(NOUNS["radio"], "the")),
    *_plain("wash", Thing(HAND, "own", True), Thing(FOOT, "own", True)),
    *_plain("wash", Thing(CLOTHES, "the", True), Thing(CLOTHES, "own", True)),
    *_plain("buy", Thing(CLOTHES, "", True, adjective=ADJECTIVES["new"])),
    *_plain("count", Thing(MONEY, "the", True), Thing(MONEY, "own", True)),
    *_plain("save", Thing(MONEY, "", True), Thing(MONEY, "own", True)),
)
GROWN_UP = (
    *_actions(_ADULT_ONLY),
    *_plain("teach", *(Thing(subject) for subject in SUBJECTS_OF_STUDY.values())),
    *_plain("earn", Thing(MONEY, "", True)),
)
WOMENS = _actions({"wear": "sari"})
SPEAKING = _plain("speak", *(Thing(SUBJECTS_OF_STUDY[word]) for word in LANGUAGES))


def going(verb: str, places: Iterable[str], way: str) -> tuple[Action, ...]:
    """Motion: ``way`` is "to", "from" or "in" a place."""
    made: list[Action] = []
    for name in places:
        place = PLACES[name]
        if way == "to":
            tail, head = place.to, place.hindi
        elif way == "from":
            tail, head = place.source, f"{place.hindi} से"
        else:
            tail, head = place.at, place.located
        made.append(Action(VERBS[verb], tail=tail, head=head, words=(place.key,)))
    return tuple(made)


def doing(verb: str, *complements: tuple[str, str]) -> tuple[Action, ...]:
    """An intransitive verb, alone or with an adverb in both languages."""
    return tuple(Action(VERBS[verb], tail=tail, head=head) for tail, head in complements)


_EXCEPT_HOME = tuple(name for name in PLACES if name != "home")
MOVING = (
    *going("go", PLACES, "to"),
    *(
        # English reaches a place, without a preposition.
        Action(
            action.verb, tail=action.tail.removeprefix("to "), head=action.head, words=action.words
        )
        for action in going("reach", PLACES, "to")
    ),
    *going("return", ("home", "office", "hotel", "school", "village", "city", *CITIES), "to"),
    *going("return", _EXCEPT_HOME, "from"),
    *(
        # One runs towards a place: स्कूल की ओर.
        Action(action.verb, tail=action.tail, head=f"{action.head} की ओर", words=action.words)
        for action in going("run", ("school", "home", "park", "station", "garden"), "to")
    ),
    *going("work", WORKPLACES, "in"),
    *going("rest", ("home", "hotel", "park", "garden"), "in"),
    *going("sleep", ("home", "hotel", "garden", "field"), "in"),
    *going("stroll", ("park", "garden", "market", "zoo", "fort"), "in"),
    *going("dance", ("school", "hotel", "park", "garden"), "in"),
    *going("stay", (*CITIES, "home", "hotel", "village", "hospital"), "in"),
    *going("run", ("park", "garden", "field"), "in"),
    *(
        Action(action.verb, tail=action.tail, head=f"{action.head} की", words=action.words)
        for action in going("travel", CITIES, "to")
    ),
    *doing("sleep", ("", ""), ("on the floor", "फ़र्श पर"), ("on the bed", "पलंग पर")),
    *doing("swim", ("", ""), ("in the river", "नदी में"), ("in the lake", "झील में")),
    *doing("bathe", ("", ""), ("in the river", "नदी में"), ("in cold water", "ठंडे पानी से")),
    *doing("get up", ("", ""), ("early", "जल्दी"), ("late", "देर से")),
    *doing("laugh", ("", ""), ("loudly", "ज़ोर से")),
    *doing("cry", ("", ""), ("loudly", "ज़ोर से")),
    *doing("dance", ("", ""), ("well", "अच्छा")),
    *doing("rest", ("", "")),
    *doing("work", ("", ""), ("alone", "अकेले"), ("slowly", "धीरे-धीरे")),
    *doing("sit", ("on the chair", "कुर्सी पर"), ("on the floor", "फ़र्श पर"), ("here", "यहाँ")),
    *doing("come", ("home", "घर"), ("here", "यहाँ")),
)
TRAVELLING = tuple(
    Action(
        VERBS["go"],
        tail=f"to {city} by {vehicle}",
        head=f"{form} से {PLACES[city].hindi}",
        words=(PLACES[city].key, NOUNS[vehicle].key),
    )
    for city in CITIES
    for vehicle, form in (
        ("bus", "बस"),
        ("train", "रेलगाड़ी"),
        ("car", "गाड़ी"),
        ("taxi", "टैक्सी"),
        ("motorcycle", "मोटरसाइकिल"),
    )
)

# What animals do.
OF_ANIMALS = (
    *doing(
        "sleep",
        ("", ""),
        ("under the tree", "पेड़ के नीचे"),
        ("in the garden", "बगीचे में"),
        ("in the field", "खेत में"),
        ("on the road", "सड़क पर"),
    ),
    *doing("run", ("", ""), ("in the field", "खेत में"), ("fast", "तेज़")),
    *doing("run", ("on the road", "सड़क पर")),
    *doing("sit", ("under the tree", "पेड़ के नीचे"), ("on the road", "सड़क पर")),
    *doing("come", ("here", "यहाँ"), ("home", "घर")),
    *_plain("drink", Thing(NOUNS["water"]), Thing(NOUNS["water"], "the")),
)
OF_BIRDS = (
    *doing("fly", ("", ""), ("in the garden", "बगीचे में"), ("fast", "तेज़")),
    *doing("sit", ("in the tree", "पेड़ पर"), ("on the wall", "दीवार पर")),
    *_plain("eat", Thing(NOUNS["fruit"], many=True), Thing(NOUNS["fruit"], "the", True)),
)

# --- people as objects ----------------------------------------------------------------------------

_DEALING = (
    "call",
    "wake",
    "recognize",
    "stop",
    "scold",
    "forgive",
    "phone",
    "help",
    "wait for",
    "praise",
    "talk to",
    "meet",
    "fight with",
)
# Things here are said when the subject is known ("his own brother"); names and nouns are fixed.
PEOPLE_AS_OBJECTS: tuple[Thing | Phrase, ...] = (
    *(
        Thing(NOUNS[word], "own")
        for word in (
            "father",
            "mother",
            "brother",
            "sister",
            "friend",
            "son",
            "daughter",
            "uncle",
            "neighbour",
            "grandmother",
        )
    ),
    *(Thing(NOUNS[word], "own", True) for word in ("brother", "sister", "friend", "neighbour")),
    *(
        Thing(NOUNS[word], "the")
        for word in (
            "doctor",
            "teacher",
            "boy",
            "girl",
            "child",
            "shopkeeper",
            "driver",
            "gardener",
            "tailor",
            "nurse",
            "soldier",
            "lawyer",
        )
    ),
    *(Thing(NOUNS[word], "the", True) for word in ("boy", "girl", "child", "student", "guest")),
    Thing(NOUNS["boy"], "this"),
    Thing(NOUNS["girl"], "that"),
    Thing(NOUNS["woman"], "that"),
    Thing(NOUNS["man"], "this"),
    Thing(NOUNS["child"], "this", True),
    Thing(NOUNS["woman"], "that", True),
)
NAMED_OBJECTS = tuple(
    named(NAMES[name]) for name in ("Salim", "Fatima", "Arjun", "Radha", "Mr. Verma", "Mrs. Singh")
)


def dealing_with(
    objects: Iterable[Thing | Phrase], verbs: Iterable[str] = _DEALING
) -> tuple[Action, ...]:
    """Actions on people."""
    objects = tuple(objects)
    made = [Action(VERBS[verb], person) for verb in verbs for person in objects]
    if "call" in verbs:
        # A person that one sees or looks for takes को, unlike a thing.
        made.extend(
            Action(VERBS[verb], person, link="को")
            for verb in ("see", "look for")
            for person in objects
        )
    return tuple(made)


def attitudes_to(objects: Iterable[Thing | Phrase]) -> tuple[Action, ...]:
    """States of mind about people."""
    objects = tuple(objects)
    family = [thing for thing in objects if isinstance(thing, Thing) and thing.determiner == "own"]
    # One loves one's own, and knowing them goes without saying.
    others = [thing for thing in objects if thing not in family]
    return (
        *dealing_with(objects, ("trust", "respect")),
        *dealing_with(family, ("love",)),
        *dealing_with(others, ("know",)),
    )


_GIVEN = {
    "give": "book pen flower gift ticket key ball sweet",
    "send": "letter parcel picture gift",
    "show": "picture watch notebook ticket film",
}


def giving(recipients: Iterable[Thing | Phrase]) -> tuple[Action, ...]:
    """Actions with a recipient and a thing."""
    recipients = tuple(recipients)
    made: list[Action] = []
    for verb, nouns in _GIVEN.items():
        for word in nouns.split():
            noun = NOUNS[word]
            things = (
                Thing(noun, "a"),
                Thing(noun, "the"),
                *((Thing(noun, "own"),) if word not in _NOT_OWNED else ()),
                Thing(noun, "this"),
                Thing(noun, many=True, count=2 + len(word) % 4),
                *(Thing(noun, "a", adjective=ADJECTIVES[word]) for word in noun.adjectives[:2]),
            )
            made.extend(
                Action(VERBS[verb], thing, recipient)
                for thing in things
                for recipient in recipients
            )
    return tuple(made)
