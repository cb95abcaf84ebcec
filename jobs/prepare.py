"""The data job: corpus, clean shards, tokenizers and token arrays."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.context import JobContext
from pipeline import stages
from pipeline.stages import StageResult


def prepare(job: JobContext) -> Mapping[str, StageResult]:
    """Bring the artifacts of all data stages into being; those that stand are left as they are."""
    return stages.prepare(job.data, job.storage, job.runner, job.console)


if __name__ == "__main__":
    from jobs.cli import run

    run("prepare")
