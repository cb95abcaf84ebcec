"""What is refused before Ray would wait for it without a word."""

from __future__ import annotations

import pytest

from jobs.cluster import ray_endpoint, require_answer, require_gpus
from pipeline.errors import AnuvadError


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("auto", None),
        ("local", None),
        ("10.0.0.7:6380", ("10.0.0.7", 6380)),
        ("head", ("head", 6379)),
        ("ray://head", ("head", 10001)),
        ("ray://head:7777", ("head", 7777)),
    ],
)
def test_an_address_names_host_and_port(address: str, endpoint: tuple[str, int] | None) -> None:
    assert ray_endpoint(address) == endpoint


def test_a_cluster_at_which_nothing_listens_is_refused_at_once() -> None:
    with pytest.raises(AnuvadError, match=r"RAY_ADDRESS=127\.0\.0\.1:9 must answer"):
        require_answer("127.0.0.1:9")


def test_more_gpus_than_the_machine_has_are_refused_naming_both_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(AnuvadError, match="each of the 4096 workers, but this machine has "):
        require_gpus(4096)


def test_a_cluster_may_yet_grow_so_its_gpus_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    require_gpus(4096)
