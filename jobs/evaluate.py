"""The evaluation job: a registered version, translated and scored on the test sets.

reads   a version from the registry, and the corpus artifact's test splits as they are
writes  ``evaluate-<hash>/outputs.parquet`` (``source``, ``reference``, ``hypothesis``, ``score``)
        and ``scores.json``; metrics and outputs on the version's MLflow run, tags on the version
holds   scores are sacreBLEU's on raw text, and reproducible from the outputs
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.config import resolved
from jobs.context import JobContext
from jobs.prepare import run_stages
from jobs.registry import CHALLENGER, CHAMPION, Registry, Version
from jobs.scores import Health, Score, danda_effect, output_health, score_all
from model.config import DecodeConfig
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part, code_fingerprint
from pipeline.corpus import files_of, read_rows, splits_of
from pipeline.errors import ConfigError, RegistryError
from pipeline.runner import Task, run_parts

OUTPUTS = "outputs.parquet"
SCORES = "scores.json"
TRANSLATED = "translated"
"""Folder of the pieces of ``outputs.parquet`` until all are there."""

_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("reference", pa.string()),
        ("hypothesis", pa.string()),
        ("score", pa.float64()),
    ]
)
_CODE = (
    "jobs.scores",
    "model.attention",
    "model.beam",
    "model.build",
    "model.constrained",
    "model.coverage",
    "model.decoder",
    "model.embedding",
    "model.encoder",
    "model.greedy",
    "model.inference",
    "model.int8",
    "model.recurrent",
    "model.rows",
    "model.rules",
    "model.sampling",
    "model.search",
    "model.seq2seq",
    "model.splitting",
    "model.stepped",
    "model.transformer",
    "model.transformer_attention",
    "model.transformer_layers",
    "model.translation_model",
    "model.translator",
    "model.trellis",
    "pipeline.normalize",
)


@dataclass(frozen=True)
class ScoredTest:
    """One version on one test set."""

    test: str
    artifact: Artifact
    scores: Mapping[str, Score]
    health: Health
    danda_effect: float
    skipped: bool
    seconds: float

    def outputs(self) -> dict[str, list[Any]]:
        """The columns ``source``, ``reference``, ``hypothesis`` and ``score``."""
        table = pq.read_table(self.artifact.local(OUTPUTS))
        return {name: table.column(name).to_pylist() for name in table.column_names}


@dataclass(frozen=True)
class Evaluation:
    """One version on all test sets."""

    version: Version
    tests: Mapping[str, ScoredTest]

    def as_json(self) -> dict[str, Any]:
        """What ``anuvad evaluate --json`` prints."""
        return {
            "model": self.version.name,
            "version": self.version.number,
            "tests": {
                n: {m: asdict(s) for m, s in t.scores.items()} for n, t in self.tests.items()
            },
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
        f"{name} must have a registered version at {job.tracking_uri}, but has none; "
        f"`anuvad retrain CONFIG` makes one"
    )


def evaluate(
    job: JobContext, version: Version, corpus: Artifact, tests: Sequence[str]
) -> Evaluation:
    """Score the version on the test sets; what was scored before is not scored again.

    Raises:
        ConfigError: if the corpus has no such split.
    """
    require_tests(corpus, tests)
    found = {test: _evaluate_test(job, version, corpus, test) for test in tests}
    _record(job.registry, version, found, job.config.decode)
    return Evaluation(version, found)


def require_tests(corpus: Artifact, tests: Sequence[str]) -> None:
    """Refuse test sets that the corpus does not have.

    Raises:
        ConfigError: naming those that it has.
    """
    splits = splits_of(corpus)
    missing = [test for test in tests if test not in splits]
    if missing:
        raise ConfigError(
            f"evaluation.tests must name splits of the corpus ({', '.join(splits)}), "
            f"not {', '.join(missing)}"
        )


def evaluation_spec(job: JobContext, version: Version, corpus: str, test: str) -> ArtifactSpec:
    """What the scores of a version on a test set of the corpus artifact ``corpus`` are made of."""
    config = job.config
    return ArtifactSpec(
        "evaluate",
        {
            "test": test,
            "decode": resolved(config, "decode"),
            "bootstrap_samples": config.evaluation.bootstrap_samples,
        },
        code_fingerprint(*_CODE),
        {"corpus": corpus, "model": version.content},
    )


def _evaluate_test(job: JobContext, version: Version, corpus: Artifact, test: str) -> ScoredTest:
    storage = job.storage
    files = files_of(corpus, test)
    spec = evaluation_spec(job, version, corpus.id, test)
    artifact = artifacts.find(storage, spec)
    skipped = artifact is not None
    started = time.monotonic()
    if artifact is None:
        artifact = _run(job, spec, version, corpus, files)
    data = json.loads(artifact.local(SCORES).read_bytes())
    return ScoredTest(
        test=test,
        artifact=artifact,
        scores={name: Score(**score) for name, score in data["scores"].items()},
        health=Health(**data["health"]),
        danda_effect=data["danda_effect"],
        skipped=skipped,
        seconds=0.0 if skipped else time.monotonic() - started,
    )


def _run(
    job: JobContext, spec: ArtifactSpec, version: Version, corpus: Artifact, files: Sequence[str]
) -> Artifact:
    config, storage = job.config, job.storage
    test = spec.settings["test"]
    job.console.say("evaluate", f"{version.uri} on {test}")
    runner = job.runner()
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
            _translate_rows,
            (corpus, spec, index, piece, job.tracking_uri, version, config.decode),
        )
        for index, piece in enumerate(pieces)
    ]
    total = len(tasks) + 1
    name = f"evaluate {test}"
    parts = run_parts(
        runner, storage, spec, tasks, lambda n: job.console.stage_advanced(name, n, total)
    )
    names = [file.name for part in parts for file in part.files]
    score = Task("score", _score, (corpus, spec, names, config.evaluation.bootstrap_samples))
    scored = run_parts(
        runner,
        storage,
        spec,
        [score],
        lambda n: job.console.stage_advanced(name, len(tasks) + n, total),
    )
    job.console.bar_ended(name)
    artifact = artifacts.commit(storage, spec, scored)
    storage.delete(f"{spec.path}/{TRANSLATED}")
    return artifact


def _translate_rows(
    corpus: Artifact,
    spec: ArtifactSpec,
    index: int,
    piece: tuple[str, int, int],
    registry_uri: str,
    version: Version,
    decode: DecodeConfig,
) -> Part:
    file, start, stop = piece
    pairs = read_rows(corpus.local(file), start, stop)
    sources = [text or "" for text in pairs.field("en").to_pylist()]
    references = [text or "" for text in pairs.field("hi").to_pylist()]
    translations = _translator(registry_uri, version).translate(sources, decode)
    table = pa.table(
        [
            sources,
            references,
            [t.text for t in translations],
            [t.score for t in translations],
        ],
        schema=_SCHEMA,
    )
    name = f"{TRANSLATED}/{index:05}.parquet"
    with corpus.storage.writing(f"{spec.path}/{name}") as out:
        pq.write_table(table, out)
    return Part((artifacts.entry_of(corpus.storage, spec, name),), {"sentences": len(table)})


_LOADED: dict[str, Any] = {}
"""The version that this process translated with last, so that its next task need not load it."""


def _translator(registry_uri: str, version: Version) -> Any:
    import torch

    from model.translator import Translator, content_hash

    key = f"{registry_uri} {version.uri}"
    if key not in _LOADED:
        if not torch.cuda.is_available():
            torch.set_num_threads(1)
        _LOADED.clear()
        # Ray ends its workers with a kill, so nothing may be left to be cleaned up at exit.
        with tempfile.TemporaryDirectory(prefix="anuvad-model-") as scratch:
            folder = Registry(registry_uri).download(version, Path(scratch))
            seen = content_hash(folder)
            if seen != version.content:
                raise RegistryError(
                    f"the files of {version.uri} must be those that were registered, with the "
                    f"hash {version.content}, but have {seen}"
                )
            _LOADED[key] = Translator.load(folder)
    return _LOADED[key]


def _score(corpus: Artifact, spec: ArtifactSpec, names: Sequence[str], samples: int) -> Part:
    storage = corpus.storage
    table = pa.concat_tables(pq.read_table(storage.local(f"{spec.path}/{n}")) for n in names)
    hypotheses = table.column("hypothesis").to_pylist()
    references = table.column("reference").to_pylist()
    result = {
        "scores": {k: asdict(s) for k, s in score_all(hypotheses, references, samples).items()},
        "health": asdict(output_health(hypotheses, references)),
        "danda_effect": danda_effect(hypotheses, references),
    }
    with storage.writing(f"{spec.path}/{OUTPUTS}") as out:
        pq.write_table(table, out)
    storage.write_bytes(f"{spec.path}/{SCORES}", json.dumps(result, indent=1).encode())
    entries = tuple(artifacts.entry_of(storage, spec, name) for name in (OUTPUTS, SCORES))
    return Part(entries, {"sentences": len(table)})


def _record(
    registry: Registry,
    version: Version,
    tests: Mapping[str, ScoredTest],
    decode: DecodeConfig,
) -> None:
    """Write metrics, outputs and tags where the version's readers look for them, once."""
    # The version in hand may have been read before an evaluation of a moment ago.
    standing = registry.resolve(version.uri).tags
    for test, result in tests.items():
        key = f"anuvad.evaluation.{test}"
        if standing.get(key) == result.artifact.id:
            continue
        metrics = {
            f"{test}/{name.replace('++', 'pp')}": score.score
            for name, score in result.scores.items()
        }
        registry.log_metrics(version, metrics)
        registry.log_file(version, result.artifact.local(OUTPUTS), f"evaluation/{test}")
        tags = {
            f"anuvad.decode.{test}": decode.model_dump_json(),
            **{
                f"anuvad.{test}.{name.replace('++', 'pp')}": (
                    f"{s.score:.2f} [{s.low:.2f}, {s.high:.2f}] {s.signature}"
                )
                for name, s in result.scores.items()
            },
        }
        # Its own id comes last: where it stands, all of it stands.
        registry.set_tags(version, {**tags, key: result.artifact.id})


def corpus_of(job: JobContext) -> Artifact:
    """The corpus artifact whose test splits are scored; made if it does not stand."""
    return run_stages(job, until="corpus")["corpus"].artifact


if __name__ == "__main__":
    from jobs.cli import run

    run("evaluate")
