"""What a retraining came to, gathered for the HTML report."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Mapping, Sequence

from jobs.build_data_page import data_lineage, data_report_of, stage_rows
from jobs.config import dump_yaml
from jobs.context import JobContext
from jobs.evaluate import Evaluation, ScoredTest
from jobs.fit import read_history
from jobs.origin import Origin
from jobs.promote import Promotion
from jobs.report import GateRow, Heatmap, ReportData, Sample
from jobs.train import Trained
from jobs.versions import git_revision, package_versions


def build_report(
    job: JobContext,
    trained: Trained,
    evaluation: Evaluation,
    promotion: Promotion,
    command: Sequence[str],
    origin: Origin,
) -> ReportData:
    """The data of the report of one retraining.

    Args:
        job: whose configuration it was.
        trained: the training.
        evaluation: of its version.
        promotion: what came of it.
        command: that retrained.
        origin: what trained the version, which may have been code of before.
    """
    config, version = job.config, trained.version
    before = promotion.before
    return ReportData(
        title=version.name,
        version=version.number,
        alias="champion" if promotion.verdict.promoted else "challenger",
        created=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        run_id=trained.run_id,
        experiment_command=shlex.join(command),
        verdict=promotion.verdict.why,
        promoted=promotion.verdict.promoted,
        champion_before=before.number if before else None,
        stages=stage_rows(trained.stages),
        data=data_report_of(job, trained.stages),
        history=read_history(trained.training),
        tests={name: dict(test.scores) for name, test in evaluation.tests.items()},
        champion_tests=(
            {name: dict(test.scores) for name, test in promotion.before_tests.items()}
            if promotion.before_tests
            else None
        ),
        breakdowns={name: test.breakdowns for name, test in evaluation.tests.items()},
        champion_breakdowns={
            name: test.breakdowns for name, test in promotion.before_tests.items()
        },
        heatmaps=heatmaps_of(evaluation),
        gate=[GateRow(r.name, r.measured, r.bound, r.holds) for r in promotion.verdict.rules],
        samples=[sample for test in evaluation.tests.values() for sample in samples_of(test)],
        config_yaml=dump_yaml(config),
        lineage={
            **data_lineage(job, trained.stages),
            "git revision": origin.revision,
            **{f"{name} artifact": r.artifact.id for name, r in trained.stages.items()},
            **{f"{name} version": number for name, number in origin.packages.items()},
        },
        notes=evaluation.notes,
    )


def build_evaluation_report(
    job: JobContext,
    evaluation: Evaluation,
    champion: Mapping[str, ScoredTest],
    command: Sequence[str],
) -> ReportData:
    """The data of the report of an evaluation by itself.

    Args:
        job: whose configuration it was.
        evaluation: of the version.
        champion: the champion on the same test sets, as far as it was scored; empty if the version
            is the champion.
        command: that evaluated.
    """
    version, tests = evaluation.version, evaluation.tests
    return ReportData(
        title=version.name,
        version=version.number,
        alias=", ".join(tests),
        created=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        run_id=version.run_id,
        experiment_command=shlex.join(command),
        verdict=f"Version {version.number} on {', '.join(tests)}; no gate decided here.",
        promoted=False,
        decided=False,
        tests={name: dict(test.scores) for name, test in tests.items()},
        champion_tests={name: dict(test.scores) for name, test in champion.items()} or None,
        breakdowns={name: test.breakdowns for name, test in tests.items()},
        champion_breakdowns={name: test.breakdowns for name, test in champion.items()},
        heatmaps=heatmaps_of(evaluation),
        samples=[sample for test in tests.values() for sample in samples_of(test)],
        config_yaml=dump_yaml(job.config),
        lineage={
            "licence": version.tags.get("anuvad.licence", job.config.corpus.licences),
            "git revision": git_revision(),
            **{f"{name} sha256": test.test_hash for name, test in tests.items()},
            **{f"{name} artifact": test.artifact.id for name, test in tests.items()},
            **{f"{name} version": number for name, number in package_versions().items()},
        },
        notes=evaluation.notes,
    )


def heatmaps_of(evaluation: Evaluation) -> list[Heatmap]:
    """What was looked at in a few sentences of the first test set."""
    test = next(iter(evaluation.tests.values()))
    return [Heatmap(test.test, a["source"], a["target"], a["weights"]) for a in test.alignments()]


def samples_of(test: ScoredTest) -> list[Sample]:
    """Every sentence of a test set with its reference and its translation."""
    columns = test.outputs()
    rows = zip(columns["source"], columns["reference"], columns["hypothesis"], strict=True)
    return [
        Sample(source, reference, hypothesis, test.test) for source, reference, hypothesis in rows
    ]
