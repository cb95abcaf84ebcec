"""The corpus stage: every source generated, copied, or fetched in byte ranges."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from pipeline import artifacts, corpus
from pipeline.artifacts import Artifact, ArtifactSpec, Counts, FileEntry, Part, with_source
from pipeline.errors import CorpusError
from pipeline.formats import write_corpus_file
from pipeline.runner import Task
from pipeline.sources import InputFile, SourceConfig, TestSetConfig, kind_of
from pipeline.stages.hub import DOWNLOADED, download_files, list_files
from pipeline.stages.stage import DataConfig, StageRun
from pipeline.storage import Storage


def run_corpus(run: StageRun) -> Artifact:
    """Bring every source's files into the artifact."""
    parts: list[Part] = []
    for source in run.config.corpus.inputs:
        _require_new_split(source, parts)
        kind = kind_of(source)
        if kind == "hub":
            parts += _fetch(run, source, run.spec.settings["sources"][source.label]["revision"])
        elif kind == "files":
            parts += _copy(run, source)
        else:
            task = Task(f"generate-{source.label}", _generate, (run.storage, run.spec, source))
            parts += run.parts([task])
    splits = {corpus.split_of(file.name) for part in parts for file in part.files}
    _check_splits(run.config, splits)
    artifact = artifacts.commit(run.storage, run.spec, parts)
    run.storage.delete(f"{run.spec.path}/{DOWNLOADED}")
    return artifact


def _check_splits(config: DataConfig, seen: Set[str]) -> None:
    if not seen >= set(config.splits):
        raise CorpusError(
            f"the corpus {config.corpus.in_words()} must have the splits "
            f"{' and '.join(config.splits)}, but has {', '.join(sorted(seen))}; "
            f"corpus.train_split and corpus.validation_split name them"
        )


def _require_new_split(source: SourceConfig, parts: Sequence[Part]) -> None:
    if isinstance(source, TestSetConfig):
        seen = {corpus.split_of(file.name) for part in parts for file in part.files}
        if source.label in seen:
            raise CorpusError(
                f"the test set {source.label} of corpus.tests must be a split of its own, but the "
                f"corpus has the splits {', '.join(sorted(seen))}; give it another name"
            )


def _fetch(run: StageRun, source: SourceConfig, revision: str) -> list[Part]:
    listed = list_files(run, source.source, revision)
    called = [source.split_called(corpus.split_of(f.name)) for f in listed]
    if isinstance(source, TestSetConfig):
        splits = [corpus.split_of(f.name) for f in listed]
        listed = [f for f, c in zip(listed, called, strict=True) if c is not None]
        corpus.require_read(source, listed, splits)
    elif not run.config.corpus.sources:
        # Before anything is fetched; of several sources another one may have what is missing.
        _check_splits(run.config, {corpus.split_of(f.name) for f in listed})
    names = corpus.names_of(source, [split for split in called if split is not None])
    files = [replace(f, name=name) for f, name in zip(listed, names, strict=True)]
    columns = (source.english, source.hindi)
    return download_files(run, source.source, revision, files, columns)


def _copy(run: StageRun, source: SourceConfig) -> list[Part]:
    files = corpus.named_files(source)
    if files.keys() != run.spec.settings["sources"][source.label]["files"].keys():
        raise CorpusError(_changed(source.source))
    tasks = [
        Task(name.removeprefix("data/"), _copy_file, (run.storage, run.spec, source, name, file))
        for name, file in files.items()
    ]
    # Only this process is sure to see a local disk; a Ray task may run on another machine.
    return run.parts(tasks, here=True)


# The tasks.


def _generate(storage: Storage, spec: ArtifactSpec, source: SourceConfig) -> Part:
    files: list[FileEntry] = []
    counts: Counts = {}
    for split, pairs in corpus.generated_splits(source).items():
        name = corpus.file_name(source.label, split, 0, 1)
        with storage.writing(f"{spec.path}/{name}") as out:
            corpus.write_pairs(pairs, out)
        files.append(artifacts.entry_of(storage, spec, name))
        counts |= with_source({"rows": len(pairs)}, split, source.label)
    return Part(tuple(files), counts)


def _copy_file(
    storage: Storage, spec: ArtifactSpec, source: SourceConfig, name: str, file: InputFile
) -> Part:
    with storage.writing(f"{spec.path}/{name}") as out:
        rows = write_corpus_file(
            file.local(), file.uris, file.format, (source.english, source.hindi), out
        )
        # The artifact is named by what the file held when it was planned.
        if file.fingerprint() != spec.settings["sources"][source.label]["files"][name]:
            raise CorpusError(_changed(" and ".join(file.uris)))
    entry = artifacts.entry_of(storage, spec, name)
    return Part((entry,), with_source({"rows": rows}, file.split, source.label))


def _changed(what: str) -> str:
    return f"{what} must not change while a corpus is made of it, but did; run the command again"
