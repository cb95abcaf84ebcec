"""Processes of a Ray whose start was broken off.

Ray ends what it has started, its raylet first. What the raylet has started by then knows its parent
no more, and lives on for a minute and longer; but it has the environment that we gave it.
"""

from __future__ import annotations

import contextlib
import os
import uuid

import psutil

_NAME = "ANUVAD_STARTED_BY"


def mark_children() -> str:
    """Mark all processes that this one starts from now on; answers the mark."""
    # Not the one of a parent, who would be found by it too.
    mark = uuid.uuid4().hex
    os.environ[_NAME] = mark
    return mark


def end_marked(mark: str) -> None:
    """End every process of this machine that was marked so, whoever its parent is by now."""
    for process in psutil.process_iter():
        # Of others' processes nothing is told, and any may end meanwhile.
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(_NAME) == mark:
                process.kill()
