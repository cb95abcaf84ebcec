"""SIGTERM, in processes of their own: asked first, interrupted when overdue, ended by a second."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from command_line import REPOSITORY

# What a command does: `ask` is what a training is asked with.
COMMAND = """
import subprocess, sys, threading, time
from jobs.signals import graceful, take_sigterm, was_terminated
asked = threading.Event()
def ask():
    print("asked", flush=True)
    if sys.argv[2] == "heeds":
        asked.set()
take_sigterm(int(sys.argv[3]))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
try:
    with graceful(ask, float(sys.argv[1])):
        print(f"at work {child.pid}", flush=True)
        while not asked.wait(0.05):
            pass
    print("saved", was_terminated(), flush=True)
    if sys.argv[2] == "heeds":
        time.sleep(0.2)
    print("went on", flush=True)
except KeyboardInterrupt:
    print("interrupted", was_terminated(), flush=True)
finally:
    child.kill()
    child.wait()
"""


class Command:
    """The command above, at work."""

    def __init__(self, grace_s: float, heeds: bool, exit_code: int = 75) -> None:
        how = "heeds" if heeds else "does not"
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(grace_s), how, str(exit_code)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.line()
        assert line.startswith("at work ")
        self.child = psutil.Process(int(line.split()[-1]))

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        with contextlib.suppress(psutil.NoSuchProcess):
            self.child.kill()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def test_who_heeds_the_first_sigterm_is_not_interrupted() -> None:
    with Command(grace_s=100, heeds=True) as command:
        command.terminate()
        assert [command.line() for _ in range(3)] == ["asked", "saved True", "went on"]
        assert command.process.wait() == 0


def test_who_does_not_is_interrupted_when_the_grace_period_is_over() -> None:
    with Command(grace_s=1.0, heeds=False) as command:
        command.terminate()
        assert [command.line() for _ in range(2)] == ["asked", "interrupted True"]
        assert command.process.wait() == 0


@pytest.mark.parametrize("code", [75, 143])
def test_a_second_sigterm_ends_it_and_its_children_at_once_with_the_code_of_the_first(
    code: int,
) -> None:
    with Command(grace_s=100, heeds=False, exit_code=code) as command:
        command.terminate()
        assert command.line() == "asked"
        command.terminate()
        assert command.process.wait() == code
        assert command.line() == ""
        # What was killed is gone when the kernel comes to it.
        while not has_ended(command.child):
            time.sleep(0.05)


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is no more, or nobody has asked how it ended: its parent is no more."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


# A command whose configuration is not there. Then the interpreter calls the hook, and at the very
# end, when it has handed its signals back, the finalizer; each waits for a line.
ENDING = """
import atexit, os, sys
from jobs.cli import run
class Last:
    def __del__(self, write=os.write, read=os.read):
        write(1, b"taken down\\n")
        read(0, 1)
last = Last()
def hook():
    os.write(1, b"at exit\\n")
    os.read(0, 1)
atexit.register(hook)
sys.argv[1:] = ["plan", "there-is-none.yaml"]
run()
"""


@pytest.mark.parametrize("when", ["at exit", "taken down"])
def test_a_sigterm_that_comes_when_the_command_has_ended_leaves_its_exit_code(when: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for at in ("at exit", "taken down"):
            assert process.stdout.readline() == f"{at}\n"
            if at == when:
                process.send_signal(signal.SIGTERM)
            process.stdin.write("\n")
        _, said = process.communicate()
        assert process.returncode == 2
        assert said.startswith("error: ")
        assert said.count("\n") == 1
