"""The graph: which stage reads which, what runs, and why."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from pipeline import artifacts, corpus
from pipeline.artifacts import Artifact, ArtifactSpec, code_fingerprint
from pipeline.formats import is_corpus_layout
from pipeline.revisions import resolve_revision
from pipeline.runner import Runner
from pipeline.sources import SourceConfig, input_files, kind_of
from pipeline.stages.clean import run_clean
from pipeline.stages.corpus import run_corpus
from pipeline.stages.dedup import run_dedup
from pipeline.stages.stage import DataConfig, StagePlan, StageReporter, StageResult, StageRun
from pipeline.stages.tensorize import run_tensorize
from pipeline.stages.tokenizer import run_tokenizer
from pipeline.storage import Storage


def specs(config: DataConfig, storage: Storage) -> dict[str, ArtifactSpec]:
    """Stage → what its artifact is made of, in the order of the graph; nothing is run.

    The hub is asked for the commit of a branch that is not recorded in ``storage`` yet; for
    nothing else.

    Raises:
        ConfigError: if the corpus source can't be understood.
        CorpusError: if its folder holds no corpus, or the hub does not name the commit.
    """
    sources = config.corpus.with_commits(partial(resolve_revision, storage)).inputs
    made = [
        ArtifactSpec(
            "corpus",
            {
                "sources": {source.label: corpus.identity(source) for source in sources},
                "order": [source.label for source in sources],
            },
            _corpus_code(sources),
            {},
        )
    ]
    made.append(
        ArtifactSpec(
            "clean",
            config.clean.model_dump(mode="json")
            | {"splits": list(config.splits), "max_pairs": config.corpus.caps},
            code_fingerprint(
                "pipeline.clean",
                "pipeline.columns",
                "pipeline.filters",
                "pipeline.language",
                "pipeline.normalize",
                "pipeline.stages.clean",
                "pipeline.statistics",
            ),
            {"corpus": made[0].id},
        )
    )
    made.append(
        ArtifactSpec(
            "dedup",
            config.dedup.model_dump(mode="json", exclude={"partition_rows"})
            | {"splits": list(config.splits)},
            code_fingerprint(
                "pipeline.dedup",
                "pipeline.leakage",
                "pipeline.normalize",
                "pipeline.stages.dedup",
            ),
            {"corpus": made[0].id, "clean": made[1].id},
        )
    )
    made.append(
        ArtifactSpec(
            "tokenizer",
            config.tokenizer.model_dump(mode="json"),
            code_fingerprint(
                "pipeline.ragged",
                "pipeline.stages.tokenizer",
                "pipeline.tokenizer",
                "pipeline.tokenizer_report",
            ),
            {"dedup": made[2].id},
        )
    )
    made.append(
        ArtifactSpec(
            "tensorize",
            config.tensorize.model_dump(mode="json"),
            code_fingerprint(
                "pipeline.ragged",
                "pipeline.stages.tensorize",
                "pipeline.subwords",
                "pipeline.tensorize",
                "pipeline.tokenizer",
            ),
            {"dedup": made[2].id, "tokenizer": made[3].id},
        )
    )
    return {spec.stage: spec for spec in made}


def _corpus_code(sources: Sequence[SourceConfig]) -> str:
    kinds = {kind_of(source) for source in sources}
    modules = []
    if "phrasebook" in kinds:
        modules.append("pipeline.phrasebook")
    # Bytes that are only copied are the publisher's, whatever code fetched them.
    if any(kind_of(source) == "files" and _is_converted(source) for source in sources):
        modules += ["pipeline.formats", "pipeline.lines"]
    return code_fingerprint(*modules) if modules else ""


def _is_converted(source: SourceConfig) -> bool:
    columns = (source.english, source.hindi)
    return any(
        file.format != "parquet" or not is_corpus_layout(file.storage, file.paths[0], columns)
        for file in input_files(source)
    )


def plan(config: DataConfig, storage: Storage) -> list[StagePlan]:
    """For each stage, whether it would run and why; nothing is run."""
    return [plan_of(storage, spec) for spec in specs(config, storage).values()]


def plan_of(storage: Storage, spec: ArtifactSpec) -> StagePlan:
    """Whether the stage of ``spec`` would run, and why."""
    state = "done" if artifacts.find(storage, spec) else "run"
    return StagePlan(spec.stage, state, artifacts.explain(storage, spec))


def prepare(
    config: DataConfig,
    storage: Storage,
    get_runner: Callable[[], Runner],
    reporter: StageReporter,
    until: str | None = None,
    planned: Mapping[str, ArtifactSpec] | None = None,
) -> dict[str, StageResult]:
    """Bring every stage's artifact into being; those that stand are left as they are.

    Args:
        config: the data sections.
        storage: where the artifacts go.
        get_runner: called once the first stage has to run, so that with nothing to do no Ray
            starts.
        reporter: is told how it goes.
        until: the last stage that is wanted; all of them if None.
        planned: what :func:`specs` answered a moment ago; it is asked if None.
    """
    results: dict[str, StageResult] = {}
    done: dict[str, Artifact] = {}
    runner: Runner | None = None
    for name, spec in (planned or specs(config, storage)).items():
        artifact, seconds = artifacts.find(storage, spec), 0.0
        if artifact is None and runner is None:
            runner = get_runner()
            # Another command may have made it between the look and the lock.
            artifact = artifacts.find(storage, spec)
        skipped = artifact is not None
        if artifact is None:
            assert runner is not None
            # Connecting to Ray took seconds, which are not this stage's.
            started = time.monotonic()
            reporter.stage_started(name, artifacts.explain(storage, spec))
            artifact = _RUN[name](StageRun(config, storage, spec, done, runner, reporter))
            seconds = time.monotonic() - started
        done[name] = artifact
        results[name] = StageResult(name, artifact, skipped, seconds)
        reporter.stage_ended(results[name])
        if name == until:
            break
    return results


_RUN: dict[str, Callable[[StageRun], Artifact]] = {
    "corpus": run_corpus,
    "clean": run_clean,
    "dedup": run_dedup,
    "tokenizer": run_tokenizer,
    "tensorize": run_tensorize,
}
