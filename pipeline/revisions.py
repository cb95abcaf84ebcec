"""A branch or tag of a hub dataset → the commit that it meant when it was first asked for.

reads   the hub, once a branch
writes  ``revisions/org--name/main.json``: the commit, and when the hub named it
holds   a branch means the same commit until it is followed, which ``anuvad retrain`` does, or its
        record is deleted, with or without a network
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from urllib.parse import quote

from pipeline import hub
from pipeline.errors import ArtifactError, CorpusError
from pipeline.storage import Storage

REVISIONS = "revisions"
_COMMIT = re.compile(r"[0-9a-f]{40}")


def record_of(dataset: str, revision: str) -> str:
    """Where the commit of a branch or tag is recorded, inside a storage."""
    return f"{REVISIONS}/{dataset.replace('/', '--')}/{quote(revision, safe='')}.json"


def is_known(storage: Storage, dataset: str, revision: str) -> bool:
    """Whether :func:`resolve_revision` answers without a request."""
    if _COMMIT.fullmatch(revision):
        return True
    return storage.size(record_of(dataset, revision)) is not None


def resolve_revision(storage: Storage, dataset: str, revision: str) -> str:
    """The commit, 40 hex digits, that ``revision`` of ``dataset`` is.

    A commit is itself. A branch or a tag is asked of the hub once and recorded in ``storage`` at
    :func:`record_of`; from then on the record answers, without a request.

    Raises:
        CorpusError: if the branch is not recorded and the hub does not know it, refuses, can't be
            reached, or may not be asked (``HF_HUB_OFFLINE``).
        ArtifactError: if the record can't be read.
    """
    if _COMMIT.fullmatch(revision):
        return revision
    if is_known(storage, dataset, revision):
        return _recorded(storage, record_of(dataset, revision))
    return _ask(storage, dataset, revision)


def _ask(storage: Storage, dataset: str, revision: str) -> str:
    """Ask the hub and record what it answers."""
    commit = hub.get_json(dataset, revision, "revision").get("sha")
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise CorpusError(
            f"the hub must name the commit of {dataset} at {revision} with 40 hex digits, but "
            f"says {commit!r}; corpus.revision takes a commit from its page, Files, History"
        )
    record = {
        "dataset": dataset,
        "revision": revision,
        "commit": commit,
        "asked_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path = record_of(dataset, revision)
    storage.write_bytes(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return commit


def follow_revision(storage: Storage, dataset: str, revision: str) -> tuple[str | None, str]:
    """Ask the hub anew for the commit of a branch or tag, and record that: before, and now.

    A commit is itself, without a request. ``before`` is None where nothing was recorded.

    Raises:
        CorpusError: as :func:`resolve_revision`; what was recorded stays.
        ArtifactError: if the record can't be read.
    """
    if _COMMIT.fullmatch(revision):
        return revision, revision
    path = record_of(dataset, revision)
    before = _recorded(storage, path) if storage.size(path) is not None else None
    return before, _ask(storage, dataset, revision)


def _recorded(storage: Storage, path: str) -> str:
    try:
        commit = json.loads(storage.read_bytes(path))["commit"]
    except (ValueError, KeyError, TypeError):
        commit = None
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ArtifactError(
            f"{storage.uri_of(path)} must hold a commit of 40 hex digits, but does not; delete it, "
            f"and the hub is asked again"
        )
    return commit
