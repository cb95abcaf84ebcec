"""The interface of a process group, found by the address of its node."""

from __future__ import annotations

import socket
from collections import namedtuple

import psutil
import pytest

from jobs.interface import GLOO, NCCL, interface_of, name_interface

Address = namedtuple("Address", ["family", "address"])

HOST = {
    "lo": [Address(socket.AF_INET, "127.0.0.1"), Address(socket.AF_INET6, "::1")],
    "docker0": [Address(socket.AF_INET, "172.17.0.1")],
    "eth0": [
        Address(psutil.AF_LINK, "02:42:ac:11:00:02"),
        Address(socket.AF_INET, "10.0.0.4"),
        Address(socket.AF_INET6, "fe80::42:acff:fe11:2%eth0"),
    ],
}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.0.0.4", "eth0"),
        ("172.17.0.1", "docker0"),
        ("127.0.0.1", "lo"),
        ("::1", "lo"),
        ("fe80::42:acff:fe11:2", "eth0"),
        ("10.0.0.40", None),
        ("127.0.1.1", None),
    ],
)
def test_the_interface_is_the_one_that_has_the_address(address: str, name: str | None) -> None:
    assert interface_of(address, HOST) == name


def test_on_this_machine_the_loopback_is_found() -> None:
    (loopback,) = (name for name in psutil.net_if_addrs() if name.startswith("lo"))
    environment: dict[str, str] = {}
    name_interface(environment, "127.0.0.1")
    assert environment == {GLOO: loopback, NCCL: f"={loopback}"}


def test_what_the_user_has_named_stays() -> None:
    environment = {GLOO: "ib0"}
    name_interface(environment, "127.0.0.1")
    assert environment[GLOO] == "ib0"
    assert environment[NCCL] == "=lo"


def test_behind_a_translated_address_nothing_is_named() -> None:
    environment: dict[str, str] = {}
    # Of a network for documentation, RFC 5737.
    name_interface(environment, "203.0.113.9")
    assert environment == {}
