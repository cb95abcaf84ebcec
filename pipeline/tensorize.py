"""One shard of kept rows → one memory-mapped Arrow file of token ids.

reads   ``dedup-<hash>/train-00000-of-00004.parquet`` and the two tokenizers
writes  ``train-00000-of-00004.arrow``: ``row`` int64, ``source`` and ``target`` lists of uint16
        (uint32 where a vocabulary needs it), without special ids
holds   no id is out of its vocabulary; reading lengths touches no token
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.errors import ArtifactError
from pipeline.settings import Settings
from pipeline.tokenizer import Tokenizer

Ids = npt.NDArray[np.unsignedinteger]


class TensorizeConfig(Settings):
    """What becomes token arrays."""

    max_source_tokens: int = Field(
        128, ge=1, description="a pair with a longer source is left out and counted"
    )
    max_target_tokens: int = Field(
        128, ge=1, description="a pair with a longer target is left out and counted"
    )


def tensorize_shard(
    clean: Path,
    split: str,
    source: Tokenizer,
    target: Tokenizer,
    config: TensorizeConfig,
    out: Path,
) -> dict[str, int]:
    """Encode one shard of kept rows and write it as an Arrow file.

    Returns:
        ``<split>_pairs``, ``<split>_source_tokens``, ``<split>_target_tokens`` and
        ``<split>_dropped_too_many_tokens``.
    """
    table = pq.read_table(clean)
    sources = source.encode(table.column("en").to_pylist())
    targets = target.encode(table.column("hi").to_pylist())
    keep = [
        i
        for i, (s, t) in enumerate(zip(sources, targets, strict=True))
        if len(s) <= config.max_source_tokens and len(t) <= config.max_target_tokens
    ]
    sources, targets = [sources[i] for i in keep], [targets[i] for i in keep]
    id_type = pa.uint16() if max(len(source), len(target)) <= 1 << 16 else pa.uint32()
    arrays = pa.table(
        {
            "row": table.column("row").take(pa.array(keep, pa.int64())).combine_chunks(),
            "source": pa.array(sources, pa.list_(id_type)),
            "target": pa.array(targets, pa.list_(id_type)),
        }
    )
    with pa.OSFile(str(out), "wb") as sink, pa.ipc.new_file(sink, arrays.schema) as writer:
        # One batch a file: a reader gets each column as one flat buffer and its offsets.
        writer.write_table(arrays, max_chunksize=max(1, len(keep)))
    counts = {
        "pairs": len(keep),
        "source_tokens": sum(map(len, sources)),
        "target_tokens": sum(map(len, targets)),
        "dropped_too_many_tokens": len(table) - len(keep),
    }
    return {f"{split}_{key}": n for key, n in counts.items()}


@dataclass(frozen=True)
class TokenArrays:
    """The pairs of one Arrow file, memory-mapped.

    Attributes:
        path: the file.
        source_lengths: tokens of each source sentence.
        target_lengths: tokens of each target sentence.
        rows: the corpus row of each pair.
    """

    path: Path
    source_lengths: npt.NDArray[np.int32]
    target_lengths: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int64]
    _source: tuple[Ids, npt.NDArray[np.int32]]
    _target: tuple[Ids, npt.NDArray[np.int32]]

    @classmethod
    def open(cls, path: Path) -> TokenArrays:
        """Map the file; nothing but its lengths is read.

        Raises:
            ArtifactError: if it is no such file.
        """
        try:
            # The buffers keep the map alive for as long as an array looks into it.
            table = pa.ipc.open_file(pa.memory_map(str(path), "rb")).read_all()
            rows, source, target = (
                table.column(name).combine_chunks() for name in ("row", "source", "target")
            )
        except (OSError, KeyError, pa.ArrowException) as error:
            raise ArtifactError(f"{path} must be a file of token arrays, but: {error}") from error
        return cls(
            path=path,
            source_lengths=np.diff(source.offsets.to_numpy()),
            target_lengths=np.diff(target.offsets.to_numpy()),
            rows=rows.to_numpy(),
            _source=(source.values.to_numpy(), source.offsets.to_numpy()),
            _target=(target.values.to_numpy(), target.offsets.to_numpy()),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def pairs(
        self, indices: Sequence[int] | npt.NDArray[np.integer]
    ) -> tuple[list[Ids], list[Ids]]:
        """Source and target ids of the pairs at ``indices``, views into the file."""
        return _take(self._source, indices), _take(self._target, indices)


def _take(
    column: tuple[Ids, npt.NDArray[np.int32]], indices: Sequence[int] | npt.NDArray[np.integer]
) -> list[Ids]:
    values, offsets = column
    return [values[offsets[i] : offsets[i + 1]] for i in indices]
