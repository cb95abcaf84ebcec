"""The journal of a run: what is in it, in what order, and what a kill leaves of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.journal import Journal, Record, journals
from pipeline.errors import ArtifactError
from pipeline.storage import Storage

RUN = "en-hi-0123456789ab"


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.integration)])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A local disk, and an object store, which can't append."""
    where = tmp_path if request.param == "disk" else request.getfixturevalue("s3_prefix")
    return Storage(str(where))


def written(storage: Storage) -> Journal:
    journal = Journal(storage, RUN)
    journal.append("open", experiment="en-hi", name=RUN)
    journal.append("metrics", points=[["train/loss", 2.5, 10], ["dev/bleu", 11.0, 10]])
    journal.append("text", name="config.yaml", content="नाम: क़लम\nदो: 2\n")
    return journal


def test_records_are_numbered_in_the_order_in_which_they_came(storage: Storage) -> None:
    found = written(storage).after(0)
    assert [(r.number, r.kind) for r in found] == [(1, "open"), (2, "metrics"), (3, "text")]
    assert found[2].what == {"name": "config.yaml", "content": "नाम: क़लम\nदो: 2\n"}


def test_what_is_acknowledged_is_not_pending_for_another_process(storage: Storage) -> None:
    written(storage).acknowledge(2)
    other = Journal(storage, RUN)
    assert other.pending() == 1
    assert [r.number for r in other.after(other.sent())] == [3]


def test_another_process_goes_on_with_the_next_number(storage: Storage) -> None:
    written(storage)
    assert Journal(storage, RUN).append("end", status="FINISHED").number == 4


def test_a_journal_that_was_deleted_goes_on_after_what_was_sent(storage: Storage) -> None:
    written(storage).acknowledge(3)
    for name in storage.list(f"runs/{RUN}"):
        if name.endswith(".jsonl"):
            storage.delete(f"runs/{RUN}/{name}")
    again = Journal(storage, RUN)
    assert again.append("open", experiment="en-hi", name=RUN).number == 4
    assert again.pending() == 1


def test_records_come_a_limited_number_at_once_and_again_if_asked(storage: Storage) -> None:
    journal = written(storage)
    assert [r.number for r in journal.after(0, limit=2)] == [1, 2]
    assert [r.number for r in journal.after(2, limit=2)] == [3]
    assert [r.number for r in journal.after(3, limit=2)] == []
    assert [r.number for r in journal.after(1, limit=1)] == [2]
    journal.append("end", status="FINISHED")
    assert [r.number for r in journal.after(3, limit=2)] == [4]


def test_the_curves_that_are_on_record_are_known_by_their_last_step(storage: Storage) -> None:
    journal = written(storage)
    journal.append("metrics", points=[["train/loss", 2.0, 20]])
    assert journal.curves() == {"train/loss": 20, "dev/bleu": 10}


def test_folding_makes_one_file_of_the_same_records(storage: Storage) -> None:
    journal = written(storage)
    before = journal.after(0)
    journal.acknowledge(3)
    journal.fold()
    assert Journal(storage, RUN).after(0) == before
    assert storage.list(f"runs/{RUN}") == ["journal.jsonl", "journal.sent"]
    again = Journal(storage, RUN)
    assert again.append("end", status="FINISHED").number == 4
    assert [r.number for r in again.after(2)] == [3, 4]


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_line_that_a_kill_cut_off_is_passed_over(tmp_path: Path, kept: int) -> None:
    storage = Storage(str(tmp_path))
    written(storage)
    path = tmp_path / "runs" / RUN / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:kept])
    again = Journal(storage, RUN)
    assert [r.number for r in again.after(0)] == [1, 2]
    added = again.append("end", status="KILLED")
    # Where nothing but the line break was missing, the record is whole again.
    whole = [3] if kept == -1 else []
    assert added.number == 3 + len(whole)
    assert [r.number for r in again.after(0)] == [1, 2, *whole, added.number]


def test_a_figure_that_is_no_number_is_kept(storage: Storage) -> None:
    journal = Journal(storage, RUN)
    journal.append("metrics", points=[["train/loss", float("inf"), 1]])
    assert Journal(storage, RUN).after(0)[0].what["points"] == [["train/loss", float("inf"), 1]]


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ArtifactError, match=r"journal\.jsonl must be writable"):
        Journal(Storage(str(tmp_path)), RUN).append("open", experiment="en-hi", name=RUN)


def test_only_journals_of_the_model_are_found(tmp_path: Path) -> None:
    for name in (RUN, "en-hi-2-0123456789ab", "de-hi-0123456789ab", "en-hi-0123456789"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert [j.run_id for j in journals(Storage(str(tmp_path)), "en-hi")] == [RUN]


def test_what_is_no_record_is_none() -> None:
    assert Record.from_line(b"12") is None
    assert Record.from_line(b"[1]") is None
    assert Record.from_line(b'{"number": 1}') is None


@pytest.mark.parametrize("damage", [b"", b"\0\0\0"])
def test_where_it_can_not_be_read_what_was_sent_everything_is_sent_again(
    storage: Storage, damage: bytes
) -> None:
    written(storage).acknowledge(2)
    storage.write_bytes(f"runs/{RUN}/journal.sent", damage)
    again = Journal(storage, RUN)
    assert (again.sent(), again.pending()) == (0, 3)
    assert again.append("end", status="FINISHED").number == 4
