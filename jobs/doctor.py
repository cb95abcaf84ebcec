"""What this machine has, and what follows from it."""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass

from jobs.cluster import answers, ray_endpoint
from jobs.context import JobContext
from jobs.no_secrets import without_secrets
from jobs.tracking import registry_stands
from pipeline.errors import ConfigError
from pipeline.sources import kind_of

_GIB = 1 << 30
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was seen, whether it is as it should be, and what follows."""

    what: str
    seen: str
    good: bool
    follows: str


def doctor(job: JobContext) -> list[Finding]:
    """Look at everything that the jobs of this configuration depend on."""
    return [
        _cores(job),
        _memory(job),
        _accelerator(job),
        _shared_memory(),
        _storage(job),
        _ray(),
        _mlflow(job),
        _hub(job),
    ]


def _cores(job: JobContext) -> Finding:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    compute = job.config.compute
    if compute.use_gpu:
        return Finding("cores", str(cores), True, "training runs on GPUs")
    busy = compute.max_workers * compute.threads
    good = busy <= cores
    follows = (
        f"training workers × threads: {compute.max_workers} × {compute.threads}, which fit"
        if good
        else f"{busy} training threads share {cores} cores: set compute.num_workers={cores}"
    )
    return Finding("cores", str(cores), good, follows)


def _memory(job: JobContext) -> Finding:
    import psutil

    free = psutil.virtual_memory().available
    # Measured: a worker and Ray's own processes stay below 1.5 GiB with the models shipped here.
    wanted = 1.5 * _GIB * job.config.compute.max_workers
    good = free >= wanted
    follows = "enough" if good else f"{wanted / _GIB:.1f} GiB are wanted: fewer compute.num_workers"
    return Finding("free memory", f"{free / _GIB:.1f} GiB", good, follows)


def _accelerator(job: JobContext) -> Finding:
    import torch

    from model.precision import resolve_precision

    wants = job.config.compute.use_gpu
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device("cuda" if count else "cpu")
    precision = resolve_precision(job.config.train.precision, device)
    if count:
        name = torch.cuda.get_device_name(0)
        follows = f"trains in {precision}" if wants else "compute.use_gpu=true would use it"
        return Finding("GPU", f"{count} × {name}", True, follows)
    if wants:
        return Finding(
            "GPU", "none", False, "compute.use_gpu needs one, on some node of the cluster"
        )
    return Finding("GPU", "none", True, f"trains on CPUs in {precision}")


def _shared_memory() -> Finding:
    path = "/dev/shm"
    if not os.path.isdir(path):
        return Finding(path, "none", True, "Ray uses its temporary folder")
    free = shutil.disk_usage(path).free
    good = free >= 512 << 20
    follows = (
        "enough for Ray" if good else "Ray wants 512 MiB: start the container with --shm-size=1g"
    )
    return Finding(path, f"{free / _GIB:.1f} GiB free", good, follows)


def _storage(job: JobContext) -> Finding:
    root = job.storage.local_root
    if root is None:
        return Finding("storage", job.storage.uri, True, "an object store, shared by all nodes")
    place = root
    while not place.exists():
        place = place.parent
    writable = os.access(place, os.W_OK)
    free = shutil.disk_usage(place).free
    follows = "writable" if writable else "not writable: storage=PATH names another place"
    if os.environ.get("RAY_ADDRESS"):
        follows += "; every node of the cluster must see it at this path"
    return Finding("storage", f"{root}, {free / _GIB:.0f} GiB free", writable, follows)


def _ray() -> Finding:
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        return Finding("Ray", "RAY_ADDRESS is not set", True, "a local Ray is started for each job")
    endpoint = ray_endpoint(address)
    if endpoint is None:
        return Finding("Ray", address, True, "as RAY_ADDRESS says")
    good = answers(*endpoint, _TIMEOUT_S)
    return Finding("Ray", address, good, "answers" if good else "does not answer: is its head up?")


def _mlflow(job: JobContext) -> Finding:
    uri = job.tracking_uri
    shown = without_secrets(uri)
    if not uri.startswith(("http://", "https://")):
        follows = "it stands" if registry_stands(uri) else "made when it is first needed"
        return Finding("MLflow", shown, True, follows)
    good, seen = _get(f"{uri.rstrip('/')}/health")
    follows = "answers" if good else f"{seen}: start it, or unset tracking.uri"
    return Finding("MLflow", shown, good, follows)


def _hub(job: JobContext) -> Finding:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    corpus = job.config.corpus
    try:
        needed = [source.source for source in corpus.inputs if kind_of(source) == "hub"]
    except ConfigError as error:
        return Finding("corpus", corpus.in_words(), False, str(error))
    if not needed:
        return Finding("hub", "not asked", True, f"{corpus.in_words()} needs no network")
    good, seen = _get(f"{endpoint}/api/datasets/{needed[0]}")
    follows = "the corpus can be fetched" if good else f"{seen}: corpus.source=FOLDER does without"
    return Finding("hub", endpoint, good, follows)


def _get(url: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S):
            return True, "answers"
    except urllib.error.HTTPError as error:
        return False, f"answers HTTP {error.code}"
    except (OSError, ValueError) as error:
        return False, f"does not answer ({getattr(error, 'reason', error)})"


if __name__ == "__main__":
    from jobs.cli import run

    run("doctor")
