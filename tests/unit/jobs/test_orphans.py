"""Processes that are ended by the mark in their environment, when their parent is gone."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from jobs.orphans import end_marked, mark_children

pytestmark = pytest.mark.timeout(60)

# It starts a child, which closes its pipe when it ends, and is gone.
PARENT = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; print('lives', flush=True); time.sleep(600)"])
"""


def orphan() -> subprocess.Popen[str]:
    """A parent that has ended; its child holds the other end of the pipe."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    parent.wait()
    assert parent.stdout is not None
    assert parent.stdout.readline() == "lives\n"
    return parent


def test_an_orphan_is_ended_and_what_was_started_under_another_mark_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So that it is put back.
    monkeypatch.setenv("ANUVAD_STARTED_BY", "nobody")
    first = mark_children()
    one = orphan()
    second = mark_children()
    other = orphan()
    end_marked(first)
    with one, other:
        assert one.stdout is not None
        assert other.stdout is not None
        assert one.stdout.readline() == ""
        alive = [p for p in psutil.process_iter() if second in marks_of(p)]
        assert len(alive) == 1
        end_marked(second)
        assert other.stdout.readline() == ""


def marks_of(process: psutil.Process) -> set[str]:
    try:
        return set(process.environ().values())
    except (psutil.Error, OSError):
        return set()
