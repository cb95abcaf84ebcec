"""The words: nouns with their gender, adjectives, verbs, places, names and expressions of time.

Every lexeme has a key such as ``noun:book`` or ``verb:read``; a pair lists the keys that it uses.
An English word has one Hindi word throughout the phrasebook, so that translation is a function.
"""

from dataclasses import dataclass
from functools import cached_property

from pipeline.phrasebook import english
from pipeline.phrasebook.hindi import Gender, NounForms, decline, decline_marked


@dataclass(frozen=True)
class Noun:
    """A noun; ``mass`` nouns have no plural, ``honorific`` ones agree as plurals."""

    english: str
    hindi: str
    gender: Gender
    adjectives: tuple[str, ...] = ()
    mass: bool = False
    honorific: bool = False
    inflects: bool = True

    @property
    def key(self) -> str:
        """The lexeme's name in ``Pair.words``."""
        return f"noun:{self.english}"

    @cached_property
    def english_plural(self) -> str:
        """The English plural."""
        return english.plural(self.english)

    @cached_property
    def forms(self) -> NounForms:
        """The four Hindi forms."""
        return decline(self.hindi, self.gender, self.inflects)


@dataclass(frozen=True)
class Adjective:
    """An adjective; those in -ा inflect unless they are told not to. ``comparative`` is English."""

    english: str
    hindi: str
    comparative: str
    superlative: str
    inflects: bool

    @property
    def key(self) -> str:
        """The lexeme's name in ``Pair.words``."""
        return f"adjective:{self.english}"

    def form(self, gender: Gender, plural: bool, oblique: bool = False) -> str:
        """The Hindi form that agrees."""
        if self.inflects:
            return decline_marked(self.hindi, gender, plural, oblique)
        return self.hindi


@dataclass(frozen=True)
class Verb:
    """A verb and how its object is marked.

    - ``ergative``: its perfective takes ने.
    - ``nominal``: the fixed part of a conjunct verb (साफ़ करना, मदद करना); if that is a noun,
      ``nominal_gender`` is what the verb agrees with.
    - ``link``: the postposition of its object: को, से, पर, or का, which agrees with the nominal.
    - ``particle``: English, as in "wait for".
    - ``state``: not used in the progressive and perfective.
    - ``unfolding=False``: not used in the progressive.
    """

    english: str
    stem: str
    ergative: bool = True
    particle: str = ""
    nominal: str = ""
    nominal_gender: Gender | None = None
    link: str = ""
    state: bool = False
    unfolding: bool = True

    @property
    def key(self) -> str:
        """The lexeme's name in ``Pair.words``."""
        return "verb:" + f"{self.english} {self.particle}".strip()


@dataclass(frozen=True)
class Place:
    """A place: English with its preposition, Hindi in the oblique with its postposition."""

    name: str
    to: str
    at: str
    hindi: str
    postposition: str

    @property
    def key(self) -> str:
        """The lexeme's name in ``Pair.words``."""
        return f"place:{self.name}"

    @property
    def source(self) -> str:
        """English "from …"."""
        return "from " + self.to.removeprefix("to ")

    @property
    def located(self) -> str:
        """Hindi "at …": स्कूल में."""
        return f"{self.hindi} {self.postposition}"


@dataclass(frozen=True)
class Name:
    """A person's name."""

    english: str
    hindi: str
    gender: Gender
    honorific: bool = False

    @property
    def key(self) -> str:
        """The lexeme's name in ``Pair.words``."""
        return f"name:{self.english}"


@dataclass(frozen=True)
class Time:
    """An adverb of time: English at the end of the clause, Hindi after the subject."""

    english: str
    hindi: str

    @property
    def key(self) -> str:
        """The lexeme's name in ``Pair.words``."""
        return f"time:{self.english}"


def listed(words: str) -> tuple[str, ...]:
    """The words of a line: long tables are easier to read, and to add to, without quotes.

    >>> listed("book pen")
    ('book', 'pen')
    """
    return tuple(words.split())


# --- adjectives ----------------------------------------------------------------------------------


def _adjective(
    word: str, translation: str, comparative: str = "", inflects: bool | None = None
) -> Adjective:
    inflecting = translation.endswith("ा") if inflects is None else inflects
    superlative = comparative[:-2] + "est" if comparative else f"most {word}"
    if word == "good":
        superlative = "best"
    return Adjective(word, translation, comparative or f"more {word}", superlative, inflecting)


ADJECTIVES = {
    item.english: item
    for item in (
        _adjective("big", "बड़ा", "bigger"),
        _adjective("small", "छोटा", "smaller"),
        _adjective("good", "अच्छा", "better"),
        _adjective("new", "नया", "newer"),
        _adjective("old", "पुराना", "older"),
        _adjective("cheap", "सस्ता", "cheaper"),
        _adjective("expensive", "महँगा"),
        _adjective("long", "लंबा", "longer"),
        _adjective("high", "ऊँचा", "higher"),
        _adjective("deep", "गहरा", "deeper"),
        _adjective("wide", "चौड़ा", "wider"),
        _adjective("thin", "पतला", "thinner"),
        _adjective("thick", "मोटा", "thicker"),
        _adjective("cold", "ठंडा", "colder"),
        _adjective("hot", "गरम", "hotter"),
        _adjective("sweet", "मीठा", "sweeter"),
        _adjective("sour", "खट्टा"),
        _adjective("bitter", "कड़वा"),
        _adjective("raw", "कच्चा"),
        _adjective("ripe", "पका", "riper"),
        _adjective("fresh", "ताज़ा", "fresher", inflects=False),
        _adjective("tasty", "स्वादिष्ट", "tastier"),
        _adjective("dirty", "गंदा", "dirtier"),
        _adjective("clean", "साफ़", "cleaner"),
        _adjective("wet", "गीला", "wetter"),
        _adjective("dry", "सूखा", "drier"),
        _adjective("black", "काला"),
        _adjective("white", "सफ़ेद"),
        _adjective("red", "लाल"),
        _adjective("blue", "नीला"),
        _adjective("green", "हरा"),
        _adjective("yellow", "पीला"),
        _adjective("brown", "भूरा"),
        _adjective("pink", "गुलाबी"),
        _adjective("beautiful", "सुंदर"),
        _adjective("interesting", "दिलचस्प"),
        _adjective("easy", "आसान", "easier"),
        _adjective("difficult", "मुश्किल"),
        _adjective("important", "ज़रूरी"),
        _adjective("heavy", "भारी", "heavier"),
        _adjective("light", "हल्का", "lighter"),
        _adjective("empty", "ख़ाली"),
        _adjective("famous", "मशहूर"),
        _adjective("strong", "मज़बूत", "stronger"),
        _adjective("fast", "तेज़", "faster"),
        _adjective("happy", "ख़ुश", "happier"),
        _adjective("sad", "दुखी", "sadder"),
        _adjective("ill", "बीमार"),
        _adjective("ready", "तैयार"),
        _adjective("busy", "व्यस्त", "busier"),
        _adjective("hungry", "भूखा", "hungrier"),
        _adjective("thirsty", "प्यासा", "thirstier"),
        _adjective("tall", "लंबा", "taller"),
        _adjective("honest", "ईमानदार"),
        _adjective("clever", "होशियार", "cleverer"),
        _adjective("hardworking", "मेहनती"),
        _adjective("angry", "नाराज़", "angrier"),
        _adjective("worried", "परेशान"),
        _adjective("alone", "अकेला"),
        _adjective("lazy", "आलसी", "lazier"),
        _adjective("brave", "बहादुर", "braver"),
        _adjective("rich", "अमीर", "richer"),
        _adjective("poor", "ग़रीब", "poorer"),
        _adjective("quiet", "शांत", "quieter"),
    )
}

# --- nouns ---------------------------------------------------------------------------------------

_READING = ("new", "old", "interesting", "good", "long")
_CLOTHES = ("new", "old", "red", "white", "blue", "black", "expensive", "cheap", "dirty")
_FRUIT = ("sweet", "fresh", "ripe", "big", "small")
_DRINK = ("hot", "cold", "sweet", "good")
_GOODS = ("new", "old", "expensive", "cheap", "good", "black")
_ROOMS = ("big", "small", "clean", "new", "old", "beautiful")
_FURNITURE = ("new", "old", "big", "small", "strong", "dirty")
_VESSEL = ("big", "small", "empty", "clean", "dirty")
_VEHICLE = ("new", "old", "red", "white", "fast", "expensive")
_PEOPLE = ("tall", "good", "honest", "clever", "brave")
_ANIMAL = ("big", "small", "black", "white", "brown", "beautiful")
_STUDY = ("easy", "difficult", "long", "important")
_PRETTY = ("beautiful", "old", "new", "expensive")


def _nouns(*rows: tuple[str, str, Gender, tuple[str, ...]]) -> tuple[Noun, ...]:
    return tuple(Noun(word, form, gender, adjectives) for word, form, gender, adjectives in rows)


def _masses(*rows: tuple[str, str, Gender, tuple[str, ...]]) -> tuple[Noun, ...]:
    return tuple(Noun(word, form, gender, adj, mass=True) for word, form, gender, adj in rows)


_THINGS = _nouns(
    ("book", "किताब", "f", _READING),
    ("newspaper", "अख़बार", "m", ("new", "old")),
    ("letter", "चिट्ठी", "f", ("long", "old", "important")),
    ("story", "कहानी", "f", _READING),
    ("poem", "कविता", "f", _READING),
    ("magazine", "पत्रिका", "f", _READING),
    ("essay", "निबंध", "m", ("long", "good", "interesting")),
    ("question", "सवाल", "m", ("easy", "difficult", "important")),
    ("lesson", "पाठ", "m", _STUDY),
    ("mango", "आम", "m", (*_FRUIT, "sour", "raw")),
    ("banana", "केला", "m", _FRUIT),
    ("apple", "सेब", "m", (*_FRUIT, "red")),
    ("orange", "संतरा", "m", ("sweet", "fresh", "sour")),
    ("guava", "अमरूद", "m", ("sweet", "fresh", "ripe", "raw")),
    ("papaya", "पपीता", "m", ("sweet", "ripe", "raw", "big")),
    ("lemon", "नींबू", "m", ("fresh", "sour", "yellow")),
    ("fruit", "फल", "m", ("sweet", "fresh", "ripe")),
    ("vegetable", "सब्ज़ी", "f", ("fresh", "green", "cheap")),
    ("potato", "आलू", "m", ("big", "small", "fresh")),
    ("tomato", "टमाटर", "m", ("red", "fresh", "ripe")),
    ("onion", "प्याज़", "m", ("big", "small", "fresh")),
    ("carrot", "गाजर", "f", ("fresh", "sweet", "red")),
    ("egg", "अंडा", "m", ("fresh", "white", "raw")),
    ("samosa", "समोसा", "m", ("hot", "fresh", "tasty")),
    ("biscuit", "बिस्कुट", "m", ("sweet", "tasty", "fresh")),
    ("cake", "केक", "m", ("sweet", "tasty", "big", "small")),
    ("sweet", "मिठाई", "f", ("fresh", "tasty")),
    ("shirt", "कमीज़", "f", _CLOTHES),
    ("sari", "साड़ी", "f", (*_CLOTHES, "green", "yellow", "pink", "beautiful")),
    ("coat", "कोट", "m", _CLOTHES),
    ("hat", "टोपी", "f", _CLOTHES),
    ("sweater", "स्वेटर", "m", (*_CLOTHES, "green", "yellow")),
    ("shoe", "जूता", "m", _CLOTHES),
    ("ring", "अँगूठी", "f", _PRETTY),
    ("watch", "घड़ी", "f", _GOODS),
    ("umbrella", "छाता", "m", ("new", "old", "black", "red", "wet")),
    ("bag", "थैला", "m", ("new", "old", "heavy", "light", "empty", "black")),
    ("pen", "क़लम", "f", ("new", "old", "red", "blue", "cheap")),
    ("pencil", "पेंसिल", "f", ("new", "red", "yellow")),
    ("notebook", "कॉपी", "f", ("new", "old", "thick", "thin")),
    ("key", "चाबी", "f", ("new", "old", "small")),
    ("lock", "ताला", "m", ("new", "old", "strong")),
    ("box", "डिब्बा", "m", (*_VESSEL, "heavy", "light")),
    ("ball", "गेंद", "f", ("red", "white", "new", "old", "small")),
    ("toy", "खिलौना", "m", ("new", "old", "cheap", "beautiful")),
    ("gift", "तोहफ़ा", "m", ("beautiful", "expensive", "small", "good")),
    ("picture", "तस्वीर", "f", ("beautiful", "old", "new", "big", "small")),
    ("camera", "कैमरा", "m", _GOODS),
    ("computer", "कंप्यूटर", "m", _GOODS),
    ("phone", "फ़ोन", "m", _GOODS),
    ("radio", "रेडियो", "m", ("new", "old", "small")),
    ("fan", "पंखा", "m", ("new", "old", "big")),
    ("lamp", "दीया", "m", ("small", "big", "beautiful")),
    ("candle", "मोमबत्ती", "f", ("red", "white", "small", "big")),
    ("chair", "कुर्सी", "f", _FURNITURE),
    ("table", "मेज़", "f", _FURNITURE),
    ("bed", "पलंग", "m", ("new", "old", "big", "strong")),
    ("cupboard", "अलमारी", "f", _FURNITURE),
    ("door", "दरवाज़ा", "m", ("big", "small", "old", "strong")),
    ("window", "खिड़की", "f", ("big", "small", "clean", "dirty")),
    ("wall", "दीवार", "f", ("white", "yellow", "old", "strong")),
    ("room", "कमरा", "m", _ROOMS),
    ("house", "मकान", "m", _ROOMS),
    ("floor", "फ़र्श", "m", ("clean", "dirty", "wet")),
    ("glass", "गिलास", "m", _VESSEL),
    ("cup", "प्याला", "m", _VESSEL),
    ("plate", "थाली", "f", _VESSEL),
    ("bottle", "बोतल", "f", _VESSEL),
    ("bucket", "बाल्टी", "f", _VESSEL),
    ("pot", "घड़ा", "m", _VESSEL),
    ("basket", "टोकरी", "f", _VESSEL),
    ("spoon", "चम्मच", "m", ("big", "small", "clean", "dirty")),
    ("knife", "चाकू", "m", ("new", "old", "small", "big")),
    ("car", "गाड़ी", "f", _VEHICLE),
    ("bus", "बस", "f", _VEHICLE),
    ("train", "रेलगाड़ी", "f", ("long", "fast", "new", "old")),
    ("truck", "ट्रक", "m", ("big", "new", "old", "heavy")),
    ("taxi", "टैक्सी", "f", ("yellow", "black", "new", "old")),
    ("bicycle", "साइकिल", "f", ("new", "old", "red", "cheap", "light")),
    ("motorcycle", "मोटरसाइकिल", "f", _VEHICLE),
    ("boat", "नाव", "f", ("big", "small", "old", "beautiful")),
    ("ticket", "टिकट", "m", ("cheap", "expensive")),
    ("film", "फ़िल्म", "f", _READING),
    ("match", "मैच", "m", ("interesting", "long", "good", "important")),
    ("programme", "कार्यक्रम", "m", ("new", "interesting", "long", "good")),
    ("song", "गीत", "m", ("new", "old", "beautiful", "good")),
    ("game", "खेल", "m", ("new", "interesting", "easy", "difficult")),
    ("flower", "फूल", "m", ("red", "white", "yellow", "beautiful", "fresh")),
    ("tree", "पेड़", "m", ("beautiful", "old", "green", "big")),
    ("plant", "पौधा", "m", ("small", "green", "new", "beautiful")),
    ("leaf", "पत्ता", "m", ("green", "yellow", "dry", "big")),
    ("stone", "पत्थर", "m", ("big", "small", "heavy", "black")),
    ("coin", "सिक्का", "m", ("old", "new", "small")),
    ("medicine", "दवा", "f", ("new", "bitter", "expensive", "good")),
    ("parcel", "पार्सल", "m", ("big", "small", "heavy", "light")),
    ("shop", "दुकान", "f", _ROOMS),
    ("road", "सड़क", "f", ("long", "wide", "new", "dirty", "clean")),
    ("bridge", "पुल", "m", ("long", "old", "new", "strong", "wide")),
    ("river", "नदी", "f", ("deep", "long", "wide", "clean", "beautiful")),
    ("mountain", "पहाड़", "m", ("high", "beautiful", "big")),
    ("lake", "झील", "f", ("deep", "big", "small", "beautiful", "clean")),
    ("fort", "क़िला", "m", ("old", "big", "famous", "beautiful")),
    ("temple", "मंदिर", "m", ("old", "new", "big", "famous", "beautiful")),
    ("city", "शहर", "m", ("big", "old", "beautiful", "famous", "clean")),
    ("village", "गाँव", "m", ("small", "old", "beautiful", "quiet", "clean")),
    ("garden", "बगीचा", "m", ("beautiful", "big", "small", "green")),
    ("hospital", "अस्पताल", "m", ("new", "old", "big", "good", "clean")),
    ("blanket", "कंबल", "m", ("red", "new", "old", "thick")),
    ("mirror", "आईना", "m", ("big", "small", "new", "clean")),
    ("exam", "परीक्षा", "f", _STUDY),
    ("job", "नौकरी", "f", ("good", "new", "important", "easy")),
    ("language", "भाषा", "f", ("beautiful", "easy", "difficult", "old")),
)  # fmt: skip

_MASSES = _masses(
    ("rice", "चावल", "m", ("white", "cheap", "good")),
    ("bread", "रोटी", "f", ("fresh", "hot", "dry")),
    ("dal", "दाल", "f", ("hot", "tasty", "yellow")),
    ("food", "खाना", "m", ("hot", "cold", "tasty", "good", "fresh")),
    ("fish", "मछली", "f", ("fresh", "tasty", "expensive")),
    ("cheese", "पनीर", "m", ("fresh", "tasty", "white")),
    ("yogurt", "दही", "m", ("sour", "fresh", "cold")),
    ("butter", "मक्खन", "m", ("fresh", "white", "yellow")),
    ("honey", "शहद", "m", ("sweet", "good")),
    ("sugar", "चीनी", "f", ("white", "cheap")),
    ("salt", "नमक", "m", ("white", "black")),
    ("oil", "तेल", "m", ("hot", "good", "cheap")),
    ("flour", "आटा", "m", ("white", "fresh", "good")),
    ("wheat", "गेहूँ", "m", ("good", "cheap")),
    ("milk", "दूध", "m", ("hot", "cold", "fresh")),
    ("water", "पानी", "m", ("hot", "cold", "clean", "dirty", "fresh")),
    ("tea", "चाय", "f", _DRINK),
    ("coffee", "कॉफ़ी", "f", ("hot", "cold", "black", "good")),
    ("juice", "जूस", "m", ("sweet", "cold", "fresh")),
    ("lassi", "लस्सी", "f", ("sweet", "cold", "good")),
    ("soup", "सूप", "m", ("hot", "tasty", "good")),
    ("music", "संगीत", "m", ("good", "new", "beautiful")),
    ("work", "काम", "m", ("easy", "difficult", "important", "new")),
    ("paper", "काग़ज़", "m", ("white", "thick", "thin", "old")),
    ("wood", "लकड़ी", "f", ("dry", "wet", "strong", "heavy")),
    ("soap", "साबुन", "m", ("new", "cheap", "good")),
    ("ice", "बर्फ़", "f", ("cold", "clean")),
)  # fmt: skip

_ANIMALS = _nouns(
    ("dog", "कुत्ता", "m", _ANIMAL),
    ("cat", "बिल्ली", "f", _ANIMAL),
    ("cow", "गाय", "f", _ANIMAL),
    ("horse", "घोड़ा", "m", (*_ANIMAL, "fast", "strong")),
    ("goat", "बकरी", "f", _ANIMAL),
    ("elephant", "हाथी", "m", ("big", "small", "hungry")),
    ("monkey", "बंदर", "m", ("big", "small", "brown", "clever")),
    ("bird", "चिड़िया", "f", ("big", "small", "blue", "yellow", "beautiful")),
    ("parrot", "तोता", "m", ("green", "small", "beautiful", "clever")),
    ("lion", "शेर", "m", ("big", "brave", "hungry")),
    ("camel", "ऊँट", "m", ("big", "brown", "thirsty")),
    ("mouse", "चूहा", "m", ("small", "big", "black", "white")),
    ("peacock", "मोर", "m", ("beautiful", "blue", "big")),
    ("buffalo", "भैंस", "f", ("black", "big", "strong")),
)

_PEOPLE_NOUNS = _nouns(
    ("boy", "लड़का", "m", _PEOPLE),
    ("girl", "लड़की", "f", _PEOPLE),
    ("man", "आदमी", "m", _PEOPLE),
    ("woman", "औरत", "f", _PEOPLE),
    ("child", "बच्चा", "m", ("small", "happy", "clever", "hungry")),
    ("student", "विद्यार्थी", "m", ("new", "clever", "hardworking", "lazy", "good")),
    ("farmer", "किसान", "m", ("hardworking", "honest", "poor", "rich")),
    ("shopkeeper", "दुकानदार", "m", ("honest", "rich", "good", "new")),
    ("driver", "ड्राइवर", "m", ("good", "new", "honest")),
    ("gardener", "माली", "m", ("hardworking", "honest", "new")),
    ("tailor", "दर्ज़ी", "m", ("good", "honest", "new")),
    ("carpenter", "बढ़ई", "m", ("good", "honest", "new")),
    ("soldier", "सैनिक", "m", ("brave", "tall", "strong")),
    ("singer", "गायक", "m", ("good", "famous", "new")),
    ("writer", "लेखक", "m", ("good", "famous", "new")),
    ("lawyer", "वकील", "m", ("good", "famous", "clever", "honest")),
    ("engineer", "इंजीनियर", "m", ("good", "new", "clever")),
    ("guest", "मेहमान", "m", ("new", "hungry")),
    ("neighbour", "पड़ोसी", "m", ("new", "good", "rich")),
    ("friend", "दोस्त", "m", ("good", "new", "old")),
    ("brother", "भाई", "m", ()),
    ("sister", "बहन", "f", ()),
    ("son", "बेटा", "m", ()),
    ("daughter", "बेटी", "f", ()),
    ("nurse", "नर्स", "f", ("good", "new", "hardworking")),
)

_HONOURED = tuple(
    Noun(word.english, word.hindi, word.gender, honorific=True, inflects=False)
    for word in _nouns(
        ("father", "पिताजी", "m", ()),
        ("mother", "माँ", "f", ()),
        ("grandfather", "दादाजी", "m", ()),
        ("grandmother", "दादीजी", "f", ()),
        ("uncle", "चाचाजी", "m", ()),
        ("aunt", "चाचीजी", "f", ()),
        ("teacher", "अध्यापक", "m", ()),
        ("doctor", "डॉक्टर", "m", ()),
    )
)

NOUNS = {noun.english: noun for noun in (*_THINGS, *_MASSES, *_ANIMALS, *_PEOPLE_NOUNS, *_HONOURED)}

# Names of games, languages and school subjects: masses without article or adjective.
GAMES = {
    noun.english: noun
    for noun in _masses(
        ("cricket", "क्रिकेट", "m", ()),
        ("football", "फ़ुटबॉल", "m", ()),
        ("hockey", "हॉकी", "f", ()),
        ("kabaddi", "कबड्डी", "f", ()),
        ("cards", "ताश", "m", ()),
        ("carrom", "कैरम", "m", ()),
        ("badminton", "बैडमिंटन", "m", ()),
    )
}
SUBJECTS_OF_STUDY = {
    noun.english: noun
    for noun in _masses(
        ("Hindi", "हिंदी", "f", ()),
        ("English", "अंग्रेज़ी", "f", ()),
        ("Sanskrit", "संस्कृत", "f", ()),
        ("Tamil", "तमिल", "f", ()),
        ("Bengali", "बांग्ला", "f", ()),
        ("mathematics", "गणित", "m", ()),
        ("history", "इतिहास", "m", ()),
        ("science", "विज्ञान", "m", ()),
    )
}
LANGUAGES = ("Hindi", "English", "Sanskrit", "Tamil", "Bengali")
# Used only in the plural, in both languages.
MONEY = Noun("money", "पैसा", "m")
CLOTHES = Noun("clothes", "कपड़ा", "m", ("new", "old", "clean", "dirty", "wet", "white"))
HAND = Noun("hand", "हाथ", "m")
FOOT = Noun("foot", "पैर", "m")

# --- names and places ----------------------------------------------------------------------------

NAMES = {
    name.english: name
    for name in (
        Name("Ram", "राम", "m"),
        Name("Mohan", "मोहन", "m"),
        Name("Ravi", "रवि", "m"),
        Name("Amit", "अमित", "m"),
        Name("Arjun", "अर्जुन", "m"),
        Name("Salim", "सलीम", "m"),
        Name("Sita", "सीता", "f"),
        Name("Meera", "मीरा", "f"),
        Name("Radha", "राधा", "f"),
        Name("Priya", "प्रिया", "f"),
        Name("Anita", "अनीता", "f"),
        Name("Fatima", "फ़ातिमा", "f"),
        Name("Mr. Sharma", "शर्मा जी", "m", honorific=True),
        Name("Mr. Verma", "वर्मा जी", "m", honorific=True),
        Name("Mrs. Gupta", "श्रीमती गुप्ता", "f", honorific=True),
        Name("Mrs. Singh", "श्रीमती सिंह", "f", honorific=True),
    )
}


def _place(name: str, translation: str, at: str = "in", postposition: str = "में") -> Place:
    return Place(name.removeprefix("the "), f"to {name}", f"{at} {name}", translation, postposition)


PLACES = {
    place.name: place
    for place in (
        Place("home", "home", "at home", "घर", "पर"),
        _place("school", "स्कूल", "at"),
        _place("the market", "बाज़ार"),
        _place("the office", "दफ़्तर"),
        _place("the hospital", "अस्पताल"),
        _place("the temple", "मंदिर"),
        _place("the park", "पार्क"),
        _place("the library", "पुस्तकालय"),
        _place("the bank", "बैंक"),
        _place("the village", "गाँव"),
        _place("the city", "शहर"),
        _place("the garden", "बगीचे"),
        _place("the field", "खेत"),
        _place("the hotel", "होटल"),
        _place("the factory", "कारख़ाने"),
        _place("the fort", "क़िले"),
        _place("the museum", "संग्रहालय"),
        _place("the zoo", "चिड़ियाघर"),
        _place("the post office", "डाकघर"),
        _place("the station", "स्टेशन", "at", "पर"),
        _place("the airport", "हवाई अड्डे", "at", "पर"),
        _place("the shop", "दुकान", "at", "पर"),
        _place("Delhi", "दिल्ली"),
        _place("Mumbai", "मुंबई"),
        _place("Jaipur", "जयपुर"),
        _place("Varanasi", "वाराणसी"),
        _place("Chennai", "चेन्नई"),
        _place("Bhopal", "भोपाल"),
        _place("Lucknow", "लखनऊ"),
    )
}
CITIES = ("Delhi", "Mumbai", "Jaipur", "Varanasi", "Chennai", "Bhopal", "Lucknow")
WORKPLACES = (
    "school", "market", "office", "hospital", "library", "bank", "hotel", "factory", "museum",
    "post office", "station", "airport", "field", "garden", "shop",
)  # fmt: skip

# --- verbs ---------------------------------------------------------------------------------------

VERBS = {
    verb.key.removeprefix("verb:"): verb
    for verb in (
        Verb("read", "पढ़"),
        Verb("write", "लिख"),
        Verb("eat", "खा"),
        Verb("drink", "पी"),
        Verb("cook", "पका"),
        Verb("make", "बना"),
        Verb("buy", "ख़रीद"),
        Verb("sell", "बेच"),
        Verb("order", "मँगा"),
        Verb("taste", "चख"),
        Verb("wash", "धो"),
        Verb("clean", "कर", nominal="साफ़"),
        Verb("open", "खोल"),
        Verb("close", "कर", nominal="बंद"),
        Verb("watch", "देख"),
        Verb("see", "देख", unfolding=False),
        Verb("listen", "सुन", particle="to"),
        Verb("sing", "गा"),
        Verb("play", "खेल"),
        Verb("learn", "सीख"),
        Verb("teach", "पढ़ा"),
        Verb("speak", "बोल", ergative=False),
        Verb("bring", "ला", ergative=False),
        Verb("send", "भेज"),
        Verb("look", "ढूँढ", particle="for"),
        Verb("break", "तोड़"),
        Verb("cut", "काट"),
        Verb("wear", "पहन", unfolding=False),
        Verb("start", "कर", nominal="शुरू"),
        Verb("finish", "कर", nominal="ख़त्म"),
        Verb("repair", "कर", nominal="ठीक"),
        Verb("memorize", "कर", nominal="याद"),
        Verb("use", "कर", nominal="इस्तेमाल", nominal_gender="m", link="का"),
        Verb("choose", "चुन"),
        Verb("count", "गिन"),
        Verb("throw", "फेंक"),
        Verb("pick", "उठा", particle="up"),
        Verb("hide", "छिपा"),
        Verb("light", "जला"),
        Verb("drive", "चला"),
        Verb("ride", "चला"),
        Verb("fill", "भर"),
        Verb("paint", "रँग"),
        Verb("plant", "लगा"),
        Verb("grow", "उगा"),
        Verb("sew", "सिल"),
        Verb("earn", "कमा"),
        Verb("save", "बचा"),
        Verb("ask", "पूछ"),
        Verb("show", "दिखा"),
        Verb("give", "दे"),
        Verb("put", "रख"),
        Verb("understand", "समझ", unfolding=False),
        Verb("call", "बुला", link="को"),
        Verb("wake", "जगा", link="को"),
        Verb("recognize", "पहचान", link="को", unfolding=False),
        Verb("stop", "रोक", link="को"),
        Verb("scold", "डाँट", link="को"),
        Verb("forgive", "कर", nominal="माफ़", link="को", unfolding=False),
        Verb("phone", "कर", nominal="फ़ोन", nominal_gender="m", link="को"),
        Verb("help", "कर", nominal="मदद", nominal_gender="f", link="का"),
        Verb("wait", "कर", particle="for", nominal="इंतज़ार", nominal_gender="m", link="का"),
        Verb("praise", "कर", nominal="तारीफ़", nominal_gender="f", link="का"),
        Verb("talk", "कर", particle="to", nominal="बात", nominal_gender="f", link="से"),
        Verb("meet", "मिल", ergative=False, link="से"),
        Verb("fight", "लड़", ergative=False, particle="with", link="से"),
        Verb("trust", "कर", nominal="भरोसा", nominal_gender="m", link="पर", state=True),
        Verb("love", "कर", nominal="प्यार", nominal_gender="m", link="से", state=True),
        Verb("respect", "कर", nominal="आदर", nominal_gender="m", link="का", state=True),
        Verb("know", "जान", link="को", state=True),
        Verb("go", "जा", ergative=False),
        Verb("come", "आ", ergative=False),
        Verb("reach", "पहुँच", ergative=False, unfolding=False),
        Verb("return", "लौट", ergative=False),
        Verb("live", "रह", ergative=False, state=True),
        Verb("stay", "रुक", ergative=False, unfolding=False),
        Verb("work", "कर", nominal="काम", nominal_gender="m"),
        Verb("rest", "कर", nominal="आराम", nominal_gender="m"),
        Verb("sleep", "सो", ergative=False),
        Verb("sit", "बैठ", ergative=False, unfolding=False),
        Verb("stroll", "टहल", ergative=False),
        Verb("run", "दौड़", ergative=False),
        Verb("swim", "तैर", ergative=False),
        Verb("dance", "नाच", ergative=False),
        Verb("laugh", "हँस", ergative=False),
        Verb("cry", "रो", ergative=False),
        Verb("bathe", "नहा", ergative=False),
        Verb("get", "उठ", ergative=False, particle="up", unfolding=False),
        Verb("leave", "निकल", ergative=False),
        Verb("travel", "कर", nominal="यात्रा", nominal_gender="f"),
        Verb("fly", "उड़", ergative=False),
    )
}

# --- time ----------------------------------------------------------------------------------------

WEEKDAYS = {
    "Monday": "सोमवार",
    "Tuesday": "मंगलवार",
    "Wednesday": "बुधवार",
    "Thursday": "गुरुवार",
    "Friday": "शुक्रवार",
    "Saturday": "शनिवार",
    "Sunday": "रविवार",
}
MONTHS = {
    "January": "जनवरी", "February": "फ़रवरी", "March": "मार्च", "April": "अप्रैल", "May": "मई",
    "June": "जून", "July": "जुलाई", "August": "अगस्त", "September": "सितंबर",
    "October": "अक्टूबर", "November": "नवंबर", "December": "दिसंबर",
}  # fmt: skip
_ON_WEEKDAYS = tuple(Time(f"on {day}", f"{form} को") for day, form in WEEKDAYS.items())
IN_MONTHS = tuple(Time(f"in {month}", f"{form} में") for month, form in MONTHS.items())

HABITUAL_TIMES = (
    Time("every day", "रोज़"),
    Time("every morning", "हर सुबह"),
    Time("every week", "हर हफ़्ते"),
    Time("in the evening", "शाम को"),
    Time("at night", "रात को"),
    Time("in the morning", "सुबह"),
    *(Time(f"every {day}", f"हर {form} को") for day, form in WEEKDAYS.items()),
)
PRESENT_TIMES = (Time("now", "अभी"), Time("today", "आज"))
PAST_TIMES = (
    Time("yesterday", "कल"),
    Time("last week", "पिछले हफ़्ते"),
    Time("last month", "पिछले महीने"),
    Time("last year", "पिछले साल"),
    Time("two days ago", "दो दिन पहले"),
    Time("this morning", "आज सुबह"),
    *_ON_WEEKDAYS[:4],
)
FUTURE_TIMES = (
    Time("tomorrow", "कल"),
    Time("next week", "अगले हफ़्ते"),
    Time("next month", "अगले महीने"),
    Time("next year", "अगले साल"),
    Time("this evening", "आज शाम को"),
    Time("tonight", "आज रात को"),
    *_ON_WEEKDAYS[3:],
)
CONTINUING_PAST_TIMES = (
    Time("yesterday", "कल"),
    Time("yesterday evening", "कल शाम को"),
    Time("this morning", "आज सुबह"),
    Time("at that time", "उस समय"),
)
RECENT_TIMES = (Time("today", "आज"), Time("this week", "इस हफ़्ते"))
FREQUENCIES = (
    Time("always", "हमेशा"),
    Time("often", "अक्सर"),
    Time("sometimes", "कभी-कभी"),
    Time("usually", "आम तौर पर"),
)
