"""The code that is here, as a cluster's nodes get it: one archive, the working folder of a job.

reads   the packages ``pipeline``, ``model`` and ``jobs`` as this process imports them, the
        configuration with its overrides, the names of the packages that anuvad needs
writes  ``anuvad-job.zip``: these packages; ``en-hi.yaml``, the configuration; ``run``, which finds
        the Python of Ray on the node; ``anuvad-0.1.0.dist-info``, ``shipped.json``
holds   the same code and configuration are the same bytes; no data, no environment, no secret

Ray puts the working folder on PYTHONPATH of the driver and of every worker, before what a node has
installed, so this code runs there whichever anuvad the node has, or none. What anuvad needs must be
installed on the nodes, and :mod:`jobs.arrival` looks for it.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import requires, version
from pathlib import Path

import jobs
import model
import pipeline
from jobs.config import Config, as_yaml, load_config, settings_of
from jobs.no_secrets import require_no_secrets
from jobs.tracking import SQLITE
from jobs.versions import SHIPPED, git_revision
from pipeline.errors import AnuvadError, ConfigError
from pipeline.sources import kind_of

ARCHIVE = "anuvad-job.zip"
MAX_BYTES = 16 << 20
"""Of the archive: code has a few hundred kilobytes, and Ray holds archives in its head's memory."""

_PACKAGES = (pipeline, model, jobs)
_OLDEST = (1980, 1, 1, 0, 0, 0)
# `sh run retrain en-hi.yaml` is a child of one of Ray's workers, which is a child of the raylet.
_RUN = """\
# Of the Ray that started this job: its Python, which need not be on the PATH, and its address,
# since Ray itself names any Ray of the machine.
raylet=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$PPID/status" 2>/dev/null)
said=$(tr '\\0' '\\n' 2>/dev/null < "/proc/$raylet/cmdline")
python=$(printf '%s\\n' "$said" | sed -n 's/^--python_worker_command=\\([^ ]*\\) .*/\\1/p')
address=$(printf '%s\\n' "$said" | sed -n 's/^--gcs-address=//p')
[ -n "$address" ] && export RAY_ADDRESS="$address"
[ -x "$python" ] || python=$(command -v python3) || {
    echo "error: the head of the cluster must have python3 on the PATH of its Ray" >&2
    exit 2
}
exec "$python" -m jobs.arrival "$@"
"""


@dataclass(frozen=True)
class Shipment:
    """A job for a cluster.

    Attributes:
        command: for a shell in the unpacked archive.
        archive: a zip.
        identity: hexadecimal; the same for the same code, the same resolved configuration (every
            default written out) and the same command.
    """

    command: str
    archive: bytes
    identity: str


def ship(path: str, overrides: Sequence[str], words: Sequence[str]) -> Shipment:
    """Pack what ``anuvad <words[0]> CONFIG KEY=VALUE… <the other words>`` needs.

    Args:
        path: of the configuration file.
        overrides: ``key=value`` each; they are written into the configuration that is shipped.
        words: the job, and options of its own.

    Raises:
        ConfigError: if the configuration can't be read, holds a secret, or names a place that is
            only on this machine.
        AnuvadError: if the code is larger than ``MAX_BYTES``.
    """
    settings = settings_of(path, overrides)
    config = load_config(path, overrides)
    require_no_secrets(settings, "the configuration of a job on a cluster")
    require_no_secrets({"its options": list(words)}, "the command of a job on a cluster")
    require_shared(config)
    code = dict(_code())
    name = f"{Path(path).stem}.yaml"
    job, *options = words
    told = {"python": f"{sys.version_info[0]}.{sys.version_info[1]}", "revision": git_revision()}
    files = code | {
        name: as_yaml(settings).encode(),
        "run": _RUN.encode(),
        SHIPPED: f"{json.dumps(told, indent=1)}\n".encode(),
    }
    resolved = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    digest = hashlib.sha256(json.dumps([list(words), resolved]).encode())
    for place, content in sorted(code.items()):
        digest.update(f"{place} {len(content)} {hashlib.sha256(content).hexdigest()}\n".encode())
    # Called `-v.yaml` it would be an option.
    told_as = f"./{name}" if name.startswith("-") else name
    command = f"exec sh run {shlex.join([job, told_as, *options])}"
    return Shipment(command, _zipped(files), digest.hexdigest())


def require_shared(config: Config) -> None:
    """Refuse a storage, database or corpus that nodes would look for in a job's own folder.

    Raises:
        ConfigError: naming the setting.
    """
    if _is_relative(config.storage):
        raise ConfigError(
            f"storage must be an absolute path or a URI for a job on a cluster, not "
            f"{config.storage!r}: it would be a folder that is deleted with the job"
        )
    tracking = config.tracking.uri or ""
    if tracking.startswith(SQLITE) and _is_relative(tracking.removeprefix(SQLITE)):
        raise ConfigError(
            f"tracking.uri must be a server, or a database at an absolute path, for a job on a "
            f"cluster, not {tracking!r}: it would be deleted with the job"
        )
    for source in config.corpus.inputs:
        if _is_relative(source.source) and kind_of(source) == "files":
            raise ConfigError(
                f"corpus.source must be an absolute path that every node sees, a URI or a hub id "
                f"for a job on a cluster, not {source.source!r}: it is a place of this machine"
            )


def local_sources(config: Config) -> list[str]:
    """Paths that the corpus is read from, which every node must see."""
    places = [source.source for source in config.corpus.inputs]
    return [place for place in places if _is_path(place) and not _is_relative(place)]


def _is_path(place: str) -> bool:
    return "://" not in place or place.startswith("file://")


def _is_relative(place: str) -> bool:
    return _is_path(place) and not Path(place.removeprefix("file://")).is_absolute()


def _code() -> Iterator[tuple[str, bytes]]:
    """What is shipped of anuvad: path in the archive → content."""
    for package in _PACKAGES:
        folder = Path(str(package.__file__)).parent
        for file in folder.rglob("*"):
            inside = file.relative_to(folder.parent)
            # What begins with a dot, or ends with a tilde, is an editor's.
            is_ours = not any(part.startswith(".") for part in inside.parts) and file.is_file()
            is_template = inside.parent.name == "templates" and not file.name.endswith("~")
            if is_ours and (file.suffix == ".py" or is_template):
                yield inside.as_posix(), file.read_bytes()
    needed = "".join(f"Requires-Dist: {line}\n" for line in requires("anuvad") or ())
    ours = version("anuvad")
    metadata = f"Metadata-Version: 2.1\nName: anuvad\nVersion: {ours}\n{needed}"
    yield f"anuvad-{ours}.dist-info/METADATA", metadata.encode()


def _zipped(files: dict[str, bytes]) -> bytes:
    """The files as a zip that depends on nothing but them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, content in sorted(files.items()):
            entry = zipfile.ZipInfo(place, _OLDEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    found = buffer.getvalue()
    if len(found) > MAX_BYTES:
        raise AnuvadError(
            f"what is shipped to a cluster must have at most {MAX_BYTES >> 20} MiB, but has "
            f"{len(found) / (1 << 20):.1f}: is something else than code in the folders "
            f"{', '.join(package.__name__ for package in _PACKAGES)}?"
        )
    return found
