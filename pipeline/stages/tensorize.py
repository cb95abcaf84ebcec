"""The tensorize stage: one task a shard."""

from __future__ import annotations

from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.errors import CorpusError
from pipeline.runner import Task
from pipeline.stages.stage import StageRun, clean_shards
from pipeline.tensorize import TensorizeConfig, tensorize_shard
from pipeline.tokenizer import LANGUAGES, Tokenizer


def run_tensorize(run: StageRun) -> Artifact:
    kept, tokenizer = run.done["dedup"], run.done["tokenizer"]
    tasks = [
        Task(shard, _tensorize, (kept, tokenizer, run.spec, split, shard, run.config.tensorize))
        for split in run.config.splits
        for shard in clean_shards(kept, split)
    ]
    parts = run.parts(tasks)
    counts = artifacts.total_counts(parts)
    for split in run.config.splits:
        if not counts[f"{split}_pairs"]:
            limits = run.config.tensorize
            raise CorpusError(
                f"at least one pair of {split} must have at most {limits.max_source_tokens} source "
                f"and {limits.max_target_tokens} target tokens, but all "
                f"{counts[f'{split}_dropped_too_many_tokens']:,} have more; raise "
                f"tensorize.max_source_tokens and max_target_tokens"
            )
    return artifacts.commit(run.storage, run.spec, parts)


def _tensorize(
    kept: Artifact,
    tokenizer: Artifact,
    spec: ArtifactSpec,
    split: str,
    shard: str,
    config: TensorizeConfig,
) -> Part:
    name = f"{shard}.arrow"
    source, target = (
        Tokenizer.load(tokenizer.local(f"{language}.model")) for language in LANGUAGES
    )
    with kept.storage.writing(f"{spec.path}/{name}") as out:
        counts = tensorize_shard(kept.local(f"{shard}.parquet"), split, source, target, config, out)
    return Part((artifacts.entry_of(kept.storage, spec, name),), counts)
