"""Jobs for a real job server that wants a token, on this machine's loopback."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import REPOSITORY, SEED, Finished, environment, run
from cut_line import CutLine
from job_server import job_server
from jobs import ray_jobs
from jobs.ray_jobs import RayJobs, cluster_jobs
from pipeline.errors import AnuvadError, LostJobError
from ray_token import RAY_TOKEN
from tls_front import tls_front

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

SECRETS = {
    "RAY_AUTH_TOKEN": RAY_TOKEN,
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-store",
    "HF_TOKEN": "hf_a-secret-of-the-hub",
    "MLFLOW_TRACKING_PASSWORD": "a-secret-of-mlflow",
}
CODE = [sys.executable, "-m", "jobs.submit"]


@pytest.fixture(scope="module")
def hold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While this file is there, no job of the server comes as far as its Python."""
    return tmp_path_factory.mktemp("tools") / "hold"


@pytest.fixture(scope="module")
def address(hold: Path) -> Iterator[str]:
    """The address of a job server whose PATH has no Python of ours."""
    # With it a job looks for its Python.
    sed = hold.with_name("sed")
    wait = f"while [ -e {hold} ]; do sleep 0.1; done"
    sed.write_text(f'#!/bin/sh\n{wait}\nPATH=/usr/bin:/bin exec sed "$@"\n')
    sed.chmod(0o755)
    path = f"{sed.parent}:/usr/bin:/bin"
    ours = environment(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=RAY_TOKEN, PATH=path)
    ours.pop("PYTHONPATH", None)
    with job_server(ours, Path("/")) as found:
        yield found


@pytest.fixture
def with_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", RAY_TOKEN)


@pytest.fixture
def jobs(address: str, with_token: None) -> Iterator[RayJobs]:
    with cluster_jobs(address) as found:
        yield found


def here(code: Path = REPOSITORY, **changed: str) -> dict[str, str]:
    """An environment with the token, in which the code in the folder ``code`` is imported."""
    settings = {"RAY_AUTH_MODE": "token", "PYTHONPATH": str(code), **SECRETS, **changed}
    return environment(**settings)


def submit(address: str, folder: Path, *words: str, **changed: str) -> Finished:
    return run([*CODE, str(SEED), "--address", address, *words], folder, env=here(**changed))


def submit_twice(address: str, folder: Path, hold: Path, *words: str) -> list[Finished]:
    """Two commands that are the same, at one moment; the job is held until both know of it."""
    command = [*CODE, str(SEED), "--address", address, *words]
    hold.touch()
    try:
        started = [
            subprocess.Popen(
                command,
                cwd=folder,
                env=here(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        said = [process.stderr.readline() for process in started if process.stderr]
    finally:
        hold.unlink()
    ended = [process.communicate() for process in started]
    return [
        Finished(process.returncode, out, first + rest)
        for process, first, (out, rest) in zip(started, said, ended, strict=True)
    ]


def asked(url: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {RAY_TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def test_two_submits_at_one_moment_are_one_job_with_its_exit_code_and_no_secret(
    address: str, hold: Path, tmp_path: Path
) -> None:
    # An option that there is not ends the job with 2, which Ray itself calls 1.
    words = ("promote", f"storage={tmp_path}/storage", "--", "--nosuch")
    done = submit_twice(address, tmp_path, hold, *words)
    assert [each.code for each in done] == [2, 2], done
    assert done[0].out == done[1].out
    assert "No such option: --nosuch" in done[0].out
    assert not [line for each in done for line in each.foreign_lines()]
    ways = sorted(each.err.split()[1] for each in done)
    assert ways == ["attached", "submitted"]
    names = {re.findall(r"anuvad-seed-promote-[0-9a-f]{12}\S*", each.err)[0] for each in done}
    name = names.pop().rstrip(",")
    assert done[0].err.endswith(f"submit     {name} ended with exit code 2\n")

    # It has ended: the same command is its next attempt, and says so.
    again = submit(address, tmp_path, *words)
    assert again.code == 2
    assert f"submitted {name}-2 to {address}; {name} before it ended with exit code 2" in again.err

    shown = asked(f"{address}/api/jobs/") + asked(f"{address}/api/jobs/{name}/logs")
    assert name in shown
    assert "promote seed.yaml --nosuch" in shown
    for secret in SECRETS.values():
        assert secret not in shown + "".join(each.out + each.err for each in done)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"RAY_AUTH_MODE": "disabled"}, "Missing authentication token; set RAY_AUTH_MODE=token"),
        ({"RAY_AUTH_TOKEN": "7f" * 32}, "Invalid authentication token; set RAY_AUTH_MODE=token"),
    ],
)
def test_who_has_no_token_is_told_in_a_sentence_what_to_set(
    address: str, changed: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    done = submit(address, tmp_path, "prepare", f"storage={tmp_path}", **changed)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: {address} must let this machine in, but does not: ")
    assert sentence in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (
            "http://127.0.0.1:9",
            "a Ray job server must answer at http://127.0.0.1:9, but: HTTPConnection(host="
            "'127.0.0.1', port=9): Failed to establish a new connection: [Errno 111] Connection",
        ),
        ("http://anuvad:s3cr3t@head:8265", "but --address has a password in its address"),
    ],
)
def test_an_address_without_a_job_server_is_named(
    place: str, sentence: str, tmp_path: Path
) -> None:
    done = submit(place, tmp_path, "prepare", f"storage={tmp_path}")
    assert done.code in (1, 2)
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert "s3cr3t" not in done.err


def test_a_proxy_that_does_not_answer_is_named(
    address: str, with_token: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(AnuvadError, match="Unable to connect to proxy"):
        cluster_jobs(address).__enter__()


def test_a_job_is_followed_through_a_proxy_with_a_certificate_of_our_own(
    address: str, with_token: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    shown = io.StringIO()

    def let_it_end(seconds: float) -> None:
        if "\nएक\n" in shown.getvalue() or said:
            (tmp_path / "seen").touch()
        time.sleep(0.2)

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    command = f"echo एक; until [ -e {tmp_path}/seen ]; do sleep 0.1; done; exit 7"
    with tls_front(int(address.rpartition(":")[2]), tmp_path) as (port, certificate):
        with pytest.raises(AnuvadError, match="certificate verify failed"):
            cluster_jobs(f"https://127.0.0.1:{port}").__enter__()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with cluster_jobs(f"https://127.0.0.1:{port}") as jobs:
            assert jobs.submit("over-tls", command, None, 1.0)
            # Its first line comes while it runs, over the web socket.
            assert jobs.follow("over-tls", shown, said.append, let_it_end).code == 7
    assert said == []


def test_a_job_is_followed_over_a_cut_and_each_line_is_shown_once(
    address: str, with_token: None, tmp_path: Path
) -> None:
    (tmp_path / "go").touch()
    command = f"echo एक; while [ -e {tmp_path}/go ]; do sleep 0.1; done; echo दो; exit 7"
    said: list[str] = []
    shown = io.StringIO()
    with (
        CutLine(int(address.rpartition(":")[2])) as line,
        cluster_jobs(f"http://127.0.0.1:{line.port}") as jobs,
    ):
        assert jobs.submit("cut", command, None, 1.0)

        def between_looks(seconds: float) -> None:
            if not said and "\nएक\n" in shown.getvalue():
                line.cut()
            elif len(said) == 1 and (tmp_path / "go").exists():
                (tmp_path / "go").unlink()
                line.heal()
            time.sleep(0.2)

        state = jobs.follow("cut", shown, said.append, between_looks)
    assert state.code == 7
    assert [text for text in shown.getvalue().split("\n") if text in ("एक", "दो")] == ["एक", "दो"]
    assert len(said) == 2, said
    assert "does not answer, cut may go on; trying again" in said[0]
    assert "answers again" in said[1]


class LostAnswer(CutLine):
    """Loses the answer to the first job that is submitted, as a head too busy to give it does."""

    lost: socket.socket | None = None

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.lost is None and data.startswith(b"POST /api/jobs/ "):
                    self.lost = target
                if source is not self.lost:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_a_job_that_was_taken_without_an_answer_is_not_started_twice_and_is_followed(
    address: str, with_token: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        LostAnswer(int(address.rpartition(":")[2])) as line,
        cluster_jobs(f"http://127.0.0.1:{line.port}") as jobs,
    ):
        # Who asks first, for its version, is not asked again.
        monkeypatch.setattr(ray_jobs, "_REQUEST_S", (10.0, 3.0))
        assert not jobs.submit("taken", f"echo once >> {tmp_path}/count; exit 7", None, 1.0)
        assert line.lost is not None
        assert jobs.follow("taken", io.StringIO(), print).code == 7
    assert (tmp_path / "count").read_text() == "once\n"


def test_a_job_that_nobody_follows_any_more_goes_on_until_it_is_stopped(jobs: RayJobs) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    jobs.submit("left", "exec sleep 600", None, 1.0)
    with pytest.raises(KeyboardInterrupt):
        jobs.follow("left", sys.stdout, print, interrupt)
    assert not jobs.state("left").has_ended
    while jobs.state("left").status == "PENDING":
        time.sleep(0.2)
    jobs.stop("left")
    state = jobs.follow("left", sys.stdout, print)
    assert (state.status, state.code) == ("STOPPED", 143)


def test_a_log_that_the_server_can_not_read_is_missed_in_a_sentence_and_the_exit_code_is_true(
    jobs: RayJobs,
) -> None:
    said: list[str] = []
    jobs.submit("no-text", r"printf '\377\n'; exit 3", None, 1.0)
    shown = io.StringIO()
    assert jobs.follow("no-text", shown, said.append).code == 3
    assert shown.getvalue() == ""
    assert said[-1].startswith(
        "the log of no-text must be given out, but: UnicodeDecodeError: 'utf"
    )
    assert len(said[-1]) < 300


def test_ray_adds_no_lines_of_its_own_to_a_log(
    jobs: RayJobs, capfd: pytest.CaptureFixture[str]
) -> None:
    def until_the_log_has_ended(seconds: float) -> None:
        # The web socket is closed some time before a look finds that the job has ended.
        time.sleep(2.0)

    jobs.submit("quiet", "echo एक", None, 1.0)
    jobs.follow("quiet", sys.stdout, print, until_the_log_has_ended)
    captured = capfd.readouterr()
    assert captured.err == ""
    assert "\nएक\n" in captured.out


def test_a_driver_that_was_killed_ends_as_a_shell_says_it(jobs: RayJobs) -> None:
    jobs.submit("killed", "exec sh -c 'kill -9 $$'", None, 1.0)
    assert jobs.follow("killed", sys.stdout, print).code == 137


def test_a_job_that_the_server_does_not_know_is_lost_and_did_not_fail(jobs: RayJobs) -> None:
    with pytest.raises(LostJobError, match="must know the job nosuch, but does not") as raised:
        jobs.follow("nosuch", sys.stdout, print)
    assert raised.value.exit_code == 69


def test_a_log_that_nobody_takes_any_more_leaves_the_job_and_says_so(
    address: str, tmp_path: Path
) -> None:
    words = [str(SEED), "promote", f"storage={tmp_path}/storage", "--address", address]
    shell = f"exec {shlex.join([*CODE, *words, '--', '--nosuch-too'])} >"
    full = run(["sh", "-c", f"{shell} /dev/full"], tmp_path, env=here())
    assert full.code == 1
    [started, left] = full.err.splitlines()
    assert left == (
        f"error: the log of {started.split()[2]} must be written somewhere, but: [Errno 28] No "
        f"space left on device; the job is left to itself, and the same command attaches to it "
        f"while it is under way"
    )
    # Without a standard output it is shown to nobody, and followed all the same.
    closed = run(["sh", "-c", f"{shell}&-"], tmp_path, env=here())
    assert closed.code == 2, closed.err


@pytest.mark.slow
def test_the_code_that_is_here_runs_in_the_driver_and_in_the_workers(
    address: str, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    for package in ("pipeline", "model", "jobs"):
        shutil.copytree(
            REPOSITORY / package, code / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    # Nowhere else is there a line like this.
    with (code / "pipeline" / "clean.py").open("a") as module:
        module.write(
            "\nimport os, sys\n"
            f"with open({str(tmp_path / 'imported')!r}, 'a') as said:\n"
            "    said.write(f'{os.getpid()} {__file__} {sys.modules[\"pipeline\"].__file__}\\n')\n"
        )
    words = [str(SEED), "prepare", f"storage={tmp_path}/storage", "--address", address]
    done = run([*CODE, *words], tmp_path, env=here(code))
    assert done.code == 0, done.out
    assert "tensorize  done in " in done.out
    submitter, *lines = (tmp_path / "imported").read_text().splitlines()
    assert submitter.split()[1] == str(code / "pipeline" / "clean.py")
    assert len({line.split()[0] for line in lines}) >= 2
    for line in lines:
        _, clean, package = line.split()
        assert re.search(r"/working_dir_files/_ray_pkg_\w+/pipeline/clean\.py$", clean), line
        assert Path(package).parent == Path(clean).parent
    # Its page tells the command as a person can give it, and not where Ray has unpacked it.
    [page] = (tmp_path / "storage" / "reports").glob("data-*.html")
    assert "anuvad prepare seed.yaml" in page.read_text()
    assert "_ray_pkg_" not in page.read_text()
    # Another place of the code, and nothing new to do.
    again = run([*CODE, *words], tmp_path, env=here(code))
    assert again.code == 0
    assert "tensorize  done already: " in again.out


@pytest.mark.slow
def test_ctrl_c_leaves_the_job_and_the_same_command_attaches_and_stops_it(
    address: str, tmp_path: Path
) -> None:
    command = [
        *CODE,
        *(str(SEED), "retrain", f"storage={tmp_path}/storage", "--address", address),
        *("train.max_updates=100000", "train.patience=100000"),
    ]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=here(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("trigger"):
            break
    os.kill(process.pid, signal.SIGINT)
    assert process.stderr is not None
    said = process.stderr.readline() + process.stderr.readline()
    # Impatience changes nothing any more.
    os.kill(process.pid, signal.SIGINT)
    said += process.communicate()[1]
    assert process.returncode == 130
    [started, left] = said.splitlines()
    name = started.split()[2]
    assert left == (
        f"submit     detached; {name} goes on: the same command attaches, with --stop it ends it"
    )
    attached = run([*command, "--detach"], tmp_path, env=here())
    assert (attached.code, attached.out) == (0, f"{name}\n")
    assert f"attached to {name}, started " in attached.err
    stopped = run([*command, "--stop"], tmp_path, env=here())
    assert stopped.code == 0
    assert stopped.err.endswith(f"submit     {name} was stopped\n")
    assert "the same command goes on where it stopped" in stopped.out
    nothing = run([*command, "--stop"], tmp_path, env=here())
    assert nothing.code == 0
    assert f"nothing to stop: {name} is not under way" in nothing.err
