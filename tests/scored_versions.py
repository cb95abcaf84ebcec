"""Registered versions whose translations are written by hand, in a real registry and storage.

No model made them, but all that the gate reads of a version is there: its scores, its speed and its
place in the registry. So promoting takes a second and needs no Ray.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from command_line import SEED
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.evaluate import evaluation_spec, own_decode
from jobs.evaluation_tasks import _SPEED_KEY, _TRANSLATED_SCHEMA, score
from jobs.registry import CONTENT_TAG, DECODE_TAG, Version
from jobs.speed import Speed
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.storage import Storage

NAMES = {
    "Ravi": "रवि",
    "Meera": "मीरा",
    "John": "जॉन",
    "Sita": "सीता",
    "Arjun": "अर्जुन",
    "Asha": "आशा",
}
PLACES = {"school": "विद्यालय", "Mumbai": "मुंबई", "the market": "बाज़ार", "the garden": "बगीचे"}
SOURCES = [f"{name} will not go to {place}." for name in NAMES for place in PLACES]
REFERENCES = [
    f"कल {name} {place} नहीं जाएगा।" for name in NAMES.values() for place in PLACES.values()
]
# The later the version of these, the better: it says "will not come back" less often.
WRONG = "कल {} वापस नहीं आएगा।"

CORPUS = ArtifactSpec("corpus", {"order": ["web"]}, "", {})
_FILE = "data/web/test-00000-of-00001.parquet"


def translations(wrong: int) -> list[str]:
    """The references, but for the first ``wrong`` of them."""
    return [
        WRONG.format(reference.split()[1]) if i < wrong else reference
        for i, reference in enumerate(REFERENCES)
    ]


def open_job(folder: Path, *settings: str) -> JobContext:
    """A job on this storage, its registry beside it."""
    config = load_config(str(SEED), [f"storage={folder}", *settings])
    return JobContext(config, JobConsole())


def corpus(storage: Storage) -> Artifact:
    """The corpus artifact of the sentences above, made if it does not stand."""
    standing = artifacts.find(storage, CORPUS)
    if standing is not None:
        return standing
    with storage.writing(f"{CORPUS.path}/{_FILE}") as out:
        pq.write_table(pa.table({"en": SOURCES, "hi": REFERENCES}), out)
    entry = artifacts.entry_of(storage, CORPUS, _FILE)
    return artifacts.commit(storage, CORPUS, [Part((entry,), {})])


def add_version(
    job: JobContext, hypotheses: Sequence[str], decode: str = "", *, scored: bool = True
) -> Version:
    """Register a version that translates like that; ``decode`` is its settings, as JSON.

    If it is not ``scored``, its evaluation was interrupted after all was translated.
    """
    client, name = job.registry._client, job.config.registry.name
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        root = job.storage.local_root
        assert root is not None
        client.create_experiment(name, artifact_location=(root / "mlartifacts").as_uri())
        client.create_registered_model(name)
        experiment = client.get_experiment_by_name(name)
    run = client.create_run(experiment.experiment_id).info.run_id
    content = f"content of {run}"
    tags = {CONTENT_TAG: content} | ({DECODE_TAG: decode} if decode else {})
    made = client.create_model_version(name, source=f"runs:/{run}/model", run_id=run, tags=tags)
    version = job.registry.resolve(f"models:/{name}/{made.version}")
    _evaluate(job, version, hypotheses, scored)
    return version


def _evaluate(job: JobContext, version: Version, hypotheses: Sequence[str], scored: bool) -> None:
    """Leave the evaluation that translating would have left."""
    storage, n = job.storage, len(SOURCES)
    test_corpus = corpus(storage)
    spec = evaluation_spec(job, version, test_corpus.id, "test", own_decode(job, version))
    columns = [SOURCES, REFERENCES, list(hypotheses), [-0.5] * n, [False] * n, [False] * n]
    columns += [["web"] * n, [None] * n]
    speed = {_SPEED_KEY: json.dumps(asdict(Speed(n, 1.0, "here")))}
    piece = "translated/00000.parquet"
    with storage.writing(f"{spec.path}/{piece}") as out:
        pq.write_table(pa.table(columns, schema=_TRANSLATED_SCHEMA.with_metadata(speed)), out)
    if not scored:
        entry = artifacts.entry_of(storage, spec, piece)
        artifacts.write_part(storage, spec, "00000", Part((entry,), {"sentences": n}))
        return
    part = score(test_corpus, spec, [piece], job.config.evaluation.bootstrap_samples, None)
    artifacts.commit(storage, spec, [part])
