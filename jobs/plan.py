"""Every stage, from the corpus to the gate: whether it would run, and why; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.context import JobContext
    from jobs.registry import Version
    from pipeline.artifacts import ArtifactSpec
    from pipeline.stages import StagePlan


def plan(job: JobContext) -> list[StagePlan]:
    """The stages of ``anuvad retrain`` in their order.

    MLflow is asked only where the training stands, as there is no version without one.
    """
    from jobs.fit import beside_interrupted, plan_training, train_spec
    from jobs.triggers import standing_config
    from jobs.warm_start import start_spec, warm_version
    from pipeline import stages
    from pipeline.stages import StagePlan

    job.config = standing_config(job)
    data = stages.specs(job.data, job.storage)
    warm = warm_version(job)
    training = train_spec(job.config, data, start_spec(warm) if warm else None)
    rows = [stages.plan_of(job.storage, spec) for spec in data.values()]
    planned = plan_training(job.storage, training)
    rows.append(planned)
    beside = beside_interrupted(job.storage, training)
    names = ["register", *(f"evaluate {test}" for test in job.config.evaluation.tests), "gate"]
    why = planned.why
    if warm:
        why += f"; starts from version {warm.number} of {warm.name}"
    if beside:
        why += f"; {beside}"
    rows[-1] = StagePlan(planned.name, planned.state, why)
    if planned.state == "done":
        return rows + _after_training(job, training, data["corpus"].id)
    if planned.why == "never run":
        return rows + [StagePlan(name, "run", "never run") for name in names]
    return rows + _unmade(names, "train")


def _unmade(names: list[str], parent: str) -> list[StagePlan]:
    """Stages that have to run because the first of them reads what is new."""
    from pipeline.stages import StagePlan

    rows = []
    for name in names:
        rows.append(StagePlan(name, "run", f"reads a new {parent}"))
        if name == "register":
            parent = "version"
    return rows


def _after_training(job: JobContext, training: ArtifactSpec, corpus: str) -> list[StagePlan]:
    from jobs.evaluate import evaluation_spec
    from jobs.tracking import registry_stands
    from jobs.train import registered_version
    from pipeline.errors import RegistryError
    from pipeline.stages import StagePlan, plan_of

    tests = job.config.evaluation.tests
    rest = [f"evaluate {test}" for test in tests] + ["gate"]
    version: Version | None = None
    why = "never run"
    if registry_stands(job.tracking_uri):
        try:
            version = registered_version(job, training.id)
        except RegistryError as error:
            why = f"can't be told: {error}"
    if version is None:
        return [StagePlan("register", "run", why), *_unmade(rest, "version")]
    rows = [StagePlan("register", "done", f"version {version.number} of {version.name}")]
    specs = {test: evaluation_spec(job, version, corpus, test) for test in tests}
    for test, spec in specs.items():
        found = plan_of(job.storage, spec)
        rows.append(StagePlan(f"evaluate {test}", found.state, found.why))
    if any(row.state == "run" for row in rows):
        return [*rows, StagePlan("gate", "run", "reads new scores")]
    return [*rows, _gate(job, version, [specs[t].id for t in job.config.gate.tests])]


def _gate(job: JobContext, version: Version, scores: list[str]) -> StagePlan:
    from jobs.promote import basis_of, is_decided, verdict_of
    from pipeline.stages import StagePlan

    verdict = verdict_of(version)
    if verdict is None:
        return StagePlan("gate", "run", "never run")
    if not is_decided(version, basis_of(job.config.gate, scores)):
        return StagePlan("gate", "run", "its rules or the scores changed")
    return StagePlan("gate", "done", verdict.why)


if __name__ == "__main__":
    from jobs.cli import run

    run("plan")
