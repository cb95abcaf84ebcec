"""Why a retraining begins: over a real storage, registry and hub, without the training itself."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

import pytest

from command_line import SEED
from jobs.config import Config, load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.fit import train_spec
from jobs.registry import CHAMPION, CONTENT_TAG, DECODE_TAG, Version
from jobs.rounds import SAVED_BY, begin, read_round, write_round
from jobs.train import REGISTERED_TAG
from jobs.triggers import Due, find_due, news_of_files, old_age, standing_config
from jobs.warm_start import start_spec, warm_version
from local_hub import DATASET, LocalHub
from pipeline import artifacts, stages
from pipeline.errors import ArtifactError
from pipeline.storage import Storage

pytestmark = [
    pytest.mark.integration,
    # SQLAlchemy's, of MLflow's code.
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),
]

ROWS = {"train": ("hello\tनमस्ते", "thank you\tधन्यवाद"), "validation": ("i am fine\tमैं ठीक हूँ",)}
CONFIG = """\
corpus:
  source: {source}
  licence: MIT
registry:
  name: seed
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A watched folder of pairs."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for split, rows in ROWS.items():
        (folder / f"{split}.tsv").write_text("\n".join(("en\thi", *rows)) + "\n", "utf-8")
    (folder / "test.tsv").write_text("en\thi\nhow are you\tआप कैसे हैं\n", "utf-8")
    return folder


@pytest.fixture
def config(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    path = tmp_path / "watched.yaml"
    path.write_text(CONFIG.format(source=folder))
    return path


def opened(config: Path, *settings: str) -> JobContext:
    """A command of its own: nothing is remembered but what lies in the storage."""
    loaded = load_config(str(config), [f"storage={config.parent}/storage", *settings])
    return JobContext(loaded, JobConsole())


def due(config: Path, *settings: str, force: bool = False) -> Due:
    with opened(config, *settings) as job:
        return find_due(job, force)


def train(config: Path, found: Due, *settings: str) -> Version:
    """Leave what a training leaves: its artifact, and a version that is the challenger."""
    with opened(config, *settings) as job:
        job.config = found.config
        warm = warm_version(job)
        data = stages.specs(job.data, job.storage)
        spec = train_spec(job.config, data, start_spec(warm) if warm else None)
        for each in (*data.values(), spec):
            artifacts.commit(job.storage, each, [])
        return register(job, job.config, f"{REGISTERED_TAG}.{spec.id}")


def register(job: JobContext, config: Config, tag: str) -> Version:
    client = job.registry._client
    if client.get_experiment_by_name("seed") is None:
        client.create_experiment("seed")
        client.create_registered_model("seed")
    run = client.create_run(client.get_experiment_by_name("seed").experiment_id).info.run_id
    tags = {CONTENT_TAG: run, DECODE_TAG: config.decode.model_dump_json(), tag: "yes"}
    made = client.create_model_version("seed", source="runs:/x", run_id=run, tags=tags)
    return job.registry.resolve(f"models:/seed/{made.version}")


def crown(config: Path, number: str) -> None:
    with opened(config) as job:
        job.registry.set_alias(job.registry.resolve(f"models:/seed/{number}"), CHAMPION)


def forget_rounds(config: Path) -> None:
    shutil.rmtree(config.parent / "storage" / "retrainings")


def seeds(*found: Due) -> list[int]:
    return [each.config.train.seed for each in found]


def test_the_first_one_begins_and_the_next_finds_nothing_new(config: Path) -> None:
    first = due(config)
    assert first.triggers == ("nothing was trained yet",)
    train(config, first)
    again = due(config)
    assert (again.triggers, again.config) == ((), first.config)


def test_one_that_was_begun_is_gone_on_with(config: Path) -> None:
    first = due(config)
    for force in (False, True):
        again = due(config, force=force)
        assert again.triggers == ("a training that was begun is not at its end",)
        assert again.config == first.config


def test_new_changed_and_lost_files_of_a_watched_folder_are_told(
    config: Path, folder: Path
) -> None:
    train(config, due(config))
    (folder / "train-00001-of-00002.tsv").write_text("en\thi\nwater\tपानी\n", "utf-8")
    found = due(config)
    assert found.triggers == (f"1 new file of the corpus: {folder}/train-00001-of-00002.tsv",)
    train(config, found)
    (folder / "train.tsv").write_text("en\thi\nwater\tजल\n", "utf-8")
    (folder / "train-00001-of-00002.tsv").unlink()
    assert due(config).triggers == (
        f"1 changed file of the corpus: {folder}/train.tsv",
        f"1 gone file of the corpus: {folder}/train-00001-of-00002.tsv",
    )


def test_files_are_told_by_kind_three_of_each_by_name() -> None:
    before = {"a": "1", "b": "1"}
    now = {"a": "2", "c": "1", "d": "1", "e": "1", "f": "1"}
    assert news_of_files(before, now) == [
        "4 new files of the corpus: c, d, e …",
        "1 changed file of the corpus: a",
        "1 gone file of the corpus: b",
    ]
    assert news_of_files(before, before) == []


def test_changed_settings_are_told_and_the_old_ones_still_stand(config: Path) -> None:
    train(config, due(config))
    longer = "train.max_updates=7"
    found = due(config, longer)
    assert found.triggers == ("train: train.max_updates 100000 → 7",)
    train(config, found, longer)
    assert due(config).triggers == ()
    assert due(config, longer).triggers == ()


def test_other_ways_to_decode_are_another_version_of_the_same_training(config: Path) -> None:
    train(config, due(config))
    found = due(config, "decode.beam_size=2")
    assert found.triggers == (
        "a trained model is not registered, or not with these settings of `decode`",
    )
    assert seeds(found) == [1]


def test_force_trains_once_more_with_the_next_seed(config: Path) -> None:
    first = train(config, due(config))
    # As `anuvad train` leaves a storage: trained and registered, and no round on record.
    forget_rounds(config)
    found = due(config, force=True)
    assert (found.triggers, seeds(found)) == (("--force",), [2])
    train(config, found)
    # It is the last round that the command without it is about.
    again = due(config)
    assert (again.triggers, seeds(again)) == ((), [2])
    assert seeds(due(config, force=True)) == [3]
    forget_rounds(config)
    stood = due(config)
    assert (stood.triggers, seeds(stood)) == ((), [1])
    with opened(config) as job:
        last = read_round(job.storage, job.config)
    assert last is not None
    assert (last.number, last.why) == (0, ())
    assert datetime.datetime.fromisoformat(last.begun).timestamp() == first.created / 1000
    # Seed 2 was done too, whatever is on record.
    assert seeds(due(config, force=True)) == [3]


def test_a_champion_that_has_moved_is_no_reason_by_itself_but_the_next_one_starts_from_it(
    config: Path, folder: Path
) -> None:
    train(config, due(config))
    crown(config, "1")
    warm = "train.init_from=champion"
    found = due(config, warm)
    assert found.config.train.init_from == "models:/seed/1"
    train(config, found, warm)
    crown(config, "2")
    again = due(config, warm)
    assert (again.triggers, again.config) == ((), found.config)
    with opened(config, warm) as job:
        assert standing_config(job) == found.config
    (folder / "train-00001-of-00002.tsv").write_text("en\thi\nwater\tपानी\n", "utf-8")
    assert due(config, warm).config.train.init_from == "models:/seed/2"


def test_a_new_revision_at_the_hub_is_told_once(config: Path, local_hub: LocalHub) -> None:
    config.write_text(
        CONFIG.format(source=DATASET).replace("  licence", "  revision: main\n  licence")
    )
    before = local_hub.revisions["main"]
    train(config, due(config))
    assert due(config).triggers == ()
    local_hub.revisions["main"] = "e" * 40
    kept = due(config, "retrain.follow_revisions=false")
    assert kept.triggers == ()
    found = due(config)
    assert found.triggers == (f"{DATASET} has a new main at the hub: {before} → {'e' * 40}",)
    # Its training is gone on with, though the branch moves again.
    local_hub.revisions["main"] = "d" * 40
    assert due(config).triggers == ("a training that was begun is not at its end",)
    train(config, found)
    assert due(config).triggers == (
        f"{DATASET} has a new main at the hub: {'e' * 40} → {'d' * 40}",
    )


def test_a_hub_that_does_not_answer_is_a_warning(
    config: Path,
    local_hub: LocalHub,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    config.write_text(
        CONFIG.format(source=DATASET).replace("  licence", "  revision: main\n  licence")
    )
    train(config, due(config))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert due(config).triggers == ()
    assert "going on with the revision of before" in capfd.readouterr().err


def test_an_old_champion_is_a_reason_once_in_so_many_days(config: Path) -> None:
    train(config, due(config))
    aged = "retrain.max_age_days=1e-9"
    assert due(config, aged).triggers == (), "there is no champion yet"
    crown(config, "1")
    forget_rounds(config)
    (why,) = due(config, aged).triggers
    assert why.startswith("the champion is 0.0 days old, more than retrain.max_age_days: 1e-09")


NOW = datetime.datetime(2026, 3, 31, 2, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("champion_days", "begun_days", "said"),
    [
        (30.5, 40, "the champion is 30.5 days old, more than retrain.max_age_days: 30"),
        (30, 40, None),
        (60, 29, None),
        (60, 31, "the champion is 60.0 days old, more than retrain.max_age_days: 30"),
    ],
    ids=["old", "not yet", "old, but tried of late", "old, and tried long ago"],
)
def test_neither_champion_nor_last_training_may_be_young(
    champion_days: float, begun_days: float, said: str | None
) -> None:
    def ago(days: float) -> datetime.datetime:
        return NOW - datetime.timedelta(days=days)

    assert old_age(ago(champion_days), ago(begun_days), NOW, 30) == said


def test_settings_that_change_nothing_about_what_comes_out_are_of_the_same_round(
    config: Path, tmp_path: Path
) -> None:
    def configured(*settings: str) -> Config:
        return load_config(str(config), settings)

    storage = Storage(str(tmp_path))
    made = begin("train-0123456789ab", None, 3, {}, ["--force"])
    write_round(storage, configured(), made)
    for setting in (*(f"train.{key}=7" for key in SAVED_BY), "dedup.partition_rows=9"):
        assert read_round(storage, configured(setting)) == made, setting
    for setting in ("train.max_updates=7", "train.init_from=champion", "dedup.leakage=false"):
        assert read_round(storage, configured(setting)) is None, setting


def test_a_record_that_can_not_be_read_is_refused_with_its_place(config: Path) -> None:
    due(config)
    (path,) = (config.parent / "storage" / "retrainings").iterdir()
    path.write_text("{")
    with opened(config) as job, pytest.raises(ArtifactError, match=f"{path.name} must say what"):
        read_round(job.storage, job.config)


def test_the_inline_pairs_of_the_first_lesson_have_no_files_to_watch(tmp_path: Path) -> None:
    with JobContext(load_config(str(SEED), [f"storage={tmp_path}"]), JobConsole()) as job:
        find_due(job, False)
        last = read_round(job.storage, job.config)
    assert last is not None
    assert (last.files, last.number, last.start) == ({}, 0, None)
