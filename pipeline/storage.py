"""One way to local disks and object stores.

reads   a URI: a path, ``file:///…`` or ``s3://bucket/prefix``
writes  files below it, each one whole or not at all
holds   a reader never sees half a file: what is written lies beside its place until complete

Paths inside a storage are relative, with forward slashes: ``artifacts/clean-…/manifest.json``.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.fs as pafs

from pipeline.errors import ArtifactError, ConfigError

_CHUNK_BYTES = 1 << 20
_CANNOT_WRITE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}


class Storage:
    """A root folder on a local disk or in an object store.

    Args:
        uri: a local path (relative ones count from the working folder), ``file://`` or any scheme
            that ``pyarrow.fs`` knows.

    Raises:
        ConfigError: if the URI can't be understood.
    """

    def __init__(self, uri: str) -> None:
        self._local_root: Path | None
        if "://" not in uri or uri.startswith("file://"):
            self._local_root = Path(uri.removeprefix("file://")).expanduser().resolve()
            self.uri = str(self._local_root)
            self._filesystem: Any = pafs.LocalFileSystem()
            self._root = self.uri
        else:
            try:
                self._filesystem, self._root = pafs.FileSystem.from_uri(uri)
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"storage must be a path or a URI such as s3://bucket/prefix, not {uri!r}: "
                    f"{error}"
                ) from error
            self._local_root = None
            self.uri = uri.rstrip("/")

    def __repr__(self) -> str:
        return f"Storage({self.uri!r})"

    def __reduce__(self) -> tuple[type[Storage], tuple[str]]:
        return Storage, (self.uri,)

    @property
    def local_root(self) -> Path | None:
        """The root folder where the storage is a local disk, else None."""
        return self._local_root

    def uri_of(self, path: str) -> str:
        """The full URI (or local path) of ``path``."""
        return f"{self.uri}/{path}"

    def exists(self, path: str) -> bool:
        """Whether a file or folder stands at ``path``."""
        info = self._filesystem.get_file_info(self._full(path))
        return bool(info.type != pafs.FileType.NotFound)

    def size(self, path: str) -> int | None:
        """Bytes of the file at ``path``; None where there is none."""
        info = self._filesystem.get_file_info(self._full(path))
        return int(info.size) if info.type == pafs.FileType.File else None

    def version(self, path: str) -> str:
        """Size and time of modification of the file at ``path``: what tells it from another one.

        Raises:
            ArtifactError: if there is no such file.
        """
        info = self._filesystem.get_file_info(self._full(path))
        if info.type != pafs.FileType.File:
            raise ArtifactError(f"no file at {self.uri_of(path)}")
        return f"{info.size} bytes of {info.mtime}"

    def list(self, path: str) -> list[str]:
        """Names of the entries of the folder ``path``, sorted; empty where it does not exist."""
        selector = pafs.FileSelector(self._full(path), allow_not_found=True)
        infos = self._filesystem.get_file_info(selector)
        # A name that starts with a dot is a file still being written.
        return sorted(i.base_name for i in infos if not i.base_name.startswith("."))

    def read_bytes(self, path: str) -> bytes:
        """The content of ``path``.

        Raises:
            ArtifactError: if there is no such file.
        """
        try:
            with self._filesystem.open_input_stream(self._full(path)) as stream:
                return bytes(stream.read())
        except FileNotFoundError as error:
            raise ArtifactError(f"no file at {self.uri_of(path)}") from error

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write ``data`` to ``path``, whole or not at all."""
        with self.writing(path) as local:
            local.write_bytes(data)

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[Path]:
        """A local file to write to, which is at ``path`` when the block ends without an exception.

        On a local disk it lies beside its place and is renamed; for an object store it lies in the
        machine's temporary folder and is uploaded. After an exception nothing is left of it.

        Raises:
            ArtifactError: if the place can't be written, or the disk is full; it names the path.
        """
        if self._local_root is not None:
            target = self._local_root / path
            scratch = target.parent / f".{target.name}.{uuid.uuid4().hex}"
        else:
            target = None
            scratch = Path(tempfile.gettempdir()) / f"anuvad-{uuid.uuid4().hex}-{Path(path).name}"
        try:
            scratch.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(path, error) from error
        try:
            yield scratch
            if target is not None:
                # The rename must not become durable before the bytes are.
                with scratch.open("rb") as written:
                    os.fsync(written.fileno())
                scratch.replace(target)
            else:
                with (
                    scratch.open("rb") as source,
                    self._filesystem.open_output_stream(self._full(path)) as sink,
                ):
                    shutil.copyfileobj(source, sink, _CHUNK_BYTES)
        except OSError as error:
            if error.errno not in _CANNOT_WRITE:
                raise
            raise self._unwritable(path, error) from error
        finally:
            # Where its folder could not be made nothing has to go, and that must not mask why.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                scratch.unlink()

    def local(self, path: str) -> Path:
        """A local file with the content of ``path``: itself on a local disk, a cached copy else.

        The copy lies in ``~/.cache/anuvad`` (``ANUVAD_CACHE`` names another folder); one with the
        size and the time of the original is taken as it is. A size alone would not do: a damaged
        byte range that was fetched anew has the size of the one before.

        Raises:
            ArtifactError: if there is no such file.
        """
        if self._local_root is not None:
            local = self._local_root / path
            if not local.is_file():
                raise ArtifactError(f"no file at {local}")
            return local
        info = self._filesystem.get_file_info(self._full(path))
        if info.type != pafs.FileType.File:
            raise ArtifactError(f"no file at {self.uri_of(path)}")
        cache = Path(os.environ.get("ANUVAD_CACHE", "~/.cache/anuvad")).expanduser()
        local = cache / hashlib.sha256(self.uri.encode()).hexdigest()[:16] / path
        if not _is_copy(local, info):
            local.parent.mkdir(parents=True, exist_ok=True)
            scratch = local.parent / f".{local.name}.{uuid.uuid4().hex}"
            with (
                self._filesystem.open_input_stream(self._full(path)) as source,
                scratch.open("wb") as sink,
            ):
                shutil.copyfileobj(source, sink, _CHUNK_BYTES)
            if info.mtime_ns is not None:
                os.utime(scratch, ns=(info.mtime_ns, info.mtime_ns))
            scratch.replace(local)
        return local

    def delete(self, path: str) -> None:
        """Remove the file or folder at ``path``; nothing happens where there is none."""
        info = self._filesystem.get_file_info(self._full(path))
        if info.type == pafs.FileType.Directory:
            self._filesystem.delete_dir(info.path)
        elif info.type == pafs.FileType.File:
            self._filesystem.delete_file(info.path)

    def _unwritable(self, path: str, error: OSError) -> ArtifactError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return ArtifactError(
            f"{self.uri_of(path)} must be writable and its disk have room, but: {reason}"
        )

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root


def _is_copy(local: Path, original: pafs.FileInfo) -> bool:
    if not local.is_file():
        return False
    seen = local.stat()
    return seen.st_size == original.size and original.mtime_ns in (None, seen.st_mtime_ns)


def sha256_of(path: Path) -> str:
    """The sha256 of a local file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
