"""Ids, manifests, and the sentences that say why a stage has to run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, FileEntry, Part, code_fingerprint
from pipeline.errors import ArtifactError
from pipeline.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path))


def spec_of(vocab_size: int = 8000, **changes: Any) -> ArtifactSpec:
    """The spec of a tokenizer."""
    made = {
        "stage": "tokenizer",
        "settings": {"vocab_size": vocab_size, "model_type": "unigram"},
        "code": "c0de",
        "parents": {"clean": "clean-000000000001"},
    }
    return ArtifactSpec(**(made | changes))


def publish(storage: Storage, spec: ArtifactSpec, content: bytes = b"pieces") -> Artifact:
    """A complete artifact with the one file ``hi.model``."""
    storage.write_bytes(f"{spec.path}/hi.model", content)
    part = Part((artifacts.entry_of(storage, spec, "hi.model"),), {"pieces": 7})
    artifacts.write_part(storage, spec, "hi", part)
    return artifacts.commit(storage, spec, [part])


def rewrite_manifest(artifact: Artifact, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest of ``artifact`` where it lies."""
    path = f"{artifact.path}/{artifacts.MANIFEST}"
    data = json.loads(artifact.storage.read_bytes(path))
    change(data)
    artifact.storage.write_bytes(path, json.dumps(data).encode())


def test_an_id_is_the_same_in_every_process() -> None:
    # Written down: were it to change, every artifact that stands would be made again.
    assert spec_of().id == "tokenizer-5ad9af874459"
    program = (
        "from pipeline.artifacts import ArtifactSpec;"
        "print(ArtifactSpec('tokenizer', {'model_type': 'unigram', 'vocab_size': 8000}, 'c0de',"
        " {'clean': 'clean-000000000001'}).id)"
    )
    seen = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == spec_of().id


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"vocab_size": 8000, "model_type": "bpe"}},
        {"settings": {"vocab_size": 8000, "model_type": "unigram", "seed": 2}},
        {"code": "c0d3"},
        {"parents": {"clean": "clean-000000000002"}},
        {"parents": {}},
        {"stage": "tokenizers"},
    ],
)
def test_an_id_changes_with_settings_code_and_parents(changes: dict[str, Any]) -> None:
    assert spec_of(**changes).id != spec_of().id


def test_the_order_of_settings_does_not_change_an_id() -> None:
    turned = {"model_type": "unigram", "vocab_size": 8000}
    assert spec_of(settings=turned).id == spec_of().id


def test_a_committed_artifact_loads_as_it_was(storage: Storage) -> None:
    made = publish(storage, spec_of())
    found = artifacts.load(storage, made.id)
    assert (found.spec, found.files, found.counts) == (made.spec, made.files, made.counts)
    assert artifacts.find(storage, spec_of()) == found
    assert found.local("hi.model").read_bytes() == b"pieces"
    assert storage.list(found.path) == ["hi.model", "manifest.json"]


def test_facts_are_read_back_and_are_no_part_of_the_id(storage: Storage) -> None:
    made = artifacts.commit(storage, spec_of(), [], {"tokenizer_hi_sha256": "ab12"})
    assert made.facts == {"tokenizer_hi_sha256": "ab12"}
    assert artifacts.load(storage, spec_of().id) == made


def test_a_manifest_without_facts_has_none(storage: Storage) -> None:
    made = publish(storage, spec_of())
    rewrite_manifest(made, lambda data: data.pop("facts"))
    assert artifacts.load(storage, made.id).facts == {}


def test_an_entry_is_what_the_manifest_says_of_a_file(storage: Storage) -> None:
    made = publish(storage, spec_of(), b"abc")
    entry = made.entry("hi.model")
    assert (entry.size, entry.sha256[:8]) == (3, "ba7816bf")
    with pytest.raises(ArtifactError, match=r"tokenizer-\w+ holds no file en\.model"):
        made.entry("en.model")


def test_without_a_manifest_there_is_no_artifact(storage: Storage) -> None:
    storage.write_bytes(f"{spec_of().path}/hi.model", b"pieces")
    assert artifacts.find(storage, spec_of()) is None
    with pytest.raises(ArtifactError, match=r"manifest\.json must stand, but does not"):
        artifacts.load(storage, spec_of().id)


def test_counts_of_all_parts_are_added_up_and_files_sorted(storage: Storage) -> None:
    parts = [
        Part((FileEntry("b", 1, ""),), {"kept": 3, "dropped_empty": 1}),
        Part((FileEntry("a", 1, ""),), {"kept": 4}),
    ]
    made = artifacts.commit(storage, spec_of(), parts)
    assert made.counts == {"kept": 7, "dropped_empty": 1}
    assert made.names() == ["a", "b"]


def test_names_are_chosen_by_how_they_begin_and_end(storage: Storage) -> None:
    entries = tuple(FileEntry(n, 0, "") for n in ("train-0.arrow", "train-0.json", "test-0.arrow"))
    made = artifacts.commit(storage, spec_of(), [Part(entries, {})])
    assert made.names("train-", ".arrow") == ["train-0.arrow"]


def test_a_file_that_the_manifest_does_not_list_is_refused(storage: Storage) -> None:
    made = publish(storage, spec_of())
    with pytest.raises(ArtifactError, match=r"tokenizer-\w+ holds no file en\.model"):
        made.local("en.model")


def test_an_artifact_of_only_some_files_is_itself_without_the_others(storage: Storage) -> None:
    storage.write_bytes(f"{spec_of().path}/en.model", b"pieces")
    part = Part((artifacts.entry_of(storage, spec_of(), "en.model"),), {"pieces": 7})
    hindi = publish(storage, spec_of()).files
    made = artifacts.commit(storage, spec_of(), [part, Part(hindi, {})])
    assert made.names() == ["en.model", "hi.model"]
    few = made.only("hi.model")
    assert few.id == made.id
    assert few.names() == ["hi.model"]
    assert few.local("hi.model") == made.local("hi.model")
    with pytest.raises(ArtifactError, match=r"holds no file en\.model"):
        few.only("hi.model", "en.model")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"stage": "tokenizer", "files": [3]}']
)
def test_a_damaged_manifest_is_named_and_the_stage_runs_again(
    storage: Storage, content: bytes
) -> None:
    made = publish(storage, spec_of())
    storage.write_bytes(f"{made.path}/{artifacts.MANIFEST}", content)
    with pytest.raises(ArtifactError, match=rf"{made.id}/manifest\.json is no manifest .*delete"):
        artifacts.load(storage, made.id)
    assert artifacts.find(storage, spec_of()) is None
    assert "is no manifest" in artifacts.explain(storage, spec_of())


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}"])
def test_a_damaged_manifest_does_not_hinder_the_next_artifact(
    storage: Storage, content: bytes
) -> None:
    storage.write_bytes(f"{spec_of(8000).path}/{artifacts.MANIFEST}", content)
    assert artifacts.explain(storage, spec_of(16000)) == "never run"


def test_a_manifest_in_another_artifacts_folder_is_refused(storage: Storage) -> None:
    made = publish(storage, spec_of())
    rewrite_manifest(made, lambda data: data["settings"].update(vocab_size=4000))
    with pytest.raises(
        ArtifactError, match=rf"must be of {made.id} .*but is of {spec_of(4000).id}"
    ):
        artifacts.load(storage, made.id)


def test_a_manifest_of_another_format_is_refused(storage: Storage) -> None:
    made = publish(storage, spec_of())
    rewrite_manifest(made, lambda data: data.update(format_version=2))
    with pytest.raises(ArtifactError, match=r"in format 1, but is of .* in format 2"):
        artifacts.load(storage, made.id)


def test_a_missing_file_is_named(storage: Storage) -> None:
    made = publish(storage, spec_of())
    storage.delete(f"{made.path}/hi.model")
    with pytest.raises(ArtifactError, match=r"hi\.model must have 6 bytes, but is missing; delete"):
        artifacts.load(storage, made.id)
    assert artifacts.find(storage, spec_of()) is None


def test_a_file_of_another_size_is_named_with_both_sizes(storage: Storage) -> None:
    made = publish(storage, spec_of())
    storage.write_bytes(f"{made.path}/hi.model", b"pie")
    with pytest.raises(ArtifactError, match=r"hi\.model must have 6 bytes, but has 3; delete"):
        artifacts.load(storage, made.id)
    assert artifacts.explain(storage, spec_of()).endswith("hi.model must have 6 bytes, but has 3")


def test_verify_passes_what_is_whole_and_names_both_hashes_of_a_flipped_byte(
    storage: Storage,
) -> None:
    made = publish(storage, spec_of(), b"abc")
    made.verify()
    storage.write_bytes(f"{made.path}/hi.model", b"abd")
    with pytest.raises(
        ArtifactError,
        match=r"hi\.model must have sha256 ba7816bf\w{56}, but has a52d159f\w{56}; delete",
    ):
        artifacts.load(storage, made.id).verify()


def test_a_part_is_read_back_as_it_was_written(storage: Storage) -> None:
    storage.write_bytes(f"{spec_of().path}/hi.model", b"pieces")
    part = Part((artifacts.entry_of(storage, spec_of(), "hi.model"),), {"pieces": 7})
    assert artifacts.read_part(storage, spec_of(), "hi") is None
    artifacts.write_part(storage, spec_of(), "hi", part)
    assert artifacts.read_part(storage, spec_of(), "hi") == part


def test_a_part_whose_file_is_gone_or_short_has_to_run_again(storage: Storage) -> None:
    path = f"{spec_of().path}/hi.model"
    storage.write_bytes(path, b"pieces")
    part = Part((artifacts.entry_of(storage, spec_of(), "hi.model"),), {})
    artifacts.write_part(storage, spec_of(), "hi", part)
    storage.write_bytes(path, b"pie")
    assert artifacts.read_part(storage, spec_of(), "hi") is None
    storage.delete(path)
    assert artifacts.read_part(storage, spec_of(), "hi") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"files": [{"name": "x"}]}'])
def test_a_damaged_part_has_to_run_again(storage: Storage, content: bytes) -> None:
    storage.write_bytes(f"{spec_of().path}/{artifacts.PARTS}/hi.json", content)
    assert artifacts.read_part(storage, spec_of(), "hi") is None


def test_committing_removes_the_records_of_the_parts(storage: Storage) -> None:
    made = publish(storage, spec_of())
    assert not storage.exists(f"{made.path}/{artifacts.PARTS}")


def test_committing_removes_what_a_killed_worker_left(storage: Storage) -> None:
    left = Path(storage.uri) / spec_of().path / f".hi.model.{'0' * 32}"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"pie")
    publish(storage, spec_of())
    assert sorted(path.name for path in left.parent.iterdir()) == ["hi.model", "manifest.json"]


def test_explain_says_which_setting_changed_and_how(storage: Storage) -> None:
    publish(storage, spec_of(8000))
    assert artifacts.explain(storage, spec_of(16000)) == "vocab_size 8000 → 16000"


def test_explain_says_unchanged_interrupted_or_never_run(storage: Storage) -> None:
    assert artifacts.explain(storage, spec_of()) == "never run"
    storage.write_bytes(f"{spec_of().path}/hi.model", b"pieces")
    assert artifacts.explain(storage, spec_of()) == "was interrupted"
    publish(storage, spec_of())
    assert artifacts.explain(storage, spec_of()) == "unchanged"


def test_explain_compares_with_the_artifact_that_is_most_alike(storage: Storage) -> None:
    publish(storage, spec_of(4000, code="0ld", parents={"clean": "clean-000000000009"}))
    publish(storage, spec_of(8000))
    assert artifacts.explain(storage, spec_of(16000)) == "vocab_size 8000 → 16000"


def test_explain_names_settings_inside_settings_and_new_ones(storage: Storage) -> None:
    publish(storage, spec_of(settings={"filters": {"max_words": 200}}))
    changed = spec_of(settings={"filters": {"max_words": None, "min_words": 2}})
    assert artifacts.explain(storage, changed) == (
        "filters.max_words 200 → nothing; filters.min_words nothing → 2"
    )


def test_explain_names_a_new_parent_and_changed_code(storage: Storage) -> None:
    publish(storage, spec_of())
    changed = spec_of(code="n3w", parents={"clean": "clean-000000000002"})
    assert artifacts.explain(storage, changed) == "reads a new clean; its code changed"


def test_explain_shortens_long_values(storage: Storage) -> None:
    publish(storage, spec_of(settings={"pairs": "अ" * 100}))
    assert artifacts.explain(storage, spec_of(settings={"pairs": "आ"})) == (
        f"pairs {'अ' * 37}… → आ"
    )


def test_explain_does_not_compare_with_another_stage(storage: Storage) -> None:
    publish(storage, spec_of(stage="tokenizer-old"))
    assert artifacts.explain(storage, spec_of()) == "never run"


RULE = '''"""What the module does."""

LIMIT = 3
"""What the limit is."""


class Rule:
    """What a rule is."""

    reason = "long"
    """What a reason is."""

    def keeps(self, words: int) -> bool:
        """Whether."""
        # Three is enough.
        return words <= LIMIT
'''


@pytest.fixture
def fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """The fingerprint of a module with the source that is given."""
    monkeypatch.syspath_prepend(tmp_path)

    def of(source: str) -> str:
        (tmp_path / "some_rule.py").write_text(source)
        return code_fingerprint.__wrapped__("some_rule")

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# Three is enough.", "# Nobody needs four."),
        ('"""Whether."""\n', '"""Whether it stays,\n\n        or goes."""\n'),
        ('"""What the module does."""\n', ""),
        ('"""What the limit is."""', '"""How many words."""'),
        ('    """What a reason is."""\n', ""),
        ("words <= LIMIT", "(words   <=   LIMIT)"),
    ],
)
def test_comments_docstrings_and_layout_leave_the_fingerprint(
    fingerprint: Callable[[str], str], old: str, new: str
) -> None:
    before = fingerprint(RULE)
    assert RULE.count(old) == 1
    assert fingerprint(RULE.replace(old, new)) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("<=", "<"), ("LIMIT = 3", "LIMIT = 4"), ('"long"', '"short"'), ("return ", "")],
)
def test_logic_changes_the_fingerprint(
    fingerprint: Callable[[str], str], old: str, new: str
) -> None:
    before = fingerprint(RULE)
    assert fingerprint(RULE.replace(old, new)) != before


def test_a_function_of_only_a_docstring_has_a_fingerprint(
    fingerprint: Callable[[str], str],
) -> None:
    assert fingerprint('def f():\n    """Does nothing."""\n') == fingerprint("def f():\n    pass\n")


def test_the_fingerprint_of_a_package_covers_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "some_package").mkdir()
    (tmp_path / "some_package" / "__init__.py").write_text("")
    (tmp_path / "some_package" / "rule.py").write_text("LIMIT = 3\n")
    before = code_fingerprint.__wrapped__("some_package")
    (tmp_path / "some_package" / "rule.py").write_text("LIMIT = 4\n")
    assert code_fingerprint.__wrapped__("some_package") != before
