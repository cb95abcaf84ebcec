"""The HTML report of ``anuvad evaluate``: into the storage, and to the version's MLflow run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jobs.context import JobContext
from jobs.evaluate import Evaluation, ScoredTest, standing_test
from jobs.registry import CHAMPION
from pipeline.artifacts import Artifact


def write_evaluation_report(
    job: JobContext, evaluation: Evaluation, corpus: Artifact, command: Sequence[str]
) -> Path | str:
    """Write the report if anything was scored now or it is missing; where it lies."""
    from jobs.build_report import build_evaluation_report
    from jobs.report import render

    version = evaluation.version
    tests = "-".join(sorted(evaluation.tests))
    path = f"reports/evaluation-{version.name}-{version.number}-{tests}.html"
    is_new = any(not test.skipped for test in evaluation.tests.values())
    if is_new or job.storage.size(path) is None:
        champion = _champion_tests(job, evaluation, corpus)
        page = render(build_evaluation_report(job, evaluation, champion, command))
        job.storage.write_bytes(path, page.encode())
        job.registry.log_file(version, job.storage.local(path), "report")
    root = job.storage.local_root
    return root / path if root is not None else job.storage.uri_of(path)


def _champion_tests(
    job: JobContext, evaluation: Evaluation, corpus: Artifact
) -> Mapping[str, ScoredTest]:
    """The champion on the same test sets, where it was scored before."""
    champion = job.registry.by_alias(evaluation.version.name, CHAMPION)
    if champion is None or champion.uri == evaluation.version.uri:
        return {}
    found = {test: standing_test(job, champion, corpus, test) for test in evaluation.tests}
    return {test: scored for test, scored in found.items() if scored is not None}
