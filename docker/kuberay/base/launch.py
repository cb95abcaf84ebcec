"""Make a RayJob of its template, wait for its end, and exit as its command did.

reads   the RayJob ``TEMPLATE``; ``JOB_NAME`` and ``JOB_UID`` of the Kubernetes Job that runs this
writes  a RayJob ``<JOB_NAME>-ray``, which goes when the Job goes; its end to standard output
holds   run twice it makes one RayJob: the second time it finds the first one's and waits for it;
        while another RayJob of this template is under way it makes none, as that one may have
        outlived its Job, of which alone a CronJob knows;
        the RayJob is not called as the Job is, since KubeRay submits it by a Job of its own name

Exit codes: 0 done, or another one is under way; 69 the API server did not answer, 143 terminated;
else that of the RayJob's command, or 1 where KubeRay knows none. The standard library is all that
it needs.
"""

from __future__ import annotations

import copy
import http.client
import json
import os
import re
import signal
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXIT_UNAVAILABLE = os.EX_UNAVAILABLE
EXIT_TERMINATED = 128 + signal.SIGTERM
QUEUE = "kueue.x-k8s.io/queue-name"
# Which template a RayJob is a copy of; kustomize puts it on the template, and a copy keeps it.
INSTANCE = "app.kubernetes.io/instance"
# KubeRay makes names of pods and services of it, which may have 63 characters.
MAX_NAME = 47
ATTEMPTS = 30
_ENDED = {"Complete", "Failed", "ValidationFailed"}


class RefusedError(Exception):
    """The API server answered, and said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class UnavailableError(Exception):
    """The API server did not answer, however often it was asked."""


class RayJobs:
    """The RayJobs of a namespace, by Kubernetes' HTTP API.

    Args:
        server: ``https://host:port``.
        namespace: of the RayJobs.
        account: the folder with ``token`` and ``ca.crt``.
        wait_s: between two attempts at an answer.
    """

    def __init__(self, server: str, namespace: str, account: Path, wait_s: float = 10.0) -> None:
        self.url = f"{server}/apis/ray.io/v1/namespaces/{namespace}/rayjobs"
        self.account = account
        self.wait_s = wait_s
        self._context = ssl.create_default_context(cafile=str(account / "ca.crt"))

    def get(self, name: str) -> dict[str, Any]:
        """The RayJob ``name``.

        Raises:
            RefusedError, UnavailableError: if it can't be had.
        """
        return self._ask("GET", f"{self.url}/{name}", None)

    def find(self, name: str) -> dict[str, Any] | None:
        """The RayJob ``name``, or None where there is none.

        Raises:
            RefusedError, UnavailableError: if that can't be told.
        """
        try:
            return self.get(name)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def under_way(self, template: str) -> list[str]:
        """The names of the copies of ``template`` that have not ended.

        Raises:
            RefusedError, UnavailableError: if they can't be had.
        """
        selector = urllib.parse.urlencode({"labelSelector": f"{INSTANCE}={template}"})
        found = self._ask("GET", f"{self.url}?{selector}", None)["items"]
        going = [job for job in found if exit_code(job.get("status", {})) is None]
        return sorted({job["metadata"]["name"] for job in going} - {template})

    def create(self, job: Mapping[str, Any]) -> bool:
        """Create a RayJob; False if one of that name stands already.

        Raises:
            RefusedError, UnavailableError: if it can't be created.
        """
        try:
            self._ask("POST", f"{self.url}?fieldValidation=Strict", job)
        except RefusedError as error:
            if error.status == 409:
                return False
            raise
        return True

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        why = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self.wait_s)
            # Read each time: Kubernetes gives out a new one every hour.
            token = (self.account / "token").read_text().strip()
            request = urllib.request.Request(
                url,
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            )
            try:
                with urllib.request.urlopen(request, timeout=30, context=self._context) as answer:
                    found: dict[str, Any] = json.load(answer)
                    return found
            except urllib.error.HTTPError as error:
                said = _message(error)
                if error.code != 429 and error.code < 500:
                    raise RefusedError(error.code, said) from None
                why = f"{error.code}: {said}"
            except (OSError, ValueError, http.client.HTTPException) as error:
                why = repr(error)
        raise UnavailableError(f"{url} must answer, but did not in {ATTEMPTS} attempts: {why}")


def copy_of(template: Mapping[str, Any], owner: str, owner_uid: str) -> dict[str, Any]:
    """A RayJob that starts, made of one that does not, for the Job ``owner``.

    Raises:
        ValueError: if its name would be too long for KubeRay.
    """
    name = f"{owner}-ray"
    if len(name) > MAX_NAME:
        raise ValueError(
            f"a RayJob's name must have at most {MAX_NAME} characters, but {name} has {len(name)}: "
            f"give the Job a shorter one"
        )
    spec = copy.deepcopy(dict(template["spec"]))
    spec.pop("suspend", None)
    metadata = template["metadata"]
    labels = dict(metadata.get("labels", {}))
    queue = metadata.get("annotations", {}).get(QUEUE)
    if queue:
        labels[QUEUE] = queue
    reference = {"apiVersion": "batch/v1", "kind": "Job", "name": owner, "uid": owner_uid}
    return {
        "apiVersion": template["apiVersion"],
        "kind": template["kind"],
        "metadata": {"name": name, "labels": labels, "ownerReferences": [reference]},
        "spec": spec,
    }


def exit_code(status: Mapping[str, Any]) -> int | None:
    """With which code to exit, or None while the job is on its way."""
    if status.get("jobDeploymentStatus") not in _ENDED:
        return None
    if status.get("jobStatus") == "SUCCEEDED":
        return 0
    # Ray's own words; the last lines of the log follow them, and may hold other exit codes.
    found = re.match(r"Job entrypoint command failed with exit code (-?\d+)", said_by(status))
    if not found:
        return 1
    # A signal is a negative number to Ray, and 128 more than its number to a shell.
    return int(found[1]) if int(found[1]) > 0 else 128 - int(found[1])


def said_by(status: Mapping[str, Any]) -> str:
    """The status's message, which a status that has just been made lacks."""
    return status.get("message") or ""


def launch(jobs: RayJobs, template: str, owner: str, owner_uid: str) -> int:
    """Start the job unless it has been started, wait, and answer its exit code.

    Raises:
        RefusedError, UnavailableError, ValueError: if that can't be done.
    """
    job = copy_of(jobs.get(template), owner, owner_uid)
    return wait(jobs, job["metadata"]["name"]) if start(jobs, job, template) else 0


def start(jobs: RayJobs, job: Mapping[str, Any], template: str) -> bool:
    """See to it that ``job`` stands; False, and nothing done, while another copy is under way.

    Raises:
        RefusedError, UnavailableError: if that can't be done.
    """
    name, owners = job["metadata"]["name"], job["metadata"]["ownerReferences"]
    while True:
        standing = jobs.find(name)
        if standing is None:
            if others := jobs.under_way(template):
                say(f"not started, as RayJob {', '.join(others)} is still under way")
                return False
            if jobs.create(job):
                say(f"RayJob {name}: created")
                return True
            # Its answer was lost, or another pod of the Job came first: the next look finds it.
        elif standing["metadata"].get("ownerReferences") == owners:
            say(f"RayJob {name}: stands already, waiting for it")
            return True
        else:
            # A Job deleted and made anew has another uid; the garbage collector is on its way.
            say(f"RayJob {name} of an earlier Job: waiting until it is gone")
            time.sleep(jobs.wait_s)


def wait(jobs: RayJobs, name: str) -> int:
    """Tell each state of the RayJob until its end, and answer its exit code.

    Raises:
        RefusedError, UnavailableError: if it can't be seen.
    """
    before = ""
    while True:
        status = jobs.get(name).get("status", {})
        now = f"{status.get('jobDeploymentStatus', 'New')} {status.get('jobStatus', '')}".strip()
        if now != before:
            say(f"RayJob {name}: {now}")
            before = now
        code = exit_code(status)
        if code is not None:
            if code:
                say(f"RayJob {name} failed: {said_by(status) or status.get('reason') or now}")
            return code
        time.sleep(jobs.wait_s)


def say(text: str) -> None:
    """A line for ``kubectl logs``."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _message(error: urllib.error.HTTPError) -> str:
    try:
        body = error.read()
        return str(json.loads(body)["message"])
    except (OSError, http.client.HTTPException):
        return str(error.reason)
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:300]


def main(environment: Mapping[str, str] = os.environ) -> int:
    """What the pod runs."""
    # As process 1 it would not even notice SIGTERM. The RayJob goes on, and is found again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    jobs = RayJobs(
        f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        environment["NAMESPACE"],
        Path(environment.get("ACCOUNT", "/var/run/secrets/kubernetes.io/serviceaccount")),
        float(environment.get("WAIT_S", "10")),
    )
    try:
        return launch(
            jobs, environment["TEMPLATE"], environment["JOB_NAME"], environment["JOB_UID"]
        )
    except UnavailableError as error:
        say(f"error: {error}")
        return EXIT_UNAVAILABLE
    except (RefusedError, ValueError) as error:
        say(f"error: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
