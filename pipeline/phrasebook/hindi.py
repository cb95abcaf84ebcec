"""Hindi morphology: nouns, adjectives, pronouns and verb forms, as tables and small functions.

Everything here works on stems and features and knows nothing of English or of sentences. An
honorific noun (पिताजी) counts as plural, as it does for every Hindi verb and adjective.

    >>> decline("लड़का", "m").plural_oblique
    'लड़कों'
    >>> perfective("पढ़", Agreement("f", plural=True))
    'पढ़ीं'
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

Gender = Literal["m", "f"]
Person = Literal[1, 2, 3]

NUMBER_WORDS = {
    1: "एक", 2: "दो", 3: "तीन", 4: "चार", 5: "पाँच", 6: "छह", 7: "सात", 8: "आठ", 9: "नौ",
    10: "दस", 11: "ग्यारह", 12: "बारह", 13: "तेरह", 14: "चौदह", 15: "पंद्रह", 16: "सोलह",
    17: "सत्रह", 18: "अठारह", 19: "उन्नीस", 20: "बीस", 30: "तीस", 40: "चालीस", 50: "पचास",
    60: "साठ", 70: "सत्तर", 80: "अस्सी", 90: "नब्बे", 100: "सौ",
}  # fmt: skip


@dataclass(frozen=True)
class Agreement:
    """What a Hindi verb or adjective agrees with; आप and honorifics are third person plural."""

    gender: Gender = "m"
    plural: bool = False
    person: Person = 3


MASCULINE_SINGULAR = Agreement("m")


@dataclass(frozen=True)
class NounForms:
    """The four forms of a noun that sentences use."""

    singular: str
    singular_oblique: str
    plural: str
    plural_oblique: str


@cache
def decline(noun: str, gender: Gender, inflects: bool = True) -> NounForms:
    """Decline a noun from its direct singular; चाचा, पिता and their like do not inflect."""
    if gender == "m" and noun.endswith("ा") and inflects:
        stem = noun[:-1]
        return NounForms(noun, stem + "े", stem + "े", stem + "ों")
    plural_oblique = _plural_oblique(noun)
    if gender == "m":
        return NounForms(noun, noun, noun, plural_oblique)
    if noun.endswith("िया"):
        plural = noun + "ँ"
    elif noun.endswith("ी"):
        plural = noun[:-1] + "ियाँ"
    elif noun.endswith("ई"):
        plural = noun[:-1] + "इयाँ"
    elif noun.endswith("ू"):
        plural = noun[:-1] + "ुएँ"
    elif noun.endswith("ा"):
        plural = noun + "एँ"
    else:
        plural = noun + "ें"
    return NounForms(noun, noun, plural, plural_oblique)


def _plural_oblique(noun: str) -> str:
    if noun.endswith("िया"):
        return noun[:-1] + "ों"
    if noun.endswith("ी"):
        return noun[:-1] + "ियों"
    if noun.endswith("ई"):
        return noun[:-1] + "इयों"
    if noun.endswith("ू"):
        return noun[:-1] + "ुओं"
    if noun.endswith("ा"):
        return noun + "ओं"
    if noun.endswith("ो"):
        return noun
    return noun + "ों"


@cache
def vocative_plural(noun: str, gender: Gender) -> str:
    """बच्चा → बच्चो: the plural of address, which has no nasal."""
    return decline(noun, gender).plural_oblique.removesuffix("ं")


@cache
def decline_marked(form: str, gender: Gender, plural: bool, oblique: bool = False) -> str:
    """Inflect an adjective, possessive or participle in ा or वाँ: बड़ा, मेरा, पाँचवाँ."""
    masculine_e = plural or oblique
    if form == "नया":
        return "नई" if gender == "f" else ("नए" if masculine_e else "नया")
    if form.endswith("वाँ"):
        return form[:-2] + ("ीं" if gender == "f" else ("ें" if masculine_e else "ाँ"))
    if not form.endswith("ा"):
        raise ValueError(f"a marked form must end in ा or वाँ, but {form!r} does not")
    return form[:-1] + ("ी" if gender == "f" else ("े" if masculine_e else "ा"))


# --- being ---------------------------------------------------------------------------------------


def present_of_be(agreement: Agreement) -> str:
    """हूँ, है or हैं."""
    if agreement.plural:
        return "हैं"
    return "हूँ" if agreement.person == 1 else "है"


def past_of_be(agreement: Agreement) -> str:
    """था, थे, थी or थीं."""
    if agreement.gender == "f":
        return "थीं" if agreement.plural else "थी"
    return "थे" if agreement.plural else "था"


# --- verb forms ----------------------------------------------------------------------------------

_PERFECTIVE = {
    "कर": ("किया", "किए", "की", "कीं"),
    "जा": ("गया", "गए", "गई", "गईं"),
    "दे": ("दिया", "दिए", "दी", "दीं"),
    "ले": ("लिया", "लिए", "ली", "लीं"),
    "पी": ("पिया", "पिए", "पी", "पीं"),
    "हो": ("हुआ", "हुए", "हुई", "हुईं"),
}
# First person singular; singular; plural: the future without its gender ending.
_FUTURE = {
    "दे": ("दूँ", "दे", "दें"),
    "ले": ("लूँ", "ले", "लें"),
    "पी": ("पिऊँ", "पिए", "पिएँ"),
    "हो": ("होऊँ", "हो", "हों"),
}
_FAMILIAR_IMPERATIVE = {"दे": "दो", "ले": "लो", "पी": "पियो"}
_POLITE_IMPERATIVE = {"कर": "कीजिए", "दे": "दीजिए", "ले": "लीजिए", "पी": "पीजिए"}


def _ends_in_vowel(stem: str) -> bool:
    return stem.endswith(("ा", "ो", "आ"))


@cache
def imperfective(stem: str, agreement: Agreement, last: bool = False) -> str:
    """जाता, जाते, जाती; the ``last`` word of a clause marks the feminine plural: जातीं."""
    if agreement.gender == "f":
        return stem + ("तीं" if last and agreement.plural else "ती")
    return stem + ("ते" if agreement.plural else "ता")


@cache
def perfective(stem: str, agreement: Agreement, last: bool = True) -> str:
    """पढ़ा, पढ़े, पढ़ी; the ``last`` word marks the feminine plural: पढ़ीं (but पढ़ी हैं)."""
    if stem in _PERFECTIVE:
        forms = _PERFECTIVE[stem]
    elif _ends_in_vowel(stem):
        forms = (stem + "या", stem + "ए", stem + "ई", stem + "ईं")
    else:
        forms = (stem + "ा", stem + "े", stem + "ी", stem + "ीं")
    if agreement.gender == "f":
        return forms[3] if last and agreement.plural else forms[2]
    return forms[1] if agreement.plural else forms[0]


@cache
def subjunctive(stem: str, agreement: Agreement) -> str:
    """जाऊँ, जाए, जाएँ."""
    if stem in _FUTURE:
        forms = _FUTURE[stem]
    elif _ends_in_vowel(stem):
        forms = (stem + "ऊँ", stem + "ए", stem + "एँ")
    else:
        forms = (stem + "ूँ", stem + "े", stem + "ें")
    if agreement.plural:
        return forms[2]
    return forms[0] if agreement.person == 1 else forms[1]


@cache
def future(stem: str, agreement: Agreement) -> str:
    """जाऊँगा, जाएगा, जाएँगे, जाएगी, जाएँगी."""
    ending = decline_marked("गा", agreement.gender, agreement.plural)
    return subjunctive(stem, agreement) + ending


@cache
def infinitive(stem: str, agreement: Agreement = MASCULINE_SINGULAR) -> str:
    """पढ़ना, पढ़ने, पढ़नी: the infinitive of obligation agrees with its object."""
    return stem + decline_marked("ना", agreement.gender, agreement.plural)


@cache
def familiar_imperative(stem: str) -> str:
    """The तुम form: जाओ, पढ़ो."""
    if stem in _FAMILIAR_IMPERATIVE:
        return _FAMILIAR_IMPERATIVE[stem]
    return stem + ("ओ" if _ends_in_vowel(stem) else "ो")


@cache
def polite_imperative(stem: str) -> str:
    """The आप form: जाइए, पढ़िए."""
    if stem in _POLITE_IMPERATIVE:
        return _POLITE_IMPERATIVE[stem]
    return stem + ("इए" if _ends_in_vowel(stem) else "िए")
