"""A corpus: its sources under their names → the parquet files of its splits.

reads   the sources of the configuration, see :mod:`pipeline.sources`
writes  ``artifacts/corpus-<hash>/data/<source>/<split>-NNNNN-of-NNNNN.parquet``, each with the one
        column ``translation: struct<en: string, hi: string>``, as the hub publishes them
holds   files that are of this layout already are the publisher's, byte for byte; sources come in
        the order of the configuration, and their files in that of their names
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, StringConstraints, model_validator

from pipeline.artifacts import Artifact
from pipeline.errors import ConfigError, CorpusError
from pipeline.formats import SCHEMA
from pipeline.phrasebook import generate
from pipeline.row_ranges import row_batches
from pipeline.sources import (
    InputFile,
    SourceConfig,
    TestSetConfig,
    input_files,
    kind_of,
    number_by_split,
)

TestName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$")]
SourceT = TypeVar("SourceT", bound=SourceConfig)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DATA_FILE = re.compile(
    r"(?:data/)?(?:(?P<source>[^/]+)/)?(?P<split>\w+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.parquet"
)


class CorpusConfig(SourceConfig):
    """Where the sentence pairs come from: one source, or several in ``sources``."""

    source: str = Field(
        "", description="the corpus's one source, see the keys of a source; or none, but `sources`"
    )
    sources: tuple[SourceConfig, ...] = Field(
        (),
        description="several sources, each with its name; of equal pairs the first source's stays",
    )
    part_bytes: int = Field(
        32 << 20, ge=1 << 10, description="bytes that one download task fetches"
    )
    tests: dict[TestName, TestSetConfig] = Field(
        {},
        description="name → a test set from elsewhere, which becomes a split of that name: "
        "evaluation.tests can name it, and nothing of it stays in training",
    )
    train_split: str = "train"
    validation_split: str = "validation"

    @model_validator(mode="after")
    def _one_source_or_several(self) -> CorpusConfig:
        if bool(self.source) == bool(self.sources):
            seen = f"both, {self.source!r} and {len(self.sources)}" if self.source else "neither"
            raise ValueError(f"corpus must have either `source` or `sources`, but has {seen}")
        unnamed = [source.source for source in self.sources if source.name is None]
        if unnamed:
            raise ValueError(f"each of corpus.sources must have a name, but {unnamed[0]} has none")
        names = [source.name for source in self.sources]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(
                f"each of corpus.sources must have a name of its own, but two are called "
                f"{', '.join(map(str, sorted(twice, key=str)))}"
            )
        alone = set(SourceConfig.model_fields) - {"source"}
        beside = sorted(alone & self.model_fields_set) if self.sources else []
        if beside:
            raise ValueError(
                f"beside corpus.sources each source has its own keys, but corpus has "
                f"{', '.join(beside)}, which would be read for none"
            )
        return self

    @model_validator(mode="after")
    def _tests_have_names_of_their_own(self) -> CorpusConfig:
        taken = {self.train_split, self.validation_split}
        taken |= {source.name for source in self.each if source.name is not None}
        both = sorted(taken & self.tests.keys())
        if both:
            raise ValueError(
                f"a test set of corpus.tests must not be called as a split or a source is, but "
                f"{', '.join(both)} is; give it another name"
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

    @property
    def each(self) -> tuple[SourceConfig, ...]:
        """The sources, be they one or several."""
        return self.sources or (self,)

    @property
    def inputs(self) -> tuple[SourceConfig, ...]:
        """All that is read: the sources, and the test sets from elsewhere behind them."""
        return (*self.each, *(test.called(name) for name, test in self.tests.items()))

    @property
    def licences(self) -> str:
        """Of all sources, each once: ``CC BY-NC 4.0; CC BY-SA 4.0``."""
        return "; ".join(dict.fromkeys(source.licence for source in self.each))

    @property
    def caps(self) -> dict[str, int]:
        """Source → the training pairs that are read of it, where that is not all."""
        return {s.label: s.max_pairs for s in self.each if s.max_pairs is not None}

    def with_commits(self, resolve: Callable[[str, str], str]) -> CorpusConfig:
        """The same with each hub source's revision as ``resolve(dataset, revision)`` names it."""

        def pinned(source: SourceT) -> SourceT:
            if kind_of(source) != "hub" or source.revision is None:
                return source
            return source.model_copy(update={"revision": resolve(source.source, source.revision)})

        tests = {name: pinned(test) for name, test in self.tests.items()}
        if self.sources:
            sources = tuple(map(pinned, self.sources))
            return self.model_copy(update={"sources": sources, "tests": tests})
        return pinned(self.model_copy(update={"tests": tests}))

    def in_words(self) -> str:
        """The sources as one reads them: ``cfilt/iitb-english-hindi``, ``web/*.tsv``."""
        return ", ".join(source.source for source in self.each)


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: where it is, and what its publisher says of it.

    Attributes:
        name: its name in the corpus artifact, ``data/<source>/<split>-NNNNN-of-NNNNN.parquet``.
        location: the file's path in the hub's repository.
        size: bytes.
        sha256: as published; None where the publisher says nothing.
    """

    name: str
    location: str
    size: int
    sha256: str | None


def file_name(source: str, split: str, index: int, total: int) -> str:
    """Where a file lies in the corpus artifact: ``data/iitb/train-00000-of-00001.parquet``."""
    return f"data/{source}/{split}-{index:05}-of-{total:05}.parquet"


def split_of(name: str) -> str:
    """``train`` of ``data/iitb/train-00000-of-00001.parquet``.

    Raises:
        CorpusError: if the name has no split.
    """
    match = _DATA_FILE.fullmatch(name)
    if match is None:
        raise CorpusError(
            f"a corpus file must be named <split>-NNNNN-of-NNNNN.parquet, but one is {name!r}"
        )
    return match["split"]


def source_of(name: str) -> str:
    """``iitb`` of ``data/iitb/train-00000-of-00001.parquet``."""
    return name.split("/")[1]


def splits_of(artifact: Artifact) -> list[str]:
    """The splits of a corpus artifact, sorted."""
    return sorted({split_of(name) for name in artifact.names("data/", ".parquet")})


def sources_of(artifact: Artifact) -> list[str]:
    """The names of the sources of a corpus artifact, in the configuration's order."""
    return list(artifact.spec.settings["order"])


def files_of(artifact: Artifact, split: str) -> list[str]:
    """The files of a split: sources in the configuration's order, files in that of their names."""
    sources = sources_of(artifact)
    names = [name for name in artifact.names("data/", ".parquet") if split_of(name) == split]
    return sorted(names, key=lambda name: (sources.index(source_of(name)), name))


def identity(source: SourceConfig) -> dict[str, Any]:
    """What makes a source what it is, as JSON values: its part of the corpus stage's settings.

    For files on a disk that is what they contain, not where they lie, so that a moved or copied
    folder is the same corpus; for the hub it is the pinned revision, and needs no request.

    Raises:
        ConfigError: see :func:`~pipeline.sources.kind_of`; or if the revision is no commit.
        CorpusError: if a folder holds no corpus.
    """
    kind = kind_of(source)
    if kind == "phrasebook":
        return {"kind": kind, "phrasebook": source.phrasebook.model_dump(mode="json")}
    if kind == "inline":
        return {"kind": kind, "pairs": [list(pair) for pair in source.pairs]}
    if kind == "hub":
        if not _COMMIT.fullmatch(source.revision or ""):
            raise ConfigError(
                f"corpus.revision must be a commit of 40 hex digits for the hub dataset "
                f"{source.source}, not {source.revision!r}"
            )
        found = {"kind": kind, "dataset": source.source, "revision": source.revision}
        return found | _columns(source)
    files = {name: file.fingerprint() for name, file in named_files(source).items()}
    return {"kind": kind, "files": files} | _columns(source)


def _columns(source: SourceConfig) -> dict[str, str]:
    """What of a source is read, where that is not all of the usual columns."""
    columns = {"english": source.english, "hindi": source.hindi}
    found = {} if columns == {"english": "en", "hindi": "hi"} else columns
    if isinstance(source, TestSetConfig) and source.take is not None:
        found["take"] = source.take
    return found


def named_files(source: SourceConfig) -> dict[str, InputFile]:
    """Name in the corpus artifact → the file of a source of the kind ``files``.

    Raises:
        CorpusError: see :func:`~pipeline.sources.input_files`; or if none is of the split that is
            to be read.
    """
    files = input_files(source)
    called = [source.split_called(file.split) for file in files]
    read = [replace(f, split=c) for f, c in zip(files, called, strict=True) if c is not None]
    require_read(source, read, [file.split for file in files])
    return dict(zip(names_of(source, [file.split for file in read]), read, strict=True))


def require_read(source: SourceConfig, read: Sequence[object], splits: Sequence[str]) -> None:
    """Refuse a test set without a file of the split that is to be read.

    Raises:
        CorpusError: naming the splits that it has.
    """
    if not read:
        assert isinstance(source, TestSetConfig)
        raise CorpusError(
            f"the test set {source.label} must have the split {source.take}, but {source.source} "
            f"has {', '.join(sorted(set(splits)))}; corpus.tests.{source.label}.take names it"
        )


def names_of(source: SourceConfig, splits: Sequence[str]) -> list[str]:
    """Names in the corpus artifact of a source's files, which are of these splits."""
    return number_by_split(splits, lambda *place: file_name(source.label, *place))


def generated_splits(source: SourceConfig) -> dict[str, list[tuple[str, str]]]:
    """Split → pairs of a source that needs no files: the phrasebook, or inline pairs.

    The six pairs of a first lesson are there to be learnt by heart, so inline pairs are their own
    validation and test split.

    Raises:
        ConfigError: if more pairs are asked for than the phrasebook has.
    """
    if source.source == "inline":
        pairs = list(source.pairs)
        return {"train": pairs, "validation": pairs, "test": pairs}
    try:
        splits = generate(source.phrasebook)
    except ValueError as error:
        raise ConfigError(f"corpus.phrasebook: {error}") from error
    return {name: [(p.english, p.hindi) for p in pairs] for name, pairs in splits.items()}


def write_pairs(pairs: Sequence[tuple[str, str]], out: Path) -> None:
    """Write pairs as a parquet file of the corpus layout."""
    rows = [{"en": english, "hi": hindi} for english, hindi in pairs]
    pq.write_table(pa.table({"translation": rows}, schema=SCHEMA), out)


def read_rows(path: Path, start: int, stop: int) -> pa.StructArray:
    """Rows ``start`` to ``stop`` of a corpus file."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return pa.concat_arrays(b.column("translation") for b in row_batches(file, start, stop))
