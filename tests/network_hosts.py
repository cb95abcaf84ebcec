"""Hosts as namespaces of Linux, each with an address, a name and processes of its own.

    this machine ── switch ─┬─ head      198.18.7.2
      198.18.7.1            ├─ worker-1  198.18.7.3
                            └─ worker-2  198.18.7.4

holds   nothing has a name that could be left behind: a host is a first process that reads a pipe of
        ours, and the kernel ends all that runs there, and takes back its network, when that process
        ends; it does when the pipe is closed, so also when this process is killed
        hosts share the file system, as they would one that is mounted from elsewhere
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Self

import psutil

# For measurements between devices, RFC 2544: no real network has them.
_NETWORKS = "198.18"
_TOOLS = ("ip", "unshare", "nsenter")

# The first process of a host. What its parents left behind is not waited for by anybody.
_FIRST = 'trap "" CHLD && {set_up} && echo ready && exec cat'


def why_not() -> str | None:
    """Why this machine can't be divided into hosts; None if it can."""
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if absent:
        return f"needs {', '.join(absent)}: apt-get install iproute2 util-linux"
    probe = ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--mount-proc"]
    veth = "ip link add probe type veth peer name other"
    bridge = "ip link add switch type bridge"
    done = subprocess.run(
        [*probe, "sh", "-c", f"{veth} && {bridge}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"needs root's rights to make network namespaces: {done.stderr.strip()[:200]}"
    return None


class Host:
    """Namespaces with a first process that keeps them; a context manager.

    Args:
        name: its host name.
        address: its address on the switch, None for the switch itself.
        folder: for its ``/etc/hosts`` and logs.
        set_up: commands of a shell that its first process runs before anything else does.
    """

    def __init__(self, name: str, address: str | None, folder: Path, set_up: str) -> None:
        self.name = name
        self.address = address
        self.folder = folder
        command = ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--mount-proc"]
        set_up = f"hostname {name} && ip link set lo up && {set_up}"
        self._keeper = subprocess.Popen(
            [*command, "--kill-child", "sh", "-c", _FIRST.format(set_up=set_up)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"ready\n":
            said = self._keeper.communicate()[1].decode()
            raise AssertionError(f"the host {name} did not start: {said}")
        (first,) = psutil.Process(self._keeper.pid).children()
        self.first = first.pid

    def there(self, command: Sequence[str | Path]) -> list[str]:
        """The command that runs ``command`` on this host."""
        enter = ["nsenter", f"--target={self.first}", "--net", "--uts", "--mount", "--pid"]
        return [*enter, "--", *map(str, command)]

    def run(self, command: Sequence[str | Path], stdin: str = "", **env: str) -> str:
        """Run a command to its end; what it said on standard output.

        Raises:
            AssertionError: if its exit code is not 0, with what it said.
        """
        done = subprocess.run(
            self.there(command),
            input=stdin,
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command} on {self.name}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(
        self, command: Sequence[str | Path], env: dict[str, str], log: IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Start a command, which ends with this host at the latest."""
        return subprocess.Popen(
            self.there(command), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Its first process ends with its input, and with it all that runs there.
        self._keeper.communicate()


class Network:
    """Hosts on a switch, and this machine on it too.

    Attributes:
        hosts: name → host.
        outside: the address of this machine there.
    """

    def __init__(self, hosts: dict[str, Host], switch: Host, outside: str) -> None:
        self.hosts = hosts
        self.outside = outside
        self._switch = switch

    def cut(self, name: str) -> None:
        """Pull the cable of a host: nothing comes or goes, and nobody is told."""
        self._switch.run(["ip", "link", "set", name, "down"])

    def heal(self, name: str) -> None:
        """Put the cable back."""
        self._switch.run(["ip", "link", "set", name, "up"])


@contextlib.contextmanager
def network(names: Sequence[str], folder: Path) -> Iterator[Network]:
    """Hosts of these names, each with a folder of its own in ``folder``."""
    prefix = _free_prefix()
    outside = f"{prefix}.1"
    addresses = {name: f"{prefix}.{number}" for number, name in enumerate(names, 2)}
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(
            Host("switch", None, folder, "ip link add switch up type bridge")
        )
        hosts = {}
        for name, address in addresses.items():
            own = folder / name
            own.mkdir(parents=True)
            # As Debian's installer writes it: a host's own name is an address that no other has.
            others = [f"{a} {n}" for n, a in addresses.items() if n != name]
            lines = ["127.0.0.1 localhost", f"127.0.1.1 {name}", *others]
            (own / "hosts").write_text("\n".join(lines) + "\n")
            # Names that the file does not know are refused at once, as a name server would.
            (own / "resolv.conf").write_text("nameserver 127.0.0.1\n")
            binds = [f"mount --bind '{own / n}' /etc/{n}" for n in ("hosts", "resolv.conf")]
            set_up = " && ".join(binds)
            host = hosts[name] = stack.enter_context(Host(name, address, own, set_up))
            _plug(switch, name, host.first, "eth0")
            host.run(["ip", "address", "add", f"{address}/24", "dev", "eth0"])
            host.run(["ip", "link", "set", "eth0", "up"])
            host.run(["ip", "route", "add", "default", "via", outside])
        # A name of at most 15 bytes, and of this process only.
        ours = f"anuvad{os.getpid()}"
        _plug(switch, "outside", os.getpid(), ours)
        _run("ip", "address", "add", f"{outside}/24", "dev", ours)
        _run("ip", "link", "set", ours, "up")
        yield Network(hosts, switch, outside)


def _free_prefix() -> str:
    for number in range(os.getpid(), os.getpid() + 256):
        prefix = f"{_NETWORKS}.{number % 256}"
        if not _run("ip", "route", "show", "to", "root", f"{prefix}.0/24"):
            return prefix
    raise AssertionError(f"all networks {_NETWORKS}.x are taken")


def _plug(switch: Host, port: str, process: int, device: str) -> None:
    """Lay a cable from a port of the switch to a device of the host where a process runs."""
    peer = ["peer", "name", device, "netns", str(process)]
    # Process ids are those of this machine, so the switch's network alone is entered.
    _run(
        "nsenter",
        f"--target={switch.first}",
        "--net",
        "ip",
        "link",
        "add",
        port,
        "type",
        "veth",
        *peer,
    )
    switch.run(["ip", "link", "set", port, "master", "switch", "up"])


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
