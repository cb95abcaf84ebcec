"""One way to local disks and object stores.

reads   a URI: a path, ``file:///…`` or ``s3://bucket/prefix``
writes  files below it, each one whole or not at all; copies of objects in ``~/.cache/anuvad``
holds   a reader never sees half a file: on a disk it lies beside its place until complete, and an
        object appears when its last byte is there

Paths inside a storage are relative, with forward slashes: ``artifacts/clean-…/manifest.json``.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs

from pipeline.errors import ArtifactError, ConfigError
from pipeline.object_store import create_object, in_one_sentence, open_store, require_conditions

# Each read of an object is a request.
_CHUNK_BYTES = 16 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CANNOT_WRITE = _NO_ROOM | {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
}

# Of disks such as exFAT, and of some that are mounted over a network.
_HAS_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}

# What `writing` calls a file until it is whole; a writer may put files of its own beside it.
_SCRATCH = re.compile(r"\..+\.[0-9a-f]{32}(\..*)?", re.DOTALL)


class Storage:
    """A root folder on a local disk or in an object store.

    Args:
        uri: a local path (relative ones count from the working folder), ``file://``, ``s3://`` (see
            :mod:`pipeline.object_store`) or any scheme that ``pyarrow.fs`` knows.

    Raises:
        ConfigError: if the URI can't be understood.
    """

    def __init__(self, uri: str) -> None:
        self._local_root: Path | None
        if "://" not in uri or uri.startswith("file://"):
            try:
                self._local_root = Path(uri.removeprefix("file://")).expanduser().resolve()
            except RuntimeError as error:
                raise ConfigError(
                    f"storage must be a path whose ~ is somebody's home, but is {uri!r}"
                ) from error
            self.uri = self._plain_uri = self._full_uri = self._root = str(self._local_root)
            self._filesystem: Any = pafs.LocalFileSystem()
        else:
            store = open_store(uri)
            self._local_root = None
            self.uri = uri.rstrip("/")
            self._plain_uri, self._full_uri = store.uri, store.full_uri
            self._filesystem, self._root = store.filesystem, store.root

    def __repr__(self) -> str:
        return f"Storage({self.uri!r})"

    def __reduce__(self) -> tuple[type[Storage], tuple[str]]:
        # Another machine's environment may know nothing of the endpoint.
        return Storage, (self._full_uri,)

    @property
    def local_root(self) -> Path | None:
        """The root folder where the storage is a local disk, else None."""
        return self._local_root

    def uri_of(self, path: str) -> str:
        """The full URI (or local path) of ``path``, without options such as the endpoint."""
        return f"{self._plain_uri}/{path}"

    def in_filesystem(self, path: str) -> tuple[Any, str]:
        """A filesystem of ``pyarrow.fs`` and ``path`` in it, for a library that writes by itself.

        The filesystem can be pickled and takes its endpoint along, which :meth:`uri_of` leaves out.
        """
        return self._filesystem, self._full(path)

    def exists(self, path: str) -> bool:
        """Whether a file or folder stands at ``path``.

        Raises:
            ArtifactError: here and below, if an object store does not answer or refuses; it names
                the URI.
        """
        return bool(self._info(path).type != pafs.FileType.NotFound)

    def size(self, path: str) -> int | None:
        """Bytes of the file at ``path``; None where there is none."""
        info = self._info(path)
        return int(info.size) if info.type == pafs.FileType.File else None

    def version(self, path: str) -> str:
        """What tells the file at ``path`` from another one: its size and time, or its ETag.

        Raises:
            ArtifactError: if there is no such file.
        """
        info = self._info(path)
        if info.type != pafs.FileType.File:
            raise ArtifactError(f"no file at {self.uri_of(path)}")
        if self._local_root is None:
            # Times in S3 have a resolution of a second.
            with self.reading(path) as source:
                if etag := _etag_of(source):
                    return f"{info.size} bytes of ETag {etag}"
        return f"{info.size} bytes of {info.mtime}"

    def list(self, path: str) -> list[str]:
        """Names of the entries of the folder ``path``, sorted; empty where it does not exist.

        Raises:
            ArtifactError: if it is no folder, or one that can't be read.
        """
        with self._listing(path):
            names = self._names_in(path)
        # A name that starts with a dot is a file still being written.
        return sorted(name for name in names if not name.startswith("."))

    @contextlib.contextmanager
    def _listing(self, path: str) -> Iterator[None]:
        try:
            with self._named(path, "readable"):
                yield
        except (NotADirectoryError, PermissionError) as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ArtifactError(
                f"{self.uri_of(path)} must be a folder that can be read, but: {reason}"
            ) from error

    def _names_in(self, path: str) -> Sequence[str]:
        if self._local_root is None:
            selector = pafs.FileSelector(self._full(path), allow_not_found=True)
            return [info.base_name for info in self._filesystem.get_file_info(selector)]
        folder = self._local_root / path
        # Another process may delete it in between.
        with contextlib.suppress(FileNotFoundError):
            # pyarrow.fs leaves out links to nothing.
            return os.listdir(folder) if folder.exists() else []
        return []

    def tree(self, path: str) -> Sequence[str]:
        """Paths, from the folder ``path`` on, of all files below it, sorted; empty without it.

        A thousand files of an object store are one request.

        Raises:
            ArtifactError: if it is no folder, or has one that can't be read.
        """
        top = self._full(path)
        selector = pafs.FileSelector(top, allow_not_found=True, recursive=True)
        with self._listing(path):
            found = self._filesystem.get_file_info(selector)
        paths = [i.path.removeprefix(f"{top}/") for i in found if i.type == pafs.FileType.File]
        return sorted(path for path in paths if not path.rpartition("/")[2].startswith("."))

    def read_bytes(self, path: str) -> bytes:
        """The content of ``path``.

        Raises:
            ArtifactError: if there is no such file.
        """
        with (
            self._named(path, "readable"),
            self._filesystem.open_input_stream(self._full(path)) as stream,
        ):
            return bytes(stream.read())

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[Any]:
        """A file object of ``pyarrow`` on ``path`` where it lies: for little of a large object.

        Raises:
            ArtifactError: if there is no such file.
        """
        with (
            self._named(path, "readable"),
            self._filesystem.open_input_file(self._full(path)) as source,
        ):
            yield source

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write ``data`` to ``path``, whole or not at all."""
        with self.writing(path) as local:
            local.write_bytes(data)

    def require_create(self) -> None:
        """Refuse a storage that can't do what :meth:`create` does.

        Raises:
            ArtifactError: saying what is missing.
        """
        if self._local_root is None:
            require_conditions(self._full_uri)

    def create(self, path: str, data: bytes) -> bool:
        """Write ``data`` to ``path`` only if nothing is there; whether this call wrote it.

        Of any number that try at once, one does. On a disk the file is linked to its place whole;
        S3 is asked with ``If-None-Match: *``.

        Raises:
            ArtifactError: if the place can't be written, or the store can't do this; it says what
                is missing.
        """
        if self._local_root is None:
            with self._named(path, "writable"):
                return create_object(self._full_uri, self._full(path), data)
        target = self._local_root / path
        scratch = target.parent / f".{target.name}.{uuid.uuid4().hex}"
        try:
            scratch.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(data)
            try:
                os.link(scratch, target)
            except OSError as error:
                if error.errno not in _HAS_NO_LINKS:
                    raise
                # For a moment it is there and empty.
                with target.open("xb") as file:
                    file.write(data)
        except FileExistsError:
            return False
        except OSError as error:
            raise self._unwritable(path, scratch, error) from error
        finally:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                scratch.unlink()
        return True

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[Path]:
        """A local file to write to, which is at ``path`` when the block ends without an exception.

        On a local disk it lies beside its place and is renamed; for an object store it lies in the
        machine's temporary folder and is uploaded. After an exception nothing is left of it; after
        a kill in the middle of a large upload the store may keep parts that nobody sees, which a
        lifecycle rule for incomplete uploads removes.

        Raises:
            ArtifactError: if the place can't be written, or the disk is full; it names the path
                and, where there is no room, the bytes that were written and those free.
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
            raise self._unwritable(path, scratch, error) from error
        try:
            yield scratch
            if target is not None:
                # The rename must not become durable before the bytes are.
                with scratch.open("rb") as written:
                    os.fsync(written.fileno())
                scratch.replace(target)
            else:
                self._upload(scratch, path)
        except OSError as error:
            if error.errno not in _CANNOT_WRITE:
                raise
            raise self._unwritable(path, scratch, error) from error
        finally:
            # Where its folder could not be made nothing has to go, and that must not mask why.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                scratch.unlink()

    def _upload(self, scratch: Path, path: str) -> None:
        # A stream that is closed is an object, even where an exception closes it halfway. So all
        # the bytes are handed over in one call, which maps the file and does not read it to memory.
        # Nothing can't be mapped.
        content = pa.memory_map(str(scratch)).read_buffer() if scratch.stat().st_size else b""
        with (
            self._named(path, "writable"),
            self._filesystem.open_output_stream(self._full(path)) as sink,
        ):
            sink.write(content)

    def local(self, path: str) -> Path:
        """A local file with the content of ``path``: itself on a local disk, a cached copy else.

        The copy lies in ``~/.cache/anuvad`` (``ANUVAD_CACHE`` names another folder) below the
        object's ETag, so that one that was written anew, even in the same second and with the same
        size, is another. What this machine deletes from the storage goes from there too; the rest
        stays until somebody deletes the folder, which can be done whenever nothing runs.

        Raises:
            ArtifactError: if there is no such file.
        """
        if self._local_root is not None:
            local = self._local_root / path
            if not local.is_file():
                raise ArtifactError(f"no file at {local}")
            return local
        with self.reading(path) as source:
            size = source.size()
            version = _etag_of(source) or str(self._info(path).mtime_ns)
            folder = hashlib.sha256(version.encode()).hexdigest()[:16]
            local = self._cached(path) / folder / Path(path).name
            if local.is_file() and local.stat().st_size == size:
                return local
            try:
                local.parent.mkdir(parents=True, exist_ok=True)
                self._copy(path, source, size, local)
            except OSError as error:
                if error.errno not in _CANNOT_WRITE:
                    raise
                raise ArtifactError(
                    f"{local.parent} must be writable and its disk have room, but: "
                    f"{os.strerror(error.errno)}; ANUVAD_CACHE names another folder"
                ) from error
        return local

    def _copy(self, path: str, source: Any, size: int, local: Path) -> None:
        scratch = local.parent / f".{local.name}.{uuid.uuid4().hex}"
        try:
            with scratch.open("wb") as sink:
                shutil.copyfileobj(source, sink, _CHUNK_BYTES)
            if (came := scratch.stat().st_size) != size:
                raise ArtifactError(
                    f"{self.uri_of(path)} must be read whole, all {size} bytes, but {came} came; "
                    f"run the same command again"
                )
            scratch.replace(local)
        finally:
            scratch.unlink(missing_ok=True)

    def delete(self, path: str) -> None:
        """Remove the file or folder at ``path``; nothing happens where there is none."""
        info = self._info(path)
        # Another process may be faster.
        with self._named(path, "writable"), contextlib.suppress(FileNotFoundError):
            if info.type == pafs.FileType.Directory:
                self._filesystem.delete_dir(info.path)
            elif info.type == pafs.FileType.File:
                self._filesystem.delete_file(info.path)
        if self._local_root is None:
            shutil.rmtree(self._cached(path), ignore_errors=True)

    def _cached(self, path: str) -> Path:
        cache = Path(os.environ.get("ANUVAD_CACHE", "~/.cache/anuvad")).expanduser()
        return cache / hashlib.sha256(self._full_uri.encode()).hexdigest()[:16] / path

    def _info(self, path: str) -> Any:
        with self._named(path, "readable"):
            return self._filesystem.get_file_info(self._full(path))

    @contextlib.contextmanager
    def _named(self, path: str, must_be: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise ArtifactError(f"no file at {self.uri_of(path)}") from error
        except OSError as error:
            # Of a disk the system says what is wrong; an object store's answers have no errno.
            if self._local_root is not None or error.errno is not None:
                raise
            raise ArtifactError(
                f"{self.uri_of(path)} must be {must_be}, but: {in_one_sentence(error)}"
            ) from error

    def sweep(self, path: str) -> None:
        """Remove what writers that were killed left of their files in the folder ``path``.

        Nothing may be writing there. An object store needs none of this: what was not uploaded
        whole is no object.
        """
        if self._local_root is not None:
            for left in (self._local_root / path).rglob(".*"):
                if _SCRATCH.fullmatch(left.name):
                    left.unlink(missing_ok=True)

    def _unwritable(self, path: str, scratch: Path, error: OSError) -> ArtifactError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _NO_ROOM:
            reason += f" ({_room_of(scratch)})"
        return ArtifactError(
            f"{self.uri_of(path)} must be writable and its disk have room, but: {reason}"
        )

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root


def _etag_of(source: Any) -> str | None:
    etag = (source.metadata() or {}).get("ETag")
    return etag.decode() if etag else None


def _room_of(scratch: Path) -> str:
    """What was written of a file, and what room its disk has: ``4,096 bytes of it were …``."""
    folder = scratch.parent
    while not folder.exists():
        folder = folder.parent
    room = f"{folder} has {shutil.disk_usage(folder).free:,} bytes free"
    # Arrow removes a file that it could not write whole.
    if not scratch.is_file():
        return room
    return f"{scratch.stat().st_size:,} bytes of it were written; {room}"


def sha256_of(path: Path) -> str:
    """The sha256 of a local file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
