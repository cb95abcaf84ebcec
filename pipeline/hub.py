"""Requests to a Hugging Face hub: tried a few times, and refused in one sentence.

reads   ``HF_ENDPOINT``, ``HF_TOKEN`` (or what ``hf auth login`` left), ``HF_HUB_OFFLINE``
holds   with ``HF_HUB_OFFLINE`` set nothing is asked; what passes by itself (time-outs, resets,
        short bodies, 408, 425, 429, 5xx) is tried six times in all; no message holds the token

The client's own helpers are not used for this: they retry on another schedule, or for some requests
not at all, and wait for an answer for ever.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import tenacity

from pipeline.errors import CorpusError

TIMEOUT_S = 60.0
ATTEMPTS = 6
MAX_RETRY_AFTER_S = 120.0
_CHUNK_BYTES = 1 << 20
_RETRIED_STATUS = {408, 425, 429, 500, 502, 503, 504}
_TRUE = {"1", "ON", "YES", "TRUE"}

T = TypeVar("T")


def sleep(seconds: float) -> None:
    """Wait before the next try; tests put another in its place."""
    time.sleep(seconds)


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` (or ``TRANSFORMERS_OFFLINE``) forbids requests, as of now.

    ``huggingface_hub`` reads it when it is imported, and refuses from then on by itself.
    """
    from huggingface_hub import constants

    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return said.upper() in _TRUE or constants.is_offline_mode()


def get_json(
    dataset: str,
    revision: str,
    verb: str,
    path: str = "",
    *,
    attempts: int = ATTEMPTS,
    timeout_s: float | None = None,
) -> Any:
    """What the hub's API says at ``/api/datasets/<dataset>/<verb>/<revision>/<path>``.

    Lists that come in pages are joined. Each page is tried ``attempts`` times, and may be silent
    for ``timeout_s``, a minute unless told.

    Raises:
        CorpusError: if the hub refuses, can't be reached, or may not be asked.
    """
    from huggingface_hub import constants

    place = "/".join([verb, quote(revision, safe=""), *([quote(path)] if path else [])])
    url: str | None = f"{constants.ENDPOINT}/api/datasets/{dataset}/{place}"
    pages: list[Any] = []
    while url is not None:
        page, url = _ask(dataset, revision, partial(_page, url, timeout_s), attempts=attempts)
        pages.append(page)
    return pages[0] if len(pages) == 1 else [entry for page in pages for entry in page]


def fetch_range(
    dataset: str, revision: str, path: str, start: int, stop: int, size: int, out: Path
) -> None:
    """Fetch bytes ``start`` to ``stop`` (exclusive) of a file of ``size`` bytes into ``out``.

    Raises:
        CorpusError: if the hub refuses, can't be reached, may not be asked, or knows no ranges.
        OSError: if ``out`` can't be written.
    """
    from huggingface_hub import hf_hub_url

    url = hf_hub_url(dataset, path, repo_type="dataset", revision=revision)
    headers = {
        "Range": f"bytes={start}-{stop - 1}",
        # The range is of the file, not of a compressed form of it.
        "Accept-Encoding": "identity",
    }

    def attempt() -> None:
        with _answer(url, headers) as response:
            if response.status_code != 206 and (start, stop) != (0, size):
                raise CorpusError(
                    f"{url} must answer a byte range with HTTP 206, not "
                    f"{response.status_code}; behind a proxy that knows no ranges, "
                    f"corpus.part_bytes must be at least {size}"
                )
            span = response.headers.get("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            if span != f"bytes {start}-{stop - 1}/{size}":
                raise _TryAgainError(f"{span} in place of {start}-{stop - 1}/{size}", None)
            with out.open("wb") as sink:
                for chunk in response.iter_bytes(_CHUNK_BYTES):
                    sink.write(chunk)
        if (came := out.stat().st_size) != stop - start:
            raise _TryAgainError(f"{came} of {stop - start} bytes", None)

    try:
        _ask(dataset, revision, attempt, f"bytes {start}-{stop - 1} of {url}")
    except CorpusError:
        out.unlink(missing_ok=True)
        raise


def _ask(
    dataset: str,
    revision: str,
    attempt: Callable[[], T],
    what: str | None = None,
    attempts: int = ATTEMPTS,
) -> T:
    if is_offline():
        raise CorpusError(
            f"{dataset} at {revision} must be fetched once without HF_HUB_OFFLINE, which is set; "
            f"it is not in this storage, or not all of it"
        )
    what = what or f"the listing of {dataset} at {revision}"
    retrying = tenacity.Retrying(
        sleep=lambda seconds: sleep(seconds),
        stop=tenacity.stop_after_attempt(attempts),
        wait=_wait,
        retry=tenacity.retry_if_exception(_passes_by_itself),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except _RefusedError as error:
        raise CorpusError(_refusal(error, dataset, revision)) from None
    except Exception as error:
        if not _passes_by_itself(error):
            raise
        # Without its cause: that one holds the request, and the request holds the token.
        tried = f" in {attempts} tries, the last one" if attempts > 1 else ""
        raise CorpusError(
            f"{what} could not be fetched{tried}: {_without_token(error)}; run the same command "
            f"again to go on, or, without a network, give corpus.source a folder of the same layout"
        ) from None


def _page(url: str, timeout_s: float | None) -> tuple[Any, str | None]:
    with _answer(url, {}, timeout_s) as response:
        response.read()
        try:
            return response.json(), response.links.get("next", {}).get("url")
        except ValueError as error:
            raise _TryAgainError(f"{url} must answer JSON, but: {error}", None) from error


@contextmanager
def _answer(url: str, headers: dict[str, str], timeout_s: float | None = None) -> Iterator[Any]:
    """The answer to one GET, its body not yet read; statuses over 299 are exceptions."""
    from huggingface_hub import get_session
    from huggingface_hub.utils._headers import build_hf_headers

    with get_session().stream(
        "GET",
        url,
        headers={**build_hf_headers(), **headers},
        timeout=TIMEOUT_S if timeout_s is None else timeout_s,
        follow_redirects=True,
    ) as response:
        # Behind a redirect a 403 is of an address that was signed for a time: ask for another.
        if response.status_code in _RETRIED_STATUS or (
            response.status_code == 403 and response.history
        ):
            raise _TryAgainError(f"HTTP {response.status_code}", _retry_after(response))
        if response.status_code > 299:
            raise _RefusedError(
                url,
                response.status_code,
                response.headers.get("X-Error-Code", ""),
                response.headers.get("X-Error-Message", ""),
            )
        yield response


class _TryAgainError(Exception):
    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class _RefusedError(Exception):
    def __init__(self, url: str, status: int, code: str, message: str) -> None:
        super().__init__(url, status, code, message)
        self.url, self.status, self.code, self.message = url, status, code, message


def _refusal(refused: _RefusedError, dataset: str, revision: str) -> str:
    """What a hub's refusal means for the user. Its codes are those that its own client knows."""
    seen = f"the hub says {refused.status}" + (f" {refused.code}" if refused.code else "")
    if refused.code == "RevisionNotFound":
        return (
            f"{dataset} must have the revision {revision}, but {seen}: it is misspelt, or its "
            f"publisher took it away; its page lists revisions under Files, History"
        )
    if refused.code == "GatedRepo" or refused.status == 403:
        return (
            f"{dataset} must be readable, but its access is gated ({seen}): accept its terms on "
            f"the hub and set HF_TOKEN to a token of the account that did"
        )
    if refused.message.startswith("Invalid credentials"):
        return f"HF_TOKEN must be a valid token, but {seen}: make a new one, or unset it"
    if refused.code == "RepoNotFound" or refused.status == 401:
        return f"the hub has no dataset {dataset}, or not for this HF_TOKEN ({seen})"
    if refused.status == 404:
        return f"{dataset} at {revision} must hold {refused.url}, but {seen}"
    detail = f": {refused.message}" if refused.message else ""
    return _without_token(f"{refused.url} must be answered, but {seen}{detail}")


def _without_token(error: object) -> str:
    from huggingface_hub import get_token

    text = " ".join(str(error).split()) or type(error).__name__
    return text.replace(token, "HF_TOKEN") if (token := get_token()) else text


_backoff = tenacity.wait_exponential(multiplier=0.5, max=30.0) + tenacity.wait_random(0.0, 1.0)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, _TryAgainError) else None
    return max(_backoff(state), min(asked or 0.0, MAX_RETRY_AFTER_S))


def _retry_after(response: Any) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _passes_by_itself(error: BaseException) -> bool:
    # huggingface_hub's HTTP client has changed its package name before (httpx, httpx2), and its
    # transport errors are no OSError. A full disk is one, and does not pass by itself.
    names = {base.__name__ for base in type(error).__mro__}
    return isinstance(error, _TryAgainError | ConnectionError | TimeoutError) or (
        "TransportError" in names
    )
