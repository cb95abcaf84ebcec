"""Whole files or none, on a local disk and in an object store."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import fsspec.implementations.memory
import pyarrow.fs as pafs
import pytest

from pipeline.errors import ArtifactError, ConfigError
from pipeline.storage import Storage, sha256_of


class Bucket(fsspec.implementations.memory.MemoryFileSystem):
    """An object store in memory, which says when each object was written, as S3 does."""

    cachable = False

    def info(self, path: str, **kwargs: object) -> dict[str, object]:
        found: dict[str, object] = super().info(path, **kwargs)
        if found["type"] == "file":
            found["mtime"] = self.modified(path).timestamp()
        return found


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    """A storage whose local copies lie below ``tmp_path``."""
    memory = Bucket()
    memory.store, memory.pseudo_dirs = {}, [""]
    filesystem = pafs.PyFileSystem(pafs.FSSpecHandler(memory))

    class FileSystem:
        @staticmethod
        def from_uri(uri: str) -> tuple[pafs.FileSystem, str]:
            return filesystem, uri.removeprefix("memory://").rstrip("/")

    monkeypatch.setattr("pipeline.object_store.pafs.FileSystem", FileSystem)
    monkeypatch.setenv("ANUVAD_CACHE", str(tmp_path / "cache"))
    return Storage("memory://bucket/anuvad")


def fail_halfway(storage: Storage, path: str, error: Exception) -> None:
    """Begin to write a file, and raise ``error``."""
    with storage.writing(path) as out:
        out.write_bytes(b"ha")
        raise error


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/"])
def test_a_path_and_a_file_uri_are_the_same_storage(tmp_path: Path, form: str) -> None:
    storage = Storage(form.format(tmp_path))
    assert storage.uri == str(tmp_path)
    assert storage.local_root == tmp_path


def test_a_relative_path_counts_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Storage("data").uri == str(tmp_path / "data")


def test_an_unknown_scheme_is_refused_naming_the_uri() -> None:
    with pytest.raises(ConfigError, match=r"must be a path or a URI .*not 'gopher://hole/data'"):
        Storage("gopher://hole/data")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_bytes("a/b/नमस्ते.txt", "क़िला".encode())
    assert storage.read_bytes("a/b/नमस्ते.txt").decode() == "क़िला"
    assert storage.size("a/b/नमस्ते.txt") == len("क़िला".encode())
    assert storage.exists("a/b")
    assert storage.list("a") == ["b"]
    assert storage.tree("a") == ["b/नमस्ते.txt"]


def test_a_file_that_is_being_written_is_not_seen(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    with storage.writing("a/out.bin") as out:
        out.write_bytes(b"half")
        assert not storage.exists("a/out.bin")
        assert storage.list("a") == storage.tree("") == []
    assert storage.list("a") == ["out.bin"]
    assert storage.tree("") == ["a/out.bin"]


def test_after_an_exception_the_old_file_stands_and_nothing_else(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_bytes("a/out.bin", b"old")
    with pytest.raises(ValueError, match="halfway"):
        fail_halfway(storage, "a/out.bin", ValueError("halfway"))
    assert storage.read_bytes("a/out.bin") == b"old"
    assert os.listdir(tmp_path / "a") == ["out.bin"]


@pytest.mark.parametrize("path", ["taken/out.bin", "taken/folder/out.bin"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "taken").write_text("a file")
    storage = Storage(str(tmp_path))
    with pytest.raises(ArtifactError, match=rf"{tmp_path}/{path} must be writable"):
        storage.write_bytes(path, b"data")


def test_a_file_in_the_place_of_a_folder_that_is_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for look in (Storage(str(tmp_path)).list, Storage(str(tmp_path)).tree):
        with pytest.raises(ArtifactError, match=rf"{tmp_path}/taken must be a folder .*Not a dir"):
            look("taken")


def test_a_folder_that_another_process_deletes_as_it_is_listed_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ended").mkdir()

    def late(folder: Path) -> list[str]:
        folder.rmdir()
        return listdir(folder)

    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", late)
    assert Storage(str(tmp_path)).list("ended") == []


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ArtifactError, match=rf"{tmp_path}/taken must be writable.*directory"):
        Storage(str(tmp_path)).write_bytes("taken", b"data")
    assert os.listdir(tmp_path) == ["taken"]


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(
        ArtifactError,
        match=rf"{tmp_path}/out\.bin must be writable and its disk have room, but: No space left "
        rf"on device \(2 bytes of it were written; {tmp_path} has [\d,]+ bytes free\)",
    ):
        fail_halfway(Storage(str(tmp_path)), "out.bin", full)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_named_where_the_writer_took_its_file_away(tmp_path: Path) -> None:
    with (
        pytest.raises(ArtifactError, match=rf"on device \({tmp_path} has [\d,]+ bytes free\)"),
        Storage(str(tmp_path)).writing("out.bin"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_another_os_error_of_the_writer_passes_as_it_is(tmp_path: Path) -> None:
    reset = ConnectionResetError(errno.ECONNRESET, "reset by peer")
    with pytest.raises(ConnectionResetError):
        fail_halfway(Storage(str(tmp_path)), "out.bin", reset)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    for read in (storage.read_bytes, storage.local):
        with pytest.raises(ArtifactError, match=f"no file at {tmp_path}/none"):
            read("none")
    assert storage.size("none") is None
    assert storage.list("none") == storage.tree("none") == []


def test_deleting_takes_a_file_or_a_folder_and_minds_no_absence(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_bytes("a/one", b"1")
    storage.write_bytes("b", b"2")
    for path in ("a", "b", "none"):
        storage.delete(path)
    assert os.listdir(tmp_path) == []


def test_a_sweep_removes_what_killed_writers_left_and_nothing_else(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    stays = ["clean-1/train.parquet", "clean-1/.profile", "clean-1/deep/b", "clean-2/c"]
    for path in stays:
        storage.write_bytes(path, b"whole")
    for path in ("clean-1/train.parquet", "clean-1/deep/b"):
        with storage.writing(path) as out:
            out.write_bytes(b"ha")
            # What a writer leaves that is killed here, and what it had put beside.
            for ending in ("", ".rejects"):
                os.link(out, f"{str(out)[:-32]}{'0' * 32}{ending}")
    assert len(list(tmp_path.rglob(".*"))) == 5
    storage.sweep("clean-1")
    storage.sweep("none")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == (
        sorted(stays)
    )


def test_a_storage_is_itself_after_pickling(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.write_bytes("one", b"1")
    again = pickle.loads(pickle.dumps(storage))
    assert again.uri == storage.uri
    assert again.read_bytes("one") == b"1"


def test_sha256_of_a_file_is_what_sha256sum_says(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "abc") == expected


def test_an_object_store_is_written_listed_and_deleted_like_a_disk(bucket: Storage) -> None:
    assert bucket.local_root is None
    bucket.write_bytes("artifacts/clean-1/train.parquet", b"rows")
    assert bucket.uri_of("x") == "memory://bucket/anuvad/x"
    assert bucket.read_bytes("artifacts/clean-1/train.parquet") == b"rows"
    assert bucket.size("artifacts/clean-1/train.parquet") == 4
    assert bucket.list("artifacts/clean-1") == ["train.parquet"]
    bucket.delete("artifacts/clean-1/train.parquet")
    assert bucket.size("artifacts/clean-1/train.parquet") is None


def test_an_object_is_copied_once_to_the_local_disk(bucket: Storage) -> None:
    bucket.write_bytes("artifacts/clean-1/train.parquet", b"rows")
    local = bucket.local("artifacts/clean-1/train.parquet")
    assert local.read_bytes() == b"rows"
    inode = local.stat().st_ino
    assert bucket.local("artifacts/clean-1/train.parquet").stat().st_ino == inode


def test_an_object_written_anew_with_the_same_size_is_copied_anew(bucket: Storage) -> None:
    bucket.write_bytes("downloaded/part", b"flipped")
    assert bucket.local("downloaded/part").read_bytes() == b"flipped"
    bucket.write_bytes("downloaded/part", b"correct")
    assert bucket.local("downloaded/part").read_bytes() == b"correct"


def test_a_failed_upload_leaves_neither_object_nor_scratch(
    bucket: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="halfway"):
        fail_halfway(bucket, "a/out.bin", ValueError("halfway"))
    assert bucket.size("a/out.bin") is None
    assert os.listdir(tmp_path) == []


def test_a_file_is_created_once_and_never_over_another(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.require_create()
    assert storage.create("locks/promote/1.json", b"first")
    assert not storage.create("locks/promote/1.json", b"second")
    assert storage.read_bytes("locks/promote/1.json") == b"first"
    assert os.listdir(tmp_path / "locks" / "promote") == ["1.json"]


def test_a_disk_without_links_creates_once_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(str(tmp_path))

    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    assert storage.create("turn", b"first")
    assert not storage.create("turn", b"second")
    assert storage.read_bytes("turn") == b"first"


def test_a_store_that_knows_no_conditions_is_refused(bucket: Storage) -> None:
    for refused in (bucket.require_create, lambda: bucket.create("turn", b"")):
        with pytest.raises(ArtifactError, match="only disks and s3:// are known to"):
            refused()
    assert bucket.size("turn") is None


def test_s3_without_boto3_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match=r"boto3 must be installed for locks in s3://b/p, but"):
        Storage("s3://b/p?region=eu-west-1").require_create()
