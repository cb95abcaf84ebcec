"""Files of a Hugging Face dataset, fetched in byte ranges and verified whole.

reads   a hub dataset at a pinned revision, at ``HF_ENDPOINT``
writes  parts ``data--train-00000-of-00001.parquet.0-33554432`` and the whole files made of them
holds   a file that is published has the size and the sha256 that the hub publishes
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import hub
from pipeline.corpus import SourceFile, split_of
from pipeline.errors import CorpusError
from pipeline.storage import sha256_of


class MismatchError(CorpusError):
    """The bytes that came are not the published ones."""


@dataclass(frozen=True)
class BytePart:
    """Bytes ``start`` to ``stop`` (exclusive) of a file: what one task fetches."""

    file: SourceFile
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Example: ``data--train-00000-of-00001.parquet.0-33554432``.

        It names the bytes, so that parts of an interrupted download with another ``part_bytes`` are
        not taken for these.
        """
        return f"{flat_name(self.file.name)}.{self.start}-{self.stop}"


def flat_name(name: str) -> str:
    """A file's name without folders: ``data--train-00000-of-00001.parquet``."""
    return name.replace("/", "--")


def hub_files(dataset: str, revision: str) -> list[SourceFile]:
    """The parquet files of a dataset with the sizes and hashes that the hub publishes.

    Raises:
        CorpusError: if the hub can't be reached or has no such dataset, revision or files, or a
            file has no split in its name.
    """
    listed = hub.get_json(dataset, revision, "tree", "data")
    entries = [e for e in listed if e["type"] == "file" and e["path"].endswith(".parquet")]
    if not entries:
        raise CorpusError(f"{dataset} at {revision} must hold data/*.parquet, but holds none")
    for entry in entries:
        split_of(entry["path"])
    return [
        SourceFile(
            name=f"data/{Path(entry['path']).name}",
            location=entry["path"],
            size=entry["size"],
            # A small file that does not lie in LFS has no sha256 on the hub.
            sha256=(entry.get("lfs") or {}).get("oid"),
        )
        for entry in entries
    ]


def parts_of(file: SourceFile, part_bytes: int) -> list[BytePart]:
    """The byte ranges that make up ``file``."""
    return [
        BytePart(file, start, min(start + part_bytes, file.size))
        for start in range(0, file.size, part_bytes)
    ]


def fetch_part(dataset: str, revision: str, part: BytePart, out: Path) -> None:
    """Fetch one byte range into ``out``; see :func:`pipeline.hub.fetch_range`.

    Raises:
        CorpusError: if the range could not be fetched.
    """
    file = part.file
    hub.fetch_range(dataset, revision, file.location, part.start, part.stop, file.size, out)


def assemble(parts: Sequence[Path], file: SourceFile, out: Path) -> None:
    """Join the parts of a file and compare it with what the hub publishes.

    Raises:
        MismatchError: naming both sizes or both hashes where they differ.
    """
    with out.open("wb") as sink:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, sink, 1 << 20)
    size = out.stat().st_size
    if size != file.size:
        raise MismatchError(f"{file.name} must have {file.size} bytes, but {size} came")
    if file.sha256 is not None and (seen := sha256_of(out)) != file.sha256:
        raise MismatchError(f"{file.name} must have sha256 {file.sha256}, but {seen} came")
