"""The tokenizer stage: one task a language."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.parquet as pq

from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.runner import Task
from pipeline.stages.stage import StageRun, clean_shards
from pipeline.tokenizer import LANGUAGES, TokenizerConfig, train_tokenizer


def run_tokenizer(run: StageRun) -> Artifact:
    kept = run.done["dedup"]
    train = run.config.corpus.train_split
    tasks = [
        Task(language, _train_language, (kept, run.spec, train, language, run.config.tokenizer))
        for language in LANGUAGES
    ]
    return artifacts.commit(run.storage, run.spec, run.parts(tasks))


def _train_language(
    kept: Artifact, spec: ArtifactSpec, split: str, language: str, config: TokenizerConfig
) -> Part:
    name = f"{language}.model"
    with kept.storage.writing(f"{spec.path}/{name}") as out:
        counts = train_tokenizer(_sentences(kept, split, language), config, out, language)
    entry = artifacts.entry_of(kept.storage, spec, name)
    return Part((entry,), {f"{language}_{key}": n for key, n in counts.items()})


def _sentences(kept: Artifact, split: str, language: str) -> Iterator[str]:
    for shard in clean_shards(kept, split):
        table = pq.read_table(kept.local(f"{shard}.parquet"), columns=[language])
        yield from table.column(language).to_pylist()
