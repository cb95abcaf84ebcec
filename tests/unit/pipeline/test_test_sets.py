"""Test sets from elsewhere: splits of the corpus, of which training keeps nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pairs import TRAIN, VALIDATION
from pipeline import corpus
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig, files_of, read_rows, splits_of
from pipeline.errors import CorpusError
from pipeline.runner import run_here
from pipeline.stages import DataConfig, clean_shards, prepare, specs
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

NEW = [("The glacier is melting fast.", "हिमनद तेज़ी से पिघल रहा है।")]


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None: ...
    def stage_advanced(self, name: str, done: int, total: int) -> None: ...
    def stage_ended(self, result: object) -> None: ...


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


@pytest.fixture
def config(tmp_path: Path) -> DataConfig:
    data, other = tmp_path / "corpus", tmp_path / "flores"
    for folder, splits in {
        data: {"train": TRAIN, "validation": VALIDATION},
        # Of the pairs of the test set, the first is one of training.
        other: {"dev": NEW, "devtest": [TRAIN[0], *NEW]},
    }.items():
        folder.mkdir()
        for split, pairs in splits.items():
            corpus.write_pairs(pairs, folder / f"{split}-00000-of-00001.parquet")
    return DataConfig(
        CorpusConfig(source=str(data)),
        CleanConfig(),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
    )


def with_tests(config: DataConfig, **tests: dict[str, Any]) -> DataConfig:
    found = CorpusConfig.model_validate({"source": config.corpus.source, "tests": tests})
    return replace(config, corpus=found)


def made(config: DataConfig, storage: Storage, until: str) -> Any:
    results = prepare(config, storage, lambda: run_here, Silent(), until)
    return results[until].artifact


def test_a_test_set_is_a_split_and_what_it_shares_with_training_goes(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    tested = with_tests(config, flores={"source": str(tmp_path / "flores"), "take": "devtest"})
    artifact = made(tested, storage, "corpus")
    assert splits_of(artifact) == ["flores", "train", "validation"]
    (name,) = files_of(artifact, "flores")
    assert name == "data/flores/flores-00000-of-00001.parquet"
    assert read_rows(artifact.local(name), 0, 2).field("en").to_pylist() == [TRAIN[0][0], NEW[0][0]]
    assert artifact.counts["flores_rows"] == 2
    dedup = made(tested, storage, "dedup")
    kept = {
        english
        for shard in clean_shards(dedup, "train")
        for english in pq.read_table(dedup.local(f"{shard}.parquet")).column("en").to_pylist()
    }
    assert TRAIN[0][0] not in kept
    assert sum(n for key, n in dedup.counts.items() if key.startswith("train_dropped_leak")) == 1


def test_without_take_every_file_is_the_test_set_whatever_its_name(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "news.tsv").write_text("en\thi\nThe glacier\tहिमनद\n", "utf-8")
    tested = with_tests(
        config,
        news={"source": str(tmp_path / "news.tsv")},
        both={"source": str(tmp_path / "flores")},
    )
    artifact = made(tested, storage, "corpus")
    assert (artifact.counts["news_rows"], artifact.counts["both_rows"]) == (1, 3)
    assert artifact.names("data/both/") == [
        "data/both/both-00000-of-00002.parquet",
        "data/both/both-00001-of-00002.parquet",
    ]


def test_a_corpus_without_test_sets_is_the_corpus_it_was(config: DataConfig) -> None:
    spec = specs(config, Storage("/nowhere"))["corpus"]
    assert set(spec.settings) == {"sources", "order"}
    assert spec.settings["order"] == ["files"]


def test_a_split_that_the_test_set_lacks_is_named_with_those_it_has(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    tested = with_tests(config, flores={"source": str(tmp_path / "flores"), "take": "test"})
    with pytest.raises(CorpusError, match=r"must have the split test, but .* has dev, devtest;"):
        made(tested, storage, "corpus")


def test_the_split_that_is_taken_may_be_plain_files_of_any_name(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    flores = tmp_path / "plain"
    flores.mkdir()
    for split, english, hindi in [
        ("dev", "Rivers freeze.", "नदियाँ जम जाती हैं।"),
        ("devtest", "The glacier is melting.", "हिमनद पिघल रहा है।"),
        ("flores-2023.old", "It snowed.", "बर्फ़ गिरी।"),
    ]:
        (flores / f"{split}.en").write_text(f"{english}\n", "utf-8")
        (flores / f"{split}.hi").write_text(f"{hindi}\n", "utf-8")
    taken = with_tests(config, flores={"source": str(flores), "take": "devtest"})
    artifact = made(taken, storage, "corpus")
    (name,) = files_of(artifact, "flores")
    assert read_rows(artifact.local(name), 0, 1).to_pylist() == [
        {"en": "The glacier is melting.", "hi": "हिमनद पिघल रहा है।"}
    ]
    other = with_tests(config, flores={"source": str(flores), "take": "test"})
    with pytest.raises(
        CorpusError,
        match=r"must have the split test, but .* has dev, devtest, flores-2023\.old; "
        r"corpus\.tests\.flores\.take names it",
    ):
        made(other, storage, "corpus")


def test_a_test_set_called_as_a_split_of_the_corpus_is_refused(
    config: DataConfig, storage: Storage, tmp_path: Path
) -> None:
    corpus.write_pairs(NEW, tmp_path / "corpus" / "test-00000-of-00001.parquet")
    tested = with_tests(config, test={"source": str(tmp_path / "flores")})
    with pytest.raises(CorpusError, match=r"test set test of corpus\.tests must be a split of its"):
        made(tested, storage, "corpus")


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ({"validation": {"source": "x.tsv"}}, "must not be called as a split or a source is"),
        ({"pb": {"source": "phrasebook"}}, "must be a hub id or files, not 'phrasebook'"),
        ({"news": {"source": "x.tsv", "split": "test"}}, "`take` names the split"),
        ({"news": {"source": "x.tsv", "max_pairs": 3}}, "read whole, but has max_pairs"),
        ({"Fancy name": {"source": "x.tsv"}}, "should match pattern"),
    ],
)
def test_what_no_test_set_can_be_is_refused(tests: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CorpusConfig.model_validate({"source": "train.tsv", "tests": tests})


def test_a_test_set_on_the_hub_is_pinned_like_any_source() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    config = CorpusConfig.model_validate(
        {
            "source": "s3://bucket/train.tsv",
            "tests": {"flores": {"source": "org/flores", "revision": "main", "take": "devtest"}},
        }
    )
    pinned = config.with_commits(lambda dataset, revision: commit)
    assert corpus.identity(pinned.inputs[1]) == {
        "kind": "hub",
        "dataset": "org/flores",
        "revision": commit,
        "take": "devtest",
    }
