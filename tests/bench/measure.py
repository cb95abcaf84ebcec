"""Measuring whole processes: CPU seconds, wall seconds, and the peak memory of each of them."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ANUVAD = str(Path(sys.executable).with_name("anuvad"))
_SAMPLE_S = 0.1


@dataclass(frozen=True)
class Run:
    """What a command came to.

    Attributes:
        output: its standard output.
        wall_s: from its start to its end.
        peaks: process name → the most resident memory that one of this name had, in bytes.
    """

    output: str
    wall_s: float
    peaks: dict[str, int]

    @property
    def peak(self) -> tuple[str, int]:
        """The largest process and its bytes."""
        return max(self.peaks.items(), key=lambda item: item[1])


def watch(command: Sequence[str], environment: dict[str, str] | None = None) -> Run:
    """Run a command to its end, looking at it and at all processes that it starts.

    The kernel keeps each process's peak (``VmHWM`` of proc(5)), so that what lies between two looks
    is missed only of a process's last tenth of a second.

    Raises:
        RuntimeError: if it fails; with its standard error.
    """
    peaks: dict[str, int] = {}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        process = psutil.Popen(
            list(command), stdout=out, stderr=err, env=os.environ | (environment or {})
        )
        while process.poll() is None:
            _look(process, peaks)
            time.sleep(_SAMPLE_S)
        wall_s = time.monotonic() - started
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed: {err.read()[-2000:]}")
        return Run(out.read(), wall_s, peaks)


def _look(process: psutil.Process, peaks: dict[str, int]) -> None:
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            status = Path(f"/proc/{member.pid}/status").read_text()
            name = "the command itself" if member == process else member.name()
        except (OSError, psutil.NoSuchProcess):
            continue
        peak = next((line for line in status.splitlines() if line.startswith("VmHWM")), None)
        if peak is not None:
            peaks[name] = max(peaks.get(name, 0), int(peak.split()[1]) * 1024)


def forget_files(folders: Sequence[Path]) -> None:
    """Drop what the kernel keeps in memory of the files below ``folders``.

    What a running process has mapped stays (posix_fadvise(2), ``POSIX_FADV_DONTNEED``), so nothing
    else may run from there.
    """
    for path in itertools.chain.from_iterable(folder.rglob("*") for folder in folders):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def in_fresh_process(script: Path, *arguments: str) -> str:
    """The standard output of ``python script arguments``, on one thread."""
    finished = subprocess.run(
        [sys.executable, str(script), *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return finished.stdout


def say(text: str) -> None:
    """One line on how far a bench is; its figures alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def cpu_seconds() -> float:
    """CPU seconds of this process so far, in user and in kernel mode."""
    times = os.times()
    return times.user + times.system
