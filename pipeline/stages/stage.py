"""What every stage is given, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq

from pipeline.artifacts import Artifact, ArtifactSpec, Counts, Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.runner import Runner, Task, run_here, run_parts
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig


@dataclass(frozen=True)
class DataConfig:
    """The data sections of a configuration."""

    corpus: CorpusConfig
    clean: CleanConfig
    tokenizer: TokenizerConfig
    tensorize: TensorizeConfig
    dedup: DedupConfig = field(default_factory=DedupConfig)

    @property
    def splits(self) -> tuple[str, str]:
        """The splits that become token arrays: training and validation."""
        return self.corpus.train_split, self.corpus.validation_split


@dataclass(frozen=True)
class StagePlan:
    """Whether a stage would run, and why: ``done`` or ``run``."""

    name: str
    state: str
    why: str


@dataclass(frozen=True)
class StageResult:
    """What a stage came to: its artifact, and how long it took here (0 if it was skipped)."""

    name: str
    artifact: Artifact
    skipped: bool
    seconds: float


class StageReporter(Protocol):
    """Is told how the stages go on; a terminal draws bars, a log prints lines."""

    def stage_started(self, name: str, why: str) -> None:
        """The stage begins, for the reason ``why``."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """``done`` of the stage's ``total`` tasks have ended."""

    def stage_ended(self, result: StageResult) -> None:
        """The stage's artifact stands."""


@dataclass(frozen=True)
class StageRun:
    """One run of one stage: what it reads, and where its tasks run."""

    config: DataConfig
    storage: Storage
    spec: ArtifactSpec
    done: dict[str, Artifact]
    runner: Runner
    reporter: StageReporter

    def parts(
        self, tasks: Sequence[Task], before: int = 0, after: int = 0, here: bool = False
    ) -> list[Part]:
        """Run the tasks that had not ended in an earlier run, and answer all parts in order.

        ``before`` and ``after`` count tasks of the same stage in other calls, for the progress;
        ``here`` runs them in this process, whatever runs the others.
        """
        total = before + len(tasks) + after

        def on_progress(done: int) -> None:
            self.reporter.stage_advanced(self.spec.stage, before + done, total)

        runner = run_here if here else self.runner
        return run_parts(runner, self.storage, self.spec, tasks, on_progress)


def clean_shards(clean: Artifact, split: str) -> list[str]:
    """Names of a split's clean or kept shards without their ending: ``train-00000-of-00004``."""
    names = clean.names(f"{split}-", ".parquet")
    return [n.removesuffix(".parquet") for n in names if not n.endswith(".rejects.parquet")]


def source_of_shard(path: Path) -> str | None:
    """The name of the source that a shard's pairs are of; None where it has no pair."""
    source = pq.read_table(path, columns=["source"]).column("source")
    return str(source[0].as_py()) if len(source) else None


def reasons_in_words(counts: Counts, split: str) -> str:
    """What was dropped of a split, in words: ``3 empty, 17 identical``."""
    prefix = f"{split}_dropped_"
    reasons = {k.removeprefix(prefix): n for k, n in counts.items() if k.startswith(prefix)}
    return ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items()))


def parquet_rows(artifact: Artifact, name: str) -> int:
    """Rows of a parquet file of an artifact; of an object no more is fetched than its footer."""
    with artifact.storage.reading(f"{artifact.path}/{artifact.entry(name).name}") as file:
        return int(pq.read_metadata(file).num_rows)
