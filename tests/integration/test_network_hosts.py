"""Hosts that tests make of namespaces: their network can be cut, and nothing outlives its maker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from command_line import REPOSITORY, environment
from network_hosts import Network, network, why_not

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# A packet, and a second for the answer, again and again until there is one or the time is up.
REACH = """
import socket, sys, time
until = time.monotonic() + float(sys.argv[2])
while True:
    try:
        socket.create_connection((sys.argv[1], 7), timeout=1).close()
    except ConnectionRefusedError:
        print("reached")
        break
    except OSError:
        if time.monotonic() > until:
            print("not reached")
            break
        time.sleep(0.1)
"""
# Who asked in vain while a cable was out asks no more for a second or three, and who hears of one
# that is back may be as late.
BACK_S = 30.0

MAKER = """
import os, subprocess, sys, time
from pathlib import Path
from network_hosts import network

with network(["one"], Path(sys.argv[1])) as made:
    subprocess.Popen(made.hosts["one"].there(["sleep", "3600"]))
    print(made.hosts["one"].first, os.getpid(), flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Network]:
    """Two hosts on a switch."""
    if reason := why_not():
        pytest.skip(reason)
    with network(["one", "two"], tmp_path) as made:
        yield made


def reaches(made: Network, name: str, address: str | None, within_s: float = BACK_S) -> bool:
    """Whether a host answers another, with a refusal: nothing listens there."""
    said = made.hosts[name].run([sys.executable, "-c", REACH, str(address), str(within_s)])
    return said == "reached\n"


def test_a_host_has_a_name_an_address_and_processes_of_its_own(two: Network) -> None:
    host = two.hosts["two"]
    assert host.run(["hostname"]) == "two\n"
    assert host.address is not None
    assert host.run(["ip", "-4", "-brief", "address", "show", "eth0"]).split()[2] == (
        f"{host.address}/24"
    )
    assert host.run(["cat", "/proc/1/comm"]) == "cat\n"


def test_hosts_reach_each_other_until_a_cable_is_pulled_and_when_it_is_back(two: Network) -> None:
    one, other = two.hosts["one"].address, two.hosts["two"].address
    assert reaches(two, "one", "two")
    two.cut("two")
    assert not reaches(two, "one", other, within_s=0)
    assert not reaches(two, "two", one, within_s=0)
    assert reaches(two, "one", two.outside)
    two.heal("two")
    assert reaches(two, "one", other)
    assert reaches(two, "two", one)


def test_a_host_and_its_network_end_with_a_maker_that_is_killed(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    maker = subprocess.Popen(
        [sys.executable, "-c", MAKER, str(tmp_path)],
        env=environment(PYTHONPATH=f"{REPOSITORY}:{REPOSITORY / 'tests'}"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert maker.stdout is not None
    first, process = map(int, maker.stdout.readline().split())
    device = f"anuvad{process}"
    here = psutil.Process(first)
    assert device in psutil.net_if_addrs()
    os.kill(maker.pid, signal.SIGKILL)
    maker.communicate()
    here.wait(timeout=30)
    while device in psutil.net_if_addrs():
        time.sleep(0.1)
