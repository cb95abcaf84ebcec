"""The corpus stage: generated, copied, or fetched in byte ranges; a task a range."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from pipeline import artifacts, corpus, download
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.corpus import CorpusConfig, SourceFile
from pipeline.errors import CorpusError
from pipeline.runner import Task
from pipeline.stages.hub import download_files
from pipeline.stages.stage import DataConfig, StageRun
from pipeline.storage import Storage

def run_corpus(run: StageRun) -> Artifact:
    config = run.config.corpus
    kind = corpus.kind_of(config)
    if kind == "hub":
        assert config.revision is not None
        listed = download.hub_files(config.source, config.revision)
        _check_splits(run.config, {corpus.split_of(f.name) for f in listed})
        parts = download_files(run, config.source, config.revision, listed)
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
