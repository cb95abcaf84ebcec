"""Jobs by Ray's job server: each under a name, submitted once, waited for to its exit code."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from jobs.cluster import quiet_environment
from jobs.signals import take_sigterm
from pipeline.errors import AnuvadError

_POLL_S = 1.0
# Ray kills a job that was asked to stop after 3 seconds, unless this says otherwise.
_STOP_WAIT = "RAY_JOB_STOP_WAIT_TIME_S"
_ROOM_TO_END_S = 15.0
# The agent of a busy machine has taken more than 90 seconds to come.
_STARTING_S = 300.0


class RayJobs:
    """One job server; see :func:`cluster_jobs` and :func:`local_jobs`.

    Args:
        client: of Ray's.
        ray_address: what jobs are told of their Ray, in place of what the server tells them: of
            several on one machine that may be another.
    """

    def __init__(self, client: Any, ray_address: str | None = None) -> None:
        self._client = client
        self._told = f"export RAY_ADDRESS={ray_address}; " if ray_address else ""

    def submit(self, name: str, command: str, folder: Path | None, grace_s: float) -> bool:
        """Start a job, unless there is one of this name; whether this call started it.

        Args:
            name: its submission id.
            command: for a shell.
            folder: copied to where it runs, and its working folder; None if it needs none.
            grace_s: what it is left, once asked to stop, before it is killed.

        Raises:
            AnuvadError: if the server refuses.
        """
        environment: dict[str, Any] = {"env_vars": {_STOP_WAIT: str(int(grace_s + _ROOM_TO_END_S))}}
        if folder is not None:
            environment["working_dir"] = str(folder)
        tries = Retrying(
            stop=stop_after_delay(_STARTING_S),
            wait=wait_fixed(_POLL_S),
            retry=retry_if_exception(_is_starting),
            reraise=True,
        )
        try:
            tries(
                self._client.submit_job,
                entrypoint=self._told + command,
                submission_id=name,
                runtime_env=environment,
            )
        except Exception as error:  # its own, and those of requests and of Ray
            if "already exists" in str(error):
                return False
            raise AnuvadError(
                f"Ray's job server must take {name}, but: {' '.join(str(error).split())[:300]}"
            ) from error
        return True

    def wait(self, name: str, sleep: Callable[[float], None]) -> int:
        """Wait for a job, showing what it says; its exit code, 1 where Ray knows none.

        Interrupted, it asks the job to stop and waits for that.
        """
        try:
            return self._follow(name, sleep)
        except KeyboardInterrupt:
            self._client.stop_job(name)
            self._follow(name, sleep)
            raise

    def _follow(self, name: str, sleep: Callable[[float], None]) -> int:
        shown = 0
        while True:
            try:
                info = self._client.get_job_info(name)
                said = self._client.get_job_logs(name)
            except Exception as error:  # its own, and those of requests
                raise AnuvadError(
                    f"Ray's job server must say how {name} is, but: "
                    f"{' '.join(str(error).split())[:300]}"
                ) from error
            sys.stderr.write(said[shown:])
            sys.stderr.flush()
            shown = len(said)
            if info.status.is_terminal():
                break
            sleep(_POLL_S)
        if info.driver_exit_code is not None:
            return int(info.driver_exit_code)
        return 0 if info.status == "SUCCEEDED" else 1


@contextlib.contextmanager
def cluster_jobs(address: str) -> Iterator[RayJobs]:
    """The job server of a cluster.

    Raises:
        AnuvadError: if it does not answer.
    """
    yield RayJobs(_client(address))


@contextlib.contextmanager
def local_jobs() -> Iterator[RayJobs]:
    """A Ray of this machine's own while the block runs, with a job server."""
    quiet_environment()
    # Who may start a job may run anything, so not everybody on this machine may.
    if os.environ.setdefault("RAY_AUTH_MODE", "token") == "token":
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    import ray

    try:
        # Another Ray of this machine may have the usual ports.
        with _free_agent_port():
            context: Any = ray.init(
                "local",
                include_dashboard=True,
                dashboard_host="127.0.0.1",
                dashboard_port=0,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    finally:
        take_sigterm()
    try:
        yield RayJobs(
            _client(f"http://{context.dashboard_url}"), context.address_info["gcs_address"]
        )
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _free_agent_port() -> Iterator[None]:
    """A Ray that is started in the block gives the agent of its node a port that is free.

    ``ray start`` has ``--dashboard-agent-listen-port`` for it, ``ray.init`` has nothing; and where
    the usual port is taken the node's agent takes no jobs, which the server answers forever.
    """
    from ray._private.parameter import RayParams

    usual = RayParams.__init__

    def with_any_port(self: Any, *args: Any, **settings: Any) -> None:
        usual(self, *args, **{**settings, "dashboard_agent_listen_port": 0})

    RayParams.__init__ = with_any_port  # type: ignore[method-assign]
    try:
        yield
    finally:
        RayParams.__init__ = usual  # type: ignore[method-assign]


def _is_starting(error: BaseException) -> bool:
    """Whether the server can't start jobs yet: its agents come some seconds after it."""
    return "No available agent" in str(error)


def _client(address: str) -> Any:
    quiet_environment()
    # What it would log of a package that it uploads.
    logging.getLogger("ray").setLevel(logging.ERROR)
    # A job of ours belongs to this server's cluster, whatever else the environment names.
    os.environ.pop("RAY_ADDRESS", None)
    from ray.job_submission import JobSubmissionClient

    try:
        return JobSubmissionClient(address)
    except Exception as error:  # those of requests, and of Ray
        raise AnuvadError(
            f"a Ray job server must answer at {address}, but: {' '.join(str(error).split())[:200]}"
        ) from error
