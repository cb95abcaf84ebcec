"""Fetching from a hub over real HTTP: in ranges, against faults, and whole or not at all."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local_hub import DATASET, REVISION, Answer, LocalHub
from pipeline import artifacts, corpus, download, stages
from pipeline.artifacts import ArtifactSpec, Part
from pipeline.clean import CleanConfig
from pipeline.corpus import SourceFile
from pipeline.download import ATTEMPTS, assemble, fetch_part, hub_files, parts_of
from pipeline.errors import CorpusError
from pipeline.runner import run_here
from pipeline.stages.hub import DOWNLOADED
from pipeline.storage import Storage, sha256_of
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

TRAIN = "data/train-00000-of-00001.parquet"
MADE = "data/local-pairs/train-00000-of-00001.parquet"
"""Where the artifact has it: below the name of its source."""
CONTENT = bytes(range(256)) * 20


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept; nothing sleeps."""
    asked: list[float] = []
    monkeypatch.setattr(time, "sleep", asked.append)
    return asked


@pytest.fixture
def hub(local_hub: LocalHub, slept: list[float]) -> LocalHub:
    """A hub with one file of 5,120 bytes, before which nobody waits."""
    local_hub.files[TRAIN] = CONTENT
    return local_hub


@pytest.fixture
def fetch(hub: LocalHub, tmp_path: Path) -> Callable[[], bytes]:
    """Fetches bytes 1000 to 2000 of the file."""
    [file] = hub_files(DATASET, REVISION)
    part = parts_of(file, 1000)[1]

    def now() -> bytes:
        fetch_part(DATASET, REVISION, part, tmp_path / "part")
        return (tmp_path / "part").read_bytes()

    return now


def test_hub_files_are_listed_with_their_published_sizes_and_hashes(hub: LocalHub) -> None:
    hub.files |= {"README.md": b"#", "data/notes.txt": b"-"}
    assert hub_files(DATASET, REVISION) == [
        SourceFile(TRAIN, TRAIN, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    ]


def test_parts_cover_a_file_without_gap_or_overlap() -> None:
    parts = parts_of(SourceFile(TRAIN, TRAIN, 2500, None), 1000)
    assert [(p.start, p.stop) for p in parts] == [(0, 1000), (1000, 2000), (2000, 2500)]
    assert parts[0].name == "train-00000-of-00001.parquet.0-1000"
    assert parts_of(SourceFile(TRAIN, TRAIN, 0, None), 1000) == []


def test_parts_with_one_name_are_the_same_bytes() -> None:
    file = SourceFile(TRAIN, TRAIN, 2500, None)
    parts = [part for size in (700, 1000, 2000) for part in parts_of(file, size)]
    assert len({part.name for part in parts}) == len(set(parts))


def test_a_part_is_exactly_its_bytes(hub: LocalHub, fetch: Callable[[], bytes]) -> None:
    assert fetch() == CONTENT[1000:2000]
    assert hub.ranges == [(TRAIN, 1000)]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_of_the_hub_is_tried_again(
    hub: LocalHub, fetch: Callable[[], bytes], status: int
) -> None:
    hub.answers += [Answer(status), Answer(status)]
    assert fetch() == CONTENT[1000:2000]


def test_retry_after_is_waited_for(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float]
) -> None:
    hub.answers += [Answer(429, {"Retry-After": "17"}), Answer(429, {"Retry-After": "9999"})]
    assert fetch() == CONTENT[1000:2000]
    assert slept == [17.0, 120.0]


def test_a_retry_after_that_is_a_date_is_not_waited_for(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float]
) -> None:
    hub.answers += [Answer(503, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})]
    assert fetch() == CONTENT[1000:2000]
    assert max(slept) < 5


def test_without_retry_after_the_waits_grow(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float]
) -> None:
    hub.answers += [Answer(503)] * 5
    fetch()
    assert len(slept) == 5
    assert slept[-1] > slept[0]
    assert sum(slept) < 60


def test_a_truncated_body_is_fetched_again(hub: LocalHub, fetch: Callable[[], bytes]) -> None:
    hub.answers += [Answer(None)]
    assert fetch() == CONTENT[1000:2000]
    assert hub.ranges == [(TRAIN, 1000)] * 2


def test_after_six_tries_it_gives_up_saying_what_to_do(
    hub: LocalHub, fetch: Callable[[], bytes], tmp_path: Path
) -> None:
    hub.answers += [Answer(503)] * 10
    with pytest.raises(
        CorpusError,
        match=r"bytes 1000-1999 of http.*parquet could not be fetched in 6 tries, the last one: "
        r"HTTP 503; run the same command again to go on",
    ):
        fetch()
    assert len(hub.answers) == 10 - ATTEMPTS
    assert not (tmp_path / "part").exists()


def test_a_body_that_is_cut_each_time_is_an_error_of_the_corpus(
    hub: LocalHub, fetch: Callable[[], bytes]
) -> None:
    hub.answers += [Answer(None)] * 6
    with pytest.raises(CorpusError, match="could not be fetched in 6 tries"):
        fetch()


@pytest.mark.parametrize("status", [401, 403])
def test_a_file_that_is_gated_says_how_to_get_in(
    hub: LocalHub, fetch: Callable[[], bytes], status: int
) -> None:
    hub.answers += [Answer(status)]
    with pytest.raises(CorpusError, match=f"not {status}; accept its terms .* set HF_TOKEN"):
        fetch()


@pytest.mark.parametrize("status", [401, 403, 404, 416])
def test_a_refusal_is_not_tried_again(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float], status: int
) -> None:
    hub.answers += [Answer(status)]
    with pytest.raises(CorpusError, match=f"must answer a byte range with HTTP 206, not {status}"):
        fetch()
    assert slept == []


def test_a_dataset_that_is_not_there_is_named(hub: LocalHub) -> None:
    with pytest.raises(CorpusError, match="the hub has no dataset anuvad/none"):
        hub_files("anuvad/none", REVISION)


def test_a_revision_that_is_not_there_is_named_in_one_line(hub: LocalHub) -> None:
    with pytest.raises(CorpusError, match=f"must list {DATASET} at {'f' * 40}, but: 404") as raised:
        hub_files(DATASET, "f" * 40)
    assert "\n" not in str(raised.value)


def test_a_gated_dataset_says_how_to_get_in(hub: LocalHub) -> None:
    hub.refusal = (403, "GatedRepo")
    with pytest.raises(CorpusError, match=r"access is gated: accept its terms .* set HF_TOKEN"):
        hub_files(DATASET, REVISION)


def test_a_hub_that_is_broken_for_long_is_named_in_one_line(hub: LocalHub) -> None:
    hub.refusal = (503, "")
    with pytest.raises(CorpusError, match=f"the hub must list {DATASET}.*503") as raised:
        hub_files(DATASET, REVISION)
    assert "\n" not in str(raised.value)


def test_a_hub_that_does_not_answer_is_named_with_the_way_round_it(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing listens at port 9 (discard) of the loopback.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        CorpusError,
        match=rf"must be reachable to fetch {DATASET}, but: .*corpus\.source takes a folder",
    ):
        hub_files(DATASET, REVISION)


def test_a_dataset_without_parquet_files_is_refused(hub: LocalHub) -> None:
    hub.files = {"data/train.csv": b"en,hi"}
    with pytest.raises(CorpusError, match=r"must hold data/\*\.parquet, but holds none"):
        hub_files(DATASET, REVISION)


def test_a_published_file_whose_name_has_no_split_is_refused_before_any_byte_is_fetched(
    hub: LocalHub,
) -> None:
    hub.files["data/train-00000-of-00001-1a2b3c.parquet"] = b"PAR1"
    with pytest.raises(CorpusError, match=r"must be named <split>-NNNNN-of-NNNNN\.parquet"):
        hub_files(DATASET, REVISION)
    assert hub.ranges == []


def test_assembled_parts_are_the_file(tmp_path: Path) -> None:
    pieces = [tmp_path / "0", tmp_path / "1"]
    for piece, content in zip(pieces, (b"ab", b"c"), strict=True):
        piece.write_bytes(content)
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assemble(pieces, SourceFile(TRAIN, TRAIN, 3, abc), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"abc"


def test_a_missing_byte_is_refused_naming_both_sizes(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"ab")
    with pytest.raises(CorpusError, match=f"{TRAIN} must have 3 bytes, but 2 came"):
        assemble([tmp_path / "0"], SourceFile(TRAIN, TRAIN, 3, None), tmp_path / "out")


def test_a_flipped_byte_is_refused_naming_both_hashes(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"abd")
    published, seen = (hashlib.sha256(content).hexdigest() for content in (b"abc", b"abd"))
    with pytest.raises(CorpusError, match=f"must have sha256 {published}, but {seen} came"):
        assemble([tmp_path / "0"], SourceFile(TRAIN, TRAIN, 3, published), tmp_path / "out")


# The whole of it: the corpus stage, with a dataset of two splits in parts of 1,024 bytes.


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
    """The corpus artifact."""
    config = stages.DataConfig(
        corpus.CorpusConfig(source=DATASET, revision=REVISION, **({"part_bytes": 1024} | settings)),
        CleanConfig(),
        TokenizerConfig(),
        TensorizeConfig(),
    )
    return stages.prepare(config, storage, lambda: run_here, Silent(), until="corpus")[
        "corpus"
    ].artifact


def test_a_fetched_corpus_is_the_publishers_byte_for_byte(
    dataset: LocalHub, storage: Storage
) -> None:
    made = fetch_corpus(storage)
    published = {n.replace("data/", "data/local-pairs/"): b for n, b in dataset.files.items()}
    assert {n: made.local(n).read_bytes() for n in made.names()} == published
    rows = {"train_rows": 300, "validation_rows": 3}
    assert made.counts == rows | {f"local-pairs/{key}": n for key, n in rows.items()}
    assert not storage.exists(f"{made.path}/{DOWNLOADED}")
    parts = -(-len(dataset.files[TRAIN]) // 1024)
    assert parts > 2
    assert len([name for name, _ in dataset.ranges if name == TRAIN]) == parts


def test_a_flipped_byte_on_the_wire_is_refused_and_the_next_run_fetches_anew(
    dataset: LocalHub, storage: Storage
) -> None:
    flipped = bytearray(dataset.files[TRAIN])
    flipped[1500] ^= 1
    dataset.sent[TRAIN] = bytes(flipped)
    published, seen = (
        hashlib.sha256(content).hexdigest() for content in (dataset.files[TRAIN], flipped)
    )
    with pytest.raises(CorpusError, match=f"must have sha256 {published}, but {seen} came"):
        fetch_corpus(storage)
    dataset.sent.clear()
    before = len(dataset.ranges)
    made = fetch_corpus(storage)
    assert sha256_of(made.local(MADE)) == published
    assert {name for name, _ in dataset.ranges[before:]} == {TRAIN}


def test_an_interrupted_download_goes_on_where_it_stopped(
    dataset: LocalHub, storage: Storage
) -> None:
    real_fetch, fetched = download.fetch_part, 0

    def stop_at_the_third(*args: object) -> None:
        nonlocal fetched
        fetched += 1
        if fetched == 3:
            raise KeyboardInterrupt
        real_fetch(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "fetch_part", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            fetch_corpus(storage)
    first = list(dataset.ranges)
    fetch_corpus(storage)
    assert len(first) == 2
    assert len(set(dataset.ranges)) == len(dataset.ranges), "no range was fetched twice"


def test_an_interrupted_download_goes_on_with_parts_of_another_size(
    dataset: LocalHub, storage: Storage
) -> None:
    real_fetch = download.fetch_part

    def stop_after_the_first(*args: object) -> None:
        if dataset.ranges:
            raise KeyboardInterrupt
        real_fetch(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "fetch_part", stop_after_the_first)
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
