"""COMET, a metric that was learnt from human judgements, where its package and model can be had.

Rei et al., "COMET: A Neural Framework for MT Evaluation", EMNLP 2020. The package
``unbabel-comet`` is none of anuvad's dependencies. Its checkpoints are pickles, which can run code
as they are loaded: name a model of a publisher that you trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any

import numpy as np

from jobs.scores import Score, require_pairs, require_samples

PACKAGE = "unbabel-comet"
_SEED = 12345
_BATCH_SENTENCES = 16


def comet_problem(model: str) -> str | None:
    """Why COMET can't be computed here, in a sentence; None if it can.

    Asks the network for the model, unless that was fetched before.

    Args:
        model: its name, such as ``Unbabel/wmt22-comet-da``.
    """
    way_out = "or set evaluation.comet=null"
    try:
        comet = _comet()
    except ImportError as error:
        return (
            f"COMET needs the package {PACKAGE}, but it can't be imported here ({error}): "
            f"`pip install {PACKAGE}` on every machine, {way_out}"
        )
    try:
        comet.download_model(model)
    except Exception as error:  # the hub's, the network's and COMET's own
        reason = " ".join(str(error).split())[:200]
        return (
            f"COMET needs the model {model}, but it can't be had here ({reason}): let this machine "
            f"reach the Hugging Face hub, {way_out}"
        )
    return None


def comet_score(
    model: str,
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    samples: int,
) -> Score:
    """The mean of COMET's scores of the sentences, in points, with its 95% bootstrap interval.

    Args:
        model: as for :func:`comet_problem`.
        sources: the sentences.
        hypotheses: one translation for each.
        references: one reference for each.
        samples: resamples of the test set for the interval.

    Raises:
        CorpusError: if there are no sentences, or not one reference for each translation.
        ConfigError: if there are fewer than 2 resamples.
    """
    require_pairs(hypotheses, references)
    require_samples(samples)
    import torch

    comet = _comet()
    data = [
        {"src": source, "mt": hypothesis, "ref": reference}
        for source, hypothesis, reference in zip(sources, hypotheses, references, strict=True)
    ]
    loaded = comet.load_from_checkpoint(comet.download_model(model))
    gpus = min(1, torch.cuda.device_count())
    found = loaded.predict(data, batch_size=_BATCH_SENTENCES, gpus=gpus, progress_bar=False)
    points = 100 * np.asarray(found.scores, np.float64)
    draw = np.random.default_rng(_SEED)
    means = [points[draw.integers(0, len(points), len(points))].mean() for _ in range(samples)]
    low, high = np.percentile(means, [2.5, 97.5])
    version = metadata.version(PACKAGE)
    signature = f"COMET|model:{model}|bs:{samples}|seed:{_SEED}|version:{version}"
    return Score(float(points.mean()), float(low), float(high), signature)


def _comet() -> Any:
    return import_module("comet")
