"""Copies of pairs and of sides: which rows go, for which reason, however the work is cut."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairs import TRAIN, VALIDATION
from pipeline import corpus, dedup
from pipeline.artifacts import Artifact, Part
from pipeline.clean import REJECTS_SCHEMA, CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.errors import CorpusError
from pipeline.phrasebook import PhrasebookConfig
from pipeline.runner import Runner, Task, run_here
from pipeline.stages import DataConfig, StageResult, clean_shards, prepare
from pipeline.stages.dedup import COMPARED
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

Pair = tuple[str, str]

# Each line is here for a reason, which stands beside it; the first of its kind stays.
NOISY = (
    ("The dog sleeps.", "कुत्ता सोता है।"),
    ("Open", "खोलें"),
    ("The dog sleeps.", "कुत्ता सोता है।"),  # the same pair
    ("Open", "खोलिए"),
    ("The dog sleeps.", "कुत्ता सो रहा है।"),  # another translation
    ("Open", "खुला"),  # the third translation of one word
    ("Open", "खोलें"),  # the same pair, though it would be one too many as well
    ("Unlock", "खोलें"),
    ("Unseal", "खोलें"),  # the third source of one word
    ("The river is near the market!", "दरिया हाट के पास बहता है।"),  # English of validation
    ("She knows not my name.", "वह मेरा नाम नही जानती"),  # not quite the Hindi of validation
    ("Kindly give five books.", "कृपया मुझे पाँच किताबें दीजिए"),  # Hindi of validation
    ("The dog sleeps.", "कुत्ता सोता है।"),  # the same pair again
)
REASONS = {
    2: "duplicate_pair",
    5: "too_many_copies_english",
    6: "duplicate_pair",
    8: "too_many_copies_hindi",
    9: "leaks_english",
    11: "leaks_hindi",
    12: "duplicate_pair",
}
TWICE = DedupConfig(max_copies_english=2, max_copies_hindi=2)


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def stage_ended(self, result: StageResult) -> None:
        """Nothing."""


def shuffled(seed: int) -> Runner:
    """A runner whose tasks end in an order of its own."""

    def run(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        order = list(tasks)
        random.Random(seed).shuffle(order)
        run_here(order, on_done)

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An empty folder for a corpus, which has three validation pairs already."""
    folder = tmp_path / "corpus"
    (folder / "data").mkdir(parents=True)
    corpus.write_pairs(VALIDATION, folder / "data" / "validation-00000-of-00001.parquet")
    return folder


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def data(
    source: Path, config: DedupConfig, train: Sequence[Pair] = (), rows: int = 4
) -> DataConfig:
    """The configuration of a corpus with these training pairs, in shards of ``rows``."""
    if train:
        corpus.write_pairs(train, source / "data" / "train-00000-of-00001.parquet")
    return DataConfig(
        CorpusConfig(source=str(source)),
        CleanConfig(shard_rows=rows),
        TokenizerConfig(),
        TensorizeConfig(),
        config,
    )


def dedup_of(config: DataConfig, storage: Storage, runner: Runner = run_here) -> Artifact:
    """The artifact of the stage."""
    return prepare(config, storage, lambda: runner, Silent(), until="dedup")["dedup"].artifact


def kept(made: Artifact, split: str = "train") -> list[int]:
    """The corpus rows that were kept, in the order of the shards."""
    tables = [pq.read_table(made.local(f"{shard}.parquet")) for shard in clean_shards(made, split)]
    return [row for table in tables for row in table.column("row").to_pylist()]


def reasons(made: Artifact) -> dict[int, str]:
    """Corpus row → why it was dropped."""
    rejects = [pq.read_table(made.local(name)) for name in made.names(suffix=".rejects.parquet")]
    return {row["row"]: row["reason"] for table in rejects for row in table.to_pylist()}


def by_hand(pairs: Sequence[Pair], config: DedupConfig) -> dict[int, str]:
    """What one loop over all pairs drops, rule by rule."""
    dropped: dict[int, str] = {}
    rules: list[tuple[str, int | None, Callable[[Pair], str | Pair]]] = [
        ("duplicate_pair", 1 if config.exact_pairs else None, lambda pair: pair),
        ("too_many_copies_english", config.max_copies_english, lambda pair: pair[0]),
        ("too_many_copies_hindi", config.max_copies_hindi, lambda pair: pair[1]),
    ]
    for reason, limit, what in rules:
        seen: Counter[str | Pair] = Counter()
        for row, pair in enumerate(pairs):
            if row in dropped:
                continue
            seen[what(pair)] += 1
            if limit is not None and seen[what(pair)] > limit:
                dropped[row] = reason
    return dropped


def test_every_row_that_goes_has_the_reason_that_comes_first(
    source: Path, storage: Storage
) -> None:
    made = dedup_of(data(source, TWICE, NOISY), storage)
    assert reasons(made) == REASONS
    assert kept(made) == [row for row in range(len(NOISY)) if row not in REASONS]


def test_rejects_hold_the_text_and_the_reason(source: Path, storage: Storage) -> None:
    made = dedup_of(data(source, TWICE, NOISY), storage)
    table = pq.read_table(made.local("train-00000-of-00004.rejects.parquet"))
    assert table.schema.equals(REJECTS_SCHEMA)
    assert table.to_pylist() == [
        {
            "source": "files",
            "row": 2,
            "en": NOISY[2][0],
            "hi": NOISY[2][1],
            "reason": "duplicate_pair",
        }
    ]


def test_a_shard_that_loses_nothing_is_its_clean_shard_and_has_no_rejects(
    source: Path, storage: Storage
) -> None:
    made = dedup_of(data(source, TWICE, TRAIN, rows=8), storage)
    assert made.names() == [
        "train-00000-of-00003.parquet",
        "train-00001-of-00003.parquet",
        "train-00002-of-00003.parquet",
        "validation-00000-of-00001.parquet",
    ]
    clean = storage.local(f"artifacts/{made.spec.parents['clean']}/train-00001-of-00003.parquet")
    assert pq.read_table(made.local("train-00001-of-00003.parquet")).equals(pq.read_table(clean))


def test_visited_is_kept_and_dropped_by_reason(source: Path, storage: Storage) -> None:
    pairs = {
        "train_visited": 13,
        "train_kept": 6,
        "train_dropped_duplicate_pair": 3,
        "train_dropped_too_many_copies_english": 1,
        "train_dropped_too_many_copies_hindi": 1,
        "train_dropped_leaks_english": 1,
        "train_dropped_leaks_hindi": 1,
        "validation_visited": 3,
        "validation_kept": 3,
    }
    sides = {"evaluation_english_sides": 3, "evaluation_hindi_sides": 3}
    counts = dedup_of(data(source, TWICE, NOISY), storage).counts
    assert counts == pairs | sides | {f"files/{key}": n for key, n in pairs.items()}


def test_validation_is_passed_on_byte_for_byte(source: Path, storage: Storage) -> None:
    made = dedup_of(data(source, TWICE, NOISY), storage)
    name = "validation-00000-of-00001.parquet"
    clean = storage.local(f"artifacts/{made.spec.parents['clean']}/{name}")
    assert made.local(name).read_bytes() == clean.read_bytes()


@pytest.mark.parametrize(
    ("config", "gone"),
    [
        (DedupConfig(exact_pairs=False, max_copies_english=None, leakage=False), set()),
        (DedupConfig(max_copies_english=None, max_copies_hindi=None), {2, 6, 9, 11, 12}),
        (DedupConfig(leakage=False), {2, 6, 12}),
        (DedupConfig(exact_pairs=False, max_copies_english=1, leakage=False), {2, 3, 4, 5, 6, 12}),
        (
            DedupConfig(
                exact_pairs=False, max_copies_english=None, max_copies_hindi=1, leakage=False
            ),
            {2, 6, 7, 8, 12},
        ),
        (
            DedupConfig(exact_pairs=False, max_copies_english=None, max_copies_hindi=None),
            {9, 11},
        ),
        (DedupConfig(leakage_min_words=7), {2, 6, 12}),
    ],
)
def test_each_rule_works_without_the_others(
    source: Path, storage: Storage, config: DedupConfig, gone: set[int]
) -> None:
    assert reasons(dedup_of(data(source, config, NOISY), storage)).keys() == gone


def test_with_every_rule_off_all_rows_are_kept_and_the_manifest_says_so(
    source: Path, storage: Storage
) -> None:
    off = DedupConfig(
        exact_pairs=False, max_copies_english=None, max_copies_hindi=None, leakage=False
    )
    made = dedup_of(data(source, off, NOISY), storage)
    assert kept(made) == list(range(13))
    assert made.spec.settings == {
        "exact_pairs": False,
        "max_copies_english": None,
        "max_copies_hindi": None,
        "leakage": False,
        "leakage_min_words": 3,
        "splits": ["train", "validation"],
    }


def test_every_split_but_training_is_evaluated_on(source: Path, storage: Storage) -> None:
    corpus.write_pairs([TRAIN[3]], source / "data" / "hard-00000-of-00001.parquet")
    corpus.write_pairs([TRAIN[7]], source / "data" / "test-00000-of-00001.parquet")
    made = dedup_of(data(source, DedupConfig(), TRAIN), storage)
    assert reasons(made) == {3: "leaks_english", 7: "leaks_english"}
    assert made.counts["evaluation_english_sides"] == 5


def test_a_question_in_validation_leaves_its_statement_in_training(
    source: Path, storage: Storage
) -> None:
    question, statement = "क्या आप कल दिल्ली जाएँगे?", "क्या आप कल दिल्ली जाएँगे।"
    corpus.write_pairs(
        [("Will you go to Delhi tomorrow?", question)],
        source / "data" / "test-00000-of-00001.parquet",
    )
    train = [
        ("You will go to Delhi tomorrow.", statement),
        ("Are you off to Delhi tomorrow?", question),
    ]
    assert reasons(dedup_of(data(source, DedupConfig(), train), storage)) == {1: "leaks_hindi"}


def test_where_every_pair_leaks_the_setting_is_named(source: Path, storage: Storage) -> None:
    with pytest.raises(
        CorpusError,
        match=r"must leave at least one pair of train, but of 3 it dropped all: 3 leaks_english; "
        r"they lie in .*/dedup-\w+/train-\*\.rejects\.parquet; dedup\.leakage=false keeps",
    ):
        dedup_of(data(source, DedupConfig(), VALIDATION), storage)


def test_a_shard_of_copies_only_is_an_empty_shard(source: Path, storage: Storage) -> None:
    made = dedup_of(data(source, DedupConfig(), [*TRAIN[:4], *TRAIN[:4]], rows=4), storage)
    assert kept(made) == [0, 1, 2, 3]
    assert clean_shards(made, "train") == ["train-00000-of-00002", "train-00001-of-00002"]


# The same rows, however the work is cut, ordered or interrupted.


def many_copies() -> list[Pair]:
    """Two hundred pairs of few sides, so that each rule has work in each shard."""
    rng = random.Random(4)
    # A number would be missing on the other side, and its pair not come this far.
    english, hindi = zip(*(p for p in TRAIN if not any(map(str.isdigit, p[0]))), strict=True)
    english, hindi = english[:12], hindi[:12]
    return [(rng.choice(english), rng.choice(hindi)) for _ in range(200)]


@pytest.mark.parametrize("partition_rows", [9, 50, 199, 200, 4_000_000])
def test_the_number_of_ranges_changes_no_byte(
    source: Path, storage: Storage, tmp_path: Path, partition_rows: int
) -> None:
    config = DedupConfig(max_copies_english=5, max_copies_hindi=4)
    expected = dedup_of(data(source, config, many_copies(), rows=30), storage)
    cut = config.model_copy(update={"partition_rows": partition_rows})
    made = dedup_of(data(source, cut, rows=30), Storage(str(tmp_path / "cut")))
    assert (made.id, made.files, made.counts) == (expected.id, expected.files, expected.counts)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_tasks_end_changes_no_byte(
    source: Path, storage: Storage, tmp_path: Path, seed: int
) -> None:
    config = DedupConfig(max_copies_english=5, max_copies_hindi=4, partition_rows=20)
    expected = dedup_of(data(source, config, many_copies(), rows=30), storage)
    other = Storage(str(tmp_path / "shuffled"))
    made = dedup_of(data(source, config, rows=30), other, shuffled(seed))
    assert (made.id, made.files, made.counts) == (expected.id, expected.files, expected.counts)
    manifests = (s.read_bytes(f"{made.path}/manifest.json") for s in (storage, other))
    assert len(set(manifests)) == 1


def test_the_files_of_all_ranges_are_listed_once_and_not_for_every_shard(
    source: Path, storage: Storage
) -> None:
    listed: dict[str, list[object]] = {}

    def watching(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        for task in tasks:
            if task.name.startswith("train-"):
                listed[task.name] = [
                    names
                    for argument in task.arguments
                    if isinstance(argument, dict)
                    for names in argument.values()
                    if any(name.startswith("by-") for name in names)
                ]
        run_here(tasks, on_done)

    config = DedupConfig(max_copies_english=5, max_copies_hindi=4, partition_rows=20)
    dedup_of(data(source, config, many_copies(), rows=30), storage, watching)
    lists = [names for shard in sorted(listed) for names in listed[shard]]
    # Three reasons, of copies of a pair, of English and of Hindi, in each of seven shards.
    assert len(lists) == 3 * 7
    assert len({id(names) for names in lists}) == 3


@pytest.mark.parametrize("rows", [13, 64, 200])
def test_the_size_of_a_shard_changes_no_decision(source: Path, storage: Storage, rows: int) -> None:
    config = DedupConfig(max_copies_english=5, max_copies_hindi=4, partition_rows=40)
    pairs = many_copies()
    made = dedup_of(data(source, config, pairs, rows=rows), storage)
    expected = by_hand(pairs, config)
    assert set(expected.values()) == {
        "duplicate_pair",
        "too_many_copies_english",
        "too_many_copies_hindi",
    }
    assert reasons(made) == expected


# Sixteen tasks: the keys, four shards, three English and three Hindi ranges, five that write.
@pytest.mark.parametrize("tasks", range(1, 16, 2))
def test_an_interrupted_dedup_goes_on_with_another_number_of_ranges(
    source: Path, storage: Storage, tmp_path: Path, tasks: int
) -> None:
    config = DedupConfig(max_copies_english=5, max_copies_hindi=4, partition_rows=70)
    whole = data(source, config, many_copies(), rows=50)
    expected = dedup_of(whole, Storage(str(tmp_path / "whole")))
    prepare(whole, storage, lambda: run_here, Silent(), until="clean")
    left = tasks

    def stop(pending: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        nonlocal left
        for task in pending:
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            on_done(task, task())

    with pytest.raises(KeyboardInterrupt):
        dedup_of(whole, storage, stop)
    finer = replace(whole, dedup=config.model_copy(update={"partition_rows": 30}))
    made = dedup_of(finer, storage)
    assert (made.id, made.files, made.counts) == (expected.id, expected.files, expected.counts)
    assert not storage.exists(f"{made.path}/{COMPARED}")


def test_no_task_holds_more_than_its_range(
    source: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [(f"Room {n} is empty.", f"कमरा {n} ख़ाली है।") for n in range(1000)]
    read, sizes = dedup.read_partition, []

    def read_and_note(files: Sequence[Path], index: int, total: int) -> dedup.Hashes:
        prints = read(files, index, total)
        sizes.append(prints.shape[1])
        return prints

    monkeypatch.setattr(dedup, "read_partition", read_and_note)
    made = dedup_of(data(source, DedupConfig(partition_rows=100), pairs, rows=150), storage)
    assert len(sizes) == 20, "ten English ranges and ten Hindi ones"
    assert sum(sizes[:10]) == sum(sizes[10:]) == made.counts["train_kept"] == 1000
    assert max(sizes) < 150


def test_a_pair_that_fills_the_corpus_does_not_fill_a_range(
    source: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, sizes = dedup.read_partition, []

    def read_and_note(files: Sequence[Path], index: int, total: int) -> dedup.Hashes:
        prints = read(files, index, total)
        sizes.append(prints.shape[1])
        return prints

    monkeypatch.setattr(dedup, "read_partition", read_and_note)
    made = dedup_of(data(source, DedupConfig(), [TRAIN[0]] * 500, rows=50), storage)
    assert sizes == [10, 1], "one copy a shard, and one in all"
    assert made.counts["train_dropped_duplicate_pair"] == 499


def test_no_hashes_are_left_when_the_rows_are_written(source: Path, storage: Storage) -> None:
    made = dedup_of(data(source, TWICE, NOISY), storage)
    assert {name.split(".", 1)[1] for name in storage.list(made.path)} == {
        "parquet",
        "rejects.parquet",
        "json",
    }


# The functions that the tasks are made of.


def table(pairs: Sequence[Pair]) -> pa.Table:
    """Pairs as a clean shard."""
    return pa.table(
        {
            "row": pa.array(range(len(pairs)), pa.int64()),
            "en": pa.array([english for english, _ in pairs], pa.string()),
            "hi": pa.array([hindi for _, hindi in pairs], pa.string()),
        }
    )


def test_a_hash_is_the_same_on_every_machine() -> None:
    hashes = dedup.hashes_of(pa.chunked_array([["नमस्ते", ""], ["hello"]]))
    assert hashes.tolist() == [0x8ED1CC0D2EA6C6C6, 0xB4B2797457A0A6E4, 0x7D34E501A8EDB6A7]


def test_a_place_is_shard_and_row_in_order() -> None:
    assert dedup.places_of(0, 3).tolist() == [0, 1, 2]
    assert dedup.places_of(2, 2).tolist() == [2 << 32, (2 << 32) + 1]
    assert dedup.places_of(5, 0).tolist() == []


@pytest.mark.parametrize(
    ("rows", "partition_rows", "ranges"),
    [(0, 10, 1), (1, 10, 1), (10, 10, 1), (11, 10, 2), (20, 10, 2), (21, 10, 3)],
)
def test_there_are_as_many_ranges_as_the_rows_need(
    rows: int, partition_rows: int, ranges: int
) -> None:
    assert dedup.partitions_of(rows, partition_rows) == ranges


@pytest.mark.parametrize("total", [1, 2, 3, 7])
def test_each_hash_is_in_one_range(tmp_path: Path, total: int) -> None:
    edges = [0, 1, *((i << 64) // total + d for i in range(1, total) for d in (-1, 0)), 2**64 - 1]
    hashes = np.array(sorted(set(edges)), np.uint64)
    for number, part in enumerate((hashes[::2], hashes[1::2])):
        np.save(tmp_path / f"{number}.npy", np.stack([part, part]))
    files = [tmp_path / "0.npy", tmp_path / "1.npy"]
    found = [dedup.read_partition(files, i, total)[0].tolist() for i in range(total)]
    assert sorted(h for part in found for h in part) == hashes.tolist()
    for i, part in enumerate(found):
        assert all((i << 64) // total <= h < ((i + 1) << 64) // total for h in part)


def test_a_row_dropped_for_two_reasons_is_our_own_mistake() -> None:
    pairs, places = table(TRAIN[:3]), dedup.places_of(1, 3)
    with pytest.raises(AssertionError, match="two reasons"):
        dedup.split_kept(pairs, places, {"a": places[1:2], "b": places[1:]})


SIDES = st.sampled_from(["एक", "दो", "तीन", "चार", "पाँच"])
LIMITS = st.none() | st.integers(1, 4)


@settings(max_examples=80, deadline=None)
@given(
    pairs=st.lists(st.tuples(SIDES, SIDES), max_size=60),
    shard_rows=st.integers(1, 25),
    ranges=st.integers(1, 5),
    exact_pairs=st.booleans(),
    limits=st.tuples(LIMITS, LIMITS),
)
def test_ranges_of_hashes_decide_what_one_loop_over_all_rows_would(
    pairs: list[Pair],
    shard_rows: int,
    ranges: int,
    exact_pairs: bool,
    limits: tuple[int | None, int | None],
) -> None:
    config = DedupConfig(
        exact_pairs=exact_pairs, max_copies_english=limits[0], max_copies_hindi=limits[1]
    )
    found: dict[int, str] = {}

    def note(drops: dedup.Drops) -> None:
        for reason, places in drops.items():
            for place in places.tolist():
                row = (place >> 32) * shard_rows + (place & 0xFFFFFFFF)
                assert row not in found
                found[row] = reason

    with tempfile.TemporaryDirectory() as scratch:
        prints, left = [], []
        for shard, start in enumerate(range(0, len(pairs), shard_rows)):
            some = table(pairs[start : start + shard_rows])
            shard_prints, drops = dedup.fingerprint(some, dedup.places_of(shard, len(some)), config)
            note(drops)
            prints.append(Path(scratch) / f"{shard}.npy")
            np.save(prints[-1], shard_prints)
        for index in range(ranges if prints else 0):
            rest, drops = dedup.drop_english(dedup.read_partition(prints, index, ranges), config)
            note(drops)
            left.append(Path(scratch) / f"left{index}.npy")
            np.save(left[-1], rest)
        for index in range(ranges if prints and limits[1] else 0):
            assert limits[1] is not None
            note(dedup.drop_hindi(dedup.read_partition(left, index, ranges), limits[1]))
    assert found == by_hand(pairs, config)


def test_the_phrasebook_loses_nothing(storage: Storage) -> None:
    config = DataConfig(
        CorpusConfig(
            source="phrasebook",
            phrasebook=PhrasebookConfig(
                train_pairs=3000, validation_pairs=200, test_pairs=300, hard_pairs=200
            ),
        ),
        CleanConfig(),
        TokenizerConfig(),
        TensorizeConfig(),
    )
    counts = dedup_of(config, storage).counts
    assert counts["train_kept"] == counts["train_visited"] == 3000
    assert counts["evaluation_english_sides"] > 600


@pytest.mark.realdata
def test_real_validation_and_test_pairs_in_disguise_are_found_in_training(
    real_data: Path, storage: Storage, tmp_path: Path
) -> None:
    source = tmp_path / "corpus"
    (source / "data").mkdir(parents=True)
    read = {}
    for split in ("train", "validation", "test"):
        name = f"{split}-00000-of-00001.parquet"
        read[split] = pq.read_table(real_data / "data" / name).column("translation").to_pylist()
        if split != "train":
            (source / "data" / name).symlink_to(real_data / "data" / name)
    train = [(pair["en"], pair["hi"]) for pair in read["train"]]
    long = [
        pair
        for split in ("validation", "test")
        for pair in read[split]
        if min(len(pair["en"].split()), len(pair["hi"].split())) >= 6
    ]
    # A side without nuktas and with another danda, or in capitals; the other one backwards.
    hidden = [
        (backwards(pair["en"]), pair["hi"].replace("\u093c", "").rstrip(" ।.|") + " ।")
        for pair in long[::2]
    ]
    hidden += [(f"‘{pair['en'].upper()}’", backwards(pair["hi"])) for pair in long[1::2]]
    config = DedupConfig(exact_pairs=False, max_copies_english=None, max_copies_hindi=None)
    made = dedup_of(data(source, config, [*train, *hidden], rows=5000), storage)
    found = reasons(made)
    assert found.keys() >= set(range(len(train), len(train) + len(hidden))) - dropped_by_clean(
        storage, made
    )
    assert set(found.values()) == {"leaks_english", "leaks_hindi"}
    assert len(found) > 2000
    assert min(found) >= len(train), "no pair of the sample itself leaks"


def backwards(text: str) -> str:
    """Another text of the same words."""
    return " ".join(reversed(text.split()))


def dropped_by_clean(storage: Storage, made: Artifact) -> set[int]:
    """Corpus rows that the stage never saw."""
    folder = Path(storage.uri) / "artifacts" / made.spec.parents["clean"]
    tables = [pq.read_table(path) for path in folder.glob("train-*.rejects.parquet")]
    return {row for some in tables for row in some.column("row").to_pylist()}
