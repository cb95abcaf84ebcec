"""What a corpus needs is measured rates times the numbers of shards and ranges."""

from __future__ import annotations

import dataclasses

import pytest
from capacity_design import Rates, Size, in_bytes, in_time, needs

from pipeline.dedup import DedupConfig, partitions_of

RATES = Rates(
    source_bytes=100,
    clean_bytes=150,
    kept_bytes=140,
    array_bytes=70,
    clean_s=2e-5,
    dedup_s=1e-5,
    draw_s=2e-6,
    tensorize_s=3e-5,
    plan_s=4e-7,
    vocabularies_s=20,
    target_tokens=25,
    length_bytes=8,
    worker_bytes=7e8,
    tokens_a_second=2500,
    range_file_s=2e-4,
    file_bytes=150,
    file_s=1e-5,
)
# Two shards of two rows, and two ranges.
SMALL = Size(pairs=4, shard_rows=2, partition_rows=2)


def test_a_corpus_is_cut_as_the_stages_cut_it() -> None:
    size = Size(1_700_000, 50_000, DedupConfig().partition_rows)
    assert (size.shards, size.ranges) == (34, 4)
    assert size.ranges == partitions_of(1_700_000, DedupConfig().partition_rows)


def test_dedup_opens_files_of_shards_times_ranges() -> None:
    # Two ranges look into two shards, two into two, two shards into two ranges' drops of 3 reasons.
    assert SMALL.range_reads == 4 + 4 + 12
    # Two tasks are under way, each with six names.
    assert SMALL.sent_bytes == 2 * 6 * 60


def test_ten_times_the_pairs_are_a_hundred_times_the_reads() -> None:
    one, ten = Size(10**8, 50_000, 500_000), Size(10**9, 50_000, 500_000)
    assert ten.range_reads == 100 * one.range_reads
    assert ten.files == 10 * one.files


def test_what_a_hundred_million_pairs_need_by_hand() -> None:
    found = needs(RATES, Size(100_000_000, 50_000, 500_000))
    assert found["storage: corpus"] == "10 GB"
    # 100 + 150 + 140 + 70 bytes a pair, and 40 of hashes.
    assert found["storage: all of it"] == "50 GB"
    # 2,000 s.
    assert found["cores: clean"] == "33 min"
    # 2,000 × 200 × 4 + 200² reads of 0.2 ms: 328 s.
    assert found["cores: dedup, opening files"] == "5.5 min"
    # Half of 200 s and of 20 s.
    assert found["one core a vocabulary, at once"] == "1.8 min"
    assert found["memory: lengths, a training worker"] == "800 MB"
    assert found["files · manifests"] == "12,000 · 1.8 MB"
    assert found["epoch: target tokens"] == "2.5e9"
    # 1e6 s.
    assert found["epoch: one thread of this CPU"] == "12 days"


def test_one_range_takes_no_time_that_its_rows_do_not() -> None:
    still = dataclasses.replace(RATES, range_file_s=0)
    assert needs(still, Size(10**10, 50_000, 500_000))["cores: dedup, opening files"] == "0.0 s"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0.0 B"), (9.96, "10 B"), (1540, "1.5 kB"), (999_600, "1.0 MB"), (5.1e12, "5.1 TB")],
)
def test_bytes_are_said_in_two_digits(number: float, text: str) -> None:
    assert in_bytes(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (7.62, "7.6 s"),
        (90, "1.5 min"),
        (3600 * 47, "47 h"),
        (86_400 * 41, "41 days"),
        (86_400 * 365 * 15, "15 years"),
    ],
)
def test_times_are_said_in_two_digits(seconds: float, text: str) -> None:
    assert in_time(seconds) == text
