"""The model card of a version, written anew after ``anuvad evaluate`` has scored it.

reads   the artifacts of the version's training, what its run says of it, all scores that stand
writes  ``model_card.md`` of the version's run, and the version's description
holds   only the configuration that made a version writes its card: most of a card is told of it
"""

from __future__ import annotations

from jobs.context import JobContext
from jobs.evaluate import Evaluation, own_decode, standing_test
from jobs.model_card import model_card
from jobs.origin import UNKNOWN, noted_origin, origin_of
from jobs.registry import TRAINING_TAG
from jobs.triggers import standing_config, training_id
from pipeline import artifacts, stages
from pipeline.artifacts import Artifact
from pipeline.errors import ArtifactError
from pipeline.stages import StageResult


def renew_card(job: JobContext, evaluation: Evaluation, corpus: Artifact) -> str | None:
    """Write the card with these scores, and those on the configuration's other test sets.

    Returns:
        Why the card stays as it is; None if it was written.
    """
    version, config = evaluation.version, standing_config(job)
    data = stages.specs(job.data, job.storage)
    training = training_id(job, config, data)
    if training != version.tags.get(TRAINING_TAG) or config.decode != own_decode(job, version):
        return "another configuration made the version"
    origin = noted_origin(job.storage, training) or origin_of(job.registry, version)
    if origin.command == UNKNOWN:
        return (
            "its MLflow run, which knows the command that made it, was deleted, or was not told of "
            "it yet, as `anuvad sync CONFIG` does"
        )
    ids = {name: spec.id for name, spec in data.items()} | {"train": training}
    try:
        made = {name: artifacts.load(job.storage, artifact) for name, artifact in ids.items()}
    except ArtifactError as error:
        return f"what it tells of is gone: {error}"
    results = {name: StageResult(name, found, True, 0.0) for name, found in made.items()}
    tests = dict(evaluation.tests)
    for test in config.evaluation.tests:
        if test not in tests and (scored := standing_test(job, version, corpus, test)) is not None:
            tests[test] = scored
    card = model_card(config, version.number, results, origin, tests)
    job.registry.write_card(version, card)
    return None
