"""Files of a Hugging Face dataset, fetched in byte ranges and verified whole.

reads   a hub dataset at a pinned revision, at ``HF_ENDPOINT``
writes  parts ``train-00000-of-00001.parquet.0-33554432`` and the whole files made of them
holds   a file that is published has the size and the sha256 that the hub publishes
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tenacity

from pipeline.corpus import SourceFile, split_of
from pipeline.errors import CorpusError
from pipeline.storage import sha256_of

TIMEOUT_S = 60.0
ATTEMPTS = 6
_RETRIED_STATUS = {408, 425, 429, 500, 502, 503, 504}
_FORBIDDEN_STATUS = {401, 403}


@dataclass(frozen=True)
class BytePart:
    """Bytes ``start`` to ``stop`` (exclusive) of a file: what one task fetches."""

    file: SourceFile
    start: int
    stop: int

    @property
    def name(self) -> str:
        """Example: ``train-00000-of-00001.parquet.0-33554432``.

        It names the bytes, so that parts of an interrupted download with another ``part_bytes`` are
        not taken for these.
        """
        return f"{Path(self.file.name).name}.{self.start}-{self.stop}"


def hub_files(dataset: str, revision: str) -> list[SourceFile]:
    """The parquet files of a dataset with the sizes and hashes that the hub publishes.

    Raises:
        CorpusError: if the hub can't be reached or has no such dataset, revision or files, or a
            file has no split in its name.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        entries = [
            entry
            for entry in HfApi().list_repo_tree(
                dataset, "data", revision=revision, repo_type="dataset"
            )
            if isinstance(entry, RepoFile) and entry.path.endswith(".parquet")
        ]
    except GatedRepoError as error:
        raise CorpusError(
            f"{dataset} must be readable, but its access is gated: accept its terms on the hub "
            f"and set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise CorpusError(f"the hub has no dataset {dataset}, or not for this HF_TOKEN") from error
    except HfHubHTTPError as error:
        message = " ".join(str(error).split())
        raise CorpusError(f"the hub must list {dataset} at {revision}, but: {message}") from error
    except Exception as error:
        if not _is_transport_error(error):
            raise
        raise CorpusError(
            f"the hub must be reachable to fetch {dataset}, but: {error}; without a network, "
            f"corpus.source takes a folder of the same layout"
        ) from error
    if not entries:
        raise CorpusError(f"{dataset} at {revision} must hold data/*.parquet, but holds none")
    for entry in entries:
        split_of(entry.path)
    return [
        SourceFile(
            name=f"data/{Path(entry.path).name}",
            location=entry.path,
            size=entry.size,
            sha256=entry.lfs.sha256 if entry.lfs else None,
        )
        for entry in entries
    ]


def parts_of(file: SourceFile, part_bytes: int) -> list[BytePart]:
    """The byte ranges that make up ``file``."""
    return [
        BytePart(file, start, min(start + part_bytes, file.size))
        for start in range(0, file.size, part_bytes)
    ]


def fetch_part(dataset: str, revision: str, part: BytePart, out: Path) -> None:
    """Fetch one byte range into ``out``.

    Time-outs, resets, short bodies, 429 and 5xx are tried again, at most six times in all.

    Raises:
        CorpusError: if the range could not be fetched.
    """
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils._headers import build_hf_headers

    url = hf_hub_url(dataset, part.file.location, repo_type="dataset", revision=revision)
    headers = {
        **build_hf_headers(),
        "Range": f"bytes={part.start}-{part.stop - 1}",
        # The range is of the file, not of a compressed form of it.
        "Accept-Encoding": "identity",
    }

    def attempt() -> bytes:
        response = get_session().get(url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True)
        if response.status_code in _RETRIED_STATUS:
            raise _TryAgainError(f"HTTP {response.status_code}", _retry_after(response))
        if response.status_code != 206:
            hint = "; accept its terms on the hub and set HF_TOKEN"
            raise CorpusError(
                f"{url} must answer a byte range with HTTP 206, not {response.status_code}"
                f"{hint if response.status_code in _FORBIDDEN_STATUS else ''}"
            )
        body = bytes(response.content)
        if len(body) != part.stop - part.start:
            raise _TryAgainError(f"{len(body)} of {part.stop - part.start} bytes", None)
        return body

    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=_wait,
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, _TryAgainError) or _is_transport_error(error)
        ),
        reraise=True,
    )
    try:
        out.write_bytes(retrying(attempt))
    except CorpusError:
        raise
    except Exception as error:
        if not isinstance(error, _TryAgainError) and not _is_transport_error(error):
            raise
        raise CorpusError(
            f"bytes {part.start}-{part.stop - 1} of {url} could not be fetched in {ATTEMPTS} "
            f"tries, the last one: {error}; run the same command again to go on"
        ) from error


def assemble(parts: Sequence[Path], file: SourceFile, out: Path) -> None:
    """Join the parts of a file and compare it with what the hub publishes.

    Raises:
        CorpusError: naming both sizes or both hashes where they differ.
    """
    with out.open("wb") as sink:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, sink, 1 << 20)
    size = out.stat().st_size
    if size != file.size:
        raise CorpusError(f"{file.name} must have {file.size} bytes, but {size} came")
    if file.sha256 is not None and (seen := sha256_of(out)) != file.sha256:
        raise CorpusError(f"{file.name} must have sha256 {file.sha256}, but {seen} came")


class _TryAgainError(Exception):
    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


_backoff = tenacity.wait_exponential(multiplier=0.5, max=30.0) + tenacity.wait_random(0.0, 1.0)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, _TryAgainError) else None
    return max(_backoff(state), min(asked or 0.0, 120.0))


def _retry_after(response: Any) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _is_transport_error(error: BaseException) -> bool:
    # huggingface_hub's HTTP client has changed its package name before (httpx, httpx2), and its
    # transport errors are no OSError.
    names = {base.__name__ for base in type(error).__mro__}
    return isinstance(error, OSError) or bool(names & {"TransportError", "RemoteProtocolError"})
