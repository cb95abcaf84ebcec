r"""Keep a pair, or drop it with a reason.

A filter is a small class with a ``reason`` and a ``keeps(pairs)`` that answers for all rows of a
batch at once; counting the reasons and keeping what was dropped is done once, in
:mod:`pipeline.clean`.

A false drop is worse than noise: each threshold was chosen by reading what it drops of 441,725
pairs of web, gettext and scripture text, and of the 4,039 of IITB's validation and test sets and
FLORES, which are translations all: 1,345 pairs, some 780 of them ids against place names, and four
pairs, each of them wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import pyarrow.compute as pc
import regex
from pydantic import Field

from pipeline.columns import Kind, Mask, Pairs, TextColumn
from pipeline.language import language_of
from pipeline.settings import Settings


class FilterConfig(Settings):
    """The thresholds; a filter whose threshold is None does not run."""

    max_bytes: int | None = Field(
        4096,
        ge=1,
        description="bytes of either side as it comes, before anything else is done with it; "
        "SentencePiece learns from no line over 4,192",
    )
    drop_identical: bool = Field(True, description="drop pairs whose sides are the same text")
    max_characters: int | None = Field(2000, ge=1, description="characters of either side")
    max_words: int | None = Field(200, ge=1, description="words of either side")
    max_length_ratio: float | None = Field(
        4.0, gt=1, description="words of the longer side for one of the shorter"
    )
    ratio_min_words: int = Field(
        10,
        ge=1,
        description="the ratio is not asked of pairs whose longer side is shorter: one English "
        "word is often six of a Hindi gloss",
    )
    max_character_ratio: float | None = Field(
        4.0, gt=1, description="characters of the longer side for one of the shorter"
    )
    ratio_min_characters: int = Field(
        60, ge=1, description="the ratio is not asked of pairs whose longer side is shorter"
    )
    max_unmatched_letters: int | None = Field(
        12, ge=0, description="letters of one side where the other has none, as in `5th` and `5`"
    )
    min_script_share: float | None = Field(
        0.3,
        gt=0,
        le=1,
        description="of the letters that must be Latin in English and Devanagari in Hindi; low, "
        "as interface strings name commands and products in Latin",
    )
    script_min_letters: int = Field(
        4, ge=1, description="the share is not asked of sides with fewer letters: `32 x 32`"
    )
    max_swapped_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="of a shard's pairs that may be Hindi in the English column and English in "
        "the Hindi one before cleaning stops; 1 never stops",
    )
    max_repeated_characters: int | None = Field(
        16, ge=2, description="times that a letter may follow itself; a children's book hisses 14"
    )
    max_repeated_words: int | None = Field(
        5, ge=2, description="times that up to four words may be said in a row; हा हा हा हा is one"
    )
    drop_number_mismatch: bool = Field(True, description="drop pairs whose numbers disagree")
    max_markup_share: float | None = Field(
        0.8, gt=0, le=1, description="of a side's characters in tags, entities, URLs and addresses"
    )
    drop_mojibake: bool = Field(
        True, description="drop pairs with replacement characters or text in a wrong encoding"
    )
    min_language_characters: int | None = Field(
        60, ge=1, description="language is identified from this length on; None: never"
    )
    min_language_confidence: float = Field(
        0.8, gt=0, le=1, description="of the identifier before a pair is dropped"
    )


class Filter(Protocol):
    """What every filter has."""

    @property
    def reason(self) -> str:
        """The name under which drops are counted."""

    def keeps(self, pairs: Pairs) -> Mask:
        """For each pair, whether it stays."""


@dataclass(frozen=True)
class TooManyBytes:
    """Drops a pair with a side over ``limit`` bytes of UTF-8."""

    limit: int
    reason: ClassVar[str] = "too_many_bytes"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether both sides are within the limit."""
        return (pairs.english.sizes <= self.limit) & (pairs.hindi.sizes <= self.limit)


class Empty:
    """Drops a pair with an empty side."""

    reason: ClassVar[str] = "empty"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether both sides have text."""
        return (pairs.english.sizes > 0) & (pairs.hindi.sizes > 0)


class Identical:
    """Drops a pair whose sides are the same: nothing was translated."""

    reason: ClassVar[str] = "identical"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether the sides differ."""
        differs = pc.not_equal(pairs.english.texts, pairs.hindi.texts)
        return np.asarray(differs.to_numpy(zero_copy_only=False), np.bool_)


@dataclass(frozen=True)
class TooManyCharacters:
    """Drops a pair with a side over ``limit`` characters."""

    limit: int
    reason: ClassVar[str] = "too_many_characters"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether both sides are within the limit."""
        return (pairs.english.characters <= self.limit) & (pairs.hindi.characters <= self.limit)


@dataclass(frozen=True)
class TooManyWords:
    """Drops a pair with a side over ``limit`` words."""

    limit: int
    reason: ClassVar[str] = "too_many_words"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether both sides are within the limit."""
        return (pairs.english.words <= self.limit) & (pairs.hindi.words <= self.limit)


@dataclass(frozen=True)
class LengthRatio:
    """Drops a pair of which one side has more than ``limit`` times the words of the other."""

    limit: float
    min_words: int
    reason: ClassVar[str] = "length_ratio"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether the ratio is within the limit, or the pair too short to ask."""
        long = np.maximum(pairs.english.words, pairs.hindi.words)
        short = np.minimum(pairs.english.words, pairs.hindi.words)
        return (long < self.min_words) | (long <= self.limit * short)


@dataclass(frozen=True)
class CharacterRatio:
    """Drops a pair of which one side has more than ``limit`` times the characters of the other."""

    limit: float
    min_characters: int
    reason: ClassVar[str] = "character_ratio"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether the ratio is within the limit, or the pair too short to ask."""
        long = np.maximum(pairs.english.characters, pairs.hindi.characters)
        short = np.minimum(pairs.english.characters, pairs.hindi.characters)
        return (long < self.min_characters) | (long <= self.limit * short)


@dataclass(frozen=True)
class UnmatchedLetters:
    """Drops a pair with more than ``limit`` letters on one side and none on the other."""

    limit: int
    reason: ClassVar[str] = "unmatched_letters"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether each side has letters, or the other has few."""
        english, hindi = pairs.english.letters, pairs.hindi.letters
        return (np.minimum(english, hindi) > 0) | (np.maximum(english, hindi) <= self.limit)


@dataclass(frozen=True)
class Swapped:
    """Drops a pair with Hindi in the English column and English in the Hindi column."""

    min_letters: int
    reason: ClassVar[str] = "swapped"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether the sides are not in each other's place."""
        swapped = _share(pairs.english, Kind.DEVANAGARI, self.min_letters, of_few=0) > 0.5
        swapped &= _share(pairs.hindi, Kind.LATIN, self.min_letters, of_few=0) > 0.5
        return ~swapped


@dataclass(frozen=True)
class EnglishScript:
    """Drops a pair whose English has too small a share of Latin letters."""

    min_share: float
    min_letters: int
    reason: ClassVar[str] = "english_script"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether the share is large enough, or the letters too few to ask."""
        return _share(pairs.english, Kind.LATIN, self.min_letters, of_few=1) >= self.min_share


@dataclass(frozen=True)
class HindiScript:
    """Drops a pair whose Hindi has too small a share of Devanagari letters."""

    min_share: float
    min_letters: int
    reason: ClassVar[str] = "hindi_script"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether the share is large enough, or the letters too few to ask."""
        return _share(pairs.hindi, Kind.DEVANAGARI, self.min_letters, of_few=1) >= self.min_share


def _share(column: TextColumn, kind: Kind, min_letters: int, of_few: float) -> np.ndarray:
    """Of each row's letters, the share of ``kind``; ``of_few`` where it has few letters."""
    letters = column.letters
    share: np.ndarray = column.kinds[:, kind] / np.maximum(letters, 1)
    return np.where(letters < min_letters, of_few, share)


@dataclass(frozen=True)
class RepeatedCharacters:
    """Drops a pair in which a letter follows itself more than ``limit`` times in a row.

    Only letters: rows of dots, dashes and zeros are how tables and codes are written.
    """

    limit: int
    reason: ClassVar[str] = "repeated_characters"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether no letter of either side is repeated so often."""
        pattern = regex.compile(rf"([\p{{L}}\p{{M}}])\1{{{self.limit}}}")
        return _where_either(pairs, self._may_repeat, pattern.search)

    def _may_repeat(self, column: TextColumn) -> Mask:
        characters, rows = column.code_points, column.rows
        same = (characters[1:] == characters[:-1]) & (rows[1:] == rows[:-1])
        return _rows_with_run(same, self.limit, rows, column)


@dataclass(frozen=True)
class RepeatedWords:
    """Drops a pair that says the same one to four words more than ``limit`` times in a row."""

    limit: int
    reason: ClassVar[str] = "repeated_words"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether neither side repeats itself so often."""
        pattern = regex.compile(
            rf"(?:^| )((?=[^ ]*\p{{L}})[^ ]+(?: [^ ]+){{0,3}}?)(?: \1){{{self.limit}}}(?= |$)"
        )
        return _where_either(pairs, self._may_repeat, pattern.search)

    def _may_repeat(self, column: TextColumn) -> Mask:
        # Words that are the same have the same sum of squares of their code points; that others
        # may have it too is why the pattern has the last word. A word's space counts as part of
        # it, and a row's last word has none, hence one repetition less.
        characters, rows = column.code_points, column.rows
        if not len(characters):
            return np.zeros(len(column), np.bool_)
        is_start = np.r_[True, characters[:-1] == ord(" ")]
        is_start[1:] |= rows[1:] != rows[:-1]
        starts = np.flatnonzero(is_start)
        sums = np.add.reduceat(characters * characters, starts, dtype=np.uint32)
        row_of = rows[starts]
        found = np.zeros(len(column), np.bool_)
        for words in range(1, 5):
            same = (sums[words:] == sums[:-words]) & (row_of[words:] == row_of[:-words])
            found |= _rows_with_run(same, self.limit * words - 1, row_of, column)
        return found


def _rows_with_run(same: Mask, limit: int, rows: np.ndarray, column: TextColumn) -> Mask:
    """The rows in which ``same`` is true ``limit`` times in a row."""
    found = np.zeros(len(column), np.bool_)
    edges = np.flatnonzero(np.diff(np.r_[False, same, False].astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    found[rows[starts[ends - starts >= limit]]] = True
    return found


def _where_either(
    pairs: Pairs,
    may_have: Callable[[TextColumn], Mask],
    has: Callable[[str], object],
) -> Mask:
    """True but where a side of the pair ``may_have`` something, and ``has`` it when looked at."""
    keeps = np.ones(len(pairs), np.bool_)
    for side in pairs.sides:
        for row in np.flatnonzero(may_have(side)):
            keeps[row] &= not has(side[row])
    return keeps


class NumberMismatch:
    """Drops a pair whose numbers disagree.

    Numbers disagree where both sides have some and share none, or one has a long one that is no
    round number, 1793511, and the other has none. Where a word such as हज़ार or million stands for
    zeros, nothing is asked: 39,000 is 39 हज़ार, 2 million 20 लाख. Words for small numbers are
    nothing to ask about either: "3 June" may well be तीन जून.
    """

    reason: ClassVar[str] = "number_mismatch"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether the numbers agree, as far as can be said."""
        digits = [side.kinds[:, Kind.DIGIT] for side in pairs.sides]
        keeps = np.ones(len(pairs), np.bool_)
        both = (digits[0] > 0) & (digits[1] > 0)
        long = (digits[0] > 0) != (digits[1] > 0)
        long &= np.maximum(*digits) >= _LONG_NUMBER
        for row in np.flatnonzero(both | long):
            keeps[row] = _numbers_agree(pairs.english[row], pairs.hindi[row])
        return keeps


_LONG_NUMBER = 5
# IITB writes "56, 000" and "2. 5"; so spaces after a separator belong to the number.
_SEPARATOR = regex.compile(r"(?<=\d)[,.] ?(?=\d)")
# ० after a letter is no zero, it abbreviates: डॉ०.
_NUMBER = regex.compile(r"(?!(?<=[\u0905-\u0963])०(?!\d))\d+")
_SCALE = regex.compile(
    r"(?i)\b(?:hundred|thousand|lakh|lac|crore|million|billion|trillion)s?\b"
    r"|(?<!\p{Deva})(?:सौ|सैकड\u093c|हज\u093c?ार|लाख|करोड\u093c|अरब|खरब|मिलियन|बिलियन)"
)


def _numbers_agree(english: str, hindi: str) -> bool:
    sides = []
    for text in (english, hindi):
        numbers = _NUMBER.findall(text) + _NUMBER.findall(_SEPARATOR.sub("", text))
        sides.append({str(int(number)) for number in numbers})
    if sides[0] & sides[1] or _SCALE.search(english) or _SCALE.search(hindi):
        return True
    if sides[0] and sides[1]:
        # The same digits, cut up in another way: 2009-10 and 20092010.
        return _all_digits(english) == _all_digits(hindi)
    return not any(len(n) >= _LONG_NUMBER and not n.endswith("000") for n in sides[0] | sides[1])


def _all_digits(text: str) -> str:
    return "".join(_NUMBER.findall(text))


@dataclass(frozen=True)
class Markup:
    """Drops a pair of which a side is tags, entities, URLs and addresses for the most part.

    A tag is one that HTML knows, closes, or has attributes: ``<unknown>`` is a word in brackets
    that interfaces translate.
    """

    max_share: float
    reason: ClassVar[str] = "markup"

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether enough of each side is neither."""
        return _where_either(
            pairs, lambda side: side.matches(r"<[A-Za-z/!]|&#?\w+;|://|www\.|@"), self._is_over
        )

    def _is_over(self, text: str) -> bool:
        markup = sum(found.end() - found.start() for found in _MARKUP.finditer(text))
        return markup > self.max_share * len(text)


_MARKUP = re.compile(
    r"(?:https?|ftp|file)://\S+|\bwww\.\S+|\S+@\w[\w-]*\.\S+|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);"
    r"|</?(?:a|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|h[1-6]|head|hr|html|i|img"
    r"|kbd|li|nowiki|ol|p|pre|s|small|span|strong|sub|sup|table|td|th|tr|tt|u|ul)\b[^<>]*>"
    r"|</[A-Za-z][^<>]*>|<[A-Za-z][^<>]*(?:=[^<>]*|/)>"
)


class Mojibake:
    """Drops a pair with replacement characters, or with text that was read in a wrong encoding.

    That is UTF-8 read as Latin-1 (à¤•, Ã©, â€œ), words of question marks, and the remains of a
    legacy font's glyphs inside a Devanagari word: Âुदा for ख़ुदा, चड्ढïा for चड्ढा.
    """

    reason: ClassVar[str] = "mojibake"

    _PATTERN: ClassVar[str] = (
        r"\x{fffd}|\x{ef}\x{bf}\x{bd}|\x{c3}[\x{80}-\x{bf}\x{152}-\x{17e}\x{2018}-\x{2122}]"
        r"|\x{c2}[\x{a1}-\x{bf}]|\x{e2}\x{20ac}|\x{e0}[\x{a4}\x{a5}]|\x{f0}\x{178}"
        r"|\?{2,} \?{2,} \?"
        r"|[\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{ff}][\x{900}-\x{903}\x{93a}-\x{94f}]"
        r"|[\x{900}-\x{963}][\x{c0}-\x{d6}\x{d8}-\x{f6}\x{f8}-\x{ff}]"
    )

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether neither side has any."""
        return ~(pairs.english.matches(self._PATTERN) | pairs.hindi.matches(self._PATTERN))


@dataclass(frozen=True)
class WrongLanguage:
    """Drops a pair of which a side is surely in a language that it should not be in.

    The identifier takes short interface strings for anything, and Hindi without a copula for
    Marathi: nearly all that it doubts in real corpora is English and Hindi after all. So it is not
    asked of short sides, nor of those with a word that only English, or only Hindi, has; these are
    99% of the longer ones, and asking costs 50 µs, as much as all other filters together.
    """

    min_characters: int
    min_confidence: float
    reason: ClassVar[str] = "wrong_language"

    _VOUCHERS: ClassVar[dict[str, str]] = {
        "en": r"(?i)\b(?:the|and|with|that|this|from|have|has|are|you|your|for|by|which|not|been"
        r"|they|their|it|of)\b",
        "hi": r"(?:^|[^\x{900}-\x{963}])(?:है|हैं|में|और|नहीं|लिए|था|थी|थे|का|की|से|को|करें|किया|गया|यह|वह"
        r"|तुम)(?:$|[^\x{900}-\x{963}])",
    }

    def keeps(self, pairs: Pairs) -> Mask:
        """Whether both sides are in their language, as far as can be said."""
        keeps = np.ones(len(pairs), np.bool_)
        for (language, words), side in zip(self._VOUCHERS.items(), pairs.sides, strict=True):
            for row in np.flatnonzero(
                (side.characters >= self.min_characters) & ~side.matches(words)
            ):
                seen, confidence = language_of(side[row])
                keeps[row] &= seen == language or confidence < self.min_confidence
        return keeps


def build_raw_filters(config: FilterConfig) -> Sequence[Filter]:
    """The filters that see text as it comes, before it is normalised."""
    return [] if config.max_bytes is None else [TooManyBytes(config.max_bytes)]


def build_filters(config: FilterConfig) -> Sequence[Filter]:
    """The filters that ``config`` asks for; of those that drop a pair, the first is the reason."""
    filters: list[Filter] = [Empty()]
    if config.drop_identical:
        filters.append(Identical())
    if config.max_characters is not None:
        filters.append(TooManyCharacters(config.max_characters))
    if config.max_words is not None:
        filters.append(TooManyWords(config.max_words))
    if config.drop_mojibake:
        filters.append(Mojibake())
    if config.max_markup_share is not None:
        filters.append(Markup(config.max_markup_share))
    if config.min_script_share is not None:
        filters.append(Swapped(config.script_min_letters))
        filters.append(EnglishScript(config.min_script_share, config.script_min_letters))
        filters.append(HindiScript(config.min_script_share, config.script_min_letters))
    if config.max_unmatched_letters is not None:
        filters.append(UnmatchedLetters(config.max_unmatched_letters))
    if config.max_length_ratio is not None:
        filters.append(LengthRatio(config.max_length_ratio, config.ratio_min_words))
    if config.max_character_ratio is not None:
        filters.append(CharacterRatio(config.max_character_ratio, config.ratio_min_characters))
    if config.max_repeated_characters is not None:
        filters.append(RepeatedCharacters(config.max_repeated_characters))
    if config.max_repeated_words is not None:
        filters.append(RepeatedWords(config.max_repeated_words))
    if config.drop_number_mismatch:
        filters.append(NumberMismatch())
    if config.min_language_characters is not None:
        filters.append(
            WrongLanguage(config.min_language_characters, config.min_language_confidence)
        )
    return filters


def reasons_of(pairs: Pairs, filters: Sequence[Filter]) -> list[str | None]:
    """For each pair the reason of the first filter that drops it, or None where it stays."""
    reasons = np.full(len(pairs), -1)
    for index, each in enumerate(filters):
        reasons[(reasons < 0) & ~each.keeps(pairs)] = index
    return [None if index < 0 else filters[index].reason for index in reasons]
