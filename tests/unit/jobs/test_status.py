"""Where a model stands, before there is any registry and in one version's row."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from command_line import REPOSITORY, SEED, environment, run
from jobs.config import load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from jobs.gate import Verdict
from jobs.lease import lease
from jobs.lock import hold
from jobs.promote import VERDICT_TAG
from jobs.registry import Version
from jobs.rollback import ROLLED_BACK_TAG, WHY_TAG
from jobs.status import _version, held_locks, status, unsent
from pipeline.storage import Storage

EMPTY = {
    "champion": None,
    "challenger": None,
    "moves": [],
    "versions": [],
    "runs": [],
    "schedule": None,
    "locks": [],
    "journals": [],
}


def version(**tags: str) -> Version:
    return Version("seed", "3", "0123abcd", tags, 1_767_225_600_000)


def test_a_fresh_storage_has_nothing_and_stays_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    storage = tmp_path / "fresh"
    with JobContext(load_config(str(SEED), [f"storage={storage}"]), JobConsole()) as job:
        found = status(job)
    assert found == {"model": "seed", "registry": f"sqlite:///{storage}/mlflow.db", **EMPTY}
    assert not storage.exists()


@pytest.mark.integration
def test_asking_a_fresh_storage_imports_neither_mlflow_nor_ray(tmp_path: Path) -> None:
    code = (
        "import sys; from jobs.cli import run\n"
        f"sys.argv = ['anuvad', {str(SEED)!r}, 'storage=fresh']\n"
        "try:\n    run('status')\nexcept SystemExit: pass\n"
        "print(sorted({'mlflow', 'ray', 'torch'} & set(sys.modules)))"
    )
    env = environment(PYTHONPATH=str(REPOSITORY))
    done = run([sys.executable, "-c", code], tmp_path, env=env)
    assert done.out.splitlines() == [
        f"seed has no versions at sqlite:///{tmp_path}/fresh/mlflow.db",
        "[]",
    ]


def test_a_version_s_row_holds_scores_with_their_signatures_and_the_verdict() -> None:
    bleu = "31.20 [30.10, 32.30] nrefs:1|tok:intl|version:2.6.0"
    verdict = Verdict(False, "p-value is 0.4000, must be at most 0.05", ())
    row = _version(
        version(**{"anuvad.hard.bleu_intl": bleu, VERDICT_TAG: verdict.to_json()}),
        "hard",
        "challenger",
    )
    assert row == {
        "version": "3",
        "aliases": ["challenger"],
        "created": "2026-01-01T00:00:00+00:00",
        "run_id": "0123abcd",
        "bleu_intl": bleu,
        "chrf2": None,
        "promoted": False,
        "why": verdict.why,
    }


def test_locks_that_are_held_are_told_and_others_are_not(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with hold(storage, "data"):
        pass
    assert held_locks(storage) == []
    with hold(storage, "retrain-seed"), lease(storage, "promote-seed", pytest.fail) as held:
        promoting, retraining = held_locks(storage)
    assert promoting == {"name": "promote-seed", "holder": str(held.holder)}
    assert retraining["name"] == "retrain-seed"
    assert retraining["holder"].startswith(f"process {os.getpid()} on ")


def test_a_journal_is_told_until_nothing_is_left_in_it(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    lines = [b'{"number": %d, "at": 0, "kind": "metrics"}\n' % number for number in (1, 2, 3)]
    for one, sent in (("seed-00000000000a", b"1\n"), ("seed-00000000000b", b"3\n")):
        storage.write_bytes(f"runs/{one}/journal.jsonl", b"".join(lines) + b'{"number": 4, "ki')
        storage.write_bytes(f"runs/{one}/journal.sent", sent)
    storage.write_bytes("runs/seed-00000000000c/other.json", b"{}")
    # Another model's, in the same storage.
    storage.write_bytes("runs/en-hi-00000000000d/journal.jsonl", lines[0])
    assert unsent(storage, "seed") == [{"run": "seed-00000000000a", "lines": 2}]


def test_a_version_that_no_gate_has_seen_says_so() -> None:
    row = _version(version(), "test", "")
    assert (row["promoted"], row["why"], row["aliases"]) == (None, "not judged yet", [])


def test_a_version_that_was_rolled_back_before_any_gate_had_seen_it_says_so() -> None:
    row = _version(version(**{ROLLED_BACK_TAG: "2026-01-01", WHY_TAG: "no verbs"}), "test", "")
    why = "was rolled back before it was judged: no verbs"
    assert (row["promoted"], row["why"]) == (False, why)
