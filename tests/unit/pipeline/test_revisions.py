"""A branch is asked for once, and means the same commit from then on."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from local_hub import DATASET, REVISION, Answer, LocalHub
from pipeline.errors import ArtifactError, CorpusError
from pipeline.revisions import resolve_revision
from pipeline.storage import Storage

LATER = "f" * 40


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def test_a_commit_is_itself_without_a_request(hub: LocalHub, storage: Storage) -> None:
    assert resolve_revision(storage, DATASET, LATER) == LATER
    assert hub.requests == []
    assert storage.list("") == []


def test_a_branch_is_asked_for_once_and_stays_where_it_was(hub: LocalHub, storage: Storage) -> None:
    assert resolve_revision(storage, DATASET, "main") == REVISION
    hub.revisions["main"] = LATER
    assert resolve_revision(storage, DATASET, "main") == REVISION
    assert hub.requests == [("GET", f"/api/datasets/{DATASET}/revision/main")]
    record = json.loads(storage.read_bytes("revisions/anuvad--local-pairs/main.json"))
    assert (record["dataset"], record["revision"], record["commit"]) == (DATASET, "main", REVISION)
    assert datetime.fromisoformat(record["asked_utc"]).utcoffset() is not None


def test_a_branch_whose_record_is_deleted_is_followed_anew(hub: LocalHub, storage: Storage) -> None:
    resolve_revision(storage, DATASET, "main")
    hub.revisions["main"] = LATER
    storage.delete("revisions/anuvad--local-pairs/main.json")
    assert resolve_revision(storage, DATASET, "main") == LATER


def test_a_branch_with_a_slash_has_a_record_of_its_own(hub: LocalHub, storage: Storage) -> None:
    hub.revisions["refs/convert/parquet"] = LATER
    assert resolve_revision(storage, DATASET, "refs/convert/parquet") == LATER
    assert storage.list("revisions/anuvad--local-pairs") == ["refs%2Fconvert%2Fparquet.json"]


def test_asking_for_a_branch_is_tried_again(hub: LocalHub, storage: Storage) -> None:
    hub.api_answers += [Answer(503), Answer("reset")]
    assert resolve_revision(storage, DATASET, "main") == REVISION


def test_a_branch_that_vanished_is_named_and_nothing_is_recorded(
    hub: LocalHub, storage: Storage
) -> None:
    del hub.revisions["main"]
    with pytest.raises(CorpusError, match=f"{DATASET} must have the revision main, but the hub"):
        resolve_revision(storage, DATASET, "main")
    assert storage.list("") == []


def test_a_branch_of_a_gated_dataset_says_how_to_get_in(hub: LocalHub, storage: Storage) -> None:
    hub.refusal = (401, "GatedRepo")
    with pytest.raises(CorpusError, match=r"access is gated .* set HF_TOKEN"):
        resolve_revision(storage, DATASET, "main")


def test_offline_a_recorded_branch_answers_and_another_does_not(
    hub: LocalHub, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_revision(storage, DATASET, "main")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert resolve_revision(storage, DATASET, "main") == REVISION
    with pytest.raises(CorpusError, match=f"{DATASET} at dev must be fetched once without HF_HUB"):
        resolve_revision(storage, DATASET, "dev")
    assert len(hub.requests) == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"commit": "main"}', b'{"commit": 7}'])
def test_a_record_that_cannot_be_read_is_named_with_what_to_do(
    hub: LocalHub, storage: Storage, content: bytes
) -> None:
    path = "revisions/anuvad--local-pairs/main.json"
    storage.write_bytes(path, content)
    with pytest.raises(ArtifactError, match=f"{path} must hold a commit of 40 .*; delete it, and"):
        resolve_revision(storage, DATASET, "main")
    assert hub.requests == []


def test_a_hub_that_names_no_commit_is_not_believed(hub: LocalHub, storage: Storage) -> None:
    hub.revisions["main"] = "main"
    with pytest.raises(CorpusError, match="40 hex digits, but says 'main'"):
        resolve_revision(storage, DATASET, "main")
