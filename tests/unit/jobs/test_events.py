"""What training workers tell the driver."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.cluster import RaySession
from jobs.events import Event, EventBoard, EventPump


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
def test_what_the_handler_raises_comes_out_of_the_block(ray_session: RaySession) -> None:
    board = board_actor()

    def refuse(event: Event) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"), EventPump(board, refuse, every_s=0.05):
        board.post.remote({"update": 1})


@pytest.mark.integration
def test_an_error_of_the_block_is_not_hidden_by_one_of_the_handler(
    ray_session: RaySession,
) -> None:
    board = board_actor()

    def refuse(event: Event) -> None:
        raise OSError("no room")

    board.post.remote({"update": 1})
    with pytest.raises(ValueError, match="training"), EventPump(board, refuse, every_s=0.05):
        raise ValueError("training")
