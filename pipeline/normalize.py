"""Unicode and Devanagari normal form, every change counted.

The same function runs on the corpus before training and on every sentence that is translated, so
the model sees one spelling of each word.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import partial

import regex

from pipeline.settings import Settings

_SPACES = regex.compile(r"[\s\p{Z}\u2028\u2029\u0085\v\f]+")
# Cc without the white space above, the bidi marks, the soft hyphen, the zero-width space, the word
# joiner and the byte order mark.
_INVISIBLE = regex.compile(
    r"[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
    r"|(?![\s\u0085])\p{Cc}"
)
# A hair of space before the danda is a typist's habit; the reference sets write it glued.
_SPACE_BEFORE_DANDA = regex.compile(r"(?<=\S) +(?=[।॥])")


class NormalizeConfig(Settings):
    """Which rules apply; the first three always do."""

    glue_danda: bool = True


def normalize(text: str, config: NormalizeConfig, counts: Counter[str]) -> str:
    """``text`` in normal form: NFC, no invisible characters, single spaces, danda glued.

    NFC writes every nukta letter decomposed (they are composition exclusions), so its two
    spellings become one. ZWJ and ZWNJ stay: in Hindi they change what is seen.

    Args:
        text: one sentence.
        config: the rules.
        counts: for each rule that changed the text, one is added to its name.
    """
    for rule, apply in _RULES.items():
        if rule == "danda" and not config.glue_danda:
            continue
        after = apply(text)
        if after != text:
            counts[rule] += 1
            text = after
    return text


# In this order: what is invisible may stand between a letter and the nukta that NFC joins to it.
_RULES: dict[str, Callable[[str], str]] = {
    "invisible": partial(_INVISIBLE.sub, ""),
    "nfc": partial(unicodedata.normalize, "NFC"),
    "spaces": lambda text: _SPACES.sub(" ", text).strip(" "),
    "danda": partial(_SPACE_BEFORE_DANDA.sub, ""),
}
