"""The dedup stage: five passes of tasks, of which each reads what the one before wrote."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import artifacts, corpus, dedup, leakage
from pipeline.artifacts import Artifact, ArtifactSpec, FileEntry, Part, with_source
from pipeline.dedup import DedupConfig
from pipeline.errors import CorpusError
from pipeline.normalize import NormalizeConfig
from pipeline.runner import Task
from pipeline.stages.stage import (
    StageRun,
    clean_shards,
    parquet_rows,
    reasons_in_words,
    source_of_shard,
)
from pipeline.storage import Storage
from pipeline.tokenizer import LANGUAGES

COMPARED = "compared"
"""Folder of a dedup artifact that holds keys, hashes and drops until the kept rows are written."""

EVALUATION_KEYS = f"{COMPARED}/evaluation.parquet"
_DROPS = ".drops.npy"


def run_dedup(run: StageRun) -> Artifact:
    clean, (train, validation) = run.done["clean"], run.config.splits
    shards, passed_on = clean_shards(clean, train), clean_shards(clean, validation)
    passes = _comparisons(run, shards)
    total = sum(map(len, passes)) + len(shards) + len(passed_on)
    compared: list[Part] = []
    for tasks in passes:
        before = len(compared)
        # What one pass writes the next one reads.
        compared += run.parts(tasks, before=before, after=total - before - len(tasks))
    drops = _drops_by_maker([f.name for part in compared for f in part.files])
    tasks = [
        Task(
            shard,
            _keep_rows,
            # All tasks share the second: a list a shard of the drops of all ranges would be the
            # larger part of this process's memory.
            (_only(clean, shard), run.spec, train, shard, index, drops.get(shard, {}), drops[""]),
        )
        for index, shard in enumerate(shards)
    ]
    tasks += [Task(s, _pass_on, (_only(clean, s), run.spec, validation, s)) for s in passed_on]
    parts = run.parts(tasks, before=len(compared))
    counts, decided = artifacts.total_counts(parts), artifacts.total_counts(compared)
    assert counts[f"{train}_visited"] == clean.counts[f"{train}_kept"]
    for key, n in decided.items():
        is_drop = key.startswith(f"{train}_dropped_")
        assert not is_drop or counts.get(key) == n, f"{key} must be {n}, not {counts.get(key)}"
    if not counts[f"{train}_kept"]:
        raise CorpusError(
            f"removing copies and leakage must leave at least one pair of {train}, but of "
            f"{counts[f'{train}_visited']:,} it dropped all: "
            f"{reasons_in_words(counts, train)}; they lie in "
            f"{run.storage.uri_of(run.spec.path)}/{train}-*.rejects.parquet; "
            f"dedup.leakage=false keeps what is meant to be learnt by heart"
        )
    sides = {key: n for key, n in decided.items() if key.startswith("evaluation_")}
    artifact = artifacts.commit(run.storage, run.spec, [*parts, Part((), sides)])
    run.storage.delete(f"{run.spec.path}/{COMPARED}")
    return artifact


def _comparisons(run: StageRun, shards: Sequence[str]) -> list[list[Task]]:
    """The passes that decide what goes, see :mod:`pipeline.dedup`; those that are wanted."""
    source, clean, config = run.done["corpus"], run.done["clean"], run.config.dedup
    storage, spec, train = run.storage, run.spec, run.config.corpus.train_split
    evaluation = [name for name in source.names("data/") if corpus.split_of(name) != train]
    ranges = dedup.partitions_of(clean.counts[f"{train}_kept"], config.partition_rows)
    english, hindi = (
        [f"by-{side}-{index:05}-of-{ranges:05}" for index in range(ranges)]
        for side in ("english", "hindi")
    )
    passes = []
    if config.leakage:
        arguments = (source, spec, evaluation, run.config.clean.normalize, config.leakage_min_words)
        passes.append([Task("evaluation", _write_evaluation_keys, arguments)])
    if config.leakage or config.compares:
        passes.append(
            [
                Task(
                    f"compare-{shard}",
                    _compare_shard,
                    (_only(clean, shard), spec, train, shard, i, config),
                )
                for i, shard in enumerate(shards)
            ]
        )
    if config.compares:
        passes.append(
            [
                Task(
                    name,
                    _compare_english,
                    (storage, spec, train, name, shards, (i, ranges), config),
                )
                for i, name in enumerate(english)
            ]
        )
    if config.max_copies_hindi is not None:
        passes.append(
            [
                Task(
                    name,
                    _compare_hindi,
                    (storage, spec, train, name, english, (i, ranges), config.max_copies_hindi),
                )
                for i, name in enumerate(hindi)
            ]
        )
    return passes


def _only(clean: Artifact, shard: str) -> Artifact:
    return clean.only(f"{shard}.parquet")


def _drops_by_maker(names: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Shard → reason → its files of drops; under no name those of the ranges, with rows of all."""
    found: dict[str, dict[str, list[str]]] = {"": {}}
    for name in names:
        if name.endswith(_DROPS):
            file = name.removeprefix(f"{COMPARED}/")
            made_by, reason = file.removesuffix(_DROPS).split(".")
            # No split has a hyphen in its name, so no shard begins so.
            maker = "" if made_by.startswith("by-") else made_by
            found.setdefault(maker, {}).setdefault(reason, []).append(file)
    return found


def _write_evaluation_keys(
    source: Artifact,
    spec: ArtifactSpec,
    files: Sequence[str],
    normalize: NormalizeConfig,
    min_words: int,
) -> Part:
    storage = source.storage
    with storage.writing(f"{spec.path}/{EVALUATION_KEYS}") as out:
        paths = [source.local(name) for name in files]
        counts = leakage.write_evaluation_keys(paths, normalize, min_words, out)
    return Part((artifacts.entry_of(storage, spec, EVALUATION_KEYS),), counts)


def _compare_shard(
    clean: Artifact, spec: ArtifactSpec, split: str, shard: str, index: int, config: DedupConfig
) -> Part:
    storage = clean.storage
    pairs = pq.read_table(clean.local(f"{shard}.parquet"), columns=list(LANGUAGES))
    places = dedup.places_of(index, len(pairs))
    drops: dedup.Drops = {}
    if config.leakage:
        keys = pq.read_table(storage.local(f"{spec.path}/{EVALUATION_KEYS}"))
        drops = dedup.drop_leaks(pairs, places, keys)
    files = []
    if config.compares:
        left = ~np.isin(places, np.concatenate([places[:0], *drops.values()]))
        prints, copies = dedup.fingerprint(pairs.filter(pa.array(left)), places[left], config)
        files.append(_write_numbers(storage, spec, f"{shard}.prints.npy", prints))
        drops |= copies
    return _with_drops(storage, spec, split, shard, files, drops)


def _compare_english(
    storage: Storage,
    spec: ArtifactSpec,
    split: str,
    name: str,
    shards: Sequence[str],
    partition: tuple[int, int],
    config: DedupConfig,
) -> Part:
    prints = _read_numbers(storage, spec, [f"{shard}.prints.npy" for shard in shards])
    left, drops = dedup.drop_english(dedup.read_partition(prints, *partition), config)
    files = [_write_numbers(storage, spec, f"{name}.left.npy", left)]
    return _with_drops(storage, spec, split, name, files, drops)


def _compare_hindi(
    storage: Storage,
    spec: ArtifactSpec,
    split: str,
    name: str,
    english: Sequence[str],
    partition: tuple[int, int],
    max_copies: int,
) -> Part:
    left = _read_numbers(storage, spec, [f"{name}.left.npy" for name in english])
    drops = dedup.drop_hindi(dedup.read_partition(left, *partition), max_copies)
    return _with_drops(storage, spec, split, name, [], drops)


def _keep_rows(
    clean: Artifact,
    spec: ArtifactSpec,
    split: str,
    shard: str,
    index: int,
    own: Mapping[str, Sequence[str]],
    of_ranges: Mapping[str, Sequence[str]],
) -> Part:
    """Do what was decided: in files of drops of this shard, and in those of ranges of hashes."""
    storage = clean.storage
    pairs = pq.read_table(clean.local(f"{shard}.parquet"))
    listed = {
        reason: _read_numbers(storage, spec, [*own.get(reason, ()), *of_ranges.get(reason, ())])
        for reason in dict.fromkeys([*own, *of_ranges])
    }
    dropped = dedup.read_drops(listed, index)
    kept, rejects = dedup.split_kept(pairs, dedup.places_of(index, len(pairs)), dropped)
    files = []
    for name, table in ((shard, kept), (f"{shard}.rejects", rejects)):
        if table is kept or len(table):
            with storage.writing(f"{spec.path}/{name}.parquet") as out:
                pq.write_table(table, out)
            files.append(artifacts.entry_of(storage, spec, f"{name}.parquet"))
    counts = {"visited": len(pairs), "kept": len(kept)}
    counts |= {f"dropped_{reason}": len(places) for reason, places in dropped.items()}
    assert counts["visited"] == counts["kept"] + sum(map(len, dropped.values()))
    source = source_of_shard(clean.local(f"{shard}.parquet"))
    return Part(tuple(files), with_source(counts, split, source))


def _pass_on(clean: Artifact, spec: ArtifactSpec, split: str, shard: str) -> Part:
    name = f"{shard}.parquet"
    with clean.storage.writing(f"{spec.path}/{name}") as out:
        shutil.copyfile(clean.local(name), out)
    rows = parquet_rows(clean, name)
    counts = {"visited": rows, "kept": rows}
    entry = artifacts.entry_of(clean.storage, spec, name)
    return Part((entry,), with_source(counts, split, source_of_shard(clean.local(name))))


def _with_drops(
    storage: Storage,
    spec: ArtifactSpec,
    split: str,
    name: str,
    files: Sequence[FileEntry],
    drops: dedup.Drops,
) -> Part:
    """The part of the task ``name``, whose drops are published, a file a reason."""
    written = [
        _write_numbers(storage, spec, f"{name}.{reason}{_DROPS}", places)
        for reason, places in drops.items()
    ]
    counts = {f"{split}_dropped_{reason}": len(places) for reason, places in drops.items()}
    return Part((*files, *written), counts)


def _write_numbers(
    storage: Storage, spec: ArtifactSpec, name: str, numbers: dedup.Hashes
) -> FileEntry:
    array = np.ascontiguousarray(numbers, "<u8")
    with storage.writing(f"{spec.path}/{COMPARED}/{name}") as out, out.open("wb") as file:
        # The bytes of np.save; but that writes through a buffer of C whose last flush may fail
        # unseen, and a full disk would leave a short file that counts as whole.
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.data)
    return artifacts.entry_of(storage, spec, f"{COMPARED}/{name}")


def _read_numbers(storage: Storage, spec: ArtifactSpec, names: Sequence[str]) -> list[Path]:
    return [storage.local(f"{spec.path}/{COMPARED}/{name}") for name in names]
