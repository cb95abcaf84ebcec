"""The rounds of a retraining: what it trained last, from which weights, and with which seed.

reads   ``retrainings/seed-<hash>.json``, one for each configuration of a model
writes  it, before a training begins
holds   without a trigger the same configuration is the same training: the version that
        ``train.init_from: champion`` meant when it began is pinned, so a champion that has moved is
        no reason by itself; and a training that was begun is finished before another begins

The hash is of what the configuration says about data, model and training, not of what it finds, so
that new files are news of the same retraining, and other settings are another one; but for settings
that change nothing about what comes out.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from jobs.config import Config
from pipeline.errors import ArtifactError
from pipeline.storage import Storage

RETRAININGS = "retrainings"
SAVED_BY = {"checkpoint_every", "keep_checkpoints"}
"""What of ``train`` says how a training is saved, and nothing about what is learnt."""

_SECTIONS = {"corpus", "clean", "dedup", "tokenizer", "tensorize", "model", "train", "registry"}
_ALIKE = {"dedup": {"partition_rows"}, "train": SAVED_BY}


@dataclass(frozen=True)
class Round:
    """One round.

    Attributes:
        training: the id of its training artifact.
        start: the version that its first weights are of, ``models:/NAME/VERSION``; None where
            ``train.init_from`` names no alias.
        number: counted from 0; added to ``train.seed``, as the same data, settings and code with
            the same seed are the same training.
        begun: ISO time.
        files: that the corpus was made of, each with a hash of its content.
        why: its triggers, a sentence each.
    """

    training: str
    start: str | None
    number: int
    begun: str
    files: Mapping[str, str]
    why: tuple[str, ...]


def is_alias(init_from: str | None) -> bool:
    """Whether ``train.init_from`` names what may move."""
    return init_from is not None and (not init_from.startswith("models:") or "@" in init_from)


def pinned(config: Config, start: str | None, number: int) -> Config:
    """The configuration with that version in place of an alias, and the seed of that round."""
    train = config.train.model_copy(update={"seed": config.train.seed + number})
    if is_alias(train.init_from):
        train = train.model_copy(update={"init_from": start})
    return config.model_copy(update={"train": train})


def read_round(storage: Storage, config: Config) -> Round | None:
    """The last round of this configuration; None before the first.

    Raises:
        ArtifactError: if what is written of it can't be read.
    """
    path = _path(config)
    if storage.size(path) is None:
        return None
    try:
        data = json.loads(storage.read_bytes(path))
        return Round(**data | {"why": tuple(data["why"])})
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(
            f"{storage.uri_of(path)} must say what was trained last, but can't be read ({error}); "
            f"delete it, and the next retraining begins anew"
        ) from error


def write_round(storage: Storage, config: Config, made: Round) -> None:
    """Put down the round that begins."""
    text = json.dumps(asdict(made), ensure_ascii=False, indent=1)
    storage.write_bytes(_path(config), f"{text}\n".encode())


def begin(
    training: str, start: str | None, number: int, files: Mapping[str, str], why: Sequence[str]
) -> Round:
    """A round that begins now."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Round(training, start, number, now, files, tuple(why))


def _path(config: Config) -> str:
    said = config.model_dump(mode="json", include=_SECTIONS, exclude=_ALIKE)
    identity = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]
    return f"{RETRAININGS}/{config.registry.name}-{identity}.json"
