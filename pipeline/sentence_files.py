"""Files of sentences that are to be translated: which there are, and of which kind.

reads   text (a sentence a line), TSV and parquet, text and TSV also with ``.gz``: one file, the
        files of a folder, or those that a glob matches, on a disk or in an object store
writes  nothing; :mod:`pipeline.sentence_lines` and :mod:`pipeline.sentence_tables` read and write
holds   files come in the order of their names, and no two have one name

Example: ``web/*.tsv.gz``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import ConfigError, CorpusError
from pipeline.sources import paths_of
from pipeline.storage import Storage, sha256_of

Kind = Literal["text", "tsv", "parquet"]

GZIP = ".gz"
_KINDS: dict[str, Kind] = {".txt": "text", ".en": "text", ".tsv": "tsv", ".parquet": "parquet"}


@dataclass(frozen=True)
class SentenceFile:
    """One file: where it is, and what its name says of it.

    Attributes:
        storage: that it lies in.
        path: its place there.
        kind: what its name ends in; a file that was asked for by its own name, or by a glob, is
            text where that says nothing.
    """

    storage: Storage
    path: str
    kind: Kind

    @property
    def name(self) -> str:
        """Without its folder."""
        return self.path.rpartition("/")[2]

    @property
    def uri(self) -> str:
        """In full, as errors name it."""
        return self.storage.uri_of(self.path)

    @property
    def packed(self) -> bool:
        """Whether it is compressed, as its name says."""
        return self.kind != "parquet" and self.name.endswith(GZIP)

    def size(self) -> int:
        """Bytes.

        Raises:
            CorpusError: if it is no file.
        """
        size = self.storage.size(self.path)
        if size is None:
            raise CorpusError(f"{self.uri} must be a file, but is a folder or is gone")
        return size

    def fingerprint(self) -> str:
        """What its content is known by: the sha256 on a disk; in an object store size and ETag.

        Raises:
            CorpusError: if it can't be read.
        """
        root = self.storage.local_root
        if root is None:
            return self.storage.version(self.path)
        try:
            return sha256_of(root / self.path)
        except OSError as error:
            raise CorpusError(
                f"{self.uri} must be a file that can be read, but: {error.strerror}"
            ) from error


@dataclass(frozen=True)
class FoundFiles:
    """What a path, a URI or a glob came to.

    Attributes:
        files: in the order of their names.
        one: whether it named a single file, not a folder or a glob.
        left_out: names of those in a folder that are of no kind.
    """

    files: tuple[SentenceFile, ...]
    one: bool
    left_out: tuple[str, ...] = ()


def kind_of_name(name: str) -> Kind | None:
    """``tsv`` of ``web.tsv.gz``; None where the ending says nothing."""
    return _KINDS.get(Path(name.removesuffix(GZIP)).suffix)


def find_sentence_files(where: str, setting: str) -> FoundFiles:
    """The files of a path, a URI or a glob.

    Args:
        where: see above.
        setting: how errors call it.

    Raises:
        ConfigError: if it is no path, no URI of a known kind or a glob with ``**``, or two of the
            files have one name.
        CorpusError: if there are none.
    """
    storage, paths = paths_of(where, setting)
    plain = where.partition("?")[0] if where.startswith("s3://") else where
    asked = plain.rstrip("/").rpartition("/")[2]
    # A file lies in its storage under the name that was asked for; a folder is the storage.
    one = paths == [asked] and storage.size(asked) is not None and not _is_folder(where)
    by_name = one or (any(mark in where for mark in "*?[") and not _is_folder(where))
    files, left_out = [], []
    for path in paths:
        kind = kind_of_name(path) or ("text" if by_name else None)
        if kind is None:
            left_out.append(path.rpartition("/")[2])
        else:
            files.append(SentenceFile(storage, path, kind))
    if not files:
        seen = "is an empty folder" if _is_folder(where) else "is no such file or folder"
        if left_out:
            seen = f"only has {', '.join(left_out[:3])}"
        raise CorpusError(
            f"{setting} must be a file, a glob, or a folder of files that end in "
            f"{', '.join(_KINDS)}, also with {GZIP}, but {where} {seen}"
        )
    _require_names_of_their_own([file.name for file in files], setting)
    return FoundFiles(tuple(files), one, tuple(left_out))


def _is_folder(where: str) -> bool:
    return "://" not in where and Path(where).expanduser().is_dir()


def _require_names_of_their_own(names: Sequence[str], setting: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"the files of {setting} must have names of their own, under which their translations "
            f"are written, but two are called {twice[0]}"
        )
