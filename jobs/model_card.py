"""The model card of a version, made of what was measured.

reads   the training's artifacts, and the evaluation if there is one
writes  ``model_card.md`` among the artifacts of the version's run, and its text as the version's
        description
holds   no figure in it that was not measured, no score without its interval and signature
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from jobs.config import Config
from jobs.console import counts_line
from jobs.fit import read_summary
from jobs.origin import UNKNOWN, Origin
from jobs.train import sources_of
from jobs.train_worker import WEIGHTS
from pipeline.artifacts import Artifact
from pipeline.stages import StageResult

if TYPE_CHECKING:
    from jobs.evaluate import ScoredTest

CARD = "model_card.md"
# What MLflow's databases hold of a description.
DESCRIPTION_CHARACTERS = 5000
_RECURRENT = {"lstm": "An LSTM", "gru": "A GRU"}
_SCORED_BY = {
    "bleu_intl": "bleu",
    "bleu_13a": "bleu",
    "chrf2": "chrf",
    "chrf++": "chrf",
    "ter": "ter",
}


def model_card(
    config: Config,
    version: str,
    stages: Mapping[str, StageResult],
    origin: Origin,
    tests: Mapping[str, ScoredTest] | None = None,
) -> str:
    """The card as Markdown, with the metadata that Hugging Face's hub reads at its head.

    Args:
        config: of the training.
        version: its number.
        stages: those of the data, and ``train``.
        origin: what trained it.
        tests: what it was scored on; none before an evaluation.
    """
    name, training = config.registry.name, stages["train"].artifact
    sources = sources_of(config.corpus, stages["corpus"].artifact)
    found = list((tests or {}).values())
    weights = next(file for file in training.files if file.name == WEIGHTS)
    metadata = ModelCardData(
        model_name=name,
        language=["en", "hi"],
        license="other",
        license_name=config.corpus.licences,
        library_name="anuvad",
        pipeline_tag="translation",
        datasets=[row["source"] for row in sources if "/" in row["source"]] or None,
        metrics=sorted({_SCORED_BY.get(key, key) for test in found for key in test.scores}) or None,
        eval_results=[result for test in found for result in _results(test)] or None,
    )
    card = ModelCard.from_template(
        metadata,
        template_str=_template(),
        name=name,
        version=version,
        family=_family(config),
        parameters=f"{_parameters(training):,}",
        megabytes=f"{weights.size / 1e6:.1f}",
        beam_size=config.decode.beam_size,
        length_penalty=config.decode.length_penalty,
        tests=[_scored(test) for test in found],
        sources=sources,
        data=[
            f"{stage}: {counts_line(stages[stage].artifact.counts)}"
            for stage in ("corpus", "clean", "dedup", "tokenizer", "tensorize")
        ],
        training=_training(config, training),
        limits=_limits(config, found),
        lineage={
            "training": f"`{training.id}`",
            "git revision": f"`{origin.revision}`",
            "command": f"`{origin.command}`",
            "packages": ", ".join(f"{k} {v}" for k, v in origin.packages.items()) or UNKNOWN,
        },
    )
    return str(card.content)


def description_of(card: str) -> str:
    """The card's text without its metadata, as much of it as MLflow takes."""
    text = card.split("\n---\n", 1)[1].strip() + "\n"
    if len(text) <= DESCRIPTION_CHARACTERS:
        return text
    tail = f"\n\nThe rest is in {CARD} of the run.\n"
    return text[: DESCRIPTION_CHARACTERS - len(tail)].rpartition("\n")[0] + tail


@cache
def _template() -> str:
    return resources.files("jobs").joinpath("templates", CARD).read_text(encoding="utf-8")


def _family(config: Config) -> str:
    architecture = config.model.architecture
    return (
        "A Transformer"
        if architecture == "transformer"
        else f"{_RECURRENT[architecture]} encoder and decoder"
    )


def _parameters(training: Artifact) -> int:
    from safetensors import safe_open

    with safe_open(training.local(WEIGHTS), "numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)


def _results(test: ScoredTest) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="translation",
            dataset_type=test.test,
            dataset_name=test.test,
            dataset_revision=test.test_hash,
            metric_type=_SCORED_BY.get(key, key),
            metric_name=f"{key} {score.signature}",
            metric_value=round(score.score, 2),
        )
        for key, score in test.scores.items()
    ]


def _scored(test: ScoredTest) -> dict[str, Any]:
    scores = [
        {
            "name": key,
            "score": f"{score.score:.2f}",
            "low": f"{score.low:.2f}",
            "high": f"{score.high:.2f}",
            # A bare bar would be the end of the table's cell.
            "signature": score.signature.replace("|", r"\|"),
        }
        for key, score in test.scores.items()
    ]
    return {
        "name": test.test,
        "sentences": f"{test.sentences:,}",
        "hash": test.test_hash,
        "scores": scores,
    }


def _training(config: Config, training: Artifact) -> list[str]:
    summary = read_summary(training)
    metric = config.train.metric
    start = f", from the weights of {config.train.init_from}" if config.train.init_from else ""
    return [
        f"{summary['updates']:,} updates, {summary['target_tokens']:,} target tokens, "
        f"{summary['epochs']:,} epochs, {summary['seconds']:,.0f} seconds{start}",
        f"ended by `{summary['stopped_by']}`; the best by {metric} on the validation pairs is that "
        f"of update {summary['best_update']:,}: {summary['best_score']:.3f}",
        f"batches of {config.train.batch_tokens:,} tokens, learning rate "
        f"{config.train.learning_rate:g}, seed {config.train.seed}",
    ]


def _limits(config: Config, tests: Sequence[ScoredTest]) -> list[str]:
    found = [
        "English to Hindi only, a sentence at a time; what came before a sentence is not known to "
        "it.",
        f"A sentence of over {config.tensorize.max_source_tokens} tokens is translated in pieces.",
    ]
    for test in tests:
        health = test.health
        found.append(
            f"On {test.test}: {health.empty_share:.2%} of the translations are empty, "
            f"{health.repeated_share:.2%} say one thing over and over, and they have "
            f"{health.length_ratio:.2f} characters for each of the references."
        )
        if not test.guarded:
            found.append(f"Nothing kept the sentences of {test.test} out of the training.")
    if not config.dedup.leakage:
        found.append(
            "Pairs of the test sets may be among the training pairs: `dedup.leakage: false`."
        )
    return found
