"""The tensorize stage: one task a shard."""

from __future__ import annotations

from contextlib import ExitStack

from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Counts, Part, with_source
from pipeline.errors import CorpusError
from pipeline.runner import Task
from pipeline.stages.stage import StageRun, clean_shards, source_of_shard
from pipeline.subwords import SubwordSampler
from pipeline.tensorize import TensorizeConfig, tensorize_shard
from pipeline.tokenizer import LANGUAGES, Tokenizer

SAMPLE = ".sample-"
"""In the name of a file of token arrays: it holds a segmentation that was drawn."""


def run_tensorize(run: StageRun) -> Artifact:
    kept, tokenizer = run.done["dedup"], run.done["tokenizer"]
    # What the ids mean is said by their bytes.
    tokenizer.verify()
    train = run.config.corpus.train_split
    variants = {train: run.config.tensorize.sampling_variants}
    tasks = [
        Task(
            shard,
            _tensorize,
            (
                kept.only(f"{shard}.parquet"),
                tokenizer,
                run.spec,
                split,
                shard,
                run.config.tensorize,
                variants.get(split, 0),
            ),
            weight=kept.entry(f"{shard}.parquet").size,
        )
        for split in run.config.splits
        for shard in clean_shards(kept, split)
    ]
    parts = run.parts(tasks)
    counts = artifacts.total_counts(parts)
    _check_counts(counts, kept)
    for split in run.config.splits:
        if not counts[f"{split}_pairs"]:
            limits = run.config.tensorize
            raise CorpusError(
                f"at least one pair of {split} must have at most {limits.max_source_tokens} source "
                f"and {limits.max_target_tokens} target tokens, but all "
                f"{counts[f'{split}_dropped_too_many_tokens']:,} have more; raise "
                f"tensorize.max_source_tokens and max_target_tokens"
            )
    facts = {tokenizer_fact(x): tokenizer.entry(f"{x}.model").sha256 for x in LANGUAGES}
    return artifacts.commit(run.storage, run.spec, parts, facts)


def _check_counts(counts: Counts, kept: Artifact) -> None:
    """Nothing is lost: of each split and source a kept pair has ids, or too many of them."""
    for key, rows in kept.counts.items():
        prefix, _, what = key.rpartition("_")
        if what == "kept":
            pairs, dropped = (
                counts.get(f"{prefix}_{key}", 0) for key in ("pairs", "dropped_too_many_tokens")
            )
            assert rows == pairs + dropped, f"{prefix}: {rows} rows, {pairs=}, {dropped=}"


def tokenizer_fact(language: str) -> str:
    """The fact of token arrays that holds the sha256 of the tokenizer that made their ids."""
    return f"tokenizer_{language}_sha256"


def token_arrays(arrays: Artifact, split: str) -> list[str]:
    """Names of the files with the best segmentation of a split, shard by shard."""
    return [name for name in arrays.names(f"{split}-", ".arrow") if SAMPLE not in name]


def sampled_token_arrays(arrays: Artifact, split: str) -> list[list[str]]:
    """Names of the files with each segmentation that was drawn of a split, shard by shard."""
    names = [name for name in arrays.names(f"{split}-", ".arrow") if SAMPLE in name]
    variants = sorted({name.partition(SAMPLE)[2] for name in names})
    return [[name for name in names if name.endswith(SAMPLE + v)] for v in variants]


def _tensorize(
    kept: Artifact,
    tokenizer: Artifact,
    spec: ArtifactSpec,
    split: str,
    shard: str,
    config: TensorizeConfig,
    variants: int,
) -> Part:
    names = [f"{shard}.arrow", *(f"{shard}{SAMPLE}{i + 1:02}.arrow" for i in range(variants))]
    source, target = (
        Tokenizer.load(tokenizer.local(f"{language}.model")) for language in LANGUAGES
    )
    samplers = None
    if variants:
        model_type = tokenizer.spec.settings["model_type"]
        made = (
            SubwordSampler(side.vocabulary(model_type), config.sampling_alpha)
            for side in (source, target)
        )
        samplers = next(made), next(made)
    with ExitStack() as writing:
        outs = [
            writing.enter_context(kept.storage.writing(f"{spec.path}/{name}")) for name in names
        ]
        counts = tensorize_shard(
            kept.local(f"{shard}.parquet"),
            source,
            target,
            config,
            outs[0],
            outs[1:],
            samplers,
        )
    entries = tuple(artifacts.entry_of(kept.storage, spec, name) for name in names)
    return Part(
        entries, with_source(counts, split, source_of_shard(kept.local(f"{shard}.parquet")))
    )
