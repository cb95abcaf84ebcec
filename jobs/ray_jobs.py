"""Jobs by Ray's job server: each under a name, submitted once, waited for to its exit code."""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from jobs.cluster import quiet_environment
from jobs.job_logs import LogTail
from jobs.signals import EXIT_TERMINATED, take_sigterm
from pipeline.errors import AnuvadError, LostJobError

POLL_S = 1.0
# Ray kills a job that was asked to stop after 3 seconds, unless this says otherwise.
_STOP_WAIT = "RAY_JOB_STOP_WAIT_TIME_S"
_ROOM_TO_END_S = 15.0
# The agent of a busy machine has taken more than 90 seconds to come.
_STARTING_S = 300.0
# To connect, and to be answered.
_REQUEST_S = (10.0, 30.0)
# A head that is started anew takes a minute, a network longer.
_LOST_S = 900.0
# Of ours these say themselves which server is meant, whatever the environment names.
_OVERRIDES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")


@dataclass(frozen=True)
class JobState:
    """What a job server says of a job.

    Attributes:
        name: the submission id.
        status: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        started: when it was submitted.
        exit_code: as a shell knows it; None while it runs, and where Ray knows none.
        message: Ray's own words.
    """

    name: str
    status: str
    started: datetime.datetime
    exit_code: int | None
    message: str

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self.status in ("SUCCEEDED", "FAILED", "STOPPED")

    @property
    def code(self) -> int:
        """The exit code of its driver; where Ray knows none, what it would be for its status."""
        if self.exit_code is not None:
            return self.exit_code
        return {"SUCCEEDED": 0, "STOPPED": EXIT_TERMINATED}.get(self.status, 1)


class RayJobs:
    """One job server; see :func:`cluster_jobs` and :func:`local_jobs`.

    Args:
        client: of Ray's.
        ray_address: what jobs are told of their Ray, in place of what the server tells them: of
            several on one machine that may be another.
    """

    def __init__(self, client: Any, ray_address: str | None = None) -> None:
        self._client = client
        self.address: str = client.get_address()
        self._told = f"export RAY_ADDRESS={ray_address}; " if ray_address else ""

    def submit(self, name: str, command: str, folder: Path | None, grace_s: float) -> bool:
        """Start a job, unless there is one of this name; whether it is known that this call did.

        Args:
            name: its submission id.
            command: for a shell.
            folder: copied to where it runs, and its working folder; a zip is unpacked there; None
                if it needs none.
            grace_s: what it is left, once asked to stop, before it is killed.

        Raises:
            AnuvadError: if the server refuses.
        """
        environment: dict[str, Any] = {"env_vars": {_STOP_WAIT: str(int(grace_s + _ROOM_TO_END_S))}}
        if folder is not None:
            environment["working_dir"] = str(folder)
        tries = Retrying(
            stop=stop_after_delay(_STARTING_S),
            wait=wait_fixed(POLL_S),
            retry=retry_if_exception(_may_be_asked_again),
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
                f"Ray's job server must take {name}, but: {_in_words(error, 300)}"
            ) from error
        return True

    def state(self, name: str) -> JobState:
        """How a job is.

        Raises:
            AnuvadError: if the server does not answer, or has no such job.
        """
        return _state(self._asked(self._client.get_job_info, name))

    def attempts(self, name: str) -> list[JobState]:
        """The jobs called ``name``, ``name-2``, ``name-3`` and so on, in this order.

        Raises:
            AnuvadError: if the server does not answer.
        """
        listed = self._asked(self._client.list_jobs)
        found = {}
        for info in listed:
            number = attempt_number(name, info.submission_id or "")
            if number is not None:
                found[number] = _state(info)
        return [found[number] for number in sorted(found)]

    def stop(self, name: str) -> None:
        """Ask a job to end: SIGTERM, and after its grace period a SIGKILL.

        Raises:
            AnuvadError: if the server does not answer.
        """
        self._asked(self._client.stop_job, name)

    def _asked(self, question: Callable[..., Any], *about: str) -> Any:
        try:
            return question(*about)
        except Exception as error:  # those of requests, and of Ray
            raise AnuvadError(
                f"Ray's job server at {self.address} must answer, but: {_in_words(error, 200)}"
            ) from error

    def wait(self, name: str, sleep: Callable[[float], None]) -> int:
        """Wait for a job, showing what it says; its exit code.

        Interrupted, it asks the job to stop and waits for that.

        Raises:
            LostJobError: see :meth:`follow`.
        """

        def say(text: str) -> None:
            sys.stderr.write(f"{text}\n")

        try:
            return self.follow(name, sys.stderr, say, sleep).code
        except KeyboardInterrupt:
            self.stop(name)
            self.follow(name, sys.stderr, say, sleep)
            raise

    def follow(
        self,
        name: str,
        out: TextIO,
        say: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> JobState:
        """Show the log of a job from its beginning until the job has ended; how it ended.

        A connection that is cut is made again: the job goes on meanwhile.

        Args:
            name: of the job.
            out: takes the log.
            say: takes a sentence when the connection is lost, and when it is there again.
            sleep: between two looks.

        Raises:
            LostJobError: if the server does not answer for a quarter of an hour, or knows the job
                no more.
            OSError: if ``out`` takes no more.
        """
        tail = LogTail(self._client, name, out)
        lost_at: float | None = None
        try:
            while True:
                try:
                    state = _state(self._client.get_job_info(name))
                    whole = self._whole_log(name, say) if state.has_ended else None
                except Exception as error:
                    lost_at = self._lost(name, error, lost_at, say)
                    # It may hang for an hour in a connection of which only one end is left.
                    tail.disconnect()
                else:
                    if lost_at is not None:
                        say(f"{self.address} answers again; {name} is {state.status.lower()}")
                        lost_at = None
                    if whole is not None:
                        tail.finish(whole)
                        return state
                    tail.connect(say)
                sleep(POLL_S)
        finally:
            tail.disconnect()

    def _whole_log(self, name: str, say: Callable[[str], None]) -> str:
        """The log of a job; nothing where its node is no more, or has no text of it."""
        try:
            return str(self._client.get_job_logs(name))
        except RuntimeError as error:
            if "status code 5" not in str(error):
                raise
            # Ray answers with its traceback, and a point behind it.
            why = [line for line in str(error).splitlines() if len(line) > 1][-1]
            say(f"the log of {name} must be given out, but: {why[:200]}")
            return ""

    def _lost(
        self, name: str, error: Exception, since: float | None, say: Callable[[str], None]
    ) -> float:
        """Since when the server has not answered, as ``time.monotonic`` counts."""
        words = _in_words(error, 200)
        if "status code 404" in words:
            raise LostJobError(
                f"{self.address} must know the job {name}, but does not: its Ray was started anew, "
                f"and the same command starts the job again"
            ) from error
        if not _is_of_network(error) and "status code 5" not in words:
            if not isinstance(error, RuntimeError):
                raise error
            raise AnuvadError(f"{self.address} must tell of {name}, but: {words}") from error
        now = time.monotonic()
        if since is None:
            say(f"{self.address} does not answer, {name} may go on; trying again: {words}")
            return now
        if now - since > _LOST_S:
            raise LostJobError(
                f"{self.address} must answer, but has not for {_LOST_S / 60:.0f} minutes; {name} "
                f"may go on there, and the same command attaches to it"
            ) from error
        return since


def attempt_name(name: str, number: int) -> str:
    """The name of a job's attempt: its own for the first."""
    return name if number == 1 else f"{name}-{number}"


def attempt_number(name: str, found: str) -> int | None:
    """Which attempt of the job ``name`` is called ``found``; None if none is."""
    if found == name:
        return 1
    number = found.removeprefix(f"{name}-")
    return int(number) if number != found and number.isdecimal() else None


def _state(info: Any) -> JobState:
    code = info.driver_exit_code
    return JobState(
        name=info.submission_id,
        status=str(info.status.value),
        started=datetime.datetime.fromtimestamp((info.start_time or 0) / 1000, datetime.UTC),
        # Python says -9 of a process that a shell says 137 of.
        exit_code=None if code is None else int(code) if code >= 0 else 128 - int(code),
        message=" ".join((info.message or "").split()),
    )


def _is_of_network(error: BaseException) -> bool:
    import requests

    return isinstance(error, requests.RequestException | ConnectionError)


def _in_words(error: BaseException, length: int) -> str:
    return " ".join(str(error).split())[:length]


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


def _may_be_asked_again(error: BaseException) -> bool:
    """Whether the server can't start jobs yet, or was too slow to say whether it has taken one.

    Its agents come some seconds after it; and what it has taken it does not take twice.
    """
    import requests

    return "No available agent" in str(error) or isinstance(error, requests.Timeout)


def _client(address: str) -> Any:
    quiet_environment()
    for name in _OVERRIDES:
        os.environ.pop(name, None)
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    # What it would log of packages and web sockets; they set their own levels as they are imported.
    for logger in ("ray", *(each.__module__ for each in JobSubmissionClient.__mro__[:-1])):
        logging.getLogger(logger).setLevel(logging.ERROR)

    class Client(JobSubmissionClient):
        """Ray's own, which would wait for an answer for ever."""

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            # None is what aiohttp warns of.
            self._ssl_context = True if self._ssl_context is None else self._ssl_context

        def _do_request(self, *arguments: Any, **settings: Any) -> Any:
            return super()._do_request(*arguments, **{"timeout": _REQUEST_S, **settings})

        def _check_connection_and_version(self, *arguments: Any, **settings: Any) -> None:
            super()._check_connection_and_version(*arguments, **settings)
            require_same_ray(self._address, self._server_ray_version)

    try:
        return Client(address, verify=_certificates() if address.startswith("https") else True)
    except AnuvadError:
        raise
    except AuthenticationError as error:
        raise AnuvadError(
            f"{address} must let this machine in, but does not: {_first_sentence(error)}; set "
            f"RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) to the token that "
            f"its Ray was started with"
        ) from error
    except Exception as error:  # those of requests, and of Ray
        raise AnuvadError(
            f"a Ray job server must answer at {address}, but: {_in_words(_cause(error), 200)}"
        ) from error


def require_same_ray(address: str, there: str | None) -> None:
    """Refuse a cluster of another version of Ray than this machine's.

    Raises:
        AnuvadError: naming both.
    """
    import ray

    if there != ray.__version__:
        raise AnuvadError(
            f"the cluster at {address} must have Ray {ray.__version__}, as this machine has, but "
            f"has {there}: install the same version here or there"
        )


def _certificates() -> str | bool:
    """The file of whom to trust, as the environment names it; True for those of the machine.

    Ray's requests alone would follow the first two, its web socket, which brings the log, the last.
    """
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return next((place for name in names if (place := os.environ.get(name))), True)


def _cause(error: BaseException) -> BaseException:
    """Why there is no connection: a name, a certificate, a proxy; Ray says only that there is none.

    It raises in place of an error of requests, which holds one of urllib3, which knows the reason.
    """
    of_requests = error.__context__
    held = of_requests.args[0] if of_requests is not None and of_requests.args else None
    reason = getattr(held, "reason", None)
    return reason if isinstance(reason, BaseException) else error


def _first_sentence(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].partition(". ")[0]
