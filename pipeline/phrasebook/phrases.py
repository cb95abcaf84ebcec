"""Noun phrases: one object that is right in English and in every Hindi case at once.

A `Thing` describes a phrase ("these two red books", "my own brother"); `render` says it. A
possessor that is also the subject of the clause becomes अपना, so rendering asks for the owner.

    >>> from pipeline.phrasebook.lexicon import ADJECTIVES, NOUNS
    >>> render(Thing(NOUNS["book"], "this", adjective=ADJECTIVES["new"])).oblique
    'इस नई किताब'
"""

from dataclasses import dataclass
from functools import lru_cache

from pipeline.phrasebook import english
from pipeline.phrasebook.hindi import NUMBER_WORDS, Agreement, Gender, Person, decline_marked
from pipeline.phrasebook.lexicon import Adjective, Name, Noun


@dataclass(frozen=True)
class Pronoun:
    """The case forms that a Hindi pronoun does not make by adding a postposition."""

    ergative: str
    dative: str
    instrumental: str
    genitive: str
    english_object: str


@dataclass(frozen=True)
class Phrase:
    """A noun phrase in both languages; ``plural`` is Hindi agreement, ``many`` is English."""

    english: str
    direct: str
    oblique: str
    gender: Gender = "m"
    plural: bool = False
    many: bool = False
    person: Person = 3
    owner: str = "his"
    words: tuple[str, ...] = ()
    pronoun: Pronoun | None = None

    @property
    def agreement(self) -> Agreement:
        """What a Hindi verb agrees with."""
        return Agreement(self.gender, self.plural, self.person)

    @property
    def object_english(self) -> str:
        """me, him, …; otherwise the phrase itself."""
        return self.pronoun.english_object if self.pronoun else self.english

    @property
    def ergative(self) -> str:
        """मैंने, राम ने."""
        return self.pronoun.ergative if self.pronoun else f"{self.oblique} ने"

    @property
    def dative(self) -> str:
        """मुझे, राम को."""
        return self.pronoun.dative if self.pronoun else f"{self.oblique} को"

    def genitive(self, gender: Gender, plural: bool = False, oblique: bool = False) -> str:
        """मेरी, राम की: agreeing with what is possessed."""
        if self.pronoun:
            return decline_marked(self.pronoun.genitive, gender, plural, oblique)
        return f"{self.oblique} {decline_marked('का', gender, plural, oblique)}"

    def marked(self, postposition: str) -> str:
        """The phrase before को, से, पर, ….

        >>> PRONOUNS["I"].marked("से"), PRONOUNS["I"].marked("पर")
        ('मुझसे', 'मुझ पर')
        """
        if postposition == "को":
            return self.dative
        if self.pronoun and postposition == "से":
            return self.pronoun.instrumental
        return f"{self.oblique} {postposition}"

    def with_compound(self, postposition: str) -> str:
        """The phrase before के साथ, के लिए, के पास: मेरे साथ, राम के साथ."""
        return f"{self.genitive('m', oblique=True)} {postposition}"


def _pronoun(
    english_forms: tuple[str, str, str],
    direct: str,
    oblique: str,
    cases: tuple[str, str, str, str],
    agreement: Agreement,
) -> Phrase:
    subject, english_object, owner = english_forms
    return Phrase(
        subject,
        direct,
        oblique,
        agreement.gender,
        agreement.plural,
        agreement.plural,
        agreement.person,
        owner,
        (f"pronoun:{subject}",),
        Pronoun(*cases, english_object),
    )


_I, _YOU, _HE, _SHE, _WE, _THEY = (
    ("I", "me", "my"),
    ("you", "you", "your"),
    ("he", "him", "his"),
    ("she", "her", "her"),
    ("we", "us", "our"),
    ("they", "them", "their"),
)
_HIM_OR_HER = ("उसने", "उसे", "उससे", "उसका")
PRONOUNS = {
    phrase.english: phrase
    for phrase in (
        _pronoun(_I, "मैं", "मुझ", ("मैंने", "मुझे", "मुझसे", "मेरा"), Agreement(person=1)),
        _pronoun(_YOU, "आप", "आप", ("आपने", "आपको", "आपसे", "आपका"), Agreement("m", True)),
        _pronoun(_HE, "वह", "उस", _HIM_OR_HER, Agreement("m")),
        _pronoun(_SHE, "वह", "उस", _HIM_OR_HER, Agreement("f")),
        _pronoun(_WE, "हम", "हम", ("हमने", "हमें", "हमसे", "हमारा"), Agreement("m", True, 1)),
        _pronoun(_THEY, "वे", "उन", ("उन्होंने", "उन्हें", "उनसे", "उनका"), Agreement("m", True)),
    )
}

_OWNERS = {
    "my": "मेरा",
    "your": "आपका",
    "his": "उसका",
    "her": "उसका",
    "our": "हमारा",
    "their": "उनका",
}
# English (singular, plural); Hindi (direct singular and plural, oblique singular and plural).
_DEMONSTRATIVES = {
    "this": (("this", "these"), ("यह", "ये", "इस", "इन")),
    "that": (("that", "those"), ("वह", "वे", "उस", "उन")),
}


@dataclass(frozen=True)
class Thing:
    """A description of a noun phrase.

    ``determiner``: "" (bare), "the", "a", "some", "many", "this", "that", a possessive ("my"), or
    "own", which is the possessive of the subject.
    """

    noun: Noun
    determiner: str = ""
    many: bool = False
    count: int | None = None
    adjective: Adjective | None = None


def named(name: Name) -> Phrase:
    """A name as a phrase."""
    return Phrase(
        name.english,
        name.hindi,
        name.hindi,
        name.gender,
        name.honorific,
        owner="his" if name.gender == "m" else "her",
        words=(name.key,),
    )


@lru_cache(maxsize=100_000)
def render(thing: Thing, subject_owner: str = "") -> Phrase:
    """Say a description; the possessive of the subject ("my") becomes अपना."""
    noun, adjective = thing.noun, thing.adjective
    many = thing.many
    hindi_plural = many or noun.honorific
    determiner = subject_owner if thing.determiner == "own" else thing.determiner
    if thing.determiner == "own" and not subject_owner:
        raise ValueError("a thing of one's own needs a subject whose it is, but got none")
    reflexive = bool(subject_owner) and determiner == subject_owner

    english_words = []
    direct = []
    oblique = []
    if determiner in _DEMONSTRATIVES:
        forms, (one, several, one_oblique, several_oblique) = _DEMONSTRATIVES[determiner]
        english_words.append(forms[many])
        direct.append(several if hindi_plural else one)
        oblique.append(several_oblique if hindi_plural else one_oblique)
    elif determiner in _OWNERS:
        english_words.append(determiner)
        possessive = "अपना" if reflexive else _OWNERS[determiner]
        direct.append(decline_marked(possessive, noun.gender, hindi_plural))
        oblique.append(decline_marked(possessive, noun.gender, hindi_plural, True))
    elif determiner == "the":
        english_words.append("the")
    elif determiner == "a":
        direct.append("एक")
        oblique.append("एक")
    elif determiner == "some":
        english_words.append("some")
        few = "कुछ" if many else decline_marked("थोड़ा", noun.gender, False)
        direct.append(few)
        oblique.append("कुछ" if many else decline_marked("थोड़ा", noun.gender, False, True))
    elif determiner == "many":
        english_words.append("many")
        direct.append("कई")
        oblique.append("कई")
    elif determiner:
        raise ValueError(f"unknown determiner {determiner!r}")

    if thing.count is not None:
        english_words.append(english.NUMBER_WORDS[thing.count])
        direct.append(NUMBER_WORDS[thing.count])
        oblique.append(NUMBER_WORDS[thing.count])
    words = [noun.key]
    if adjective is not None:
        english_words.append(adjective.english)
        direct.append(adjective.form(noun.gender, hindi_plural))
        oblique.append(adjective.form(noun.gender, hindi_plural, True))
        words.append(adjective.key)
    english_words.append(noun.english_plural if many else noun.english)
    direct.append(noun.forms.plural if many else noun.forms.singular)
    oblique.append(noun.forms.plural_oblique if many else noun.forms.singular_oblique)

    said = " ".join(english_words)
    owner = "their" if many else "his" if noun.gender == "m" else "her"
    return Phrase(
        english.with_article(said) if determiner == "a" else said,
        " ".join(direct),
        " ".join(oblique),
        noun.gender,
        hindi_plural,
        many,
        owner=owner,
        words=tuple(words),
    )
