"""The object store over the real S3 protocol: whole objects or none, and errors in one sentence."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from command_line import REPOSITORY, environment
from local_s3 import LocalS3
from pipeline import object_store
from pipeline.errors import ArtifactError, ConfigError
from pipeline.storage import Storage

pytestmark = pytest.mark.integration


@pytest.fixture
def s3(s3_prefix: str) -> Storage:
    return Storage(s3_prefix)


def fail_halfway(storage: Storage, path: str) -> None:
    """Begin to write an object, look for it, and fail."""
    before = storage.size(path)
    with storage.writing(path) as out:
        out.write_bytes(b"half")
        assert storage.size(path) == before
        raise ValueError("halfway")


def test_what_is_written_is_read_back_listed_and_deleted(s3: Storage) -> None:
    assert s3.local_root is None
    s3.write_bytes("a/b/नमस्ते.txt", "क़िला".encode())
    s3.write_bytes("a/empty", b"")
    assert s3.read_bytes("a/b/नमस्ते.txt").decode() == "क़िला"
    assert s3.local("a/b/नमस्ते.txt").read_text() == "क़िला"
    assert (s3.size("a/b/नमस्ते.txt"), s3.size("a/empty")) == (len("क़िला".encode()), 0)
    assert s3.exists("a/b")
    assert s3.list("a") == ["b", "empty"]
    assert s3.tree("a") == ["b/नमस्ते.txt", "empty"]
    s3.delete("a/b")
    assert s3.list("a") == ["empty"]
    s3.delete("a/empty")
    s3.delete("none")
    assert s3.list("a") == s3.list("none") == s3.tree("none") == []
    assert s3.size("a/empty") is None


def test_a_missing_object_is_named(s3: Storage) -> None:
    for read in (s3.read_bytes, s3.local, lambda path: s3.reading(path).__enter__()):
        with pytest.raises(ArtifactError, match=f"no file at {s3.uri}/none"):
            read("none")


def test_a_part_of_an_object_is_read_without_a_copy_of_it(s3: Storage, tmp_path: Path) -> None:
    s3.write_bytes("large", b"0123456789")
    with s3.reading("large") as file:
        file.seek(7)
        assert file.read(2) == b"78"
    assert not (tmp_path / "cache").exists()


def test_a_large_object_is_whole(s3: Storage) -> None:
    content = os.urandom(1 << 20) * 23
    s3.write_bytes("large", content)
    assert s3.local("large").read_bytes() == content


def test_while_an_object_is_written_it_is_not_there_and_after_an_exception_neither(
    s3: Storage,
) -> None:
    s3.write_bytes("a/kept", b"old")
    for name in ("a/new", "a/kept"):
        with pytest.raises(ValueError, match="halfway"):
            fail_halfway(s3, name)
    assert s3.list("a") == ["kept"]
    assert s3.read_bytes("a/kept") == b"old"


def test_an_object_written_anew_in_the_same_second_with_the_same_size_is_copied_anew(
    s3: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other machine"
    versions = set()
    for content in (b"flipped", b"correct", b"another"):
        s3.write_bytes("part", content)
        assert s3.local("part").read_bytes() == content
        with monkeypatch.context() as patch:
            patch.setenv("ANUVAD_CACHE", str(other))
            assert s3.local("part").read_bytes() == content
        versions.add(s3.version("part"))
    assert len(versions) == 3


def test_an_object_is_copied_once(s3: Storage) -> None:
    s3.write_bytes("part", b"rows")
    inode = s3.local("part").stat().st_ino
    assert s3.local("part").stat().st_ino == inode


def test_what_is_deleted_leaves_the_local_copies_too(s3: Storage, tmp_path: Path) -> None:
    s3.write_bytes("a/one", b"1")
    s3.write_bytes("b", b"2")
    s3.local("a/one")
    s3.local("b")
    s3.delete("a")
    assert [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()] == ["b"]


def test_a_cache_that_cannot_be_written_is_named(
    s3: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    s3.write_bytes("part", b"rows")
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("ANUVAD_CACHE", str(tmp_path / "taken"))
    with pytest.raises(ArtifactError, match=r"taken/.* must be writable .*ANUVAD_CACHE names"):
        s3.local("part")


def test_the_endpoint_may_be_in_the_uri_and_is_not_in_what_is_said(
    s3: Storage, s3_server: LocalS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.write_bytes("a/one", b"1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    query = f"?endpoint_override={urlsplit(s3_server.url).netloc}&scheme=http"
    again = Storage(f"{s3.uri}{query}")
    assert again.read_bytes("a/one") == b"1"
    assert again.uri == f"{s3.uri}{query}"
    assert again.uri_of("a/one") == f"{s3.uri}/a/one"


def test_a_storage_that_is_pickled_takes_its_endpoint_along(
    s3: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.write_bytes("one", b"1")
    pickled = pickle.dumps((s3, *s3.in_filesystem("one")))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    again, filesystem, path = pickle.loads(pickled)
    assert again.read_bytes("one") == b"1"
    assert again.uri_of("one") == s3.uri_of("one")
    with filesystem.open_input_stream(path) as stream:
        assert stream.read() == b"1"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://key:secret@bucket/x", "must hold no keys, since it is printed"),
        ("s3:///x", "must name a bucket"),
        ("s3://bucket/x?endpoint=y", r"must have no options but .*, not endpoint"),
    ],
)
def test_a_uri_that_is_wrong_is_refused(uri: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        Storage(uri)
    assert "secret@" not in str(raised.value)


def test_an_endpoint_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "minio:9000")
    with pytest.raises(ConfigError, match=r"AWS_ENDPOINT_URL must be an address .*'minio:9000'"):
        Storage("s3://bucket")


def test_a_bucket_that_is_not_there_is_named(s3: Storage) -> None:
    none = Storage("s3://no-such-bucket/x")
    assert none.list("a") == []
    with pytest.raises(
        ArtifactError, match=r"s3://no-such-bucket/x/one must be writable, but: .* has to be made"
    ):
        none.write_bytes("one", b"1")


def test_a_server_that_is_down_is_named(s3: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "ATTEMPTS", 2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    down = Storage(s3.uri)
    for ask in (down.size, down.list, down.read_bytes, down.local, down.delete):
        with pytest.raises(ArtifactError, match=f"{s3.uri}/x must be .*NETWORK.*is the store run"):
            ask("x")
    with pytest.raises(ArtifactError, match=f"^{s3.uri}/x must be writable, but: AWS Error") as one:
        down.write_bytes("x", b"1")
    assert "\n" not in str(one.value)


def test_a_server_that_hangs_is_given_up(s3: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "ATTEMPTS", 1)
    monkeypatch.setattr(object_store, "REQUEST_TIMEOUT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ArtifactError, match=r"must be readable, but: .* too slow"):
            Storage(s3.uri).size("x")


@pytest.fixture
def refusing(s3_prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An S3 server that refuses the second part of an upload; the requests it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._send(403, "")

        def do_POST(self) -> None:
            self._send(
                200,
                "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key>"
                "<UploadId>u</UploadId></InitiateMultipartUploadResult>",
            )

        def do_PUT(self) -> None:
            refused = "partNumber=2" in self.path
            error = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            self._send(403 if refused else 200, error if refused else "")

        def log_message(self, *_: object) -> None:
            """Nothing: what was asked is in ``seen``."""

        def _send(self, status: int, body: str) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append(f"{self.command} {urlsplit(self.path).query}")
            self.send_response(status)
            self.send_header("ETag", '"0"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_upload_of_which_a_part_fails_is_never_completed(refusing: list[str]) -> None:
    with pytest.raises(ArtifactError, match=r"s3://bucket/large must be writable, .*ACCESS_DENIED"):
        Storage("s3://bucket").write_bytes("large", bytes(23 << 20))
    assert any("partNumber=2" in request for request in refusing)
    assert "POST uploadId=u" not in refusing


def test_an_account_that_may_not_is_named(refusing: list[str]) -> None:
    with pytest.raises(
        ArtifactError, match=r"must be readable, .*ACCESS_DENIED.*; may the account"
    ):
        Storage("s3://bucket").size("x")


def test_without_credentials_the_store_refuses_in_one_sentence(
    refusing: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ArtifactError, match=r"^s3://bucket/x must be readable, but: AWS Error "):
        Storage("s3://bucket").size("x")


def test_a_process_that_used_a_store_ends(s3: Storage) -> None:
    code = f"from pipeline.storage import Storage; Storage({s3.uri!r}).write_bytes('x', b'1')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, **environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert s3.read_bytes("x") == b"1"


def test_what_is_said_of_an_error_leaves_its_preface_and_number_out() -> None:
    error = OSError(
        "When initiating multiple part upload for key 'x' in bucket 'b': AWS Error NO_SUCH_BUCKET "
        "during CreateMultipartUpload operation: The specified bucket does not exist "
        "(Request ID: oDRn)"
    )
    assert object_store.in_one_sentence(error) == (
        "AWS Error NO_SUCH_BUCKET during CreateMultipartUpload operation: The specified bucket "
        "does not exist; the bucket has to be made first"
    )


def test_of_many_that_create_one_object_one_does(s3: Storage) -> None:
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda i=i: answers.append(s3.create("turn", b"%d" % i)))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False, False, False, True]
    assert not s3.create("turn", b"late")


def test_a_bucket_that_does_not_exist_is_named_when_an_object_is_created(s3: Storage) -> None:
    bucket = s3.uri.removeprefix("s3://").split("/")[0]
    gone = Storage(s3.uri.replace(bucket, "no-such-bucket"))
    with pytest.raises(
        ArtifactError, match="s3://no-such-bucket/anuvad/turn must be writable, but"
    ):
        gone.create("turn", b"")
