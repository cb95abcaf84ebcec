"""The files of a hub dataset as tasks: one fetches a byte range, one joins the ranges of a file.

reads   the hub's listing and bytes, or what an interrupted run left of them in the storage
writes  ``downloaded/org--name@0123456789ab/…`` for as long as the stage runs: ``listing.json``, the
        byte ranges, and ``refetched/…``, a sentence on each file that had to be fetched twice
holds   a file stands in the artifact only if it is the published one, byte for byte; what lies in
        the storage is not asked for again
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict

from pipeline import artifacts, download, hub
from pipeline.artifacts import ArtifactSpec, Part, with_source
from pipeline.corpus import SourceFile, source_of, split_of
from pipeline.download import BytePart, MismatchError, flat_name
from pipeline.errors import CorpusError
from pipeline.formats import to_corpus_layout
from pipeline.runner import Task
from pipeline.stages.stage import StageRun
from pipeline.storage import Storage

logger = logging.getLogger(__name__)

DOWNLOADED = "downloaded"
"""Folder of a corpus artifact that holds what is fetched until the artifact is complete."""

LISTING = "listing.json"
REFETCHED = "refetched"


def list_files(run: StageRun, dataset: str, revision: str) -> list[SourceFile]:
    """The files of a dataset at a commit, from the hub or as an earlier run was told.

    Raises:
        CorpusError: see :func:`pipeline.download.hub_files`.
    """
    path = f"{run.spec.path}/{_folder(dataset, revision)}/{LISTING}"
    if run.storage.size(path) is not None:
        try:
            return [SourceFile(**f) for f in json.loads(run.storage.read_bytes(path))]
        except (ValueError, TypeError):
            # A listing that can't be read lists nothing: the hub is asked again.
            run.storage.delete(path)
    files = download.hub_files(dataset, revision)
    run.storage.write_bytes(path, json.dumps([asdict(f) for f in files], indent=1).encode())
    return files


def download_files(
    run: StageRun,
    dataset: str,
    revision: str,
    files: Sequence[SourceFile],
    columns: tuple[str, str] = ("en", "hi"),
) -> list[Part]:
    """Fetch ``files`` of a dataset into the artifact; what an interrupted run fetched stays.

    One that is not of the corpus layout is converted when it has been verified; ``columns`` are
    then those of its English and its Hindi side.

    The caller deletes the folder :data:`DOWNLOADED` when all that the artifact needs is in place.

    Raises:
        CorpusError: if a range can't be fetched, or a file came twice with other bytes than are
            published; or if ``HF_HUB_OFFLINE`` is set and a range is missing.
    """
    storage, spec = run.storage, run.spec
    # A file that an interrupted run made whole is not fetched again.
    missing = [f for f in files if not artifacts.read_part(storage, spec, flat_name(f.name))]
    pieces = {f.name: download.parts_of(f, run.config.corpus.part_bytes) for f in files}
    fetches = [
        Task(piece.name, _fetch_part, (storage, spec, dataset, revision, piece))
        for f in missing
        for piece in pieces[f.name]
    ]
    if hub.is_offline():
        _refuse_what_is_missing(
            run, dataset, revision, [p for f in missing for p in pieces[f.name]]
        )
    run.parts(fetches, after=len(files))
    joins = [
        Task(
            flat_name(f.name),
            _assemble_file,
            (storage, spec, dataset, revision, f, pieces[f.name], columns),
        )
        for f in files
    ]
    parts = run.parts(joins, before=len(fetches))
    # A worker's log is not seen here, so that what it has to say lies in the storage.
    folder = f"{spec.path}/{_folder(dataset, revision)}/{REFETCHED}"
    for name in storage.list(folder):
        logger.warning("%s", storage.read_bytes(f"{folder}/{name}").decode())
    return parts


def _folder(dataset: str, revision: str) -> str:
    return f"{DOWNLOADED}/{flat_name(dataset)}@{revision[:12]}"


def _refuse_what_is_missing(
    run: StageRun, dataset: str, revision: str, pieces: Sequence[BytePart]
) -> None:
    missing = [p for p in pieces if not artifacts.read_part(run.storage, run.spec, p.name)]
    if missing:
        size = sum(piece.stop - piece.start for piece in missing)
        raise CorpusError(
            f"{dataset} at {revision} must be fetched once without HF_HUB_OFFLINE, which is set: "
            f"{size:,} bytes of it are not in this storage"
        )


def _fetch_part(
    storage: Storage, spec: ArtifactSpec, dataset: str, revision: str, piece: BytePart
) -> Part:
    name = f"{_folder(dataset, revision)}/{piece.name}"
    with storage.writing(f"{spec.path}/{name}") as out:
        download.fetch_part(dataset, revision, piece, out)
    return Part((artifacts.entry_of(storage, spec, name),), {"bytes": piece.stop - piece.start})


def _assemble_file(
    storage: Storage,
    spec: ArtifactSpec,
    dataset: str,
    revision: str,
    file: SourceFile,
    pieces: Sequence[BytePart],
    columns: tuple[str, str],
) -> Part:
    folder = _folder(dataset, revision)
    names = [f"{spec.path}/{folder}/{piece.name}" for piece in pieces]
    note = f"{spec.path}/{folder}/{REFETCHED}/{flat_name(file.name)}"

    def join() -> int:
        for name, piece in zip(names, pieces, strict=True):
            # Some are missing where this task was killed while it fetched them anew.
            if storage.size(name) is None:
                _fetch_part(storage, spec, dataset, revision, piece)
        with storage.writing(f"{spec.path}/{file.name}") as out:
            download.assemble([storage.local(name) for name in names], file, out)
            return to_corpus_layout(out, file.name, columns)

    def discard() -> None:
        for name in names:
            storage.delete(name)

    try:
        try:
            rows = join()
        except MismatchError as first:
            said = f"{first}; it was discarded and fetched once more"
            storage.write_bytes(note, said.encode())
            discard()
            rows = join()
    except MismatchError as second:
        discard()
        storage.delete(note)
        raise CorpusError(
            f"{second}, twice in a row, and was discarded: run the same command again, and where "
            f"that ends so too, ask who keeps {dataset}, or the proxy on the way to it"
        ) from None
    except CorpusError:
        # As published it is no corpus, or a range can't be had: the next run fetches it anew.
        discard()
        raise
    entry = artifacts.entry_of(storage, spec, file.name)
    return Part((entry,), with_source({"rows": rows}, split_of(file.name), source_of(file.name)))
