"""Requests to a hub over real HTTP: what is tried again, what is refused, and in which words."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local_hub import DATASET, REVISION, Answer, LocalHub
from pipeline import hub as requests
from pipeline.errors import CorpusError
from pipeline.hub import ATTEMPTS, fetch_range, get_json

TRAIN = "data/train-00000-of-00001.parquet"
CONTENT = bytes(range(256)) * 20
TOKEN = "hf_ATokenThatNobodyMaySee"


@pytest.fixture
def fetch(hub: LocalHub, tmp_path: Path) -> Callable[[], bytes]:
    """Fetches bytes 1000 to 2000 of the file."""

    def now() -> bytes:
        fetch_range(DATASET, REVISION, TRAIN, 1000, 2000, len(CONTENT), tmp_path / "part")
        return (tmp_path / "part").read_bytes()

    return now


def listed() -> list[str]:
    """The files in the dataset's folder ``data``."""
    return [entry["path"] for entry in get_json(DATASET, REVISION, "tree", "data")]


def test_a_range_is_exactly_its_bytes(hub: LocalHub, fetch: Callable[[], bytes]) -> None:
    assert fetch() == CONTENT[1000:2000]
    assert hub.ranges == [(TRAIN, 1000)]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_of_the_bytes_is_tried_again(
    hub: LocalHub, fetch: Callable[[], bytes], status: int
) -> None:
    hub.answers += [Answer(status), Answer(status)]
    assert fetch() == CONTENT[1000:2000]


@pytest.mark.parametrize("fault", [429, 500, 503, "reset"])
def test_a_passing_failure_of_the_address_is_tried_again(
    hub: LocalHub, fetch: Callable[[], bytes], fault: int
) -> None:
    hub.api_answers += [Answer(fault), Answer(fault)]
    assert fetch() == CONTENT[1000:2000]


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 504, "cut", "reset"])
def test_a_passing_failure_of_a_listing_is_tried_again(hub: LocalHub, fault: int) -> None:
    hub.api_answers += [Answer(fault), Answer(fault)]
    assert listed() == [TRAIN]
    assert len(hub.requests) == 3


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_half_a_body_is_fetched_again(
    hub: LocalHub, fetch: Callable[[], bytes], fault: str
) -> None:
    hub.answers += [Answer(fault)]
    assert fetch() == CONTENT[1000:2000]
    assert hub.ranges == [(TRAIN, 1000)] * 2


def test_a_hub_that_hangs_is_asked_again(
    hub: LocalHub, fetch: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "TIMEOUT_S", 0.2)
    hub.answers += [Answer("hang")]
    hub.api_answers += [Answer("hang")]
    assert fetch() == CONTENT[1000:2000]


def test_a_listing_that_hangs_for_ever_is_given_up(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "TIMEOUT_S", 0.05)
    hub.api_answers += [Answer("hang")] * 10
    with pytest.raises(CorpusError, match=f"the listing of {DATASET} .* in 6 tries.*timed out"):
        listed()
    # The last one may be given up before the hub has come to it.
    while len(hub.requests) < ATTEMPTS:
        time.sleep(0.01)
    assert len(hub.requests) == ATTEMPTS


def test_retry_after_is_waited_for_up_to_two_minutes(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float]
) -> None:
    hub.answers += [Answer(429, {"Retry-After": "17"}), Answer(429, {"Retry-After": "9999"})]
    assert fetch() == CONTENT[1000:2000]
    assert slept == [17.0, 120.0]


def test_retry_after_is_waited_for_before_a_listing(hub: LocalHub, slept: list[float]) -> None:
    hub.api_answers += [Answer(429, {"Retry-After": "17"})]
    assert listed() == [TRAIN]
    assert slept == [17.0]


def test_a_retry_after_that_is_a_date_is_not_waited_for(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float]
) -> None:
    hub.answers += [Answer(503, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})]
    assert fetch() == CONTENT[1000:2000]
    assert max(slept) < 5


def test_without_retry_after_the_waits_grow(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float]
) -> None:
    hub.answers += [Answer(503)] * 5
    fetch()
    assert len(slept) == 5
    assert slept[-1] > slept[0]
    assert sum(slept) < 60


@pytest.mark.parametrize("fault", [503, "cut", "reset"])
def test_after_six_tries_it_gives_up_saying_what_to_do(
    hub: LocalHub, fetch: Callable[[], bytes], tmp_path: Path, fault: int
) -> None:
    hub.answers += [Answer(fault)] * 10
    with pytest.raises(
        CorpusError,
        match=r"^bytes 1000-1999 of http.*parquet could not be fetched in 6 tries, the last one: "
        r".*; run the same command again to go on, or",
    ):
        fetch()
    assert len(hub.answers) == 10 - ATTEMPTS
    assert not (tmp_path / "part").exists()


def test_a_hub_without_head_requests_will_do(hub: LocalHub, fetch: Callable[[], bytes]) -> None:
    hub.head_status = 503
    assert listed() == [TRAIN]
    assert fetch() == CONTENT[1000:2000]
    assert {method for method, _ in hub.requests} == {"GET"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, f"the hub has no dataset {DATASET}, or not for this HF_TOKEN"),
        (403, "its access is gated .*: accept its terms on the hub and set HF_TOKEN"),
        (404, f"{DATASET} at {REVISION} must hold http.*{TRAIN}, but the hub says 404"),
        (451, f"http.*{TRAIN} must be answered, but the hub says 451"),
    ],
)
def test_a_refusal_is_not_tried_again(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float], status: int, said: str
) -> None:
    hub.api_answers += [Answer(status)]
    with pytest.raises(CorpusError, match=said):
        fetch()
    assert slept == []


def test_an_address_whose_signature_ran_out_is_asked_for_anew(
    hub: LocalHub, fetch: Callable[[], bytes]
) -> None:
    hub.answers += [Answer(403)]
    assert fetch() == CONTENT[1000:2000]
    assert [path[:5] for _, path in hub.requests] == ["/data", "/cdn/", "/data", "/cdn/"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_dataset_says_how_to_get_in_with_a_token_or_without(
    hub: LocalHub, status: int
) -> None:
    hub.refusal = (status, "GatedRepo")
    with pytest.raises(CorpusError, match=rf"gated \(the hub says {status} GatedRepo\): accept"):
        listed()


def test_a_token_that_is_no_longer_valid_is_named_as_such(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    refused = {"X-Error-Message": "Invalid credentials in Authorization header"}
    hub.api_answers += [Answer(401, refused)]
    with pytest.raises(CorpusError, match=r"^HF_TOKEN must be a valid token, but the hub says 401"):
        listed()


def test_a_dataset_that_is_not_there_is_named(hub: LocalHub) -> None:
    with pytest.raises(CorpusError, match="the hub has no dataset anuvad/none"):
        get_json("anuvad/none", REVISION, "tree", "data")


def test_a_revision_that_vanished_is_named_with_where_to_find_another(hub: LocalHub) -> None:
    del hub.revisions[REVISION]
    with pytest.raises(
        CorpusError, match=f"{DATASET} must have the revision {REVISION}, but the hub says 404 "
    ):
        listed()


def test_a_revision_that_vanished_after_the_listing_is_named(
    hub: LocalHub, fetch: Callable[[], bytes], slept: list[float]
) -> None:
    listed()
    del hub.revisions[REVISION]
    with pytest.raises(CorpusError, match=f"must have the revision {REVISION}, but the hub says"):
        fetch()
    assert slept == []


def test_a_file_that_is_missing_is_named(hub: LocalHub, fetch: Callable[[], bytes]) -> None:
    hub.files.clear()
    with pytest.raises(CorpusError, match=f"must hold http.*{TRAIN}, but .* 404 EntryNotFound"):
        fetch()


def test_a_server_that_knows_no_ranges_is_refused_with_the_way_round_it(
    hub: LocalHub, fetch: Callable[[], bytes]
) -> None:
    hub.answers += [Answer("whole")]
    with pytest.raises(
        CorpusError,
        match=r"must answer a byte range with HTTP 206, not 200; .* must be at least 5120",
    ):
        fetch()


def test_from_a_server_that_knows_no_ranges_a_whole_file_is_taken(
    hub: LocalHub, tmp_path: Path
) -> None:
    hub.answers += [Answer("whole")]
    fetch_range(DATASET, REVISION, TRAIN, 0, 5120, 5120, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_another_range_than_was_asked_for_is_not_taken(hub: LocalHub, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="bytes 0-999/5120 in place of 0-999/6000"):
        fetch_range(DATASET, REVISION, TRAIN, 0, 1000, 6000, tmp_path / "part")


def test_a_listing_in_pages_is_read_to_its_end(hub: LocalHub) -> None:
    hub.files |= {f"data/dev-0000{i}-of-00004.parquet": b"PAR1" for i in range(4)}
    hub.page_entries = 2
    hub.api_answers += [Answer(503)]
    assert listed() == sorted(hub.files)
    assert len(hub.requests) == 4


def test_a_hub_that_is_not_there_is_named_with_the_way_round_it(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(CorpusError, match=r"in 6 tries.*refused.*corpus\.source a folder of"):
        listed()


def test_a_full_disk_is_not_taken_for_a_failure_of_the_hub(
    hub: LocalHub, slept: list[float]
) -> None:
    with pytest.raises(OSError, match="No space left"):
        fetch_range(DATASET, REVISION, TRAIN, 0, 1000, 5120, Path("/dev/full"))
    assert slept == []


def test_the_token_goes_to_the_hub_and_to_no_other_host(
    hub: LocalHub, fetch: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    listed()
    fetch()
    assert [(path[:5], token) for path, token in hub.tokens] == [
        ("/api/", f"Bearer {TOKEN}"),
        ("/data", f"Bearer {TOKEN}"),
        ("/cdn/", None),
    ]


def test_no_error_holds_the_token(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.api_answers += [Answer(400, {"X-Error-Message": f"cannot read Bearer {TOKEN}"})]
    with pytest.raises(CorpusError, match="cannot read Bearer HF_TOKEN") as raised:
        listed()
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_offline_nothing_is_asked_and_the_way_out_is_named_at_once(
    hub: LocalHub,
    fetch: Callable[[], bytes],
    monkeypatch: pytest.MonkeyPatch,
    slept: list[float],
    value: str,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    for ask in (listed, fetch):
        with pytest.raises(
            CorpusError, match=f"^{DATASET} at {REVISION} must be fetched once without HF_HUB_OFF"
        ):
            ask()
    assert hub.requests == []
    assert slept == []


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_an_offline_that_is_off_forbids_nothing(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert listed() == [TRAIN]
