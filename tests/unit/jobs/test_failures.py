"""Whom the blame falls on, of what is heard of the workers."""

from __future__ import annotations

import pytest
import torch.distributed

from jobs.failures import Beat, Failure, Heard, blame, in_one_line, is_of_exchange

CUT_OFF = "RuntimeError: Connection closed by peer [192.0.2.1]:2411"
TIMED_OUT = "RuntimeError: Timed out waiting 600000ms for recv operation to complete"


def heard(*of_each: tuple[int, float]) -> dict[int, Heard]:
    """Of each rank the update that it came to last, and for how long it has been silent."""
    return {
        rank: Heard(Beat("g", rank, update, f"process {100 + rank} on node-a"), silent_s)
        for rank, (update, silent_s) in enumerate(of_each)
    }


def test_a_failure_of_its_own_is_named_before_those_that_follow_from_it() -> None:
    failures = [Failure(0, 37, CUT_OFF, True), Failure(1, 37, "ValueError: no number", False)]
    assert blame(heard((37, 0.3), (37, 0.5)), failures, [], 600) == (
        "worker 1 (process 101 on node-a) failed: ValueError: no number"
    )


def test_the_one_that_died_is_named_before_those_that_lost_it() -> None:
    failures = [Failure(0, 37, CUT_OFF, True), Failure(2, 37, CUT_OFF, True)]
    assert blame(heard((37, 0.3), (36, 0.5), (37, 0.1)), failures, [1], 600) == (
        "worker 1 (process 101 on node-a) died, last heard of at update 36"
    )


def test_one_that_is_silent_is_named_though_it_came_as_far_as_the_others() -> None:
    failures = [Failure(0, 37, TIMED_OUT, True)]
    assert blame(heard((37, 0.3), (37, 601.7), (37, 0.2)), failures, [], 600) == (
        "worker 1 (process 101 on node-a) hangs: it was silent for 602 s, "
        "last heard of at update 37"
    )


def test_one_that_ended_after_it_said_why_is_not_silent() -> None:
    failures = [Failure(0, 37, TIMED_OUT, True)]
    found = blame(heard((37, 9.0), (36, 0.2)), failures, [], 600)
    assert found == (
        "worker 1 (process 101 on node-a) did not come to the exchange of update 37 within 600 s, "
        "last heard of at update 36"
    )


def test_one_that_never_complained_is_the_one_that_the_others_waited_for() -> None:
    failures = [Failure(1, 37, TIMED_OUT, True), Failure(2, 37, TIMED_OUT, True)]
    assert blame(heard((37, 0.4), (37, 0.2), (37, 0.3)), failures, [], 600) == (
        "worker 0 (process 100 on node-a) kept worker 1 waiting for longer than 600 s, last heard "
        "of at update 37"
    )


def test_where_nobody_is_behind_one_that_lost_the_others_says_what_it_saw() -> None:
    failures = [Failure(1, 37, CUT_OFF, True)]
    assert blame(heard((37, 0.3), (37, 0.5)), failures, [], 600) == (
        f"worker 1 (process 101 on node-a) lost its exchange with the others, last heard of at "
        f"update 37: "
        f"{CUT_OFF}"
    )


def test_one_that_died_before_it_was_heard_of_has_its_rank_only() -> None:
    assert blame({}, [], [1], 600) == "worker 1 died, before it was heard of"
    assert blame(heard((0, 0.1)), [], [0], 600) == (
        "worker 0 (process 100 on node-a) died, last heard of before its first update"
    )


def test_nobody_is_blamed_where_nothing_is_known() -> None:
    assert blame({}, [], [], 600) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer"), True),
        (RuntimeError("Timed out waiting 6000ms for recv operation to complete"), True),
        (torch.distributed.DistNetworkError("The client socket has timed out"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("gloo"), False),
        (OSError("Connection reset by peer"), False),
    ],
)
def test_an_exception_tells_whether_another_worker_is_behind_it(
    error: Exception, expected: bool
) -> None:
    assert is_of_exchange(error) is expected


def test_an_exception_reads_as_one_line() -> None:
    assert in_one_line(ValueError("first\n  last \n")) == "ValueError: last"
    assert in_one_line(MemoryError()) == "MemoryError"
