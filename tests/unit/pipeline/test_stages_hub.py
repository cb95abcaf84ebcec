"""The corpus stage over a real HTTP hub: a dataset of two splits, in parts of 1,024 bytes."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_hub import DATASET, REVISION, LocalHub
from pipeline import artifacts, corpus, download, stages
from pipeline.artifacts import ArtifactSpec, Part
from pipeline.clean import CleanConfig
from pipeline.errors import CorpusError
from pipeline.runner import run_here
from pipeline.stages.hub import DOWNLOADED
from pipeline.storage import Storage, sha256_of
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

TRAIN = "data/train-00000-of-00001.parquet"
MADE = "data/local-pairs/train-00000-of-00001.parquet"
"""Where the artifact has it: below the name of its source."""


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""
        assert done <= total

    def stage_ended(self, result: stages.StageResult) -> None:
        """Nothing."""


@pytest.fixture
def dataset(hub: LocalHub, tmp_path: Path) -> LocalHub:
    """A hub with a real corpus."""
    for split, count in (("train", 300), ("validation", 3)):
        pairs = [(f"house {i}", f"घर {i * 7919}") for i in range(count)]
        corpus.write_pairs(pairs, tmp_path / "made.parquet")
        hub.files[f"data/{split}-00000-of-00001.parquet"] = (tmp_path / "made.parquet").read_bytes()
    return hub


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def fetch_corpus(storage: Storage, **settings: object) -> artifacts.Artifact:
    """The corpus artifact of the hub's dataset."""
    return fetch(storage, {"source": DATASET, "revision": REVISION, "part_bytes": 1024} | settings)


def fetch(storage: Storage, settings: dict[str, object]) -> artifacts.Artifact:
    """The corpus artifact."""
    config = stages.DataConfig(
        corpus.CorpusConfig.model_validate(settings),
        CleanConfig(),
        TokenizerConfig(),
        TensorizeConfig(),
    )
    return stages.prepare(config, storage, lambda: run_here, Silent(), until="corpus")[
        "corpus"
    ].artifact


def in_the_artifact(hub: LocalHub) -> dict[str, bytes]:
    """What the hub publishes, under the names that the artifact gives it."""
    return {name.replace("data/", "data/local-pairs/"): b for name, b in hub.files.items()}


def test_a_fetched_corpus_is_the_publishers_byte_for_byte(
    dataset: LocalHub, storage: Storage
) -> None:
    made = fetch_corpus(storage)
    assert {n: made.local(n).read_bytes() for n in made.names()} == in_the_artifact(dataset)
    rows = {"train_rows": 300, "validation_rows": 3}
    assert made.counts == rows | {f"local-pairs/{key}": n for key, n in rows.items()}
    assert not storage.exists(f"{made.path}/{DOWNLOADED}")
    parts = -(-len(dataset.files[TRAIN]) // 1024)
    assert parts > 2
    assert len([name for name, _ in dataset.ranges if name == TRAIN]) == parts


def flipped(content: bytes, place: int) -> bytes:
    """The content with one bit of the byte at ``place`` the other way."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def hashes(*contents: bytes) -> list[str]:
    """The sha256 of each."""
    return [hashlib.sha256(content).hexdigest() for content in contents]


def test_a_byte_that_is_flipped_once_is_fetched_again_and_nobody_is_left_unaware(
    dataset: LocalHub, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    dataset.flips[TRAIN] = {1500}
    published, seen = hashes(dataset.files[TRAIN], flipped(dataset.files[TRAIN], 1500))
    with caplog.at_level(logging.WARNING):
        made = fetch_corpus(storage)
    assert made.local(MADE).read_bytes() == dataset.files[TRAIN]
    assert [record.getMessage() for record in caplog.records] == [
        f"{MADE} must have sha256 {published}, but {seen} came; it was discarded and fetched "
        f"once more"
    ]
    starts = [start for name, start in dataset.ranges if name == TRAIN]
    assert starts == [*range(0, len(dataset.files[TRAIN]), 1024)] * 2


def test_a_corpus_that_was_fetched_twice_has_the_same_manifest(
    dataset: LocalHub, storage: Storage, tmp_path: Path
) -> None:
    undisturbed = fetch_corpus(Storage(str(tmp_path / "other")))
    dataset.flips[TRAIN] = {1500}
    made = fetch_corpus(storage)
    manifest = f"{made.path}/{artifacts.MANIFEST}"
    assert storage.read_bytes(manifest) == undisturbed.storage.read_bytes(manifest)


def test_a_byte_that_is_flipped_each_time_ends_it_and_a_later_run_succeeds(
    dataset: LocalHub, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    dataset.sent[TRAIN] = flipped(dataset.files[TRAIN], 1500)
    published, seen = hashes(dataset.files[TRAIN], dataset.sent[TRAIN])
    with pytest.raises(
        CorpusError, match=f"must have sha256 {published}, but {seen} came, twice in a row, and was"
    ):
        fetch_corpus(storage)
    left = [path.name for path in Path(storage.uri).rglob("*") if path.is_file()]
    assert not [
        name
        for name in left
        if name.startswith(("train", "data--local-pairs--train-00000-of-00001.p"))
        and not name.endswith(".json")
    ]
    assert artifacts.MANIFEST not in left
    dataset.sent.clear()
    before = len(dataset.ranges)
    made = fetch_corpus(storage)
    assert sha256_of(made.local(MADE)) == published
    assert {name for name, _ in dataset.ranges[before:]} == {TRAIN}
    assert caplog.records == [], "what an earlier run ended with is no news"


def test_a_file_that_is_short_each_time_ends_it_naming_both_sizes(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(dataset.files[TRAIN])

    def drop_a_byte(dataset: str, revision: str, part: download.BytePart, out: Path) -> None:
        out.write_bytes(b"-" * (part.stop - part.start - (part.stop == size)))

    monkeypatch.setattr(download, "fetch_part", drop_a_byte)
    with pytest.raises(CorpusError, match=f"must have {size} bytes, but {size - 1} came, twice"):
        fetch_corpus(storage)


def interrupt_after(patch: pytest.MonkeyPatch, parts: int) -> None:
    """Ctrl-C comes before the part after so many."""
    real_fetch, fetched = download.fetch_part, 0

    def fetch(*args: object) -> None:
        nonlocal fetched
        if fetched == parts:
            raise KeyboardInterrupt
        fetched += 1
        real_fetch(*args)

    patch.setattr(download, "fetch_part", fetch)


def test_an_interrupted_download_goes_on_where_it_stopped(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage)
    assert len(dataset.ranges) == 2
    fetch_corpus(storage)
    assert len(set(dataset.ranges)) == len(dataset.ranges), "no range was fetched twice"


def test_an_interrupted_download_goes_on_with_parts_of_another_size(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage, part_bytes=2048)
    made = fetch_corpus(storage, part_bytes=1024)
    assert made.local(MADE).read_bytes() == dataset.files[TRAIN]


def test_a_file_that_is_whole_is_not_fetched_again(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(storage: Storage, spec: ArtifactSpec, parts: list[Part]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage)
    before = len(dataset.ranges)
    made = fetch_corpus(storage)
    assert dataset.ranges[before:] == []
    assert made.local(MADE).read_bytes() == dataset.files[TRAIN]


def test_a_missing_split_is_refused_before_any_byte_is_fetched(
    dataset: LocalHub, storage: Storage
) -> None:
    with pytest.raises(
        CorpusError, match="must have the splits train and dev, but has train, validation; "
    ):
        fetch_corpus(storage, validation_split="dev")
    assert dataset.ranges == []


def test_a_published_file_that_is_no_corpus_is_refused_naming_it(
    dataset: LocalHub, storage: Storage
) -> None:
    dataset.files[TRAIN] = b"not parquet at all" * 100
    with pytest.raises(CorpusError, match=f"{MADE} must be a whole parquet file"):
        fetch_corpus(storage)


def test_a_fetched_corpus_needs_no_hub_any_more(dataset: LocalHub, storage: Storage) -> None:
    made = fetch_corpus(storage)
    dataset.requests.clear()
    assert fetch_corpus(storage).id == made.id
    assert dataset.requests == []


def test_offline_a_fetched_corpus_is_there(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fetch_corpus(storage)
    dataset.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert fetch_corpus(storage).id == made.id
    assert dataset.requests == []


def test_offline_a_corpus_that_was_never_fetched_is_refused_without_a_request(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "true")
    with pytest.raises(CorpusError, match=f"^{DATASET} at {REVISION} must be fetched once without"):
        fetch_corpus(storage)
    assert dataset.requests == []


def test_offline_a_corpus_that_was_half_fetched_says_how_much_is_missing(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage)
    dataset.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    missing = sum(len(content) for content in dataset.files.values()) - 2 * 1024
    with pytest.raises(CorpusError, match=f"HUB_OFFLINE, which is set: {missing:,} bytes of it"):
        fetch_corpus(storage)
    assert dataset.requests == []


def test_offline_parts_that_are_all_there_are_joined(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download, "assemble", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage)
    dataset.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    made = fetch_corpus(storage)
    assert {n: made.local(n).read_bytes() for n in made.names()} == in_the_artifact(dataset)
    assert dataset.requests == []


def test_a_joining_task_that_was_killed_while_it_fetched_anew_goes_on(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_fetch, calls = download.fetch_part, 0
    parts = sum(-(-len(content) // 1024) for content in dataset.files.values())

    def killed_in_the_second_round(*args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == parts + 2:
            raise KeyboardInterrupt
        real_fetch(*args)

    dataset.flips[TRAIN] = {1500}
    with monkeypatch.context() as patch:
        patch.setattr(download, "fetch_part", killed_in_the_second_round)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage)
    made = fetch_corpus(storage)
    assert made.local(MADE).read_bytes() == dataset.files[TRAIN]


def test_a_listing_that_cannot_be_read_is_asked_for_again(
    dataset: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage)
    [listing] = Path(storage.uri).rglob("listing.json")
    listing.write_text("[{")
    assert fetch_corpus(storage).counts["train_rows"] == 300


def test_a_branch_is_resolved_once_and_the_artifact_names_its_commit(
    dataset: LocalHub, storage: Storage
) -> None:
    made = fetch_corpus(storage, revision="main")
    assert made.spec.settings["sources"]["local-pairs"]["revision"] == REVISION
    assert made.id == fetch_corpus(storage).id
    dataset.requests.clear()
    dataset.revisions["main"] = "f" * 40
    assert fetch_corpus(storage, revision="main").id == made.id
    assert dataset.requests == []


def test_a_published_file_of_another_layout_is_converted_once_it_is_verified(
    dataset: LocalHub, storage: Storage, tmp_path: Path
) -> None:
    flat = pa.table({"english": ["The fort is old."], "hindi": ["क़िला पुराना है।"], "id": [7]})
    pq.write_table(flat, tmp_path / "flat.parquet")
    for name in dataset.files:
        dataset.files[name] = (tmp_path / "flat.parquet").read_bytes()
    with pytest.raises(CorpusError, match=r"one column en, or translation\.en, but has eng"):
        fetch_corpus(storage)
    made = fetch_corpus(storage, english="english", hindi="hindi")
    rows = corpus.read_rows(made.local(MADE), 0, 1).to_pylist()
    assert rows == [{"en": "The fort is old.", "hi": "क़िला पुराना है।"}]


def test_two_sources_of_one_hub_lie_side_by_side(dataset: LocalHub, storage: Storage) -> None:
    sources = [
        {"name": name, "source": DATASET, "revision": REVISION, "max_pairs": 5}
        for name in ("first", "second")
    ]
    made = fetch(storage, {"sources": sources, "part_bytes": 1024})
    published = dict(dataset.files)
    for source in ("first", "second"):
        for name, content in published.items():
            assert made.local(name.replace("data/", f"data/{source}/")).read_bytes() == content
    assert made.counts["train_rows"] == 600
    assert not storage.exists(f"{made.path}/{DOWNLOADED}")
