"""The data report counts what the manifests count, and shows pairs that do no harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.data_report import DataReport, Step, excerpt, gather
from jobs.reasons import REASONS, RULES
from pairs import TRAIN, VALIDATION
from pipeline import corpus, dedup, leakage
from pipeline.artifacts import Artifact, ArtifactSpec, FileEntry
from pipeline.clean import REJECTS_SCHEMA, CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.filters import FilterConfig, build_filters, build_raw_filters
from pipeline.normalize import NormalizeConfig, normalize
from pipeline.runner import run_here
from pipeline.settings import Settings
from pipeline.sources import SourceConfig
from pipeline.stages import DataConfig, StageResult, prepare
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig
from pipeline.tokenizer_report import REPORT, SideReport, TokenizerReport

SPLITS = ("train", "validation")
HOSTILE = "<script>alert(1)</script>\u202e\u2066" + "क्ष" * 120_000
BOOKS = (*TRAIN, *[("GNOME", "GNOME")] * 5, ("", "खाली"))
WEB = (
    *TRAIN[:4],
    (VALIDATION[0][0], "मंडी के पास एक नदी बहती है।"),
    (HOSTILE, "यह बहुत लंबा है।"),
    ("The cat sleeps.", "बिल्ली सोती है ।"),
    ("The dog barks.", "कुत्ता भौंकता है।"),
)


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        pass

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        pass

    def stage_ended(self, result: StageResult) -> None:
        pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The artifacts of two sources, cut into shards of at most eight pairs."""
    root = tmp_path_factory.mktemp("data")
    for source, split, pairs in (
        ("books", "train", BOOKS),
        ("books", "validation", VALIDATION),
        ("web", "train", WEB),
    ):
        (root / source).mkdir(exist_ok=True)
        corpus.write_pairs(pairs, root / source / f"{split}-00000-of-00001.parquet")
    sources = tuple(SourceConfig(source=str(root / n), name=n) for n in ("books", "web"))
    config = DataConfig(
        CorpusConfig(sources=sources),
        CleanConfig(shard_rows=8),
        TokenizerConfig(vocab_size=70, byte_fallback=False),
        TensorizeConfig(),
    )
    results = prepare(config, Storage(str(root / "store")), lambda: run_here, Silent())
    return {name: result.artifact for name, result in results.items()}


@pytest.fixture(scope="module")
def report(made: dict[str, Artifact]) -> DataReport:
    return gather(made, SPLITS)


def pairs_of(steps: tuple[Step, ...]) -> dict[str, int]:
    return {step.name: step.pairs for step in steps}


def test_the_funnels_of_the_sources_and_their_sum_are_what_was_counted(report: DataReport) -> None:
    train, validation = report.splits
    names = "raw", "clean", "without copies and leaks"
    assert [f.source for f in train.funnels] == list(report.sources) == ["books", "web"]
    books, web = (pairs_of(f.steps) for f in train.funnels)
    # Of books, five are identical and one is empty; of web one is too long, one is in validation
    # and four are in books.
    assert [books[name] for name in names] == [26, 20, 20]
    assert [web[name] for name in names] == [8, 7, 2]
    assert train.total.source is None
    total = pairs_of(train.total.steps)
    assert list(total) == [*names, "tokenized"], "without a cap there is no step for it"
    assert list(total.values()) == [34, 27, 22, 22]
    assert (train.visited, train.visited_by_source) == (34, {"books": 26, "web": 8})
    assert [f.source for f in validation.funnels] == ["books"]
    assert list(pairs_of(validation.total.steps).values()) == [3, 3, 3, 3]
    assert validation.drops == ()


def test_between_two_steps_every_pair_has_a_reason(report: DataReport) -> None:
    train = report.splits[0]
    steps = [step.pairs or 0 for step in train.total.steps]
    lost = [before - after for before, after in pairwise(steps)]
    dropped = {drops.stage: drops.pairs for drops in train.drops}
    assert [dropped.get(stage, 0) for stage in ("clean", "dedup", "tensorize")] == lost
    for drops in train.drops:
        for reason in drops.reasons:
            assert sum(reason.by_source.values()) == reason.pairs


def test_reasons_come_by_stage_the_commonest_first_with_meanings_and_settings(
    report: DataReport,
) -> None:
    found = [
        (drops.stage, reason.name, reason.pairs, dict(reason.by_source))
        for drops in report.splits[0].drops
        for reason in drops.reasons
    ]
    assert found == [
        ("clean", "identical", 5, {"books": 5}),
        ("clean", "empty", 1, {"books": 1}),
        ("clean", "too_many_bytes", 1, {"web": 1}),
        ("dedup", "duplicate_pair", 4, {"web": 4}),
        ("dedup", "leaks_english", 1, {"web": 1}),
    ]
    leaks = report.splits[0].drops[1].reasons[1]
    assert leaks.meaning == "validation or test has this English side"
    assert leaks.settings == (("dedup.leakage", "true"), ("dedup.leakage_min_words", "3"))


def test_each_reason_has_three_different_examples_or_all_there_are(report: DataReport) -> None:
    for drops in report.splits[0].drops:
        for reason in drops.reasons:
            places = [(e.source, e.row) for e in reason.examples]
            assert len(set(places)) == len(places) == min(3, reason.pairs)
    copies = report.splits[0].drops[1].reasons[0].examples
    for example in copies:
        assert (example.english.text, example.hindi.text) == TRAIN[example.row]


def test_of_a_text_of_a_megabyte_the_beginning_is_kept_and_nothing_of_it_hides(
    report: DataReport,
) -> None:
    [example] = report.splits[0].drops[0].reasons[2].examples
    assert (example.source, example.row) == ("web", 5)
    english = example.english
    assert english.text.startswith("<script>alert(1)</script>⟨U+202E⟩⟨U+2066⟩क्षक्ष")
    assert len(english.text) < 300
    assert 0 < english.rest < len(HOSTILE) - 200
    assert example.hindi.text == "यह बहुत लंबा है।"
    assert example.hindi.rest == 0


def test_texts_are_counted_before_and_after_the_filters_source_by_source(
    report: DataReport,
) -> None:
    assert list(report.texts) == ["books", "web"]
    sentences = {
        source: [int(side.words.sum()) for side in (found.visited[0], found.kept[0])]
        for source, found in report.texts.items()
    }
    # The side of a megabyte is dropped before anything is normalised, so it is not counted.
    assert sentences == {"books": [26, 20], "web": [7, 7]}
    assert int(report.all_texts.kept[1].words.sum()) == 27


def test_rules_that_changed_nothing_are_left_out(report: DataReport) -> None:
    rules = {rule.name: rule.texts for rule in report.rules}
    # ७:३०, and 98१२ on both sides; a joiner on both sides; one danda with a space before it.
    assert rules["digits"] == 3
    assert rules["joiners"] == 2
    assert rules["danda"] == 1
    assert "pipe" not in rules
    assert list(rules.values()) == sorted(rules.values(), reverse=True)
    assert all(rule.meaning for rule in report.rules)


def test_the_tokenizers_were_measured_on_validation(report: DataReport) -> None:
    assert report.tokenizers.split == "validation"
    assert [side.sentences for side in (report.tokenizers.en, report.tokenizers.hi)] == [3, 3]


# Artifacts made by hand.


def artifact(stage: str, storage: Storage, counts: dict[str, int], **settings: Any) -> Artifact:
    """An artifact of these counts, and of the files that lie in its folder."""
    spec = ArtifactSpec(stage, settings, "", {})
    folder = Path(storage.uri) / spec.path
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return Artifact(storage, spec, tuple(FileEntry(name, 0, "") for name in names), counts)


def capped(storage: Storage, tensorize: dict[str, int]) -> dict[str, Artifact]:
    """Two sources of a hundred pairs, of which one is capped."""
    both = {"validation_visited": 1}
    measured = TokenizerReport("validation", *[SideReport(8, 8, 1, 4, 16, 8, 0, 0)] * 2)
    storage.write_bytes(
        f"{ArtifactSpec('tokenizer', {}, '', {}).path}/{REPORT}", measured.to_json()
    )
    return {
        "corpus": artifact(
            "corpus",
            storage,
            {"train_rows": 200, "a/train_rows": 100, "b/train_rows": 100},
            order=["a", "b"],
        ),
        "clean": artifact(
            "clean",
            storage,
            both
            | {"train_visited": 110, "train_kept": 105, "train_over_cap": 90}
            | {"a/train_visited": 100, "a/train_kept": 100}
            | {"b/train_visited": 10, "b/train_kept": 5, "b/train_over_cap": 90}
            | {"train_dropped_empty": 5, "b/train_dropped_empty": 5},
        ),
        "tokenizer": artifact("tokenizer", storage, {}),
        "dedup": artifact("dedup", storage, {"train_kept": 100, "a/train_kept": 100}),
        "tensorize": artifact("tensorize", storage, tensorize),
    }


def test_a_cap_is_a_step_and_a_source_that_lost_everything_has_zero(tmp_path: Path) -> None:
    made = capped(
        Storage(str(tmp_path)),
        {"train_pairs": 99, "a/train_pairs": 99, "train_dropped_too_many_tokens": 1},
    )
    train = gather(made, SPLITS).splits[0]
    assert [pairs_of(f.steps) for f in (train.total, *train.funnels)] == [
        {
            "raw": raw,
            "within the cap": read,
            "clean": clean,
            "without copies and leaks": kept,
            "tokenized": pairs,
        }
        for raw, read, clean, kept, pairs in (
            (200, 110, 105, 100, 99),
            (100, 100, 100, 100, 99),
            (100, 10, 5, 0, 0),
        )
    ]
    assert train.drops[0].reasons[0].examples == (), "no file of rejects, no examples"
    assert train.drops[1].reasons[0].settings[0] == ("tensorize.max_source_tokens", "null")


def write_rejects(storage: Storage, shard: int, shards: int, reasons: list[str]) -> None:
    rows = len(reasons)
    table = pa.table(
        {
            "source": pa.array(["iitb"] * rows).dictionary_encode(),
            "row": [100 * shard + i for i in range(rows)],
            "en": [f"Shard {shard} row {i}" for i in range(rows)],
            "hi": ["हिस्सा"] * rows,
            "reason": reasons,
        }
    )
    table = table.set_column(0, "source", table.column("source").cast(REJECTS_SCHEMA.types[0]))
    folder = Path(storage.uri) / ArtifactSpec("clean", {}, "", {}).path
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"train-{shard:05}-of-{shards:05}.rejects.parquet")


def test_examples_are_of_different_shards_and_the_rarest_reason_is_found(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for shard in range(40):
        write_rejects(storage, shard, 40, ["identical"] * 5 + ["markup"] * (2 * (shard == 39)))
    made = capped(storage, {"train_pairs": 99})
    counts = made["clean"].counts | {"train_dropped_identical": 200, "train_dropped_markup": 2}
    del counts["train_dropped_empty"]
    made["clean"] = artifact("clean", storage, counts)
    identical, markup = gather(made, SPLITS).splits[0].drops[0].reasons
    shards = [example.row // 100 for example in identical.examples]
    assert len(set(shards)) == 3
    assert max(shards) - min(shards) >= 20, "neighbours are alike"
    assert [example.row for example in markup.examples] == [3905, 3906]
    assert markup.examples[0].english.text == "Shard 39 row 5"


# What is shown of a text.


def test_a_syllable_is_not_cut_in_two() -> None:
    # क्ष is three characters: the 240th would be the virama of the 80th.
    found = excerpt("a" + "क्ष" * 200)
    assert found.text == "a" + "क्ष" * 79
    assert found.rest == 121 * 3
    assert excerpt("क" * 240).rest == 0


def test_a_tower_of_marks_is_cut_all_the_same() -> None:
    found = excerpt("क" + "\u093c" * 10_000)
    assert len(found.text) <= 240
    assert found.rest == 10_001 - len(found.text)


def test_what_cannot_be_seen_is_written_out_but_joiners_shape_the_text_around_them() -> None:
    assert excerpt("a\u202eb\tc\x00\ufeff").text == "a⟨U+202E⟩b c⟨U+0000⟩⟨U+FEFF⟩"
    assert excerpt("क्\u200dष").text == "क्\u200dष"


# The words for what is counted.


def all_reasons() -> Iterator[str]:
    config = FilterConfig()
    yield from (each.reason for each in (*build_raw_filters(config), *build_filters(config)))
    yield from (dedup.DUPLICATE_PAIR, dedup.TOO_MANY_ENGLISH, dedup.TOO_MANY_HINDI)
    yield from (f"leaks_{side}" for side in leakage.SIDES.values())
    yield "too_many_tokens"


def test_every_reason_has_a_meaning_and_settings_that_exist() -> None:
    assert set(all_reasons()) == set(REASONS)
    sections: dict[str, type[Settings]] = {
        "clean.filters": FilterConfig,
        "dedup": DedupConfig,
        "tensorize": TensorizeConfig,
    }
    for _, settings in REASONS.values():
        for key in settings:
            section, _, name = key.rpartition(".")
            assert name in sections[section].model_fields, key


def test_every_rule_of_normalisation_has_a_meaning() -> None:
    counts: Counter[str] = Counter()
    everything = (
        "\u200dक\ufeff\u00ad\u200b\u200e\x00\ue000\u0958 “१” \u00a0 क |",
        "वह गया ।फिर आया।",
    )
    for text in everything:
        normalize(text, NormalizeConfig(), counts)
    assert set(counts) == set(RULES)
