"""What the data stages came to, gathered for the HTML pages."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Mapping, Sequence

from jobs.config import dump_yaml
from jobs.context import JobContext
from jobs.data_page import DataPage
from jobs.data_report import DataReport, gather
from jobs.page import StageRow
from jobs.train import sources_of
from jobs.versions import git_revision
from pipeline.stages import StageResult

# What makes the token arrays what they are; the others may differ where the same page stands.
_SECTIONS = ("corpus", "clean", "dedup", "tokenizer", "tensorize")


def build_data_page(
    job: JobContext, stages: Mapping[str, StageResult], command: Sequence[str]
) -> DataPage:
    """The data of the page that ``anuvad prepare`` writes."""
    return DataPage(
        created=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        experiment_command=shlex.join(command),
        report=data_report_of(job, stages),
        stages=stage_rows(stages),
        lineage={**data_lineage(job, stages), "git revision": git_revision()},
        config_yaml=dump_yaml(job.config, _SECTIONS),
    )


def data_report_of(job: JobContext, stages: Mapping[str, StageResult]) -> DataReport:
    """What the data stages made; others may be among ``stages``."""
    made = {name: result.artifact for name, result in stages.items()}
    return gather(made, job.data.splits)


def stage_rows(stages: Mapping[str, StageResult]) -> list[StageRow]:
    """The stages in the order in which they ran."""
    return [
        StageRow(name, r.seconds, r.skipped, r.artifact.counts, r.artifact.id)
        for name, r in stages.items()
    ]


def data_lineage(job: JobContext, stages: Mapping[str, StageResult]) -> dict[str, str]:
    """Where the data comes from: its sources and their licences."""
    corpus = job.config.corpus
    found = {
        f"source {row.pop('name')}": ", ".join(row.values())
        for row in sources_of(corpus, stages["corpus"].artifact)
    }
    return found | {"licence": corpus.licences}
