"""The English words that a version was trained on, so that its test sets can be asked for new ones.

reads   the ``dedup`` artifact of the version's training: the rows that became token arrays
writes  ``words-<hash>/words.npy``, the sorted 64-bit hashes of :mod:`pipeline.words`
holds   a task keeps the words of one shard in memory, never its text; made once a training corpus,
        also where two evaluations come to need them at once
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow.parquet as pq

from jobs.context import JobContext
from jobs.made_once import made_once
from jobs.registry import TRAINING_TAG, Version
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part, code_fingerprint
from pipeline.errors import ArtifactError
from pipeline.runner import Task, run_parts
from pipeline.stages.stage import clean_shards
from pipeline.words import Hashes, union_of, vocabulary_of

WORDS = "words.npy"
_SHARDS = "shards"
_BATCH_ROWS = 1 << 14
_CODE = ("jobs.training_words", "pipeline.words")


def training_rows(job: JobContext, version: Version) -> Artifact | None:
    """The ``dedup`` artifact that the version learnt from; None where it is not in the storage.

    A version may come from a registry that others share, and its data from their storage.
    """
    try:
        training = artifacts.load(job.storage, version.tags[TRAINING_TAG])
        return artifacts.load(job.storage, training.spec.parents["dedup"])
    except (KeyError, ArtifactError):
        return None


def words_spec(rows: Artifact) -> ArtifactSpec:
    """What the vocabulary of these rows is made of."""
    settings = {"split": rows.spec.settings["splits"][0]}
    return ArtifactSpec("words", settings, code_fingerprint(*_CODE), {"dedup": rows.id})


def training_words(job: JobContext, rows: Artifact) -> Artifact:
    """The vocabulary of the training rows; the one that stands, if it was made before."""
    spec = words_spec(rows)
    return made_once(job, spec, lambda check: _make(job, rows, spec, check))[0]


def _make(
    job: JobContext, rows: Artifact, spec: ArtifactSpec, check: Callable[[], None]
) -> Artifact:
    shards = clean_shards(rows, spec.settings["split"])
    tasks = [Task(s, _words_of_shard, (rows.only(f"{s}.parquet"), spec, s)) for s in shards]
    total = len(tasks) + 1

    def advanced(before: int, done: int) -> None:
        job.console.stage_advanced("words", before + done, total)

    runner = job.runner()
    parts = run_parts(runner, job.storage, spec, tasks, lambda n: advanced(0, n))
    names = [file.name for part in parts for file in part.files]
    joined = run_parts(
        runner,
        job.storage,
        spec,
        [Task("join", _join, (rows.only(), spec, names))],
        lambda n: advanced(len(tasks), n),
    )
    job.console.bar_ended("words")
    check()
    artifact = artifacts.commit(job.storage, spec, joined)
    job.storage.delete(f"{spec.path}/{_SHARDS}")
    return artifact


def read_words(words: Artifact) -> Hashes:
    """The vocabulary, mapped and not read."""
    found: Hashes = np.load(words.local(WORDS), mmap_mode="r")
    return found


# The tasks.


def _words_of_shard(rows: Artifact, spec: ArtifactSpec, shard: str) -> Part:
    def texts() -> Iterator[str]:
        with pq.ParquetFile(rows.local(f"{shard}.parquet")) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=["en"]):
                yield from batch.column("en").to_pylist()

    return _write(rows, spec, f"{_SHARDS}/{shard}.npy", vocabulary_of(texts()), {})


def _join(rows: Artifact, spec: ArtifactSpec, names: Sequence[str]) -> Part:
    found = union_of([np.load(rows.storage.local(f"{spec.path}/{name}")) for name in names])
    return _write(rows, spec, WORDS, found, {"words": len(found)})


def _write(
    rows: Artifact, spec: ArtifactSpec, name: str, words: Hashes, counts: dict[str, int]
) -> Part:
    with rows.storage.writing(f"{spec.path}/{name}") as out, out.open("wb") as file:
        np.save(file, words)
    return Part((artifacts.entry_of(rows.storage, spec, name),), counts)
