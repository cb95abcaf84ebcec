"""Make a RayJob of its template, wait for its end, and exit as its command did.

reads   the RayJob ``TEMPLATE``; ``JOB_NAME`` and ``JOB_UID`` of the Kubernetes Job that runs this
writes  a RayJob ``<JOB_NAME>-ray``, which goes when the Job goes; its end to standard output
holds   run twice it makes one RayJob: the second time it finds the first one's and waits for it;
        the RayJob is not called as the Job is, since KubeRay submits it by a Job of its own name

Exit codes: 0 done, 69 the API server did not answer, 143 terminated; else that of the RayJob's
command, or 1 where KubeRay knows none. The standard library is all that it needs.
"""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXIT_UNAVAILABLE = os.EX_UNAVAILABLE
EXIT_TERMINATED = 128 + signal.SIGTERM
QUEUE = "kueue.x-k8s.io/queue-name"
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
                said = _message(error.read())
                if error.code != 429 and error.code < 500:
                    raise RefusedError(error.code, said) from None
                why = f"{error.code}: {said}"
            except (OSError, ValueError) as error:
                why = str(error)
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
    found = re.search(r"exit code (\d+)", status.get("message", ""))
    return int(found[1]) if found else 1


def launch(jobs: RayJobs, template: str, owner: str, owner_uid: str) -> int:
    """Start the job unless it has been started, wait, and answer its exit code.

    Raises:
        RefusedError, UnavailableError, ValueError: if that can't be done.
    """
    job = copy_of(jobs.get(template), owner, owner_uid)
    name = job["metadata"]["name"]
    made = jobs.create(job)
    say(f"RayJob {name}: {'created' if made else 'stands already, waiting for it'}")
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
                say(f"RayJob {name} failed: {status.get('message') or status.get('reason') or now}")
            return code
        time.sleep(jobs.wait_s)


def say(text: str) -> None:
    """A line for ``kubectl logs``."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
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
