"""What this machine or the cluster has, and what follows from it.

With ``RAY_ADDRESS`` it is the cluster that computes, so that no core of this machine is counted.
"""

from __future__ import annotations

import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass

from jobs.cluster_now import ClusterNow, cluster_now
from jobs.context import JobContext
from jobs.no_secrets import without_secrets
from jobs.tracking import registry_stands
from pipeline import artifacts, hub
from pipeline.errors import AnuvadError, CorpusError
from pipeline.revisions import is_known
from pipeline.sources import kind_of
from pipeline.stages import specs

_GIB = 1 << 30
_TIMEOUT_S = 5.0
# On a busy machine Ray's client takes a good part of it to start.
_CLUSTER_TIMEOUT_S = 60.0
# Measured: a worker and Ray's own processes stay below this with the models shipped here.
_WORKER_BYTES = 1.5 * _GIB


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was seen, whether it is as it should be, and what follows."""

    what: str
    seen: str
    good: bool
    follows: str


def doctor(job: JobContext) -> list[Finding]:
    """Look at everything that the jobs of this configuration depend on."""
    address = os.environ.get("RAY_ADDRESS")
    computes = _cluster(job, address) if address else _machine(job)
    return [*computes, _storage(job), _mlflow(job), _hub(job)]


def _machine(job: JobContext) -> list[Finding]:
    ray = Finding("Ray", "RAY_ADDRESS is not set", True, "a local Ray is started for each job")
    return [ray, _cores(job), _memory(job), _accelerator(job), _shared_memory()]


def _cluster(job: JobContext, address: str) -> list[Finding]:
    try:
        now = cluster_now(address, _CLUSTER_TIMEOUT_S)
    except AnuvadError as error:
        return [Finding("Ray", address, False, str(error))]
    nodes = f"{now.nodes} node{'s' if now.nodes > 1 else ''}"
    return [Finding("Ray", address, True, f"answers, with {nodes}"), *_offers(job, now)]


def _offers(job: JobContext, now: ClusterNow) -> list[Finding]:
    """Whether what a cluster has now does for the fewest workers that train."""
    compute = job.config.compute
    workers, threads = compute.min_workers, compute.min_workers * compute.threads
    wanted = _WORKER_BYTES * workers
    if compute.use_gpu:
        cores = "training runs on GPUs"
    elif threads <= now.cpus:
        cores = f"training workers × threads: {workers} × {compute.threads}, which fit"
    else:
        cores = f"{threads} training threads want as many: fewer compute.num_workers, or more nodes"
    if not compute.use_gpu:
        gpus = "compute.use_gpu=true would use them" if now.gpus else "trains on CPUs"
    elif workers <= now.gpus:
        gpus = f"enough for {compute.workers_in_words}"
    else:
        gpus = f"compute.use_gpu needs {workers}: a training waits for nodes that have them"
    room = "enough" if wanted <= now.memory_bytes else f"{wanted / _GIB:.1f} GiB are wanted"
    return [
        Finding("cores", f"{now.cpus:g}", compute.use_gpu or threads <= now.cpus, cores),
        Finding("memory", f"{now.memory_bytes / _GIB:.1f} GiB", wanted <= now.memory_bytes, room),
        Finding("GPU", f"{now.gpus:g}", not compute.use_gpu or workers <= now.gpus, gpus),
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
    wanted = _WORKER_BYTES * job.config.compute.max_workers
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
        follows = "compute.use_gpu needs one, or RAY_ADDRESS a cluster that has them"
        return Finding("GPU", "none", False, follows)
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
    from huggingface_hub import constants

    corpus = job.config.corpus
    try:
        needed = [source for source in corpus.inputs if kind_of(source) == "hub"]
        if not needed:
            return Finding("hub", "not asked", True, f"{corpus.in_words()} needs no network")
        if _corpus_stands(job):
            return Finding("hub", "not asked", True, "the corpus stands in the storage")
    except AnuvadError as error:
        return Finding("corpus", corpus.in_words(), False, str(error))
    try:
        for source in needed:
            # The first answer says enough; what passes by itself is for `prepare` to wait for.
            hub.get_json(
                source.source, source.revision or "", "revision", attempts=1, timeout_s=_TIMEOUT_S
            )
    except CorpusError as error:
        return Finding("hub", constants.ENDPOINT, False, str(error))
    return Finding("hub", constants.ENDPOINT, True, "the corpus can be fetched")


def _corpus_stands(job: JobContext) -> bool:
    """Whether the corpus is in the storage, which no hub is asked for."""
    hubs = [source for source in job.config.corpus.inputs if kind_of(source) == "hub"]
    if not all(is_known(job.storage, s.source, s.revision or "") for s in hubs):
        return False
    return artifacts.find(job.storage, specs(job.data, job.storage)["corpus"]) is not None


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
