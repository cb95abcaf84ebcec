"""What training must not see: the sides of validation and test, folded to what a reader compares.

reads   every split of a corpus artifact but the training split, as it was published
writes  one parquet file of keys (``side``, ``key``), small enough for every task to hold
holds   a training pair leaks where the key of one of its sides is the key of an evaluation side of
        enough words; only the folding forgives differences, nothing else does

A key has no capitals, nuktas, joiners or quotation marks, and no punctuation but the question mark:
with a danda or without, "आज़ादी" or "आजादी", it is the same sentence. A question is not its
statement: "आप घर जा रहे हैं?" and "आप घर जा रहे हैं।" have two keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.corpus import read_rows
from pipeline.errors import CorpusError
from pipeline.normalize import NormalizeConfig, normalize

SIDES = {"en": "english", "hi": "hindi"}
"""Column → how counts and reasons call the side."""

KEYS_SCHEMA = pa.schema([("side", pa.string()), ("key", pa.string())])

_BATCH_ROWS = 50_000
# Quotation marks and apostrophes, ZWNJ and ZWJ, the nukta: what stands inside words and is left
# out at will.
_LEFT_OUT = "[\"'`´‘’‚‛“”„‟«»‹›\u200c\u200d\u093c]"
_NEITHER_WORD_NOR_QUESTION = r"[^\pL\pM\pN?]+"
_QUESTION = r"[ ?]*\?"


def keys_of(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The key of each text, which is in normal form already."""
    keys = pc.utf8_lower(texts)
    keys = pc.replace_substring_regex(keys, pattern=_LEFT_OUT, replacement="")
    keys = pc.replace_substring_regex(keys, pattern=_NEITHER_WORD_NOR_QUESTION, replacement=" ")
    keys = pc.replace_substring_regex(keys, pattern=_QUESTION, replacement="?")
    return pc.utf8_trim(keys, characters=" ")


def words_of(text: str) -> int:
    """Words of a text: what lies between spaces and holds a letter or a digit."""
    return sum(any(map(str.isalnum, word)) for word in text.split())


def write_evaluation_keys(
    files: Iterable[Path], config: NormalizeConfig, min_words: int, out: Path
) -> dict[str, int]:
    """Write the keys of all sides of at least ``min_words`` words; no key stands twice.

    Args:
        files: corpus files of the splits that are evaluated on.
        config: the rules by which the training pairs were normalised.
        min_words: a shorter side is anybody's.
        out: where they go.

    Returns:
        ``evaluation_english_sides`` and ``evaluation_hindi_sides``.

    Raises:
        CorpusError: if a file can't be read as UTF-8.
    """
    found: dict[str, set[str]] = {column: set() for column in SIDES}
    unused: Counter[str] = Counter()
    for file in files:
        rows = pq.read_metadata(file).num_rows
        for start in range(0, rows, _BATCH_ROWS):
            try:
                pairs = read_rows(file, start, min(start + _BATCH_ROWS, rows))
                pairs.validate(full=True)
            except (OSError, pa.ArrowException) as error:
                raise CorpusError(
                    f"{file} must be whole parquet data in UTF-8, but: {error}"
                ) from error
            for column, keys in found.items():
                texts = (
                    normalize(text, config, unused)
                    for text in pairs.field(column).to_pylist()
                    if text is not None
                )
                long = [text for text in texts if words_of(text) >= min_words]
                keys.update(keys_of(pa.array(long, pa.string())).to_pylist())
    rows_of = [(SIDES[column], key) for column, keys in found.items() for key in sorted(keys)]
    table = pa.table(
        [[side for side, _ in rows_of], [key for _, key in rows_of]], schema=KEYS_SCHEMA
    )
    pq.write_table(table, out)
    return {f"evaluation_{SIDES[column]}_sides": len(keys) for column, keys in found.items()}


def leaks(pairs: pa.Table, keys: pa.Table, column: str) -> pa.ChunkedArray:
    """For each training pair, whether its side ``column`` is one of the evaluation's.

    Args:
        pairs: ``en`` and ``hi`` in normal form.
        keys: what :func:`write_evaluation_keys` wrote.
        column: ``en`` or ``hi``.
    """
    theirs = keys.filter(pc.field("side") == SIDES[column]).column("key").combine_chunks()
    return pc.is_in(keys_of(pairs.column(column)), value_set=theirs)
