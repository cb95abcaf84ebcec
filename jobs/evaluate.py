"""The evaluation job: a registered version, translated and scored on the test sets.

reads   a version from the registry, and the corpus artifact's test splits as they are
writes  ``evaluate-<hash>/`` with ``outputs.parquet``, ``references.txt``, ``hypotheses.txt`` and
        ``scores.json`` and ``speed.json``, see :mod:`jobs.evaluation_tasks`; metrics and outputs
        on the version's MLflow run, tags on the version
holds   scores are sacreBLEU's on raw text, and reproducible from the outputs; of commands that want
        the same scores at once one makes them, and the others wait for it
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import pyarrow.parquet as pq

from jobs.breakdown import Breakdown
from jobs.comet import comet_problem
from jobs.config import EvaluationConfig
from jobs.context import JobContext
from jobs.evaluation_tasks import (
    ALIGNMENTS,
    OUTPUTS,
    SCORES,
    SPEED,
    TRANSLATED,
    score,
    translate_rows,
)
from jobs.health import Health
from jobs.made_once import made_once
from jobs.no_secrets import without_secrets
from jobs.prepare import run_stages
from jobs.record import record
from jobs.registry import CHALLENGER, CHAMPION, DECODE_TAG, Version
from jobs.scores import DandaScore, Score, danda_note, spbleu_problem
from jobs.speed import Speed
from jobs.training_words import training_rows, training_words, words_spec
from jobs.translating_code import TRANSLATING
from model.config import DecodeConfig
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part, code_fingerprint
from pipeline.corpus import files_of, splits_of
from pipeline.errors import ArtifactError, ConfigError, RegistryError
from pipeline.runner import Task, run_parts

_CODE = (
    "jobs.breakdown",
    "jobs.comet",
    "jobs.evaluation_tasks",
    "jobs.health",
    "jobs.scores",
    "jobs.speed",
    "model.alignment",
    "pipeline.words",
    *TRANSLATING,
)


@dataclass(frozen=True)
class ScoredTest:
    """One version on one test set.

    Attributes:
        test: its name.
        artifact: the outputs and scores.
        sentences: how many there are.
        test_hash: the sha256 of the test set's text.
        scores: by metric.
        health: signs of a broken model.
        speed: of its translating.
        danda: metric → its scores under both conventions of ending a sentence.
        breakdowns: the scores of parts of the test set.
        guarded: False if the version's training is known not to have known the test set, whose
            sentences it may have seen.
        skipped: whether it stood already.
        seconds: that it took; 0 if it was skipped.
    """

    test: str
    artifact: Artifact
    sentences: int
    test_hash: str
    scores: Mapping[str, Score]
    health: Health
    speed: Speed
    danda: Mapping[str, DandaScore]
    breakdowns: Sequence[Breakdown]
    guarded: bool
    skipped: bool
    seconds: float

    def outputs(self) -> dict[str, list[Any]]:
        """The columns of :data:`jobs.evaluation_tasks.OUTPUTS_SCHEMA`."""
        table = pq.read_table(self.artifact.local(OUTPUTS))
        return {name: table.column(name).to_pylist() for name in table.column_names}

    def alignments(self) -> list[dict[str, Any]]:
        """Of a few sentences: ``source`` and ``target`` words and ``weights``, a row a target word.

        None of a model without attention.
        """
        if not self.artifact.names(ALIGNMENTS):
            return []
        found: list[dict[str, Any]] = json.loads(self.artifact.local(ALIGNMENTS).read_bytes())
        return found


@dataclass(frozen=True)
class Evaluation:
    """One version on all test sets; ``problems`` say what could not be scored."""

    version: Version
    tests: Mapping[str, ScoredTest]
    problems: Sequence[str] = ()

    @property
    def notes(self) -> list[str]:
        """Warnings, a sentence each."""
        found = list(self.problems)
        for name, test in self.tests.items():
            if not test.guarded:
                found.append(
                    f"On {name}: version {self.version.number} was trained on a corpus without "
                    f"this test set, so nothing kept its sentences out of training; "
                    f"`anuvad retrain CONFIG` trains one that has seen none of them."
                )
            note = danda_note(test.danda)
            if note is not None:
                found.append(f"On {name}: {note}")
        return found

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad evaluate --json`` prints."""
        return {
            "model": self.version.name,
            "version": self.version.number,
            "tests": {
                n: {m: asdict(s) for m, s in t.scores.items()} for n, t in self.tests.items()
            },
            "details": {
                n: {
                    "sentences": t.sentences,
                    "test_hash": t.test_hash,
                    "outputs": t.artifact.uri,
                    "health": asdict(t.health),
                    "speed": asdict(t.speed),
                    "danda": {m: asdict(s) for m, s in t.danda.items()},
                    "breakdowns": [b.to_json() for b in t.breakdowns],
                }
                for n, t in self.tests.items()
            },
            "notes": self.notes,
        }


def pick_version(job: JobContext, uri: str | None) -> Version:
    """The version to evaluate: ``uri``'s, or else the challenger, or else the champion.

    Raises:
        RegistryError: if there is none.
    """
    if uri is not None:
        return job.registry.resolve(uri)
    name = job.config.registry.name
    for alias in (CHALLENGER, CHAMPION):
        found = job.registry.by_alias(name, alias)
        if found is not None:
            return found
    raise RegistryError(
        f"{name} must have a registered version at {without_secrets(job.tracking_uri)}, but "
        f"has none; `anuvad retrain CONFIG` makes one"
    )


def evaluate(
    job: JobContext,
    version: Version,
    corpus: Artifact,
    tests: Sequence[str],
    decode: DecodeConfig | None = None,
) -> Evaluation:
    """Score the version on the test sets; what was scored before is not scored again.

    Args:
        job: the job.
        version: that translates.
        corpus: of the test sets.
        tests: their names.
        decode: settings of the search; the configuration's if None.

    Raises:
        ConfigError: if the corpus has no such split.
    """
    require_tests(corpus, tests)
    settings = decode or job.config.decode
    found = {test: _evaluate_test(job, version, corpus, test, settings) for test in tests}
    return Evaluation(version, found, metric_problems(job.config.evaluation))


def asked_tests(job: JobContext, corpus: Artifact, asked: Sequence[str] | None) -> Sequence[str]:
    """The test sets that ``--test`` names; those of the configuration where it was not given.

    Raises:
        ConfigError: if the corpus does not have them.
    """
    if not asked:
        return job.config.evaluation.tests
    require_tests(corpus, asked, "--test")
    return list(dict.fromkeys(asked))


def require_tests(
    corpus: Artifact, tests: Sequence[str], named_by: str = "evaluation.tests"
) -> None:
    """Refuse test sets that the corpus does not have.

    Args:
        corpus: that should have them.
        tests: their names.
        named_by: what the user wrote them in.

    Raises:
        ConfigError: naming those that it has.
    """
    splits = splits_of(corpus)
    missing = [test for test in tests if test not in splits]
    if missing:
        raise ConfigError(
            f"{named_by} must name splits of the corpus ({', '.join(splits)}), "
            f"not {', '.join(missing)}"
        )


def own_decode(job: JobContext, version: Version) -> DecodeConfig:
    """The settings of the search that the version was registered with, and that it serves with.

    The configuration's, where the version says nothing of them.
    """
    registered = version.tags.get(DECODE_TAG)
    return DecodeConfig.model_validate_json(registered) if registered else job.config.decode


def evaluation_spec(
    job: JobContext, version: Version, corpus: str, test: str, decode: DecodeConfig | None = None
) -> ArtifactSpec:
    """What the scores of a version on a test set of the corpus artifact ``corpus`` are made of."""
    config = job.config
    rows = training_rows(job, version)
    words = {} if rows is None else {"words": words_spec(rows).id}
    settings = {
        "test": test,
        "decode": (decode or config.decode).model_dump(mode="json"),
        "bootstrap_samples": config.evaluation.bootstrap_samples,
    }
    if config.evaluation.spbleu and _spbleu_problem() is None:
        settings["spbleu"] = True
    comet = config.evaluation.comet
    if comet is not None and _comet_problem(comet) is None:
        settings["comet"] = comet
    return ArtifactSpec(
        "evaluate",
        settings,
        code_fingerprint(*_CODE),
        {"corpus": corpus, "model": version.content, **words},
    )


def metric_problems(config: EvaluationConfig) -> tuple[str, ...]:
    """Of the metrics that are asked for and can't be computed here: why, a sentence each."""
    asked = [_spbleu_problem()] if config.spbleu else []
    if config.comet is not None:
        asked.append(_comet_problem(config.comet))
    return tuple(problem for problem in asked if problem is not None)


@cache
def _spbleu_problem() -> str | None:
    """The network is asked once a command."""
    return spbleu_problem()


@cache
def _comet_problem(model: str) -> str | None:
    """Likewise."""
    return comet_problem(model)


def standing_test(
    job: JobContext,
    version: Version,
    corpus: Artifact,
    test: str,
    decode: DecodeConfig | None = None,
) -> ScoredTest | None:
    """The version on the test set, if it was scored before."""
    artifact = artifacts.find(job.storage, evaluation_spec(job, version, corpus.id, test, decode))
    return None if artifact is None else _scored_test(job, version, corpus, test, artifact, None)


def _evaluate_test(
    job: JobContext, version: Version, corpus: Artifact, test: str, decode: DecodeConfig
) -> ScoredTest:
    started = time.monotonic()
    spec = evaluation_spec(job, version, corpus.id, test, decode)

    def make(check: Callable[[], None]) -> Artifact:
        return _run(job, spec, version, corpus, files_of(corpus, test), decode, check)

    artifact, made_now = made_once(job, spec, make)
    seconds = time.monotonic() - started if made_now else None
    scored = _scored_test(job, version, corpus, test, artifact, seconds)
    # Also of scores that stood: another version of the same content may have made them.
    record(job, version, scored, decode)
    return scored


def _scored_test(
    job: JobContext,
    version: Version,
    corpus: Artifact,
    test: str,
    artifact: Artifact,
    seconds: float | None,
) -> ScoredTest:
    """What an evaluation artifact says; ``seconds`` is None where it stood already."""
    data = json.loads(artifact.local(SCORES).read_bytes())
    return ScoredTest(
        test=test,
        artifact=artifact,
        sentences=data["sentences"],
        test_hash=data["test_hash"],
        scores={name: Score(**s) for name, s in data["scores"].items()},
        health=Health(**data["health"]),
        speed=Speed(**json.loads(artifact.local(SPEED).read_bytes())),
        danda={name: DandaScore(**s) for name, s in data["danda"].items()},
        breakdowns=[Breakdown.from_json(breakdown) for breakdown in data["breakdowns"]],
        guarded=_is_guarded(job, version, corpus, files_of(corpus, test)),
        skipped=seconds is None,
        seconds=seconds or 0.0,
    )


def _is_guarded(job: JobContext, version: Version, corpus: Artifact, files: Sequence[str]) -> bool:
    """Whether the corpus that the version was trained on had these files; True if nobody knows."""
    rows = training_rows(job, version)
    if rows is None or rows.spec.parents["corpus"] == corpus.id:
        return True
    try:
        trained_on = artifacts.load(job.storage, rows.spec.parents["corpus"])
    except ArtifactError:
        return True
    known = {file.sha256 for file in trained_on.files}
    return {corpus.entry(name).sha256 for name in files} <= known


def _run(
    job: JobContext,
    spec: ArtifactSpec,
    version: Version,
    corpus: Artifact,
    files: Sequence[str],
    decode: DecodeConfig,
    check: Callable[[], None],
) -> Artifact:
    """Translate and score; ``check`` raises if this is another's to commit."""
    config, storage = job.config, job.storage
    test = spec.settings["test"]
    job.console.say("evaluate", f"{version.uri} on {test}")
    runner = job.runner()
    rows = training_rows(job, version)
    words = None if rows is None else training_words(job, rows)
    step = config.evaluation.shard_sentences
    pieces = [
        (file, start, min(start + step, rows))
        for file in files
        for rows in (pq.read_metadata(corpus.local(file)).num_rows,)
        for start in range(0, rows, step)
    ]
    tasks = [
        Task(
            f"{index:05}",
            translate_rows,
            (corpus.only(piece[0]), spec, index, piece, job.tracking_uri, version, decode),
        )
        for index, piece in enumerate(pieces)
    ]
    total = len(tasks) + 1
    name = f"evaluate {test}"
    parts = run_parts(
        runner, storage, spec, tasks, lambda n: job.console.stage_advanced(name, n, total)
    )
    names = [f.name for part in parts for f in part.files if f.name.startswith(f"{TRANSLATED}/")]
    arguments = (corpus.only(), spec, names, config.evaluation.bootstrap_samples, words)
    scored = run_parts(
        runner,
        storage,
        spec,
        [Task("score", score, arguments)],
        lambda n: job.console.stage_advanced(name, len(tasks) + n, total),
    )
    job.console.bar_ended(name)
    kept = tuple(file for part in parts for file in part.files if file.name == ALIGNMENTS)
    check()
    artifact = artifacts.commit(storage, spec, [*scored, Part(kept, {})])
    storage.delete(f"{spec.path}/{TRANSLATED}")
    return artifact


def corpus_of(job: JobContext) -> Artifact:
    """The corpus artifact whose test splits are scored; made if it does not stand."""
    return run_stages(job, until="corpus")["corpus"].artifact


if __name__ == "__main__":
    from jobs.cli import run

    run("evaluate")
