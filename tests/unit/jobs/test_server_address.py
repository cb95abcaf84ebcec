"""What can be the address of a job server."""

from __future__ import annotations

import pytest

from jobs.server_address import require_server_address
from pipeline.errors import ConfigError


@pytest.mark.parametrize(
    "address",
    ["http://head:8265", "http://head:8265/", "https://[fd00::1]:8265", "https://ray.example/head"],
)
def test_the_address_of_a_server_or_of_a_proxy_before_it_passes(address: str) -> None:
    require_server_address(address, "--address")


@pytest.mark.parametrize(
    "address",
    [
        *("head:6379", "head", "ray://head:10001", "auto", "", "http://", "http://[::1"),
        *("http://head:port", "http://head:8265?a=1", "http://head:8265/#/jobs"),
    ],
)
def test_what_is_none_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        require_server_address(address, "--address")
    assert str(raised.value) == (
        f"--address must be that of Ray's job server, http://HEAD:8265, not {address!r}"
    )


def test_a_password_in_an_address_is_not_told() -> None:
    for address in ("http://anu:vad12345@head:8265", "head://anu:vad12345@head"):
        with pytest.raises(ConfigError, match="--address has a password in its address") as raised:
            require_server_address(address, "--address")
        assert "vad12345" not in str(raised.value)
