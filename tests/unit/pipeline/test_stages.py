"""The graph of stages: what runs, why, and what an interruption leaves to do."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairs import TRAIN, VALIDATION
from pipeline import artifacts, corpus
from pipeline.artifacts import Artifact, Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.errors import ArtifactError, CorpusError
from pipeline.filters import FilterConfig
from pipeline.normalize import NormalizeConfig, normalize
from pipeline.runner import Runner, Task, run_here
from pipeline.stages import (
    DataConfig,
    StageResult,
    clean_shards,
    plan,
    prepare,
    sampled_token_arrays,
    specs,
    token_arrays,
)
from pipeline.storage import Storage, sha256_of
from pipeline.tensorize import TensorizeConfig, TokenArrays
from pipeline.tokenizer import Tokenizer, TokenizerConfig
from pipeline.tokenizer_report import read_tokenizer_report

ALL = ["corpus", "clean", "dedup", "tokenizer", "tensorize"]


@dataclass
class Reports:
    """A reporter that remembers."""

    started: dict[str, str] = field(default_factory=dict)
    advanced: list[tuple[str, int, int]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def stage_started(self, name: str, why: str) -> None:
        self.started[name] = why

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        self.advanced.append((name, done, total))

    def stage_ended(self, result: StageResult) -> None:
        self.ended.append(result.name)


@dataclass
class Counting:
    """A runner that remembers the tasks it ran, and stops after ``limit`` of them."""

    limit: int | None = None
    names: list[str] = field(default_factory=list)

    def __call__(self, tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        for task in tasks:
            if self.limit is not None and len(self.names) == self.limit:
                raise KeyboardInterrupt
            self.names.append(task.name)
            on_done(task, task())


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    """Twenty training pairs in three shards, three validation pairs in one."""
    data = tmp_path / "corpus" / "data"
    data.mkdir(parents=True)
    corpus.write_pairs(TRAIN, data / "train-00000-of-00001.parquet")
    corpus.write_pairs(VALIDATION, data / "validation-00000-of-00001.parquet")
    return DataConfig(
        CorpusConfig(source=str(tmp_path / "corpus")),
        CleanConfig(shard_rows=8),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
    )


def run(
    config: DataConfig, storage: Storage, runner: Runner = run_here, until: str | None = None
) -> tuple[dict[str, StageResult], Reports]:
    """Prepare, and what was reported."""
    reports = Reports()
    return prepare(config, storage, lambda: runner, reports, until), reports


def states(config: DataConfig, storage: Storage) -> dict[str, tuple[str, str]]:
    """Stage → state and reason."""
    return {stage.name: (stage.state, stage.why) for stage in plan(config, storage)}


def test_before_anything_ran_every_stage_is_planned(config: DataConfig, storage: Storage) -> None:
    assert states(config, storage) == dict.fromkeys(ALL, ("run", "never run"))
    assert not storage.exists("artifacts"), "a plan writes nothing"


def test_after_prepare_every_stage_is_done(config: DataConfig, storage: Storage) -> None:
    results, reports = run(config, storage)
    assert list(results) == reports.ended == ALL
    assert reports.started == dict.fromkeys(ALL, "never run")
    assert states(config, storage) == dict.fromkeys(ALL, ("done", "unchanged"))


def test_what_was_prepared_is_the_corpus(config: DataConfig, storage: Storage) -> None:
    results, _ = run(config, storage)
    made = {name: result.artifact for name, result in results.items()}
    for artifact in made.values():
        artifact.verify()
    shards = [f"train-0000{i}-of-00003" for i in range(3)]
    assert clean_shards(made["clean"], "train") == shards
    assert clean_shards(made["dedup"], "train") == shards
    assert made["tokenizer"].names() == ["en.model", "hi.model", "report.json"]
    arrays = [TokenArrays.open(made["tensorize"].local(f"{shard}.arrow")) for shard in shards]
    assert [row for shard in arrays for row in shard.rows.tolist()] == list(range(20))
    tokenizer = Tokenizer.load(made["tokenizer"].local("en.model"))
    read = [ids.tolist() for shard in arrays for ids in shard.pairs(range(len(shard)))[0]]
    assert tokenizer.decode(read[:3]) == [english for english, _ in TRAIN[:3]]
    rows = {"train_rows": 20, "validation_rows": 3}
    assert made["corpus"].counts == rows | {f"files/{key}": n for key, n in rows.items()}
    assert made["clean"].counts["train_kept"] == 20
    assert made["dedup"].counts["train_kept"] == 20


def test_the_same_configuration_makes_the_same_bytes_in_another_place(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    first, _ = run(config, storage)
    second, _ = run(config, Storage(str(tmp_path / "other")))
    for name in ALL:
        assert first[name].artifact.id == second[name].artifact.id
        assert first[name].artifact.files == second[name].artifact.files


def test_a_second_prepare_runs_nothing_and_never_asks_for_a_runner(
    config: DataConfig, storage: Storage
) -> None:
    run(config, storage)

    def get_runner() -> Runner:
        raise AssertionError("there is nothing to run")

    reports = Reports()
    results = prepare(config, storage, get_runner, reports)
    assert [(r.skipped, r.seconds) for r in results.values()] == [(True, 0.0)] * 5
    assert reports == Reports(ended=ALL)


def test_the_runner_is_asked_for_once(config: DataConfig, storage: Storage) -> None:
    asked = []

    def get_runner() -> Runner:
        asked.append(1)
        return run_here

    prepare(config, storage, get_runner, Reports())
    assert asked == [1]


def test_a_new_vocabulary_size_runs_the_tokenizer_and_tensorize_and_says_why(
    config: DataConfig, storage: Storage
) -> None:
    run(config, storage)
    changed = replace(config, tokenizer=TokenizerConfig(vocab_size=72, byte_fallback=False))
    assert states(changed, storage) == {
        "corpus": ("done", "unchanged"),
        "clean": ("done", "unchanged"),
        "dedup": ("done", "unchanged"),
        "tokenizer": ("run", "vocab_size 70 → 72"),
        "tensorize": ("run", "reads a new tokenizer"),
    }
    results, reports = run(changed, storage)
    assert [name for name, r in results.items() if not r.skipped] == ["tokenizer", "tensorize"]
    assert reports.started == {
        "tokenizer": "vocab_size 70 → 72",
        "tensorize": "reads a new tokenizer",
    }


def test_going_back_to_earlier_settings_runs_nothing(config: DataConfig, storage: Storage) -> None:
    run(config, storage)
    run(replace(config, tokenizer=TokenizerConfig(vocab_size=72, byte_fallback=False)), storage)
    results, _ = run(config, storage)
    assert all(result.skipped for result in results.values())


def test_a_new_filter_leaves_the_corpus_as_it_is(config: DataConfig, storage: Storage) -> None:
    run(config, storage)
    strict = CleanConfig(shard_rows=8, filters=FilterConfig(max_words=100))
    changed = states(replace(config, clean=strict), storage)
    assert changed["corpus"] == ("done", "unchanged")
    assert changed["clean"] == ("run", "filters.max_words 200 → 100")


def test_prepare_stops_after_the_stage_that_is_wanted(config: DataConfig, storage: Storage) -> None:
    results, _ = run(config, storage, until="clean")
    assert list(results) == ["corpus", "clean"]
    assert states(config, storage)["tokenizer"] == ("run", "never run")


def test_progress_is_told_task_by_task(config: DataConfig, storage: Storage) -> None:
    _, reports = run(config, storage)
    clean = [(done, total) for name, done, total in reports.advanced if name == "clean"]
    assert clean == [(done, 4) for done in range(5)]


def test_the_task_of_a_shard_carries_no_list_of_all_shards(
    config: DataConfig, storage: Storage
) -> None:
    carried: dict[str, list[int]] = {}

    def remember(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        for task in tasks:
            if "-of-" in task.name:
                made = [a for a in task.arguments if isinstance(a, Artifact)]
                files = [len(a.files) for a in made if a.spec.stage != "tokenizer"]
                carried.setdefault(task.function.__name__, []).extend(files)
        run_here(tasks, on_done)

    results, _ = run(config, storage, remember)
    assert len(results["clean"].artifact.files) > 3
    del carried["_compare_english"], carried["_compare_hindi"]
    assert carried == {
        "_clean_slice": [1] * 4,
        "_compare_shard": [1] * 3,
        "_keep_rows": [1] * 3,
        "_pass_on": [1],
        "_tensorize": [1] * 4,
    }


def test_an_interrupted_stage_is_planned_as_such(config: DataConfig, storage: Storage) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(config, storage, Counting(limit=2))
    assert states(config, storage)["clean"] == ("run", "was interrupted")


def test_a_new_cap_runs_dedup_and_what_reads_it_and_says_why(
    config: DataConfig, storage: Storage
) -> None:
    run(config, storage)
    capped = replace(config, dedup=DedupConfig(max_copies_hindi=3))
    assert states(capped, storage) == {
        "corpus": ("done", "unchanged"),
        "clean": ("done", "unchanged"),
        "dedup": ("run", "max_copies_hindi 16 → 3"),
        "tokenizer": ("run", "reads a new dedup"),
        "tensorize": ("run", "reads a new dedup; reads a new tokenizer"),
    }


def test_the_size_of_a_partition_runs_nothing(config: DataConfig, storage: Storage) -> None:
    run(config, storage)
    results, _ = run(replace(config, dedup=DedupConfig(partition_rows=5)), storage)
    assert all(result.skipped for result in results.values())


def test_a_pair_that_dedup_dropped_is_in_no_token_array(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    file = tmp_path / "corpus" / "data" / "train-00000-of-00001.parquet"
    corpus.write_pairs([*TRAIN[:3], TRAIN[1], VALIDATION[0], *TRAIN[3:]], file)
    results, _ = run(config, storage)
    made = results["tensorize"].artifact
    arrays = [TokenArrays.open(made.local(name)) for name in made.names("train-", ".arrow")]
    assert [row for shard in arrays for row in shard.rows.tolist()] == [0, 1, 2, *range(5, 22)]
    assert results["tokenizer"].artifact.counts["en_sentences"] == 20


def test_a_joint_vocabulary_is_learnt_once_from_both_sides(
    config: DataConfig, storage: Storage
) -> None:
    joint = TokenizerConfig(vocab_size=110, byte_fallback=False, joint=True, max_sentences=36)
    runner = Counting()
    made = run(replace(config, tokenizer=joint), storage, runner)[0]["tokenizer"].artifact
    assert runner.names[-6:-4] == ["joint", "report"]
    assert made.counts == {"joint_sentences": 36, "joint_pieces": 110}
    assert made.entry("en.model").sha256 == made.entry("hi.model").sha256
    tokenizer = Tokenizer.load(made.local("en.model"))
    both = [TRAIN[4][0], TRAIN[4][1]]
    assert tokenizer.decode(tokenizer.encode(both)) == both


def test_the_tokenizers_are_measured_on_the_validation_pairs(
    config: DataConfig, storage: Storage
) -> None:
    made = run(config, storage, until="tokenizer")[0]["tokenizer"].artifact
    report = read_tokenizer_report(made)
    assert report.split == "validation"
    assert (report.en.sentences, report.hi.sentences) == (3, 3)
    tokenizer = Tokenizer.load(made.local("hi.model"))
    assert report.hi.pieces == sum(map(len, tokenizer.encode([hindi for _, hindi in VALIDATION])))


def test_token_arrays_name_the_tokenizers_that_made_them(
    config: DataConfig, storage: Storage
) -> None:
    results, _ = run(config, storage)
    made, tokenizer = results["tensorize"].artifact, results["tokenizer"].artifact
    assert made.facts == {
        f"tokenizer_{language}_sha256": sha256_of(tokenizer.local(f"{language}.model"))
        for language in ("en", "hi")
    }
    assert artifacts.load(storage, made.id).facts == made.facts


def test_a_tokenizer_that_was_changed_makes_no_token_arrays(
    config: DataConfig, storage: Storage
) -> None:
    made = run(config, storage, until="tokenizer")[0]["tokenizer"].artifact
    content = bytearray(made.local("hi.model").read_bytes())
    content[-1] ^= 1
    storage.write_bytes(f"{made.path}/hi.model", bytes(content))
    with pytest.raises(ArtifactError, match=r"hi\.model must have sha256 \w{64}, but has \w{64}"):
        run(config, storage)


def test_of_training_pairs_only_other_segmentations_are_drawn(
    config: DataConfig, storage: Storage
) -> None:
    drawn = replace(config, tensorize=TensorizeConfig(sampling_variants=2))
    made = run(drawn, storage)[0]["tensorize"].artifact
    shards = [f"train-0000{i}-of-00003" for i in range(3)]
    assert token_arrays(made, "train") == [f"{shard}.arrow" for shard in shards]
    assert sampled_token_arrays(made, "train") == [
        [f"{shard}.sample-{variant}.arrow" for shard in shards] for variant in ("01", "02")
    ]
    assert token_arrays(made, "validation") == ["validation-00000-of-00001.arrow"]
    assert sampled_token_arrays(made, "validation") == []


@pytest.mark.integration
def test_the_same_segmentations_are_drawn_in_another_process(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    drawn = replace(config, tensorize=TensorizeConfig(sampling_variants=2))
    here = run(drawn, storage)[0]["tensorize"].artifact
    elsewhere = tmp_path / "elsewhere"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_prepare_elsewhere, args=(drawn, str(elsewhere)))
    process.start()
    process.join(timeout=200)
    assert process.exitcode == 0
    assert artifacts.load(Storage(str(elsewhere)), here.id).files == here.files


def _prepare_elsewhere(config: DataConfig, folder: str) -> None:
    run(config, Storage(folder))


# Of the 21 tasks four clean, ten are of dedup (one reads the evaluation's sides, three and two
# compare, four write), two train a tokenizer, one measures both and four tensorize.
@pytest.mark.parametrize("limit", [1, 3, 4, 5, 8, 9, 10, 12, 14, 15, 16, 17, 20])
def test_an_interrupted_prepare_goes_on_where_it_stopped(
    config: DataConfig, storage: Storage, tmp_path: Path, limit: int
) -> None:
    whole = Counting()
    expected, _ = run(config, Storage(str(tmp_path / "whole")), whole)
    assert len(whole.names) == 21
    first, second = Counting(limit), Counting()
    with pytest.raises(KeyboardInterrupt):
        run(config, storage, first)
    results, _ = run(config, storage, second)
    assert first.names + second.names == whole.names
    for name in ALL:
        assert results[name].artifact.files == expected[name].artifact.files


def test_a_damaged_artifact_is_made_again_and_its_reason_is_named(
    config: DataConfig, storage: Storage
) -> None:
    results, _ = run(config, storage)
    made = results["tokenizer"].artifact
    whole = made.local("hi.model").read_bytes()
    storage.write_bytes(f"{made.path}/hi.model", whole[:100])
    state, why = states(config, storage)["tokenizer"]
    assert state == "run"
    assert f"must have {len(whole)} bytes, but has 100" in why
    results, reports = run(config, storage)
    assert list(reports.started) == ["tokenizer"]
    assert made.local("hi.model").read_bytes() == whole


def test_where_every_pair_is_dropped_the_reasons_are_counted(
    config: DataConfig, storage: Storage
) -> None:
    strict = CleanConfig(shard_rows=8, filters=FilterConfig(max_words=1))
    with pytest.raises(
        CorpusError,
        match="cleaning must keep at least one pair of train, but of 20 it dropped all: "
        r"20 too_many_words; they lie in .*/clean-\w+/train-\*\.rejects\.parquet",
    ):
        run(replace(config, clean=strict), storage)
    assert states(replace(config, clean=strict), storage)["clean"] == ("run", "was interrupted")


def test_where_the_validation_split_is_empty_it_is_named(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    corpus.write_pairs([], tmp_path / "corpus" / "data" / "validation-00000-of-00001.parquet")
    with pytest.raises(CorpusError, match=r"the split validation of .* must have .*, but is empty"):
        run(config, storage)


def test_where_every_pair_has_too_many_tokens_the_setting_is_named(
    config: DataConfig, storage: Storage
) -> None:
    short = replace(config, tensorize=TensorizeConfig(max_target_tokens=1))
    with pytest.raises(
        CorpusError,
        match=r"one pair of train must have at most 128 source and 1 target tokens, but all 20 "
        r"have more; raise tensorize\.max_source_tokens and max_target_tokens",
    ):
        run(short, storage)


def test_a_missing_split_is_named_with_those_there_are(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "corpus" / "data" / "validation-00000-of-00001.parquet").unlink()
    with pytest.raises(
        CorpusError, match=r"must have the splits train and validation, but has train; corpus\."
    ):
        run(config, storage)


def test_a_file_that_is_no_corpus_is_named(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    file = tmp_path / "corpus" / "data" / "test-00000-of-00001.parquet"
    file.write_bytes(b"no parquet")
    with pytest.raises(CorpusError, match=f"{file} must be a whole parquet file"):
        run(config, storage)


def test_inline_pairs_are_prepared_like_any_corpus(storage: Storage) -> None:
    config = DataConfig(
        CorpusConfig(source="inline", pairs=TRAIN),
        CleanConfig(),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
        # They are their own validation split.
        DedupConfig(leakage=False),
    )
    results, _ = run(config, storage)
    rows = {"train_rows": 20, "validation_rows": 20, "test_rows": 20}
    counts = results["corpus"].artifact.counts
    assert counts == rows | {f"inline/{key}": n for key, n in rows.items()}
    assert results["tensorize"].artifact.counts["train_pairs"] == 20


def test_a_corpus_in_several_files_is_read_in_order(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    data = tmp_path / "corpus" / "data"
    (data / "train-00000-of-00001.parquet").unlink()
    corpus.write_pairs(TRAIN[:11], data / "train-00000-of-00002.parquet")
    corpus.write_pairs(TRAIN[11:], data / "train-00001-of-00002.parquet")
    made = run(config, storage, until="clean")[0]["clean"].artifact
    tables = [pq.read_table(made.local(f"{s}.parquet")) for s in clean_shards(made, "train")]
    assert [len(table) for table in tables] == [5, 6, 4, 5]
    english = [text for table in tables for text in table.column("en").to_pylist()]
    unused: Counter[str] = Counter()
    assert english == [normalize(english, NormalizeConfig(), unused) for english, _ in TRAIN]


def test_rejects_are_no_shards(config: DataConfig, storage: Storage, tmp_path: Path) -> None:
    file = tmp_path / "corpus" / "data" / "train-00000-of-00001.parquet"
    corpus.write_pairs([*TRAIN, ("", "खाली")], file)
    made = run(config, storage, until="clean")[0]["clean"].artifact
    assert "train-00002-of-00003.rejects.parquet" in made.names()
    assert clean_shards(made, "train") == [f"train-0000{i}-of-00003" for i in range(3)]
    assert made.counts["train_dropped_empty"] == 1


def test_no_scratch_file_is_left(config: DataConfig, storage: Storage) -> None:
    run(config, storage)
    root = Path(storage.uri)
    assert [path for path in root.rglob(".*") if path.is_file()] == []
    assert not list(root.rglob(artifacts.PARTS))


@pytest.mark.realdata
def test_real_data_is_prepared_with_every_pair_accounted_for(
    real_data: Path, storage: Storage
) -> None:
    config = DataConfig(
        CorpusConfig(source=str(real_data)),
        CleanConfig(shard_rows=6000),
        TokenizerConfig(vocab_size=1000, max_sentences=1000),
        TensorizeConfig(),
    )
    results, _ = run(config, storage)
    counts = results["clean"].artifact.counts
    dropped = sum(n for key, n in counts.items() if key.startswith("train_dropped_"))
    assert counts["train_visited"] == counts["train_kept"] + dropped == 14_366
    unique = results["dedup"].artifact.counts
    dropped = sum(n for key, n in unique.items() if key.startswith("train_dropped_"))
    assert unique["train_visited"] == unique["train_kept"] + dropped == counts["train_kept"]
    made = results["tensorize"].artifact.counts
    assert made["train_pairs"] + made["train_dropped_too_many_tokens"] == unique["train_kept"]


@pytest.fixture
def several(config: DataConfig, tmp_path: Path) -> DataConfig:
    """Three sources: the pairs in parquet, five of them in TSV, and a Moses pair of four."""
    web, book = tmp_path / "web", tmp_path / "book"
    web.mkdir()
    book.mkdir()
    lines = [f"{hindi}\t{english}" for english, hindi in TRAIN[:5]]
    (web / "a.tsv").write_text("hi\ten\n" + "\n".join(lines) + "\n", "utf-8")
    story = [
        ("The moon rose.", "चाँद निकला।"),
        ("", "खाली"),
        ("He slept.", "वह सोया।"),
        ("He woke up.", "वह जागा।"),
    ]
    (book / "train.en").write_text("".join(f"{english}\n" for english, _ in story), "utf-8")
    (book / "train.hi").write_text("".join(f"{hindi}\n" for _, hindi in story), "utf-8")
    sources = [
        {"name": "web", "source": str(web / "*.tsv"), "split": "train", "licence": "CC0"},
        {"name": "pairs", "source": config.corpus.source, "licence": "MIT", "max_pairs": 10},
        {"name": "book", "source": str(book)},
    ]
    return replace(config, corpus=CorpusConfig.model_validate({"sources": sources}))


def test_of_several_sources_each_pair_says_which_it_is_from(
    several: DataConfig, storage: Storage
) -> None:
    made, _ = run(several, storage, until="dedup")
    corpus_, clean, dedup = (made[name].artifact for name in ("corpus", "clean", "dedup"))
    assert corpus_.names("data/") == [
        "data/book/train-00000-of-00001.parquet",
        "data/pairs/train-00000-of-00001.parquet",
        "data/pairs/validation-00000-of-00001.parquet",
        "data/web/train-00000-of-00001.parquet",
    ]
    tables = [pq.read_table(dedup.local(f"{s}.parquet")) for s in clean_shards(dedup, "train")]
    found = [(row["source"], row["row"]) for table in tables for row in table.to_pylist()]
    # Every other pair is under the cap; those with an odd row below 5 stood in web already.
    assert found == [
        *(("web", row) for row in range(5)),
        *(("pairs", row) for row in (5, 7, 9, 11, 13, 15, 17, 19)),
        *(("book", row) for row in (0, 2, 3)),
    ]
    assert {
        key: n for key, n in clean.counts.items() if "/train_" in key and "norm" not in key
    } == {
        "web/train_visited": 5,
        "web/train_kept": 5,
        "pairs/train_visited": 10,
        "pairs/train_over_cap": 10,
        "pairs/train_kept": 10,
        "book/train_visited": 4,
        "book/train_kept": 3,
        "book/train_dropped_empty": 1,
    }
    assert dedup.counts["pairs/train_visited"] == 10
    assert dedup.counts["pairs/train_kept"] == 8
    assert dedup.counts["pairs/train_dropped_duplicate_pair"] == 2


def test_another_cap_leaves_the_corpus_as_it_is_and_cleans_again(
    several: DataConfig, storage: Storage
) -> None:
    run(several, storage, until="clean")
    web, pairs, book = several.corpus.sources
    sources = (web, pairs.model_copy(update={"max_pairs": 12}), book)
    changed = replace(several, corpus=several.corpus.model_copy(update={"sources": sources}))
    planned = states(changed, storage)
    assert planned["corpus"] == ("done", "unchanged")
    assert planned["clean"] == ("run", "max_pairs.pairs 10 → 12")


def test_a_file_of_a_source_that_changed_is_named_by_the_plan(
    several: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    run(several, storage, until="corpus")
    (tmp_path / "book" / "train.en").write_text("The sun rose.\n\nHe slept.\nHe woke up.\n")
    state, why = states(several, storage)["corpus"]
    assert state == "run"
    assert why.startswith("sources.book.files.data/book/train-00000-of-00001.parquet [")


def test_only_a_source_that_is_converted_is_known_by_the_code_that_converts_it(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    assert specs(config, storage)["corpus"].code == ""
    train = tmp_path / "corpus" / "data" / "train-00000-of-00001.parquet"
    english, hindi = zip(*TRAIN, strict=True)
    pq.write_table(pa.table({"en": english, "hi": hindi}), train)
    assert specs(config, storage)["corpus"].code != ""
