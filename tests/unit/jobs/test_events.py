"""What training workers tell the driver."""

from __future__ import annotations

import logging
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from jobs.cluster import RaySession
from jobs.events import Event, EventBoard, EventPump, Pulse, WarningPoster
from jobs.failures import Beat, Failure
from jobs.journal import JOURNAL, Journal
from pipeline.storage import Storage


def test_events_are_taken_once_and_in_order() -> None:
    board = EventBoard()
    board.post({"update": 1})
    board.post({"update": 2})
    assert board.take() == [{"update": 1}, {"update": 2}]
    assert board.take() == []


def test_the_first_refusal_is_kept() -> None:
    board = EventBoard()
    assert board.refusal() is None
    board.refuse("the tokenizer changed")
    board.refuse("a worker died")
    assert board.refusal() == "the tokenizer changed"


NO_NUMBER = Failure(1, 37, "ValueError: no number", of_exchange=False)


def test_a_failure_is_told_once_for_each_start_that_follows_it() -> None:
    board = EventBoard(max_failures=1)
    board.beat(Beat("first", 1, 37, "process 101 on node-a"))
    board.tell([1], otherwise="worker 1 failed")
    assert board.told() == "worker 1 (process 101 on node-a) died, last heard of at update 37"
    assert board.take() == [
        {
            "kind": "warning",
            "text": "worker 1 (process 101 on node-a) died, last heard of at update 37; starting "
            "the workers anew, 1 of at most 1 times",
        }
    ]
    board.beat(Beat("second", 1, 41, "process 202 on node-a"))
    board.tell([1], otherwise="worker 1 failed")
    # Nothing follows this one: the command ends with it.
    assert board.told() == "worker 1 (process 202 on node-a) died, last heard of at update 41"
    assert board.take() == []


def test_where_nothing_was_heard_what_ray_says_is_told() -> None:
    board = EventBoard()
    assert board.told() is None
    board.tell([], otherwise="worker 0 failed: it never started")
    assert board.told() == "worker 0 failed: it never started"


def test_a_beat_that_comes_late_is_of_no_worker_of_now() -> None:
    board = EventBoard()
    board.beat(Beat("first", 0, 37, "process 100 on node-a"))
    board.beat(Beat("first", 1, 37, "process 101 on node-a"))
    board.beat(Beat("second", 0, 30, "process 200 on node-a"))
    board.beat(Beat("first", 1, 37, "process 101 on node-a"))
    assert list(board.silent_s()) == [0]


def test_a_beat_is_answered_with_whether_to_pause() -> None:
    board = EventBoard()
    assert not board.beat(Beat("first", 0, 37, "process 100 on node-a"))
    board.pause()
    assert board.beat(Beat("first", 0, 38, "process 100 on node-a"))
    # Also to workers that were started anew since.
    assert board.beat(Beat("second", 0, 30, "process 200 on node-a"))


def test_the_same_failure_at_the_same_update_is_refused_the_second_time() -> None:
    board = EventBoard(max_failures=3)
    board.fail(NO_NUMBER)
    board.tell([], otherwise="")
    assert board.refusal() is None
    board.fail(NO_NUMBER)
    assert board.refusal() == (
        "worker 1 must get past update 37, but failed twice there in the same way: "
        "ValueError: no number"
    )


@pytest.mark.parametrize(
    "other",
    [
        Failure(1, 38, "ValueError: no number", of_exchange=False),
        Failure(1, 37, "ValueError: no room", of_exchange=False),
    ],
    ids=["another update", "another error"],
)
def test_another_failure_is_tried_again(other: Failure) -> None:
    board = EventBoard(max_failures=3)
    board.fail(NO_NUMBER)
    board.tell([], otherwise="")
    board.fail(other)
    assert board.refusal() is None


def test_a_lost_exchange_is_tried_again_however_often() -> None:
    board = EventBoard(max_failures=3)
    for _ in range(3):
        board.fail(Failure(0, 37, "RuntimeError: Connection closed by peer", of_exchange=True))
        board.tell([], otherwise="")
    assert board.refusal() is None


def test_a_worker_that_has_failed_says_no_more_and_is_not_silent() -> None:
    board = EventBoard()
    for rank in (0, 1):
        board.beat(Beat("first", rank, 37, "process 1 on node-a"))
    board.fail(Failure(0, 37, "RuntimeError: Connection closed by peer", of_exchange=True))
    assert board.only_exchanges_failed()
    assert list(board.silent_s()) == [1]
    board.fail(NO_NUMBER)
    assert not board.only_exchanges_failed()


def test_a_pulse_says_how_far_its_worker_is() -> None:
    beats: Queue[Beat] = Queue()
    pulse = Pulse(beats.put, "group", 1, "process 1 on node-a")
    assert beats.get() == Beat("group", 1, 0, "process 1 on node-a")
    pulse.at_exchange(7)
    while (beat := beats.get()).update == 0:
        continue
    assert beat == Beat("group", 1, 7, "process 1 on node-a")
    pulse.stop()


def test_what_code_warns_of_becomes_an_event() -> None:
    posted: list[Event] = []
    logger = logging.Logger("model.checkpoint")
    logger.addHandler(WarningPoster(posted.append))
    logger.info("loading")
    logger.warning("%s is damaged", "update-00000500")
    assert posted == [{"kind": "warning", "text": "update-00000500 is damaged"}]


def board_actor() -> Any:
    import ray

    return ray.remote(num_cpus=0)(EventBoard).remote()


@pytest.mark.integration
def test_the_pump_hands_over_every_event_also_the_last(ray_session: RaySession) -> None:
    board, seen = board_actor(), []
    with EventPump(board, seen.append, every_s=0.05):
        for update in range(50):
            board.post.remote({"update": update})
    assert [event["update"] for event in seen] == list(range(50))


@pytest.mark.integration
def test_a_disk_that_is_full_for_a_moment_costs_one_event_and_is_told(
    ray_session: RaySession, tmp_path: Path
) -> None:
    board, warned = board_actor(), []
    journal = Journal(Storage(str(tmp_path)), "seed-0123456789ab")
    path = tmp_path / journal.folder / JOURNAL
    aside = path.with_name("aside")

    def write(event: Event) -> None:
        if event["kind"] == "warning":
            warned.append(event["text"])
            return
        if is_bad := event["update"] == 2:
            path.rename(aside)
            path.mkdir()
        try:
            journal.append("metrics", points=[["train/loss", 2.5, event["update"]]])
        finally:
            if is_bad:
                path.rmdir()
                aside.rename(path)

    with EventPump(board, write, every_s=0.05):
        for update in (1, 2, 3):
            board.post.remote({"kind": "train", "update": update})
    assert [record.what["points"][0][2] for record in journal.after(0)] == [1, 3]
    why = f"{path} must be writable and its disk have room, but: Is a directory"
    assert warned == [
        f"a report of the training was not shown or not written to its run's journal: {why}; the "
        f"training goes on, and how many are missing is said at its end",
        f"1 of 3 reports of the training were not shown or not written to its run's journal, so "
        f"MLflow lacks them, the first since: {why}; the training's own history has all losses "
        f"and scores",
    ]


@pytest.mark.integration
def test_what_can_not_be_told_at_all_ends_neither_the_pump_nor_its_block(
    ray_session: RaySession,
) -> None:
    board, seen = board_actor(), []

    def refuse(event: Event) -> None:
        seen.append(event)
        raise OSError("no terminal")

    with EventPump(board, refuse, every_s=0.05):
        board.post.remote({"kind": "train", "update": 1})
        board.post.remote({"kind": "train", "update": 2})
    assert [event.get("update", event["kind"]) for event in seen] == [1, "warning", 2, "warning"]
    assert seen[-1]["text"].startswith("2 of 2 reports of the training were not shown or not")


@pytest.mark.integration
def test_an_error_of_the_block_comes_out_of_it_whatever_the_handler_does(
    ray_session: RaySession,
) -> None:
    board = board_actor()

    def refuse(event: Event) -> None:
        raise OSError("no room")

    board.post.remote({"update": 1})
    with pytest.raises(ValueError, match="training"), EventPump(board, refuse, every_s=0.05):
        raise ValueError("training")
