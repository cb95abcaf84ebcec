"""The tokenizer stage: one task a language, or one for both, and one that measures them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.runner import Task
from pipeline.stages.stage import StageRun, clean_shards
from pipeline.tokenizer import (
    LANGUAGES,
    Tokenizer,
    TokenizerConfig,
    drawn_sentences,
    train_tokenizer,
)
from pipeline.tokenizer_report import REPORT, measure_tokenizers


def run_tokenizer(run: StageRun) -> Artifact:
    kept, config = run.done["dedup"], run.config.tokenizer
    train, validation = run.config.splits
    sides = {"joint": LANGUAGES} if config.joint else {name: (name,) for name in LANGUAGES}
    tasks = [
        Task(side, _train, (kept, run.spec, train, side, languages, config))
        for side, languages in sides.items()
    ]
    report = [Task("report", _report, (kept, run.spec, validation))]
    parts = run.parts(tasks, after=len(report))
    parts += run.parts(report, before=len(tasks))
    return artifacts.commit(run.storage, run.spec, parts)


def _train(
    kept: Artifact,
    spec: ArtifactSpec,
    split: str,
    side: str,
    languages: Sequence[str],
    config: TokenizerConfig,
) -> Part:
    """Learn one vocabulary, which each of ``languages`` gets a file of."""
    storage = kept.storage
    first, *others = (f"{language}.model" for language in languages)
    sentences = drawn_sentences(
        (kept.local(f"{shard}.parquet") for shard in clean_shards(kept, split)),
        languages,
        kept.counts[f"{split}_kept"],
        config.max_sentences,
        config.seed,
    )
    with storage.writing(f"{spec.path}/{first}") as out:
        counts = train_tokenizer(sentences, config, out, side)
    for name in others:
        with storage.writing(f"{spec.path}/{name}") as out:
            shutil.copyfile(storage.local(f"{spec.path}/{first}"), out)
    entries = tuple(artifacts.entry_of(storage, spec, name) for name in (first, *others))
    return Part(entries, {f"{side}_{key}": n for key, n in counts.items()})


def _report(kept: Artifact, spec: ArtifactSpec, split: str) -> Part:
    storage = kept.storage
    tokenizers = {
        language: Tokenizer.load(storage.local(f"{spec.path}/{language}.model"))
        for language in LANGUAGES
    }
    shards = (kept.local(f"{shard}.parquet") for shard in clean_shards(kept, split))
    report = measure_tokenizers(tokenizers, split, shards)
    storage.write_bytes(f"{spec.path}/{REPORT}", report.to_json())
    return Part((artifacts.entry_of(storage, spec, REPORT),), {})
