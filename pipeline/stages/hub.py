"""The files of a hub dataset as tasks: one fetches a byte range, one joins the ranges of a file.

reads   the hub's bytes, or the ranges that an interrupted run left in the storage
writes  ``downloaded/…`` (ranges, for as long as the stage runs) and the files made of them
holds   a file stands in the artifact only if it is the published one, byte for byte
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline import artifacts, download
from pipeline.artifacts import ArtifactSpec, Part, with_source
from pipeline.corpus import SourceFile, source_of, split_of
from pipeline.download import BytePart
from pipeline.errors import CorpusError
from pipeline.formats import check_parquet
from pipeline.runner import Task
from pipeline.stages.stage import StageRun
from pipeline.storage import Storage

DOWNLOADED = "downloaded"
"""Folder of a corpus artifact that holds byte ranges until their file is whole."""


def download_files(
    run: StageRun, dataset: str, revision: str, files: Sequence[SourceFile]
) -> list[Part]:
    """Fetch ``files`` of a dataset into the artifact; what an interrupted run fetched stays."""
    # A file that an interrupted run made whole is not fetched again.
    missing = [
        f for f in files if not artifacts.read_part(run.storage, run.spec, Path(f.name).name)
    ]
    pieces = {f.name: download.parts_of(f, run.config.corpus.part_bytes) for f in files}
    fetches = [
        Task(piece.name, _fetch_part, (run.storage, run.spec, dataset, revision, piece))
        for f in missing
        for piece in pieces[f.name]
    ]
    run.parts(fetches, after=len(files))
    joins = [
        Task(Path(f.name).name, _assemble_file, (run.storage, run.spec, f, pieces[f.name]))
        for f in files
    ]
    return run.parts(joins, before=len(fetches))


def _fetch_part(
    storage: Storage, spec: ArtifactSpec, dataset: str, revision: str, piece: BytePart
) -> Part:
    name = f"{DOWNLOADED}/{piece.name}"
    with storage.writing(f"{spec.path}/{name}") as out:
        download.fetch_part(dataset, revision, piece, out)
    return Part((artifacts.entry_of(storage, spec, name),), {"bytes": piece.stop - piece.start})


def _assemble_file(
    storage: Storage, spec: ArtifactSpec, file: SourceFile, pieces: Sequence[BytePart]
) -> Part:
    names = [f"{spec.path}/{DOWNLOADED}/{piece.name}" for piece in pieces]
    try:
        with storage.writing(f"{spec.path}/{file.name}") as out:
            download.assemble([storage.local(name) for name in names], file, out)
            rows = check_parquet(out, file.name)
    except CorpusError:
        # What came is not what is published: the next run must fetch it anew.
        for name in names:
            storage.delete(name)
        raise
    entry = artifacts.entry_of(storage, spec, file.name)
    return Part((entry,), with_source({"rows": rows}, split_of(file.name), source_of(file.name)))
