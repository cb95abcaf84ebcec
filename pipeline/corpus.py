"""A corpus source → the parquet files of its splits.

reads   ``phrasebook`` (generated), ``inline`` (pairs in the configuration), a folder laid out as a
        Hugging Face dataset, or a hub id at a pinned revision
writes  ``artifacts/corpus-<hash>/data/<split>-NNNNN-of-NNNNN.parquet``, each with the one column
        ``translation: struct<en: string, hi: string>``, as the hub publishes them
holds   files that were fetched are the publisher's, byte for byte
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from pipeline.errors import ConfigError, CorpusError
from pipeline.phrasebook import PhrasebookConfig, generate
from pipeline.settings import Settings
from pipeline.storage import sha256_of

SourceKind = Literal["phrasebook", "inline", "folder", "hub"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DATA_FILE = re.compile(r"(?:.*/)?(?P<split>[\w]+)-\d{5}-of-\d{5}\.parquet")

SCHEMA = pa.schema([("translation", pa.struct([("en", pa.string()), ("hi", pa.string())]))])


class CorpusConfig(Settings):
    """Where the sentence pairs come from."""

    source: str = Field(
        description="`phrasebook`, `inline`, a folder laid out as a Hugging Face dataset, or a "
        "hub id such as `cfilt/iitb-english-hindi`; a folder that exists is taken as a folder"
    )
    revision: str | None = Field(
        None, description="the hub revision, a commit of 40 hex digits; not read for other sources"
    )
    licence: str = Field("unknown", description="written on every run and model made from it")
    pairs: tuple[tuple[str, str], ...] = Field(
        (), description="English and Hindi sentences, for the source `inline`"
    )
    phrasebook: PhrasebookConfig = PhrasebookConfig()
    part_bytes: int = Field(
        32 << 20, ge=1 << 10, description="bytes that one download task fetches"
    )
    train_split: str = "train"
    validation_split: str = "validation"

    @model_validator(mode="after")
    def _inline_needs_pairs(self) -> CorpusConfig:
        if (self.source == "inline") != bool(self.pairs):
            raise ValueError(
                "corpus.pairs must be given for the source `inline` and for no other, "
                f"but source is {self.source!r} with {len(self.pairs)} pairs"
            )
        return self

    @model_validator(mode="after")
    def _splits_differ(self) -> CorpusConfig:
        if self.train_split == self.validation_split:
            raise ValueError(
                "corpus.train_split and corpus.validation_split must differ, "
                f"but both are {self.train_split!r}"
            )
        return self


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: where it is, and what its publisher says of it.

    Attributes:
        name: its name in the corpus artifact, ``data/<split>-NNNNN-of-NNNNN.parquet``.
        location: a local path, or the file's path in the hub's repository.
        size: bytes.
        sha256: as published; None for a local file whose publisher says nothing.
    """

    name: str
    location: str
    size: int
    sha256: str | None


def split_of(name: str) -> str:
    """``train`` of ``data/train-00000-of-00001.parquet``.

    Raises:
        CorpusError: if the name has no split.
    """
    match = _DATA_FILE.fullmatch(name)
    if match is None:
        raise CorpusError(
            f"a corpus file must be named <split>-NNNNN-of-NNNNN.parquet, but one is {name!r}"
        )
    return match["split"]


def kind_of(config: CorpusConfig) -> SourceKind:
    """Which kind of source ``config.source`` names.

    Raises:
        ConfigError: if it is none of them, or a hub id without a pinned revision.
    """
    source = config.source
    if source == "phrasebook":
        return "phrasebook"
    if source == "inline":
        return "inline"
    if Path(source).expanduser().is_dir():
        return "folder"
    if _HUB_ID.fullmatch(source) and not source.startswith((".", "/", "~")):
        if config.revision is None or not _COMMIT.fullmatch(config.revision):
            raise ConfigError(
                f"corpus.revision must be a commit of 40 hex digits for the hub dataset {source}, "
                f"not {config.revision!r}; its page lists them under Files, History (there is no "
                f"folder of this name in {Path.cwd()})"
            )
        return "hub"
    raise ConfigError(
        f"corpus.source must be `phrasebook`, `inline`, an existing folder or a hub id, but "
        f"{source!r} is none of these (seen from {Path.cwd()})"
    )


def identity(config: CorpusConfig) -> dict[str, Any]:
    """What makes this corpus what it is, as JSON values: the settings of the corpus stage.

    For a folder that is what its files contain, not where it lies, so that a moved or copied
    folder is the same corpus; for the hub it is the pinned revision, and needs no request.

    Raises:
        ConfigError: see :func:`kind_of`.
        CorpusError: if a folder holds no corpus.
    """
    kind = kind_of(config)
    if kind == "phrasebook":
        return {"source": kind, "phrasebook": config.phrasebook.model_dump(mode="json")}
    if kind == "inline":
        return {"source": kind, "pairs": [list(pair) for pair in config.pairs]}
    if kind == "hub":
        return {"source": config.source, "revision": config.revision}
    files = folder_files(Path(config.source).expanduser())
    return {"source": kind, "files": {f.name: f.sha256 for f in files}}


def folder_files(folder: Path) -> list[SourceFile]:
    """The parquet files of a folder laid out as a Hugging Face dataset, with their hashes.

    Raises:
        CorpusError: if there are none.
    """
    paths = sorted(folder.glob("data/*.parquet")) or sorted(folder.glob("*.parquet"))
    if not paths:
        raise CorpusError(
            f"{folder.resolve()} must hold data/<split>-NNNNN-of-NNNNN.parquet, but holds no "
            f"parquet file"
        )
    for path in paths:
        split_of(path.name)
    return [
        SourceFile(f"data/{p.name}", str(p.resolve()), p.stat().st_size, sha256_of(p))
        for p in paths
    ]


def generated_splits(config: CorpusConfig) -> dict[str, list[tuple[str, str]]]:
    """Split → pairs of a source that needs no files: the phrasebook, or inline pairs.

    The six pairs of a first lesson are there to be learnt by heart, so inline pairs are their own
    validation and test split.

    Raises:
        ConfigError: if more pairs are asked for than the phrasebook has.
    """
    if config.source == "inline":
        pairs = list(config.pairs)
        return {"train": pairs, "validation": pairs, "test": pairs}
    try:
        splits = generate(config.phrasebook)
    except ValueError as error:
        raise ConfigError(f"corpus.phrasebook: {error}") from error
    return {name: [(p.english, p.hindi) for p in pairs] for name, pairs in splits.items()}


def write_pairs(pairs: Sequence[tuple[str, str]], out: Path) -> None:
    """Write pairs as a parquet file of the corpus layout."""
    rows = [{"en": english, "hi": hindi} for english, hindi in pairs]
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), out)


def check_parquet(path: Path, name: str) -> int:
    """The number of rows of a corpus file.

    Raises:
        CorpusError: if it is no parquet file, or its columns are not a corpus's.
    """
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise CorpusError(f"{name} must be a whole parquet file, but: {error}") from error
    with file:
        schema = file.schema_arrow
        if not schema.equals(SCHEMA):
            seen = ", ".join(f"{field.name}: {field.type}" for field in schema)
            raise CorpusError(
                f"{name} must have the one column translation: struct<en: string, hi: string>, "
                f"but has {seen}"
            )
        return int(file.metadata.num_rows)


def read_rows(path: Path, start: int, stop: int) -> pa.StructArray:
    """Rows ``start`` to ``stop`` of a corpus file, reading no row group that holds none of them."""
    with pq.ParquetFile(path) as file:
        groups: list[int] = []
        first = begin = 0
        for index in range(file.num_row_groups):
            end = begin + file.metadata.row_group(index).num_rows
            if begin < stop and end > start:
                first = first if groups else begin
                groups.append(index)
            begin = end
        column = file.read_row_groups(groups).column("translation").combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    return column.slice(start - first, stop - start)
