"""What the stages make of bad input as a whole: a sentence, or every pair accounted for."""

from __future__ import annotations

import resource
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pairs import TRAIN, VALIDATION
from pipeline import corpus
from pipeline.artifacts import Artifact, Part
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.errors import ArtifactError, CorpusError
from pipeline.runner import Task, run_here
from pipeline.stages import DataConfig, StageResult, clean_shards, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import Tokenizer, TokenizerConfig


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None: ...

    def stage_advanced(self, name: str, done: int, total: int) -> None: ...

    def stage_ended(self, result: StageResult) -> None: ...


Pair = tuple[str, str]


def write(path: Path, pairs: Sequence[Pair]) -> None:
    path.write_text("en\thi\n" + "".join(f"{en}\t{hi}\n" for en, hi in pairs), "utf-8")


@pytest.fixture
def web(tmp_path: Path) -> Path:
    """A folder with twenty training pairs and three for validation."""
    (tmp_path / "web").mkdir()
    write(tmp_path / "web" / "train.tsv", TRAIN)
    write(tmp_path / "web" / "validation.tsv", VALIDATION)
    return tmp_path / "web"


@pytest.fixture
def config(web: Path) -> DataConfig:
    return DataConfig(
        CorpusConfig(source=str(web)),
        CleanConfig(shard_rows=8),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
    )


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


def run(config: DataConfig, storage: Storage, until: str | None = None) -> dict[str, Artifact]:
    results = prepare(config, storage, lambda: run_here, Silent(), until)
    return {name: result.artifact for name, result in results.items()}


def kept(clean: Artifact) -> list[Pair]:
    tables = [pq.read_table(clean.local(f"{s}.parquet")) for s in clean_shards(clean, "train")]
    return [(row["en"], row["hi"]) for table in tables for row in table.to_pylist()]


def test_separators_and_marks_inside_a_text_stay_in_their_pair(
    config: DataConfig, storage: Storage, web: Path
) -> None:
    hard = [
        ("The house\u2028is old.", "घर\u2028पुराना है।"),
        ("The house\u0085is new.", "घर\u0085नया है।"),
        ("The house\vis big.", "घर\vबड़ा है।"),
        ("Write <s> and ▁ here.", "यहाँ <s> और ▁ लिखिए।"),
    ]
    write(web / "train.tsv", [*TRAIN, *hard])
    made = run(replace(config, tokenizer=TokenizerConfig(vocab_size=330)), storage)
    assert made["corpus"].counts["train_rows"] == made["clean"].counts["train_kept"] == 24
    found = kept(made["clean"])[20:]
    assert [english for english, _ in found] == [
        "The house is old.",
        "The house is new.",
        "The house is big.",
        "Write <s> and ▁ here.",
    ]
    assert found[3] == hard[3]
    assert made["tensorize"].counts["train_pairs"] == 24
    tokenizer = Tokenizer.load(made["tokenizer"].local("hi.model"))
    # ▁ is how SentencePiece writes a space, and comes back as one.
    assert tokenizer.decode(tokenizer.encode(["यहाँ <s> लिखिए।"])) == ["यहाँ <s> लिखिए।"]
    assert tokenizer.decode(tokenizer.encode(["नदी▁घर"])) == ["नदी घर"]


def test_a_line_of_a_megabyte_is_dropped_for_its_size_in_little_memory(
    config: DataConfig, storage: Storage, web: Path
) -> None:
    write(web / "train.tsv", [*TRAIN, ("house " * 175_000, "घर"), ("river", "नदी " * 100_000)])
    tracemalloc.start()
    made = run(config, storage, until="clean")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    counts = made["clean"].counts
    assert counts["train_dropped_too_many_bytes"] == 2
    assert counts["train_kept"] == 20
    assert peak < 64 << 20
    rejects = pq.read_table(made["clean"].local("train-00002-of-00003.rejects.parquet"))
    assert rejects.column("row").to_pylist() == [20, 21]


def test_swapped_columns_are_refused_with_samples(
    config: DataConfig, storage: Storage, web: Path
) -> None:
    write(web / "train.tsv", [(hindi, english) for english, hindi in TRAIN])
    whole = replace(config, clean=CleanConfig())
    with pytest.raises(
        CorpusError,
        match=r"must be English and Hindi, but in \d+ of the 20 rows .* swapped: row 0 has en "
        r"'वह बाज़ार गया।' and hi 'He went to the market\.'; ",
    ):
        run(whole, storage)
    # What the sentence asks for: the columns named the other way round.
    mended = CorpusConfig(source=str(web), english="hi", hindi="en", train_split="train")
    write(web / "validation.tsv", [(hindi, english) for english, hindi in VALIDATION])
    assert run(replace(whole, corpus=mended), storage, "clean")["clean"].counts["train_kept"] == 20


def test_a_file_that_changes_between_plan_and_run_is_refused(
    config: DataConfig, storage: Storage, web: Path
) -> None:
    def change_then_run(tasks: Sequence[Task], on_done: Callable[[Task, Part], None]) -> None:
        raise AssertionError("files are read in this process")

    def change() -> Callable[..., None]:
        write(web / "train.tsv", TRAIN[:10])
        return change_then_run

    with pytest.raises(CorpusError, match=r"/web/train\.tsv must not change .*; run the command"):
        prepare(config, storage, change, Silent())
    assert run(config, storage, until="corpus")["corpus"].counts["train_rows"] == 10


def test_a_file_that_comes_between_plan_and_run_is_refused(
    config: DataConfig, storage: Storage, web: Path
) -> None:
    def add() -> Callable[..., None]:
        write(web / "test.tsv", VALIDATION)
        return run_here

    with pytest.raises(CorpusError, match="/web must not change while a corpus is made of it"):
        prepare(config, storage, add, Silent())


def test_a_disk_that_fills_up_is_named_and_the_next_run_goes_on(
    config: DataConfig, storage: Storage, web: Path
) -> None:
    numbers = [(f"house {i * 7919}", f"घर {i * 7919}") for i in range(3000)]
    write(web / "train.tsv", [*TRAIN, *numbers])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(
            ArtifactError, match=r"/data/files/train-\S+ must be writable and its disk have room, "
        ):
            run(config, storage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in Path(storage.uri).rglob(".*") if path.is_file()] == []
    assert run(config, storage, until="corpus")["corpus"].counts["train_rows"] == 3020


def test_a_storage_that_can_not_be_written_is_named(config: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ArtifactError, match=r"/taken/store/.* must be writable .* Not a directory"):
        run(config, Storage(str(tmp_path / "taken" / "store")))


def test_null_in_a_file_of_the_layout_is_named_with_its_row(
    config: DataConfig, storage: Storage, web: Path
) -> None:
    (web / "train.tsv").unlink()
    pairs = [*TRAIN[:9], ("no translation", None)]
    corpus.write_pairs(pairs, web / "train.parquet")  # type: ignore[arg-type]
    with pytest.raises(CorpusError, match=r"row 9 of data/files/train-\S+\.parquet has no Hindi"):
        run(config, storage)


def test_a_source_whose_split_is_for_testing_is_not_learnt_from(
    config: DataConfig, storage: Storage, web: Path, tmp_path: Path
) -> None:
    write(tmp_path / "tests.tsv", TRAIN[:2])
    sources = [
        {"name": "web", "source": str(web), "max_pairs": 1000},
        {"name": "held", "source": str(tmp_path / "tests.tsv"), "split": "held_out"},
    ]
    several = replace(config, corpus=CorpusConfig.model_validate({"sources": sources}))
    made = run(several, storage, until="dedup")
    assert made["corpus"].counts["held/held_out_rows"] == 2
    assert made["clean"].counts["web/train_kept"] == 20, (
        "a cap above the source's size cuts nothing"
    )
    assert made["dedup"].counts["train_kept"] == 18


def test_more_sources_than_a_byte_can_number_are_told_apart(
    config: DataConfig, storage: Storage, web: Path, tmp_path: Path
) -> None:
    names = [f"source-{i:03}" for i in range(130)]
    for i, name in enumerate(names):
        write(tmp_path / f"{name}.tsv", [("tree", "पेड़"), (f"house {i * 7919}", f"घर {i * 7919}")])
    sources = [
        {"name": name, "source": str(tmp_path / f"{name}.tsv"), "split": "train"} for name in names
    ]
    sources.append({"name": "web", "source": str(web / "validation.tsv")})
    many = replace(config, corpus=CorpusConfig.model_validate({"sources": sources}))
    made = run(many, storage, until="clean")["clean"]
    tables = [pq.read_table(made.local(f"{s}.parquet")) for s in clean_shards(made, "train")]
    found = [row["source"] for table in tables for row in table.to_pylist()]
    assert found == [name for name in names for _ in range(2)]
