"""One shard of kept rows → memory-mapped Arrow files of token ids.

reads   ``dedup-<hash>/train-00000-of-00004.parquet`` and the two tokenizers
writes  ``train-00000-of-00004.arrow``: ``row`` int64, ``source_ids`` and ``target_ids`` lists of
        uint16 (uint32 where a vocabulary needs it), without special ids; ``source``, the name of
        the source that a pair is of;
        ``train-00000-of-00004.sample-01.arrow`` and so on: the same pairs, cut otherwise
holds   no id is out of its vocabulary; reading lengths touches no token; all files of a shard hold
        the same pairs in the same order
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from pipeline.errors import ArtifactError
from pipeline.ragged import Ragged
from pipeline.settings import Settings
from pipeline.subwords import SubwordSampler
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
    sampling_variants: int = Field(
        0,
        ge=0,
        le=99,
        description="segmentations drawn of each training pair (subword regularization); each "
        "epoch reads the next, over and over; 0 leaves all epochs the best one",
    )
    # Drawn of 7,000 IIT Bombay pairs with 8,000 pieces a side, sentences become 77% to 90% longer
    # with alpha 0.1, 37% with 0.2 and 5% with 0.5; with 0.1 of BPE's merges dropped 13%.
    sampling_alpha: float | None = Field(
        None,
        gt=0,
        le=1,
        description="unigram: exponent of the probabilities, the lower the wilder (Kudo 2018), "
        "0.2 unless set; bpe: share of merges that are dropped (Provilkov et al. 2020), 0.1 "
        "unless set",
    )
    sampling_seed: int = Field(1, ge=0, description="of what is drawn")


def tensorize_shard(
    kept: Path,
    source: Tokenizer,
    target: Tokenizer,
    config: TensorizeConfig,
    out: Path,
    samples: Sequence[Path] = (),
    samplers: tuple[SubwordSampler, SubwordSampler] | None = None,
) -> dict[str, int]:
    """Encode one shard of kept rows and write it as an Arrow file.

    Args:
        kept: the shard.
        source: tokenizer of the English side.
        target: of the Hindi side.
        config: limits, and the seed of what is drawn.
        out: where the best segmentation goes.
        samples: where others go, one file each. They hold the pairs of ``out``: a sentence that
            was cut into more tokens than its limit is left as the best segmentation has it.
        samplers: draw them, for source and target; wanted only if there are ``samples``.

    Returns:
        ``pairs``, ``source_tokens``, ``target_tokens`` and ``dropped_too_many_tokens``; where
        something was drawn the mean ``sampled_source_tokens`` and ``sampled_target_tokens`` of the
        samples.
    """
    table = pq.read_table(kept)
    sides = tuple(
        tokenizer.encode_ragged(table.column(name).to_pylist())
        for tokenizer, name in ((source, "en"), (target, "hi"))
    )
    limits = config.max_source_tokens, config.max_target_tokens
    fits = np.logical_and(*(s.lengths <= limit for s, limit in zip(sides, limits, strict=True)))
    rows = np.flatnonzero(fits)
    best = sides[0].take(rows), sides[1].take(rows)
    pairs = _columns_kept(table.drop_columns(["en", "hi"]).take(pa.array(rows)))
    dtype = np.uint16 if max(len(source), len(target)) <= 1 << 16 else np.uint32
    _write(out, pairs, best, dtype)
    counts = {
        "pairs": len(rows),
        "source_tokens": len(best[0].values),
        "target_tokens": len(best[1].values),
        "dropped_too_many_tokens": len(table) - len(rows),
    }
    if samples:
        assert samplers is not None, "samples are drawn by samplers"
        seed = config.sampling_seed, *_place(pairs)
        drawn = [
            sampler.sample(ids, len(samples), np.random.default_rng((*seed, side)))
            for side, (sampler, ids) in enumerate(zip(samplers, best, strict=True))
        ]
        sampled = [0, 0]
        for path, *ids in zip(samples, *drawn, strict=True):
            cut = tuple(_within(*x) for x in zip(ids, best, limits, strict=True))
            _write(path, pairs, (cut[0], cut[1]), dtype)
            sampled = [n + len(side.values) for n, side in zip(sampled, cut, strict=True)]
        for name, n in zip(("source", "target"), sampled, strict=True):
            counts[f"sampled_{name}_tokens"] = n // len(samples)
    return counts


def _place(pairs: dict[str, pa.Array]) -> tuple[int, ...]:
    """The source and row of the first pair, which no other shard's has: each draws for itself."""
    if not len(pairs["row"]):
        return ()
    source = pairs["source"][0].as_py() if "source" in pairs else ""
    return zlib.crc32(source.encode()), pairs["row"][0].as_py()


def _columns_kept(pairs: pa.Table) -> dict[str, pa.Array]:
    """The columns that token arrays take over."""
    columns = {"row": pairs.column("row").combine_chunks()}
    if "source" in pairs.column_names:
        names = pc.dictionary_encode(pairs.column("source").cast(pa.string()).combine_chunks())
        columns["source"] = pa.DictionaryArray.from_arrays(
            names.indices.cast(pa.int8()), names.dictionary
        )
    return columns


def _within(drawn: Ragged, best: Ragged, limit: int) -> Ragged:
    """The rows of ``drawn``; of ``best`` where they are longer than ``limit``."""
    both = Ragged.join([drawn, best])
    at = np.arange(len(drawn))
    return both.take(np.where(drawn.lengths > limit, at + len(drawn), at))


def _write(
    path: Path, pairs: dict[str, pa.Array], ids: tuple[Ragged, Ragged], dtype: npt.DTypeLike
) -> None:
    source, target = (side.to_arrow(dtype) for side in ids)
    arrays = pa.table({**pairs, "source_ids": source, "target_ids": target})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, arrays.schema) as writer:
        # One batch a file: a reader gets each column as one flat buffer and its offsets.
        writer.write_table(arrays, max_chunksize=max(1, len(arrays)))


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
            reader = pa.ipc.open_file(pa.memory_map(str(path), "rb"))
            # Of a table's column, combine_chunks() would copy even the only chunk into memory.
            pairs = _only_batch(reader)
            rows, source, target = map(pairs.column, ("row", "source_ids", "target_ids"))
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


def _only_batch(reader: pa.RecordBatchFileReader) -> pa.RecordBatch:
    """The batch that holds all pairs; a file without pairs has none."""
    if reader.num_record_batches > 1:
        raise pa.ArrowInvalid(f"it has {reader.num_record_batches} batches where one must be")
    if reader.num_record_batches == 0:
        return pa.RecordBatch.from_pylist([], reader.schema)
    return reader.get_batch(0)


def _take(
    column: tuple[Ids, npt.NDArray[np.int32]], indices: Sequence[int] | npt.NDArray[np.integer]
) -> list[Ids]:
    values, offsets = column
    return [values[offsets[i] : offsets[i + 1]] for i in indices]
