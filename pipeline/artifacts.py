"""A stage's output: a folder named by what made it, with a manifest that is written last.

reads   the settings of a stage, the code it runs and the ids of the artifacts it reads
writes  ``artifacts/<stage>-<hash>/`` with the stage's files and, last, ``manifest.json``
holds   the same settings, code and inputs have the same id, on every machine; a folder with a
        manifest is complete and never changes; one without is work that was interrupted

Example: ``artifacts/clean-5d1f09c2b7aa/train-00000-of-00004.parquet``.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pipeline.errors import ArtifactError
from pipeline.storage import Storage, sha256_of

ARTIFACTS = "artifacts"
MANIFEST = "manifest.json"
PARTS = "parts"
FORMAT_VERSION = 1
_SHOWN_DIFFERENCES = 4

Counts = dict[str, int]


@dataclass(frozen=True)
class FileEntry:
    """One file of an artifact: its name in the folder, its bytes and their sha256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Part:
    """What one task of a stage answers: the files it wrote and what it counted."""

    files: tuple[FileEntry, ...]
    counts: Counts


@dataclass(frozen=True)
class ArtifactSpec:
    """What makes an artifact what it is.

    Attributes:
        stage: the stage's name.
        settings: all that its configuration says, as JSON values.
        code: :func:`code_fingerprint` of the modules it runs.
        parents: stage name → artifact id of what it reads.
    """

    stage: str
    settings: Mapping[str, Any]
    code: str
    parents: Mapping[str, str]

    @property
    def id(self) -> str:
        """``<stage>-<12 hex digits>``, a function of everything above."""
        identity = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return f"{self.stage}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"

    @property
    def path(self) -> str:
        """The folder, inside a storage."""
        return f"{ARTIFACTS}/{self.id}"


@dataclass(frozen=True)
class Artifact:
    """A complete artifact, in a storage.

    Attributes:
        storage: where it lies.
        spec: what made it.
        files: what it holds.
        counts: what its tasks counted.
        facts: what else its readers have to know of what it was made with, such as the sha256 of
            a file of another artifact.
    """

    storage: Storage
    spec: ArtifactSpec
    files: tuple[FileEntry, ...]
    counts: Counts
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The artifact's id, which is its folder's name."""
        return self.spec.id

    @property
    def path(self) -> str:
        """The artifact's folder, inside its storage."""
        return self.spec.path

    @property
    def uri(self) -> str:
        """The artifact's folder, in full."""
        return self.storage.uri_of(self.path)

    def names(self, prefix: str = "", suffix: str = "") -> list[str]:
        """Names of the files that begin and end so, sorted."""
        return sorted(
            f.name for f in self.files if f.name.startswith(prefix) and f.name.endswith(suffix)
        )

    def entry(self, name: str) -> FileEntry:
        """What the manifest says of the file ``name``.

        Raises:
            ArtifactError: if the artifact has no such file.
        """
        found = self._by_name.get(name)
        if found is None:
            raise ArtifactError(f"{self.uri} holds no file {name}")
        return found

    @cached_property
    def _by_name(self) -> dict[str, FileEntry]:
        return {file.name: file for file in self.files}

    def only(self, *names: str) -> Artifact:
        """The same with no other files: what travels to a task that reads no more.

        A corpus of a hundred million pairs has thousands of files, and as many tasks.

        Raises:
            ArtifactError: if the artifact has no such file.
        """
        return replace(self, files=tuple(map(self.entry, names)))

    def local(self, name: str) -> Path:
        """The file ``name`` on a local disk.

        Raises:
            ArtifactError: if the artifact has no such file.
        """
        return self.storage.local(f"{self.path}/{self.entry(name).name}")

    def verify(self) -> None:
        """Compare every file with the sha256 of the manifest.

        Raises:
            ArtifactError: naming the first file that differs, and both hashes.
        """
        for file in self.files:
            seen = sha256_of(self.local(file.name))
            if seen != file.sha256:
                raise ArtifactError(
                    f"{self.uri}/{file.name} must have sha256 {file.sha256}, but has {seen}; "
                    f"delete the folder and run the command again"
                )


def write_part(storage: Storage, spec: ArtifactSpec, name: str, part: Part) -> None:
    """Record that the task ``name`` is done, so that an interrupted stage does not repeat it."""
    storage.write_bytes(f"{spec.path}/{PARTS}/{name}.json", _to_json(asdict(part)))


def read_part(storage: Storage, spec: ArtifactSpec, name: str) -> Part | None:
    """What the task ``name`` answered in an earlier, interrupted run; None if it has to run."""
    path = f"{spec.path}/{PARTS}/{name}.json"
    if storage.size(path) is None:
        return None
    try:
        data = json.loads(storage.read_bytes(path))
        part = Part(tuple(FileEntry(**f) for f in data["files"]), data["counts"])
    except (ValueError, KeyError, TypeError):
        # A record that can't be read records nothing.
        return None
    intact = all(storage.size(f"{spec.path}/{f.name}") == f.size for f in part.files)
    return part if intact else None


def entry_of(storage: Storage, spec: ArtifactSpec, name: str) -> FileEntry:
    """The :class:`FileEntry` of a file that was just published, read back from where it lies."""
    local = storage.local(f"{spec.path}/{name}")
    return FileEntry(name, local.stat().st_size, sha256_of(local))


def total_counts(parts: Sequence[Part]) -> Counts:
    """The counts of all parts, those with the same key added up."""
    total: Counts = {}
    for part in parts:
        for key, value in part.counts.items():
            total[key] = total.get(key, 0) + value
    return total


def with_source(counts: Mapping[str, int], split: str, source: str | None) -> dict[str, int]:
    """Counts of one source's pairs, under the names of the split's and of the source's sums.

    Without a source, as a shard without pairs has none, under those of the split's only.
    """
    prefixes = ("",) if source is None else ("", f"{source}/")
    return {f"{prefix}{split}_{key}": n for prefix in prefixes for key, n in counts.items()}


def commit(
    storage: Storage,
    spec: ArtifactSpec,
    parts: Sequence[Part],
    facts: Mapping[str, str] | None = None,
) -> Artifact:
    """Write the manifest, which makes the artifact complete; counts are added up.

    All tasks have ended: what a killed worker left of a file is removed first.
    """
    storage.sweep(spec.path)
    facts = dict(facts or {})
    counts = total_counts(parts)
    files = tuple(sorted((f for p in parts for f in p.files), key=lambda f: f.name))
    manifest = {
        "format_version": FORMAT_VERSION,
        "id": spec.id,
        **asdict(spec),
        "counts": counts,
        "files": [asdict(f) for f in files],
        "facts": facts,
    }
    storage.write_bytes(f"{spec.path}/{MANIFEST}", _to_json(manifest))
    storage.delete(f"{spec.path}/{PARTS}")
    return Artifact(storage, spec, files, counts, facts)


def load(storage: Storage, artifact_id: str) -> Artifact:
    """The artifact ``artifact_id``.

    Raises:
        ArtifactError: if it is not complete, its manifest can't be read, or a file of it is
            missing or has another size; or if the manifest is another's, or of another format.
    """
    path = f"{ARTIFACTS}/{artifact_id}/{MANIFEST}"
    if storage.size(path) is None:
        raise ArtifactError(
            f"{storage.uri_of(path)} must stand, but does not; run the command that makes it"
        )
    try:
        data = json.loads(storage.read_bytes(path))
        spec = ArtifactSpec(data["stage"], data["settings"], data["code"], data["parents"])
        files = tuple(FileEntry(**f) for f in data["files"])
        # Manifests of before there were facts hold none.
        artifact = Artifact(storage, spec, files, data["counts"], dict(data.get("facts", {})))
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            f"{storage.uri_of(path)} is no manifest ({error}); "
            f"delete its folder and run the command again"
        ) from error
    if (data.get("format_version"), artifact.id) != (FORMAT_VERSION, artifact_id):
        raise ArtifactError(
            f"{storage.uri_of(path)} must be of {artifact_id} in format {FORMAT_VERSION}, "
            f"but is of {artifact.id} in format {data.get('format_version')}; "
            f"delete its folder and run the command again"
        )
    for file in files:
        size = storage.size(f"{artifact.path}/{file.name}")
        if size != file.size:
            seen = "is missing" if size is None else f"has {size}"
            raise ArtifactError(
                f"{artifact.uri}/{file.name} must have {file.size} bytes, but {seen}; delete its "
                f"folder and run the command again"
            )
    return artifact


def find(storage: Storage, spec: ArtifactSpec) -> Artifact | None:
    """The complete artifact of ``spec``, or None where it has to be made (again)."""
    try:
        return load(storage, spec.id)
    except ArtifactError:
        return None


def explain(storage: Storage, spec: ArtifactSpec) -> str:
    """Why the stage of ``spec`` has to run, compared with the most alike artifact there is.

    Example: ``vocab_size 8000 → 16000``.
    """
    if storage.exists(f"{spec.path}/{MANIFEST}"):
        try:
            load(storage, spec.id)
        except ArtifactError as error:
            # Without what to do about it: the stage runs, which mends it.
            return str(error).partition("; delete its folder")[0]
        return "unchanged"
    if storage.exists(spec.path):
        return "was interrupted"
    earlier = _earlier(storage, spec.stage)
    if not earlier:
        return "never run"
    nearest = min(
        (differences(old, spec) for old in earlier), key=lambda lines: (len(lines), lines)
    )
    return in_words(nearest, "; ")


def in_words(lines: Sequence[str], between: str) -> str:
    """The first few differences, and how many more there are."""
    more = len(lines) - _SHOWN_DIFFERENCES
    tail = [f"and {more} more"] if more > 0 else []
    return between.join([*lines[:_SHOWN_DIFFERENCES], *tail])


def differences(old: ArtifactSpec, new: ArtifactSpec) -> list[str]:
    """What ``new`` has otherwise than ``old``, a line each: ``vocab_size 8000 → 16000``."""
    before, after = flatten(old.settings), flatten(new.settings)
    lines = [
        f"{key} {_short(before.get(key))} → {_short(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    lines += [
        f"reads a new {stage}"
        for stage, parent in new.parents.items()
        if old.parents.get(stage) != parent
    ]
    if old.code != new.code:
        lines.append("its code changed")
    return lines


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted keys: ``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _earlier(storage: Storage, stage: str) -> list[ArtifactSpec]:
    found = []
    for name in storage.list(ARTIFACTS):
        path = f"{ARTIFACTS}/{name}/{MANIFEST}"
        if name.rpartition("-")[0] == stage and storage.size(path) is not None:
            try:
                data = json.loads(storage.read_bytes(path))
                found.append(ArtifactSpec(stage, data["settings"], data["code"], data["parents"]))
            except (ValueError, KeyError, TypeError):
                # A damaged manifest can explain nothing; load() names it when it is needed.
                continue
    return found


@cache
def code_fingerprint(*modules: str) -> str:
    """A hash of what the modules do: their source without comments, docstrings and layout.

    So a reworded comment leaves an artifact as it is, and a changed rule makes a new one.
    """
    digest = hashlib.sha256()
    for module in modules:
        for path in _sources(module):
            tree = ast.parse(path.read_bytes())
            for node in ast.walk(tree):
                if isinstance(node, _HAS_DOCSTRINGS):
                    node.body = [s for s in node.body if not _is_docstring(s)] or [ast.Pass()]
            digest.update(ast.unparse(tree).encode())
    return digest.hexdigest()[:12]


_HAS_DOCSTRINGS = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _is_docstring(statement: ast.stmt) -> bool:
    # A string that stands by itself: a docstring, or one below the attribute that it describes.
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _sources(module: str) -> list[Path]:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"{module} must be an importable Python module")
    origin = Path(spec.origin)
    return sorted(origin.parent.glob("*.py")) if spec.submodule_search_locations else [origin]


def _to_json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
