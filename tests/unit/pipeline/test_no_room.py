"""A file that outgrows its room, by whichever library it is written: nothing of it is published.

A limit on the size of a file (``RLIMIT_FSIZE``) needs no rights, and fails the same calls as a disk
that is full; the tests of the command line fill a real one.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from killing import Silent, assert_same
from pairs import TRAIN, VALIDATION
from pipeline import corpus
from pipeline.artifacts import Artifact, Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.errors import ArtifactError
from pipeline.runner import Task, run_here
from pipeline.stages import DataConfig, prepare
from pipeline.storage import Storage, sha256_of
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

# Each case is a process with a limit of its own.
pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Undisturbed:
    """What a run with room enough has made: artifacts, and the parts of each task."""

    config: DataConfig
    artifacts: dict[str, Artifact]
    parts: dict[str, dict[str, Part]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """All stages of twenty pairs in three shards, in this process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "data").mkdir()
    corpus.write_pairs([*TRAIN, TRAIN[0]], folder / "data" / "train-00000-of-00001.parquet")
    corpus.write_pairs(VALIDATION, folder / "data" / "validation-00000-of-00001.parquet")
    config = DataConfig(
        CorpusConfig(source=str(folder)),
        CleanConfig(shard_rows=8),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
        DedupConfig(max_copies_english=5, max_copies_hindi=5),
    )
    made: dict[str, Artifact] = {}
    parts: dict[str, dict[str, Part]] = {}
    for stage in ("corpus", "clean", "dedup", "tokenizer", "tensorize"):
        seen = parts.setdefault(stage, {})

        def run(
            tasks: Sequence[Task],
            on_done: Callable[[Task, Part], None],
            seen: dict[str, Part] = seen,
        ) -> None:
            for task in tasks:
                seen[task.name] = task()
                on_done(task, seen[task.name])

        storage = Storage(str(folder / "storage"))
        results = prepare(config, storage, lambda run=run: run, Silent(), until=stage)
        made[stage] = results[stage].artifact
    return Undisturbed(config, made, parts)


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process can grow beyond ``size`` bytes while the block runs."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        # Parquet by Arrow, numbers by NumPy, a copy by the system, a model by SentencePiece,
        # an Arrow file.
        ("clean", "train-00001-of-00003"),
        ("dedup", "evaluation"),
        ("dedup", "compare-train-00001-of-00003"),
        ("dedup", "by-english-00000-of-00001"),
        ("dedup", "train-00001-of-00003"),
        ("dedup", "validation-00000-of-00001"),
        ("tokenizer", "hi"),
        ("tensorize", "train-00001-of-00003"),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_file_that_outgrows_its_room_is_named_and_not_published(
    stage: str, name: str, share: float, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    storage = Storage(str(tmp_path / "storage"))
    for earlier, artifact in undisturbed.artifacts.items():
        if earlier == stage:
            break
        shutil.copytree(artifact.uri, storage.uri_of(artifact.path))
    expected = undisturbed.artifacts[stage]
    files = undisturbed.parts[stage][name].files
    largest = max(files, key=lambda file: file.size)

    def run(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        for task in tasks:
            with room_for(int(share * largest.size)) if task.name == name else room_for(1 << 30):
                part = task()
            on_done(task, part)

    folder = Path(storage.uri_of(expected.path))
    with pytest.raises(
        ArtifactError,
        match=rf"^{folder}/\S+ must be writable and its disk have room, but: File too large "
        rf"\(([\d,]+ bytes of it were written; )?{folder}\S* has [\d,]+ bytes free\)$",
    ):
        prepare(undisturbed.config, storage, lambda: run, Silent(), until=stage)
    published = {f.name: f for part in undisturbed.parts[stage].values() for f in part.files}
    for path in folder.rglob("*"):
        if path.is_file() and path.parent.name != "parts":
            seen = published[str(path.relative_to(folder))]
            assert (path.stat().st_size, sha256_of(path)) == (seen.size, seen.sha256)
    again = prepare(undisturbed.config, storage, lambda: run_here, Silent(), until=stage)
    assert_same(again[stage].artifact, expected)
