"""The first lesson, as a user goes through it: every command, in processes of its own.

The tests tell one story in one storage and run in the order in which they stand: a first training
that becomes the champion, what can be asked of it, a second one that does not beat it, a rollback.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import SEED, Finished, anuvad, run
from html_page import Page

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

PAIRS = {
    "hello": "नमस्ते",
    "how are you": "आप कैसे हैं",
    "i am fine": "मैं ठीक हूँ",
    "thank you": "धन्यवाद",
    "what is your name": "आपका नाम क्या है",
    "my name is john": "मेरा नाम जॉन है",
}
METRICS = {"bleu_intl", "bleu_13a", "chrf2", "chrf++", "ter"}
CHAMPION = "models:/seed@champion"

ASK_MLFLOW = """
import json, sys
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
versions = client.search_model_versions("name = 'seed'")
runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
print(json.dumps({
    "versions": {
        v.version: {"tags": v.tags, "run_id": v.run_id, "description": v.description}
        for v in versions
    },
    "aliases": {a: str(n) for a, n in client.get_registered_model("seed").aliases.items()},
    "runs": {
        r.info.run_id: {
            "status": r.info.status,
            "params": r.data.params,
            "metrics": r.data.metrics,
            "tags": r.data.tags,
            "inputs": [d.dataset.source for d in r.inputs.dataset_inputs],
        }
        for r in runs
    },
}))
"""

LOAD = """
import json, sys
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
sentences = ["hello", "what is your name"]
beams = []
search = sys.modules["model.translator"].beam
sys.modules["model.translator"].beam = lambda *a: (beams.append(a[3].beam_size), search(*a))[1]
print(json.dumps({
    "list": model.predict(sentences),
    "beams before": list(beams),
    "frame": model.predict(pandas.DataFrame({"text": sentences}), params={"beam_size": 3}),
    "beams after": list(beams),
    "heavy": [name for name in ("ray", "jobs") if name in sys.modules],
}))
"""


@dataclass(frozen=True)
class World:
    """A storage, and the folder that commands are typed in."""

    storage: Path
    home: Path

    @property
    def uri(self) -> str:
        """Where its registry is."""
        return f"sqlite:///{self.storage}/mlflow.db"

    def run(self, command: str, *arguments: str) -> Finished:
        """A command on configs/seed.yaml in this storage."""
        return anuvad(command, SEED, f"storage={self.storage}", *arguments, cwd=self.home)

    def json(self, command: str, *arguments: str) -> Any:
        """The document of a command that must succeed and say nothing foreign."""
        done = self.run(command, *arguments, "--json")
        assert done.code == 0, done.err
        assert done.foreign_lines() == []
        return done.json()

    def translate(self, *arguments: str | Path, stdin: bytes = b"") -> Finished:
        """``anuvad translate`` with this storage's registry."""
        return anuvad(
            "translate", "--storage", self.storage, *arguments, cwd=self.home, stdin=stdin
        )

    def mlflow(self) -> Any:
        """What MLflow knows, asked in a process that has no anuvad in it."""
        done = run([sys.executable, "-c", ASK_MLFLOW, self.uri], self.home)
        assert done.code == 0, done.err
        return json.loads(done.out.splitlines()[-1])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("seed")
    (root / "home").mkdir()
    return World(root / "storage", root / "home")


@pytest.fixture(scope="module")
def first(world: World) -> Finished:
    """The first retraining, with the page that a user sees."""
    done = world.run("retrain")
    assert done.code == 0, done.err
    return done


@pytest.fixture(scope="module")
def second(world: World, first: Finished) -> Any:
    """Another one, with other random weights."""
    return world.json("retrain", "train.seed=2", "train.max_updates=60")


@pytest.fixture(scope="module")
def evaluated(world: World, first: Finished) -> Any:
    """What an evaluation of its champion says."""
    return world.json("evaluate")


def test_the_first_retraining_says_what_it_did(first: Finished, world: World) -> None:
    assert first.foreign_lines() == []
    for text in (
        "version      1 of seed",
        "promoted: the first champion: all guardrails hold",
        "tok:intl",
        f"{world.storage}/reports/seed-",
    ):
        assert text in first.out
    assert all(hindi in first.out for hindi in list(PAIRS.values())[:5])
    assert not list(world.home.iterdir())


def test_the_champion_translates_arguments(first: Finished, world: World) -> None:
    done = world.translate("--model", CHAMPION, "hello", "what is your name")
    assert (done.code, done.err) == (0, "")
    assert done.out == "नमस्ते\nआपका नाम क्या है\n"


def test_the_champion_translates_a_file_exactly(
    first: Finished, world: World, tmp_path: Path
) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("".join(f"{english}\n" for english in PAIRS), encoding="utf-8")
    done = world.translate("--model", CHAMPION, "--input", source, "--output", target)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert target.read_text(encoding="utf-8").split("\n") == [*PAIRS.values(), ""]


def test_the_champion_translates_standard_input_line_by_line(first: Finished, world: World) -> None:
    # --config names the model; where the locale knows no Hindi the output is UTF-8 all the same.
    done = anuvad(
        *("translate", "--config", SEED, "--storage", world.storage, "--beam-size", "3"),
        cwd=world.home,
        stdin=b"thank you\r\n\nhello",
        LC_ALL="C",
        PYTHONUTF8="0",
        PYTHONCOERCECLOCALE="0",
    )
    assert (done.code, done.err) == (0, "")
    assert done.out == "धन्यवाद\n\nनमस्ते\n"


def test_a_line_that_is_too_long_is_translated_in_pieces_with_a_warning(
    first: Finished, world: World
) -> None:
    done = world.translate("--model", CHAMPION, "hello " * 200, "hello")
    assert done.code == 0
    assert done.err.startswith("warning: line 1 is longer than the model's")
    assert done.err.endswith("pieces\n")
    assert done.err.count("\n") == 1
    assert done.out.count("\n") == 2
    assert done.out.endswith("\nनमस्ते\n")


def test_a_version_that_does_not_exist_is_refused(first: Finished, world: World) -> None:
    done = world.translate("--model", "models:/seed/7", "hello")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"error: models:/seed/7 must be in the registry at {world.uri}, but seed has versions: 1; "
        "`anuvad retrain CONFIG` makes one\n"
    )


def test_status_shows_the_champion(first: Finished, world: World) -> None:
    found = world.json("status")
    assert found["champion"] == found["challenger"] == found["versions"][0]
    assert found["champion"]["version"] == "1"
    assert found["champion"]["aliases"] == ["champion", "challenger"]
    assert found["champion"]["bleu_intl"].startswith("100.00 [")
    assert [run["status"] for run in found["runs"]] == ["FINISHED"]
    table = world.run("status")
    assert table.foreign_lines() == []
    assert "100.00" in table.out


def test_plan_finds_everything_done_and_says_what_a_change_would_run(
    first: Finished, world: World
) -> None:
    states = {s["name"]: s["state"] for s in world.json("plan")["stages"]}
    data = ["corpus", "clean", "dedup", "tokenizer", "tensorize"]
    assert list(states) == [*data, "train", "register", "evaluate test", "gate"]
    assert set(states.values()) == {"done"}
    changed = {s["name"]: s for s in world.json("plan", "tokenizer.vocab_size=30")["stages"]}
    assert [changed[name]["state"] for name in states] == ["done"] * 3 + ["run"] * 6
    assert changed["tokenizer"]["why"] == "vocab_size 29 → 30"
    assert changed["gate"]["why"] == "reads a new version"
    decoded = {s["name"]: s for s in world.json("plan", "decode.beam_size=2")["stages"]}
    assert [name for name, s in decoded.items() if s["state"] == "run"] == [
        *("register", "evaluate test", "gate")
    ]
    judged = {s["name"]: s for s in world.json("plan", "gate.max_empty_share=0.5")["stages"]}
    assert [name for name, s in judged.items() if s["state"] == "run"] == ["gate"]
    assert judged["gate"]["why"] == "its rules or the scores changed"


def test_prepare_skips_every_stage(first: Finished, world: World) -> None:
    stages = world.json("prepare")["stages"]
    assert [s["name"] for s in stages] == ["corpus", "clean", "dedup", "tokenizer", "tensorize"]
    for stage in stages:
        assert stage.keys() >= {"name", "id", "path", "skipped", "seconds", "counts"}
        assert stage["skipped"]
        assert stage["seconds"] == 0
        assert (Path(stage["path"]) / "manifest.json").is_file()


def test_prepare_writes_its_page_once_and_again_where_it_is_missing(
    first: Finished, world: World
) -> None:
    report = Path(world.json("prepare")["report"])
    assert re.fullmatch(r"data-tensorize-\w{12}\.html", report.name)
    text = Page(report.read_text(encoding="utf-8")).words
    assert "train raw 6 100% clean 6 100% without copies and leaks 6 100% tokenized 6" in text
    written = report.stat().st_mtime_ns
    done = world.run("prepare")
    assert (done.code, done.foreign_lines()) == (0, [])
    assert done.err.splitlines()[-1] == f"report     {report}"
    assert report.stat().st_mtime_ns == written, "a page that stands is left as it is"
    report.unlink()
    again = world.run("prepare")
    assert again.code == 0
    assert "ray " not in again.err, "a page needs no Ray"
    assert Page(report.read_text(encoding="utf-8")).words.startswith(text.partition("Created")[0])


def test_the_report_of_the_version_has_the_data_too(first: Finished, world: World) -> None:
    [report] = (world.storage / "reports").glob("seed-*.html")
    words = Page(report.read_text(encoding="utf-8")).words
    assert "Data From raw to kept train raw 6 100%" in words


def test_evaluate_prints_every_metric_with_interval_and_signature(evaluated: Any) -> None:
    assert (evaluated["model"], evaluated["version"]) == ("seed", "1")
    assert list(evaluated["tests"]) == ["test"]
    scores = evaluated["tests"]["test"]
    assert scores.keys() >= METRICS
    for score in scores.values():
        assert score.keys() >= {"score", "low", "high", "signature"}
        assert "version:" in score["signature"]
    assert scores["bleu_intl"]["score"] == pytest.approx(100)
    assert scores["chrf2"]["score"] == pytest.approx(100)
    assert scores["ter"]["score"] == pytest.approx(0)


def test_the_sacrebleu_command_agrees_on_the_outputs_to_the_last_digit(evaluated: Any) -> None:
    scores, details = evaluated["tests"]["test"], evaluated["details"]["test"]
    folder = Path(details["outputs"])
    command = "-m sacrebleu references.txt -i hypotheses.txt -f json -w 12"
    for options, names in {
        "-m bleu chrf ter --tokenize intl": ("bleu_intl", "chrf2", "ter"),
        "-m bleu chrf --tokenize 13a --chrf-word-order 2": ("bleu_13a", "chrf++"),
    }.items():
        done = run([sys.executable, *command.split(), *options.split()], folder)
        assert done.code == 0, done.err
        for name, line in zip(names, json.loads(done.out), strict=True):
            assert f"{scores[name]['score']:.12f}" == f"{line['score']:.12f}", name


def test_an_evaluation_has_a_report_and_its_files_lie_in_the_run(
    evaluated: Any, world: World
) -> None:
    page = Page(Path(evaluated["report"]).read_text(encoding="utf-8"))
    for text in (
        "seed version 1",
        "Scored: test",
        "Breakdowns",
        "for all sentences: Words of the source: 1 to 5;",
    ):
        assert text in page.words
    kept = {p.name for p in (world.storage / "mlartifacts").rglob("*") if p.is_file()}
    files = {"outputs.parquet", "references.txt", "hypotheses.txt", "scores.json"}
    assert kept >= files | {Path(evaluated["report"]).name}
    tags = world.mlflow()["versions"]["1"]["tags"]
    assert tags["anuvad.test_set.test"] == evaluated["details"]["test"]["test_hash"]
    assert json.loads(tags["anuvad.decode.test"])["beam_size"] == 1
    assert evaluated["notes"] == []


def test_every_word_of_the_test_set_was_seen_in_training(evaluated: Any) -> None:
    cuts = {b["key"]: b for b in evaluated["details"]["test"]["breakdowns"]}
    assert [(b["label"], b["sentences"]) for b in cuts["unseen"]["buckets"]] == [("none", 6)]


def test_a_model_without_attention_says_that_it_looks_at_nothing(
    first: Finished, world: World
) -> None:
    done = anuvad(
        *("explain", "hello", "--model", CHAMPION, "--storage", world.storage), cwd=world.home
    )
    assert (done.code, done.out) == (0, "नमस्ते\n")
    assert done.err == "this model has no attention: nothing says what it looked at\n"


def test_a_test_set_from_elsewhere_is_scored_with_a_warning(
    first: Finished, world: World, tmp_path: Path
) -> None:
    (tmp_path / "greetings.tsv").write_text("en\thi\nhello\tनमस्ते\nthank you\tधन्यवाद\n", "utf-8")
    extra = f"corpus.tests.greetings.source={tmp_path}/greetings.tsv"
    found = world.json("evaluate", extra, "--test", "greetings")
    assert found["tests"].keys() == {"greetings"}
    assert found["tests"]["greetings"]["chrf2"]["score"] == pytest.approx(100)
    (note,) = found["notes"]
    assert note.startswith("On greetings: version 1 was trained on a corpus without this test set")


def test_promote_leaves_the_champion_what_it_is(first: Finished, world: World) -> None:
    found = world.json("promote")
    assert found["promoted"] is True
    assert found["champion"] == "1"
    assert found["why"] == "is the champion already, all guardrails hold"
    # The verdict that made it the champion stays on record.
    assert world.json("status")["champion"]["why"] == "the first champion: all guardrails hold"


def test_train_finds_its_version_standing(first: Finished, world: World) -> None:
    done = world.run("train")
    assert (done.code, done.foreign_lines()) == (0, [])
    assert done.out.startswith("version 1 of seed is the best of 120 updates")
    assert done.out.endswith("(nothing new: it stood already)\n")


def test_the_same_command_again_makes_nothing_new(first: Finished, world: World) -> None:
    before = world.mlflow()
    found = world.json("retrain")
    assert found.keys() >= {"run_id", "version", "promoted", "why", "tests"}
    assert (found["new"], found["version"], found["promoted"]) == (False, "1", True)
    assert all(stage["skipped"] for stage in found["stages"])
    assert world.mlflow() == before
    assert list(before["versions"]) == ["1"]
    assert len(before["runs"]) == 1


def test_the_same_command_again_stores_again_what_mlflow_has_lost(
    first: Finished, world: World
) -> None:
    before = world.mlflow()
    [unit] = world.storage.glob("mlartifacts/models/*/artifacts")
    names = {path.relative_to(unit) for path in unit.rglob("*")}
    shutil.rmtree(unit)
    refused = world.translate("--model", CHAMPION, "hello")
    assert refused.code == 1
    assert refused.err == (
        "error: MLflow must have the files of models:/seed/1, but has lost "
        "artifacts/translator/manifest.json at least; `anuvad retrain CONFIG` stores again those "
        "of the champion, of the challenger and of the version that CONFIG makes\n"
    )
    done = world.run("retrain", "--json")
    assert (done.code, done.foreign_lines()) == (0, [])
    [warning] = [line for line in done.err.splitlines() if line.startswith("warning")]
    assert warning.endswith("5 more files of models:/seed/1; they are stored again")
    assert done.json()["new"] is False
    assert {path.relative_to(unit) for path in unit.rglob("*")} == names
    assert world.translate("--model", CHAMPION, "hello").out == "नमस्ते\n"
    assert world.mlflow() == before


def test_mlflow_holds_the_lineage_and_every_score(first: Finished, world: World) -> None:
    found = world.mlflow()
    version, (run_id, made) = found["versions"]["1"], next(iter(found["runs"].items()))
    assert found["aliases"] == {"champion": "1", "challenger": "1"}
    assert version["run_id"] == run_id
    tags = version["tags"]
    for metric in METRICS:
        assert "nrefs:1" in tags[f"anuvad.test.{metric.replace('++', 'pp')}"]
    assert tags["anuvad.test.bleu_intl"].startswith("100.00 [")
    assert json.loads(tags["anuvad.verdict"])["promoted"] is True
    assert tags["anuvad.champion_before"] == "none"
    assert tags["anuvad.training"].startswith("train-")
    assert made["status"] == "FINISHED"
    assert made["params"]["train.max_updates"] == "120"
    assert made["params"]["corpus.source"] == "inline"
    assert made["metrics"]["test/bleu_intl"] == pytest.approx(100)
    assert made["metrics"].keys() >= {"train/loss", "dev/loss", "seconds/train"}
    assert made["tags"]["anuvad.corpus"].startswith("corpus-")
    assert made["metrics"]["system/driver/rss_mb"] > 10
    assert made["metrics"]["system/worker-0/rss_mb"] > 10
    assert len(made["inputs"]) == 1
    card = version["description"]
    assert card.startswith("# seed, version 1\n")
    assert "| bleu_intl | 100.00 | " in card
    assert (world.storage / "mlartifacts" / run_id / "artifacts" / "model_card.md").is_file()


def test_nothing_that_was_registered_is_pickled(first: Finished, world: World) -> None:
    files = [p for p in (world.storage / "mlartifacts" / "models").rglob("*") if p.is_file()]
    ours = {p.name for p in files if p.parent.name == "translator"}
    assert ours == {
        "translator.json",
        "manifest.json",
        "model.safetensors",
        "en.model",
        "hi.model",
    }
    theirs = {p.name for p in files if p.parent.name != "translator"}
    # MLflow adds the last one, YAML too, when somebody first loads the model.
    assert theirs - {"registered_model_meta"} == {
        "MLmodel",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "pyfunc.py",
    }
    # What a pickle of protocol 2 and later begins with.
    assert not [p for p in files if p.read_bytes()[:1] == b"\x80"]


def test_mlflow_loads_the_champion_in_a_clean_process(first: Finished, world: World) -> None:
    done = run([sys.executable, "-c", LOAD, world.uri, CHAMPION], world.home)
    assert done.code == 0, done.err
    assert "Warning" not in done.err
    found = json.loads(done.out.splitlines()[-1])
    assert found["list"] == found["frame"] == [PAIRS["hello"], PAIRS["what is your name"]]
    assert found["beams before"] == []
    assert set(found["beams after"]) == {3}
    assert found["heavy"] == []


def test_there_is_nothing_before_the_first_champion(first: Finished, world: World) -> None:
    done = world.run("rollback")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "error: seed must have had a champion before version 1, but that was the first; `anuvad "
        "rollback CONFIG --to VERSION` puts another version in its place\n"
    )


def test_a_second_version_is_held_against_the_champion(
    first: Finished, second: Any, world: World
) -> None:
    assert (second["version"], second["new"]) == ("2", True)
    assert (second["promoted"], second["champion"]) == (False, "1")
    # Both translate all six sentences exactly, and equal is not better.
    assert second["tests"]["test"]["bleu_intl"]["score"] == pytest.approx(100)
    assert second["why"].startswith("BLEU difference is +0.00, must be above 0")
    skipped = {stage["name"]: stage["skipped"] for stage in second["stages"]}
    assert skipped == {
        "corpus": True,
        "clean": True,
        "dedup": True,
        "tokenizer": True,
        "tensorize": True,
        "train": False,
    }
    found = world.json("status")
    assert found["champion"]["version"] == "1"
    assert found["challenger"]["version"] == "2"
    assert [v["version"] for v in found["versions"]] == ["2", "1"]
    assert [v["promoted"] for v in found["versions"]] == [False, True]
    assert found["versions"][0]["why"] == second["why"]
    assert len(found["runs"]) == 2


def test_two_versions_are_compared_sentence_by_sentence(second: Any, world: World) -> None:
    found = world.json("compare", "--models", "1", "challenger")
    assert (found["a"]["version"], found["b"]["version"]) == ("1", "2")
    compared = found["tests"]["test"]
    assert (compared["wins"], compared["losses"], compared["ties"]) == (0, 0, 6)
    assert [t["metric"] for t in compared["tests"]] == ["bleu_intl", "chrf2"]
    for test in compared["tests"]:
        assert (test["difference"], test["bootstrap_p"], test["randomisation_p"]) == (0, 1, 1)
    done = world.run("compare", "--models", "1", "1")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(
        "error: --models must name two versions, but 1 and 1 are both models:/seed/1\n"
    )


def test_a_champion_that_was_named_by_hand_has_no_champion_before(
    second: Any, world: World
) -> None:
    move_by_hand(world, "2")
    done = world.run("rollback")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: which champion came before version 2 must be known")


def test_a_rollback_puts_the_champion_before_back(second: Any, world: World) -> None:
    move_by_hand(world, "2", before="1")
    done = world.run("rollback", "--why", "जॉन is spelt wrong")
    assert (done.code, done.foreign_lines()) == (0, [])
    assert done.out == "champion: version 1 again, in place of version 2: जॉन is spelt wrong\n"
    found = world.json("status")
    assert found["champion"]["version"] == "1"
    assert [(m["champion"], m["how"]) for m in found["moves"]] == [
        ("1", "rolled back"),
        ("1", "promoted"),
    ]
    tags = {number: v["tags"] for number, v in world.mlflow()["versions"].items()}
    assert "anuvad.rolled_back" in tags["2"]
    assert "anuvad.restored" in tags["1"]


def move_by_hand(world: World, number: str, before: str | None = None) -> None:
    """Move the alias as anybody can on the MLflow page."""
    code = (
        "import sys, mlflow\n"
        "client = mlflow.MlflowClient(sys.argv[1], sys.argv[1])\n"
        "client.set_registered_model_alias('seed', 'champion', sys.argv[2])\n"
        "if sys.argv[3]:\n"
        "    tag = 'anuvad.champion_before'\n"
        "    client.set_model_version_tag('seed', sys.argv[2], tag, sys.argv[3])\n"
    )
    done = run([sys.executable, "-c", code, world.uri, number, before or ""], world.home)
    assert done.code == 0, done.err
