"""What a corpus is made of: its sources, of which kind each is, and the files of those on disks.

reads   ``phrasebook`` (generated), ``inline`` (pairs in the configuration), a hub id, or files: a
        folder, a glob or one file, on a local disk or in an object store
writes  nothing; :mod:`pipeline.formats` reads the files, :mod:`pipeline.download` fetches the hub's
holds   files come in the order of their names, a Moses pair (``train.en``, ``train.hi``) as one

Example of three sources: ``cfilt/iitb-english-hindi``, ``web/*.tsv``, ``s3://bucket/bible``.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pipeline.errors import ConfigError, CorpusError
from pipeline.phrasebook import PhrasebookConfig
from pipeline.saved_datasets import ENDING, files_of_splits, is_cache, split_of
from pipeline.settings import Settings
from pipeline.storage import Storage, sha256_of

SourceKind = Literal["phrasebook", "inline", "files", "hub"]
Format = Literal["parquet", "arrow", "tsv", "jsonl", "moses"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_WILDCARD = re.compile(r"[*?\[]")
_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ENDING: "arrow",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".en": "moses",
    ".hi": "moses",
}
_GZIP = ".gz"
# `train-00000-of-00004`, as datasets are published (at times with a hash behind), or `train`.
_NUMBERED = re.compile(r"(?P<split>\w+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?")
_PLAIN = {"train", "validation", "dev", "test"}


class SourceConfig(Settings):
    """One source of sentence pairs: where it is, what it is called, and how much of it is read."""

    source: str = Field(
        description="`phrasebook`, `inline`, a hub id such as `cfilt/iitb-english-hindi`, or "
        "files: a folder, a glob or one file, local or s3://; a folder that exists is a folder"
    )
    name: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9._-]*$",
        description="what counts and reports call it; unless set, the hub's repository or the kind",
    )
    licence: str = Field("unknown", description="written on every run and model made from it")
    revision: str | None = Field(
        None,
        description="of a hub dataset: a commit of 40 hex digits, or a branch, which is resolved "
        "once and recorded in the storage",
    )
    max_pairs: int | None = Field(
        None, ge=1, description="training pairs that are read, at even steps; all unless set"
    )
    split: str | None = Field(
        None,
        pattern=r"^\w+$",
        description="the split that all its files belong to; unless set, their names say it",
    )
    english: str = Field(
        "en",
        min_length=1,
        description="column of the English side; in TSV without a header its number, from 1",
    )
    hindi: str = Field("hi", min_length=1, description="column of the Hindi side, as for English")
    pairs: tuple[tuple[str, str], ...] = Field(
        (), description="English and Hindi sentences, for the source `inline`"
    )
    phrasebook: PhrasebookConfig = PhrasebookConfig()

    @model_validator(mode="after")
    def _inline_needs_pairs(self) -> SourceConfig:
        if (self.source == "inline") != bool(self.pairs):
            raise ValueError(
                "corpus.pairs must be given for the source `inline` and for no other, "
                f"but source is {self.source!r} with {len(self.pairs)} pairs"
            )
        return self

    @model_validator(mode="after")
    def _columns_differ(self) -> SourceConfig:
        if self.english == self.hindi:
            raise ValueError(
                f"english and hindi of a source must name two columns, but both are "
                f"{self.english!r}"
            )
        return self

    @property
    def label(self) -> str:
        """What counts and reports call it: never its place, so that a moved folder is the same."""
        if self.name is not None:
            return self.name
        kind = kind_of(self)
        return self.source.rpartition("/")[2].lower() if kind == "hub" else kind

    def split_called(self, split: str) -> str | None:
        """What the corpus calls a split of this source; None if it is not read."""
        return split


class TestSetConfig(SourceConfig):
    """A test set that is no split of what is trained on: a split of the corpus by its name."""

    __test__ = False  # pytest takes it for a class of tests

    take: str | None = Field(
        None,
        pattern=r"^\w+$",
        description="the split of it that is read, such as `devtest`, which its files are named "
        "by: devtest.en, devtest-00000-of-00001.parquet; all of it unless set",
    )

    @model_validator(mode="after")
    def _has_no_place_in_training(self) -> TestSetConfig:
        if self.source in ("phrasebook", "inline"):
            raise ValueError(
                f"the source of a test set must be a hub id or files, not {self.source!r}, whose "
                f"test splits are the corpus's own"
            )
        unread = sorted({"name", "split", "max_pairs"} & self.model_fields_set)
        if unread:
            raise ValueError(
                f"a test set is called by its key and read whole, but has {', '.join(unread)}; "
                f"`take` names the split of it that is read"
            )
        return self

    def called(self, name: str) -> TestSetConfig:
        """The same under its name, with every file that has no other split belonging to it."""
        return self.model_copy(update={"name": name, "split": None if self.take else name})

    def split_called(self, split: str) -> str | None:
        return self.name if self.take in (None, split) else None


def kind_of(source: SourceConfig) -> SourceKind:
    """Which kind of source it is.

    Raises:
        ConfigError: if it is none of them, or a hub id without a revision.
    """
    where = source.source
    if where == "phrasebook":
        return "phrasebook"
    if where == "inline":
        return "inline"
    if "://" in where or _WILDCARD.search(where) or os.path.exists(_expanded(where)):
        return "files"
    is_path = where.startswith((".", "/", "~")) or _format_of(where) is not None
    if _HUB_ID.fullmatch(where) and not is_path:
        if source.revision is None:
            raise ConfigError(
                f"corpus.revision must be given for the hub dataset {where}: a commit of 40 hex "
                f"digits, which its page lists under Files, History, or a branch such as main "
                f"(there is no folder of this name in {Path.cwd()})"
            )
        return "hub"
    raise ConfigError(
        f"corpus.source must be `phrasebook`, `inline`, an existing folder or file, a glob, an "
        f"s3:// URI or a hub id, but {where!r} is none of these (seen from {Path.cwd()})"
    )


@dataclass(frozen=True)
class InputFile:
    """One file of a source, or the two of a Moses pair.

    Attributes:
        split: what it belongs to.
        format: how it is read.
        storage: where it is.
        paths: its path there; of a Moses pair the English one, then the Hindi one.
    """

    split: str
    format: Format
    storage: Storage
    paths: tuple[str, ...]

    @property
    def uris(self) -> tuple[str, ...]:
        """Its paths in full, as errors name them."""
        return tuple(self.storage.uri_of(path) for path in self.paths)

    def local(self) -> tuple[Path, ...]:
        """Local files of its content, fetched from an object store."""
        return tuple(self.storage.local(path) for path in self.paths)

    def fingerprint(self) -> list[str]:
        """What its content is known by: the sha256 on a disk; in an object store size and time.

        There a hash would cost a download each time that somebody asks what there is to do.

        Raises:
            CorpusError: if it can't be read.
        """
        root = self.storage.local_root
        if root is None:
            return [self.storage.version(path) for path in self.paths]
        try:
            return [sha256_of(root / path) for path in self.paths]
        except OSError as error:
            raise CorpusError(
                f"{error.filename or ' and '.join(self.uris)} must be a file that can be read, "
                f"but: {error.strerror}"
            ) from error


def input_files(source: SourceConfig) -> list[InputFile]:
    """The files of a source of the kind ``files``, in the order of their names.

    Raises:
        ConfigError: if its place is no path, no URI of a known kind, or a glob with ``**``.
        CorpusError: if there are none, a name says no split, or a Moses pair lacks a side or has
            one twice.
    """
    storage, paths = paths_of(source.source, "corpus.source")
    paths += files_of_splits(storage, paths)
    known = [path for path in paths if _format_of(path) and not is_cache(path)]
    if not known:
        raise CorpusError(
            f"{source.source} must have files that end in {', '.join(_FORMATS)}, also with "
            f"{_GZIP}, but has {', '.join(map(_name, paths[:3])) or 'no file'}"
        )
    files = []
    for format_, group in _pair_up(known, storage):
        split = source.split or _split_of(group[0], source)
        files.append(InputFile(split, format_, storage, group))
    return files


def paths_of(where: str, setting: str) -> tuple[Storage, list[str]]:
    """The storage of a folder, a glob or a file, and the paths in it, sorted.

    Args:
        where: a path or URI; of a folder with a folder ``data`` in it, that one is read.
        setting: how errors call it.

    Raises:
        ConfigError: if it is no path, no URI of a known kind, or a glob with ``**``.
    """
    scheme, separator, rest = where.rpartition("://")
    query = ""
    if scheme == "s3":
        rest, question, options = rest.partition("?")
        query = question + options
    path = _expanded(rest)
    parts = Path(path).parts

    def storage_of(*folders: str) -> Storage:
        # A path of no parts is this folder, but no bucket.
        place = Path(*folders) if folders or scheme in ("", "file") else ""
        try:
            return Storage(f"{scheme}{separator}{place}{query}")
        except ConfigError as error:
            raise ConfigError(f"{setting}: {error}") from error

    # A folder may be called `corpus[1]`.
    is_literal = scheme in ("", "file") and os.path.exists(path)
    first = next((i for i, part in enumerate(parts) if _WILDCARD.search(part)), len(parts))
    if first < len(parts) and not is_literal:
        if "**" in parts:
            raise ConfigError(
                f"{setting} must be a glob of which * stands for one folder or file, but "
                f"{where!r} has **; give each folder a * of its own"
            )
        storage = storage_of(*parts[:first])
        return storage, sorted(_matching(storage, "", parts[first:]))
    # What `s3://` is followed by is a bucket, and no file.
    if len(parts) > (0 if scheme in ("", "file") else 1):
        storage = storage_of(*parts[:-1])
        if storage.size(parts[-1]) is not None:
            return storage, [parts[-1]]
    storage = storage_of(*parts)
    folder = "data/" if storage.list("data") else ""
    return storage, [f"{folder}{name}" for name in storage.list(folder.rstrip("/"))]


def _matching(storage: Storage, folder: str, patterns: Sequence[str]) -> Iterator[str]:
    for name in storage.list(folder):
        if fnmatchcase(name, patterns[0]):
            path = f"{folder}/{name}" if folder else name
            if len(patterns) == 1:
                yield path
            elif storage.size(path) is None:
                # A file in a folder's place, such as a README, matches nothing.
                yield from _matching(storage, path, patterns[1:])


def _expanded(where: str) -> str:
    # Unlike Path.expanduser, this leaves a `~name` that nobody has as it is.
    return os.path.expanduser(where)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _format_of(path: str) -> Format | None:
    return _FORMATS.get(Path(path.removesuffix(_GZIP)).suffix)


def _stem_of(path: str) -> str:
    return Path(_name(path).removesuffix(_GZIP)).stem


def _pair_up(paths: Sequence[str], storage: Storage) -> Iterator[tuple[Format, tuple[str, ...]]]:
    """Each file by itself, but of ``x.en`` and ``x.hi`` one group."""
    moses: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        if _format_of(path) == "moses":
            bare = path.removesuffix(_GZIP)
            sides, side = moses[bare[: -len(".en")]], bare[-len(".en") :]
            if side in sides:
                raise CorpusError(
                    f"a Moses corpus must have each side once, but {storage.uri_of(path)} stands "
                    f"beside {_name(sides[side])}; remove one of them"
                )
            sides[side] = path
    for path in paths:
        format_ = _format_of(path)
        assert format_ is not None
        if format_ != "moses":
            yield format_, (path,)
            continue
        bare = path.removesuffix(_GZIP)
        sides = moses.pop(bare[: -len(".en")], {})
        if not sides:
            continue
        for side, other in ((".en", ".hi"), (".hi", ".en")):
            if side not in sides:
                raise CorpusError(
                    f"a Moses corpus must have both sides, but {storage.uri_of(sides[other])} "
                    f"has no {_stem_of(sides[other])}{side} beside it"
                )
        yield "moses", (sides[".en"], sides[".hi"])


def _split_of(path: str, source: SourceConfig) -> str:
    stem = _stem_of(path)
    is_saved = path.endswith(ENDING)
    if is_saved and (split := split_of(path)):
        return split
    numbered = _NUMBERED.fullmatch(stem)
    # Files of a saved dataset are all called `data-…`.
    if numbered and not is_saved:
        return numbered["split"]
    # One split of a test set is named by the configuration, and may be called anything.
    takes_one = isinstance(source, TestSetConfig) and source.take is not None
    if takes_one or stem in _PLAIN:
        return stem
    raise CorpusError(
        f"a corpus file must say its split, by the name <split>-NNNNN-of-NNNNN or one of "
        f"{', '.join(sorted(_PLAIN))} before its ending, but one of {source.source} is "
        f"{_name(path)!r}; rename it, or set `split` of its source"
    )


def number_by_split(splits: Sequence[str], name: Callable[[str, int, int], str]) -> list[str]:
    """For files of these splits ``name(split, its number in the split, files of the split)``."""
    totals, seen = Counter(splits), Counter[str]()
    names = []
    for split in splits:
        names.append(name(split, seen[split], totals[split]))
        seen[split] += 1
    return names
