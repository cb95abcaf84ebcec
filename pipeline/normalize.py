"""Unicode and Devanagari normal form, every change counted.

The same function runs on the corpus before training and on every sentence that is translated, so
the model sees one spelling of each word.
"""

from __future__ import annotations

import unicodedata
from collections import Counter

import regex

from pipeline.settings import Settings

_SPACES = regex.compile(r"[\s\p{Z}\u2028\u2029\u0085\v\f]+")
# Cc without the white space above, the bidi marks, the soft hyphen and the byte order mark.
_INVISIBLE = regex.compile(
    r"[\u00ad\ufeff\u200e\u200f\u202a-\u202e\u2066-\u2069]|(?![\s\u0085])\p{Cc}"
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
    for rule, after in (
        ("nfc", unicodedata.normalize("NFC", text)),
        ("invisible", None),
        ("spaces", None),
        ("danda", None),
    ):
        if rule == "invisible":
            after = _INVISIBLE.sub("", text)
        elif rule == "spaces":
            after = _SPACES.sub(" ", text).strip(" ")
        elif rule == "danda":
            after = _SPACE_BEFORE_DANDA.sub("", text) if config.glue_danda else text
        assert after is not None
        if after != text:
            counts[rule] += 1
            text = after
    return text
