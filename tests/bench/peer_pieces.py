"""Token arrays as text that other toolkits read: a sentence a line, each token its id.

writes  ``train.en``, ``train.hi``, ``dev.en``, ``dev.hi``: ``17 4093 5``
        ``vocabulary.en``, ``vocabulary.hi``: an id a line, without those of special tokens
holds   a toolkit that splits at spaces sees the tokens that our models see, neither more nor fewer

The pieces themselves would not do: some hold characters at which one toolkit or the other splits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.tensorize import TokenArrays
from pipeline.tokenizer import EOS_ID

_FIRST_PIECE = EOS_ID + 1
"""Below are padding, unknown, begin and end, which every toolkit has of its own."""


def write_pieces(
    folder: Path,
    splits: dict[str, Sequence[TokenArrays]],
    vocab_sizes: tuple[int, int],
) -> None:
    """Write the text files of some splits, ``train`` and ``dev``, and the two vocabularies.

    Args:
        folder: where they go; made if it is not there.
        splits: name of a split → its shards.
        vocab_sizes: of source and target, special ids included.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for language, size in zip(("en", "hi"), vocab_sizes, strict=True):
        _write(folder / f"vocabulary.{language}", map(str, range(_FIRST_PIECE, size)))
    for split, shards in splits.items():
        for number, language in enumerate(("en", "hi")):
            _write(folder / f"{split}.{language}", _sentences(shards, number))


def _sentences(shards: Sequence[TokenArrays], side: int) -> Iterable[str]:
    for shard in shards:
        for ids in shard.pairs(range(len(shard)))[side]:
            yield " ".join(map(str, ids.tolist()))


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
