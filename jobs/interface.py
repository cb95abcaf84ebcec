"""The network interface by which training workers reach each other, so that nobody has to name it.

Gloo listens at the address that the host's own name has, unless it is told better: on many hosts
that is 127.0.1.1, which no other host can reach. NCCL chooses among all interfaces, a bridge of
containers as well as the network. Each reads a variable for it; what is written there is the
interface that has the address by which this node is known to the others of its Ray.

holds   it runs in each worker, before its process group is made; what the user has set stays
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import psutil

GLOO = "GLOO_SOCKET_IFNAME"
NCCL = "NCCL_SOCKET_IFNAME"


def interface_of(address: str, addresses: Mapping[str, Iterable[Any]]) -> str | None:
    """The name of the interface that has the address; None if none has.

    Args:
        address: IPv4 or IPv6, without a zone.
        addresses: those of each interface, as :func:`psutil.net_if_addrs` gives them.
    """
    for name, owned in addresses.items():
        # Addresses of a link carry its zone: fe80::1%eth0.
        if any(each.address.partition("%")[0] == address for each in owned):
            return name
    return None


def name_interface(environment: MutableMapping[str, str], address: str) -> None:
    """Write into the environment by which interface process groups are to speak.

    Behind an address that is no interface's own, as on hosts with translated addresses, nothing is
    written.

    Args:
        environment: of this process; a variable that is there stays.
        address: of this node, as its peers know it.
    """
    name = interface_of(address, psutil.net_if_addrs())
    if name is not None:
        environment.setdefault(GLOO, name)
        # NCCL takes a name for the beginning of one, unless it is told not to.
        environment.setdefault(NCCL, f"={name}")
