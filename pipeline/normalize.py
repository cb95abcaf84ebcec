"""Unicode and Devanagari normal form, every change counted.

The same function runs on the corpus before training and on every sentence that is translated, so
the model sees one spelling of each word. The rules, in their order, under the names that they are
counted by:

    joiners       ZWJ and ZWNJ are removed
    bom           U+FEFF is removed
    soft_hyphen   so is U+00AD
    zero_width    zero-width space, word joiner and invisible operators
    bidi          marks, embeddings, overrides and isolates of bidirectional text
    control       Cc, but for white space
    private_use   glyphs of some font that nobody else has
    nfc           canonical composition: one spelling of each nukta letter and each accent
    quotes        “ ” „ ‟ become ", ‘ ’ ‚ ‛ ´ become '
    digits        ०–९ become 0–9, but not the ० that abbreviates a word, as in डॉ०
    spaces        any run of white space becomes one space; none at the ends
    pipe          | that ends a Hindi sentence becomes a danda
    danda         no space before । and ॥, one before a letter that follows

No rule touches a letter, a matra, a visarga, or a colon that stands for one.

The defaults are what the reference sets write. Of the 520 and 2,507 Hindi lines of the IITB
validation and test sets,

    63 and 492 have ASCII digits, 4 and 6 have Devanagari ones;
    15 and 324 have ASCII quotes, 0 and 14 have curly ones (of the English, none);
    0 and 3 have a joiner;
    508 and 2,169 have a danda glued to its word, 1 and 39 have a space before one.

``pytest -k reference_sets tests/unit/pipeline/test_normalize.py`` measures that again. In training
text joiners are a second spelling: 94% of 17,576 words with a ZWJ, in 441,725 pairs of web, gettext
and scripture text, stand there without it, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from pipeline.settings import Settings


class NormalizeConfig(Settings):
    """Which of the rules that have two good answers apply; the others always do."""

    joiners: Literal["remove", "keep"] = Field(
        "remove", description="ZWJ and ZWNJ; in Hindi they change how a word looks, not which it is"
    )
    quotes: Literal["ascii", "keep"] = Field("ascii", description="curly quotes")
    digits: Literal["ascii", "keep"] = Field("ascii", description="Devanagari digits")
    pipe_to_danda: bool = Field(True, description="write | at the end of a Hindi sentence as danda")
    glue_danda: bool = Field(True, description="no space before a danda, one before a letter after")


def normalize(text: str, config: NormalizeConfig, counts: Counter[str]) -> str:
    """``text`` in normal form, which is its own normal form.

    Args:
        text: one sentence, from either side.
        config: the rules.
        counts: for each rule that changed the text, one is added to its name.
    """
    return _rules_of(config).apply(text, counts)


def normalize_column(
    texts: pa.StringArray, config: NormalizeConfig, counts: Counter[str]
) -> pa.StringArray:
    """:func:`normalize` of each text; those that no rule concerns never become Python strings."""
    rules = _rules_of(config)
    normal = pc.match_substring_regex(texts, rules.normal_form)
    others = texts.filter(pc.invert(normal)).to_pylist()
    if not others:
        return texts
    changed = pa.array([rules.apply(text, counts) for text in others], pa.string())
    return pc.replace_with_mask(texts, pc.invert(normal), changed)


_JOINERS = "\u200c\u200d"
_SPACE = " \t\n\v\f\r\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
# Of the C1 controls, U+0091 to U+0094 are quotes of cp1252, and the rule `quotes` has them.
_INVISIBLE = {
    "bom": "\ufeff",
    "soft_hyphen": "\u00ad",
    "zero_width": "\u200b\u2060-\u2064",
    "bidi": "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069",
    "control": "\0-\b\x0e-\x1f\x7f-\x84\x86-\x90\x95-\x9f",
    "private_use": "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd",
}
_QUOTES = str.maketrans(
    dict.fromkeys("\u201c\u201d\u201e\u201f\uff02\x93\x94", '"')
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u00b4\uff07\x91\x92", "'")
)
# ० after a letter, and no digit after it, is no zero: it abbreviates, as in डॉ०.
_DIGIT = re.compile("[१-९]|०(?:(?=[०-९0-9])|(?<![\u0905-\u0963]०))")
_NUKTA_LETTERS = [(chr(c), unicodedata.normalize("NFC", chr(c))) for c in range(0x958, 0x960)]
_LETTER = "\u0905-\u0939\u093d\u0950\u0958-\u0961\u0972-\u097f"
_RUN_OF_SPACE = re.compile(f"[{_SPACE}]+")
# `है|` and `है |` at the end of a text, `है| वह` inside; `फल | पक्षी` is a list and stays.
_PIPE = re.compile(rf"(?<=[\u0900-\u0963\u0970-\u097f])(?: ?\|(?=[\"')\]]*$)|\|(?= [{_LETTER}]))")
_DANDA_SIGN = f" [।॥]|[।॥][{_LETTER}]"
_DANDA = re.compile(rf"(?<=\S) +(?=[।॥])|(?<=[।॥])(?=[{_LETTER}])")


@dataclass(frozen=True)
class _Rule:
    """One rule: ``finds`` is true of every text that it changes, ``apply`` changes it."""

    name: str
    finds: re.Pattern[str]
    apply: Callable[[str], str]


@dataclass(frozen=True)
class _Rules:
    """The rules of one configuration.

    Attributes:
        first, last: those before and after NFC, which is a rule that needs no pattern.
        any_first, any_last: true of every text that one of them changes; of most texts both are
            false. One class of characters is several times faster than the rules' patterns joined.
        normal_form: in RE2's syntax, true only of texts that no rule changes.
    """

    first: tuple[_Rule, ...]
    last: tuple[_Rule, ...]
    any_first: re.Pattern[str]
    any_last: re.Pattern[str]
    normal_form: str

    def apply(self, text: str, counts: Counter[str]) -> str:
        # What is invisible may stand between a letter and the nukta that NFC joins to it, so it
        # goes first; NFC writes some signs as quotes and spaces, so those come later.
        if self.any_first.search(text):
            text = _apply(self.first, text, counts)
        if not unicodedata.is_normalized("NFC", text):
            text = _compose(text)
            counts["nfc"] += 1
        if self.any_last.search(text):
            text = _apply(self.last, text, counts)
        return text


def _compose(text: str) -> str:
    # In most texts that are not in NFC all that is amiss is these eight letters, and replacing them
    # takes a quarter of the time.
    for letter, spelled_out in _NUKTA_LETTERS:
        text = text.replace(letter, spelled_out)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _apply(rules: tuple[_Rule, ...], text: str, counts: Counter[str]) -> str:
    for rule in rules:
        if rule.finds.search(text):
            after = rule.apply(text)
            if after != text:
                counts[rule.name] += 1
                text = after
    return text


@cache
def _rules_of(config: NormalizeConfig) -> _Rules:
    removed = {"joiners": _JOINERS} if config.joiners == "remove" else {}
    first = []
    for name, characters in (removed | _INVISIBLE).items():
        if name == "control" and config.quotes == "keep":
            characters += "\x91-\x94"
        pattern = re.compile(f"[{characters}]")
        first.append(_Rule(name, pattern, partial(pattern.sub, "")))
    last = []
    quotes = digits = ""
    if config.quotes == "ascii":
        quotes = "".join(map(chr, _QUOTES))
        last.append(_Rule("quotes", re.compile(f"[{quotes}]"), lambda t: t.translate(_QUOTES)))
    if config.digits == "ascii":
        digits = "०-९"
        last.append(_Rule("digits", _DIGIT, lambda t: _DIGIT.sub(lambda d: str(int(d[0])), t)))
    spaces = re.compile(f"  |[{_SPACE[1:]}]|^ | $")
    last.append(_Rule("spaces", spaces, lambda text: _RUN_OF_SPACE.sub(" ", text).strip(" ")))
    if config.pipe_to_danda:
        last.append(_Rule("pipe", re.compile(r"\|"), partial(_PIPE.sub, "।")))
    if config.glue_danda:
        last.append(_Rule("danda", re.compile(_DANDA_SIGN), _space_dandas))
    return _Rules(
        first=tuple(first),
        last=tuple(last),
        any_first=re.compile("[" + "".join(rule.finds.pattern[1:-1] for rule in first) + "]"),
        any_last=re.compile(f"[|{_SPACE[1:]}{quotes}{digits}]|  |{_DANDA_SIGN}|^ | $"),
        normal_form=_normal_form(config),
    )


def _space_dandas(text: str) -> str:
    # Either a run of spaces before a danda, or the empty place between a danda and a letter.
    return _DANDA.sub(lambda found: "" if found[0] else " ", text)


def _normal_form(config: NormalizeConfig) -> str:
    """A pattern of texts that are certainly in normal form: those of well-known characters.

    It may miss texts that are, never match one that is not.
    """
    # Letters that NFC leaves alone, and those of them that NFC leaves alone with a nukta.
    letter = r"[\x{0905}-\x{0939}\x{0950}\x{0960}\x{0961}\x{0972}-\x{097f}]"
    nukta = r"[\x{0915}-\x{0927}\x{092a}-\x{092f}\x{0932}\x{0935}-\x{0939}]\x{093c}"
    other = r"!-{}~\x{00a1}-\x{00ac}\x{00ae}-\x{00b3}\x{00b5}-\x{00ff}\x{2013}\x{2014}\x{2026}"
    other += r"\x{0900}-\x{0904}\x{093a}\x{093b}\x{093e}-\x{094f}\x{0955}-\x{0957}\x{0962}\x{0963}"
    other += r"\x{0970}\x{0971}"
    if config.quotes == "keep":
        other += r"\x{2018}-\x{201f}"
    if config.digits == "keep":
        other += r"\x{0966}-\x{096f}"
    if not config.glue_danda:
        other += r"\x{0964}\x{0965}"
    if not config.pipe_to_danda:
        other += "|"
    units = f"(?:{nukta}|{letter}|[{other}])"
    word = f"{units}+"
    if config.glue_danda:
        danda = r"[\x{0964}\x{0965}]+"
        word = f"{units}+(?:{danda}[{other}]{units}*)*(?:{danda})?"
    return f"^(?:{word}(?: {word})*)?$"
