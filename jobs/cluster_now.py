"""What a Ray cluster has now: asked by a process of its own, which can be given up.

Ray's client waits for minutes for a head that listens and says nothing, prints what its C++ core
thinks of that, and at times ends the process that asks.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from jobs.cluster import RaySession, require_answer
from pipeline.errors import AnuvadError


@dataclass(frozen=True)
class ClusterNow:
    """The nodes that are alive, and what they offer to Ray in all.

    Attributes:
        nodes: how many there are, the head among them.
        cpus: for tasks and workers, whether in use or not.
        gpus: the same.
        memory_bytes: the same; Ray keeps some of each machine's for itself.
    """

    nodes: int
    cpus: float
    gpus: float
    memory_bytes: float


def cluster_now(address: str, timeout_s: float) -> ClusterNow:
    """What the cluster has that ``RAY_ADDRESS``, which is ``address``, names.

    Args:
        timeout_s: how long it may take, this machine's start of Ray's client included.

    Raises:
        AnuvadError: if it does not answer.
    """
    require_answer(address)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    asking = context.Process(target=_ask, args=(theirs,), daemon=True)
    asking.start()
    theirs.close()
    try:
        if not ours.poll(timeout_s):
            raise AnuvadError(
                f"the cluster at RAY_ADDRESS={address} must say what it has within "
                f"{timeout_s:g} s, but did not; is that Ray's port, and its head well?"
            )
        found: ClusterNow | str = ours.recv()
    except EOFError:
        asking.join()
        raise AnuvadError(
            f"the cluster at RAY_ADDRESS={address} must say what it has, but Ray's client ended "
            f"with code {asking.exitcode}; is that Ray's port, and the same Ray there as here?"
        ) from None
    finally:
        asking.kill()
        asking.join()
        ours.close()
    if isinstance(found, str):
        raise AnuvadError(found)
    return found


def _ask(out: Connection) -> None:
    # Ctrl-C is for the process that waits, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    try:
        with RaySession() as session:
            session.ensure()
            import ray

            nodes: Any = ray.nodes  # It has no annotations.
            offers = [node["Resources"] for node in nodes() if node["Alive"]]
    except AnuvadError as error:
        out.send(str(error))
        return
    cpus, gpus, memory = (sum(o.get(name, 0) for o in offers) for name in ("CPU", "GPU", "memory"))
    out.send(ClusterNow(len(offers), cpus, gpus, memory))
