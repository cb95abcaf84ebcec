"""Where translations of files go, and what is known of those that are there.

writes  ``OUT`` itself for one input file; for a folder or a glob ``OUT/<name>`` for each, by its
        own name; and ``OUT.manifest.json``, which says of each what it was made of
holds   a file that the manifest names is whole; one that was made of the same input, model and
        settings need not be made again
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from jobs.lock import LOCKS
from pipeline.artifacts import ARTIFACTS
from pipeline.errors import AnuvadError, ArtifactError, ConfigError
from pipeline.sentence_files import FoundFiles, SentenceFile, kind_of_name
from pipeline.storage import Storage, sha256_of

FORMAT_VERSION = 1
MANIFEST = ".manifest.json"
WORK = ".work"
"""What comes behind the output's name: the folder of the pieces, while there are any."""

UNPACKED = "unpacked"
"""Folder of the text of packed files, in the work folder."""


@dataclass(frozen=True)
class Standing:
    """A file of translations.

    Attributes:
        id: of what it was made.
        size: its bytes.
        sha256: of them.
        counts: its ``rows``, those ``in_pieces``, and the terms ``unforced``.
    """

    id: str
    size: int
    sha256: str
    counts: dict[str, int]


class TranslatedFiles:
    """The output of a translation of files.

    Args:
        where: ``--output``, a path or a URI.
        inputs: what is translated.

    Raises:
        ConfigError: if an input file would be written over, or the output's name says that it is
            of another kind than the input.
        AnuvadError: if a file stands where a folder has to be, or a folder where a file has to be.
    """

    def __init__(self, where: str, inputs: FoundFiles) -> None:
        plain, question, query = (
            where.partition("?") if where.startswith("s3://") else (where, "", "")
        )
        folder, _, self._name = plain.rstrip("/").rpartition("/")
        if self._name in ("", ".", "..") or folder.endswith(":/"):
            raise ConfigError(f"--output must name a file or a folder, but is {where}")
        absolute = "/" if plain.startswith("/") else "."
        options = question + query
        self.storage = Storage(f"{folder or absolute}{options}")
        self.work_uri = f"{plain.rstrip('/')}{WORK}{options}"
        self._one = inputs.one
        self._refuse(inputs, where)

    def path_of(self, file: SentenceFile) -> str:
        """Where the translations of an input file go, inside the storage."""
        return self._name if self._one else f"{self._name}/{file.name}"

    def packed(self, file: SentenceFile) -> bool:
        """Whether the translations of an input file are packed, as their own name says."""
        return file.kind != "parquet" and self.path_of(file).endswith(".gz")

    def standing(self) -> dict[str, Standing]:
        """Path → what the manifest says of it, of the files that are there as it says."""
        try:
            data = json.loads(self.storage.read_bytes(f"{self._name}{MANIFEST}"))
            found = {path: Standing(**entry) for path, entry in data["files"].items()}
        except (ArtifactError, ValueError, KeyError, TypeError, AttributeError):
            # A manifest that is not there, or can't be read, vouches for nothing.
            return {}
        return {p: one for p, one in found.items() if self.storage.size(p) == one.size}

    def record(self, standing: dict[str, Standing], facts: dict[str, Any]) -> None:
        """Write the manifest."""
        document = {
            "format_version": FORMAT_VERSION,
            **facts,
            "files": {path: asdict(one) for path, one in sorted(standing.items())},
        }
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        self.storage.write_bytes(f"{self._name}{MANIFEST}", text.encode())

    def entry(self, file: SentenceFile, id_: str, counts: dict[str, int]) -> Standing:
        """What is to be recorded of the translations of ``file``, which are there."""
        local = self.storage.local(self.path_of(file))
        return Standing(id_, local.stat().st_size, sha256_of(local), counts)

    def drop_work(self) -> None:
        """Remove the folder of the pieces, but not what others put there."""
        work = f"{self._name}{WORK}"
        for ours in (ARTIFACTS, UNPACKED, LOCKS):
            self.storage.delete(f"{work}/{ours}")
        if not self.storage.list(work):
            self.storage.delete(work)

    def _refuse(self, inputs: FoundFiles, where: str) -> None:
        stands_as_file = self.storage.size(self._name) is not None
        if self._one and self.storage.exists(self._name) and not stands_as_file:
            raise AnuvadError(f"--output must be a file, but {where} is a folder")
        if not self._one and stands_as_file:
            raise AnuvadError(
                f"--output must be a folder for the translations of several files, but "
                f"{where} is a file"
            )
        for file in inputs.files:
            path = self.path_of(file)
            said = kind_of_name(path) or "text"
            if self._one and "parquet" in (said, file.kind) and said != file.kind:
                raise ConfigError(
                    f"--output must be of the kind of --input, which is {file.kind}, but "
                    f"{where} ends as {said} does"
                )
            if self.storage.uri_of(path) == file.uri:
                raise ConfigError(f"--output must not be --input, but {file.uri} is both")
