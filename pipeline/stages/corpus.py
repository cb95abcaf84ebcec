"""The corpus stage: generated, copied, or fetched in byte ranges; a task a range."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

from pipeline import artifacts, corpus, download
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.corpus import CorpusConfig, SourceFile
from pipeline.download import BytePart
from pipeline.errors import CorpusError
from pipeline.runner import Task
from pipeline.stages.stage import DataConfig, StageRun
from pipeline.storage import Storage

DOWNLOADED = "downloaded"
"""Folder of a corpus artifact that holds byte ranges until their file is whole."""


def run_corpus(run: StageRun) -> Artifact:
    config = run.config.corpus
    kind = corpus.kind_of(config)
    if kind == "hub":
        assert config.revision is not None
        parts = _download(run, config.source, config.revision)
    elif kind == "folder":
        files = corpus.folder_files(Path(config.source).expanduser())
        # Only this process is sure to see the folder; a Ray task may run on another machine.
        parts = [_copy_file(run.storage, run.spec, file) for file in files]
    else:
        parts = run.parts([Task("generate", _generate, (run.storage, run.spec, config))])
    _check_splits(run.config, {key.removesuffix("_rows") for p in parts for key in p.counts})
    return artifacts.commit(run.storage, run.spec, parts)


def _check_splits(config: DataConfig, seen: Set[str]) -> None:
    if not seen >= set(config.splits):
        raise CorpusError(
            f"the corpus {config.corpus.source} must have the splits "
            f"{' and '.join(config.splits)}, but has {', '.join(sorted(seen))}; "
            f"corpus.train_split and corpus.validation_split name them"
        )


def _download(run: StageRun, dataset: str, revision: str) -> list[Part]:
    files = download.hub_files(dataset, revision)
    _check_splits(run.config, {corpus.split_of(f.name) for f in files})
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
    parts = run.parts(joins, before=len(fetches))
    run.storage.delete(f"{run.spec.path}/{DOWNLOADED}")
    return parts


def _generate(storage: Storage, spec: ArtifactSpec, config: CorpusConfig) -> Part:
    files, counts = [], {}
    for split, pairs in corpus.generated_splits(config).items():
        name = f"data/{split}-00000-of-00001.parquet"
        with storage.writing(f"{spec.path}/{name}") as out:
            corpus.write_pairs(pairs, out)
        files.append(artifacts.entry_of(storage, spec, name))
        counts[f"{split}_rows"] = len(pairs)
    return Part(tuple(files), counts)


def _copy_file(storage: Storage, spec: ArtifactSpec, file: SourceFile) -> Part:
    path = Path(file.location)
    rows = corpus.check_parquet(path, file.location)
    with storage.writing(f"{spec.path}/{file.name}") as out:
        download.assemble([path], file, out)
    entry = artifacts.entry_of(storage, spec, file.name)
    return Part((entry,), {f"{corpus.split_of(file.name)}_rows": rows})


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
            rows = corpus.check_parquet(out, file.name)
    except CorpusError:
        # What came is not what is published: the next run must fetch it anew.
        for name in names:
            storage.delete(name)
        raise
    entry = artifacts.entry_of(storage, spec, file.name)
    return Part((entry,), {f"{corpus.split_of(file.name)}_rows": rows})
