"""The graph of the data stages.

    corpus ──▶ clean ──▶ dedup ──▶ tokenizer ──▶ tensorize
      └────────────────────▲└───────────────────────▲

reads   the configuration's data sections
writes  one artifact a stage, by tasks of which each makes one part of it
holds   a stage whose manifest stands is not run again; a stage that was interrupted runs only the
        tasks that had not ended
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import artifacts, corpus, dedup, download, leakage
from pipeline.artifacts import Artifact, ArtifactSpec, Counts, FileEntry, Part, code_fingerprint
from pipeline.clean import CleanConfig, Slice, clean_rows, slices_of
from pipeline.corpus import CorpusConfig, SourceFile
from pipeline.dedup import DedupConfig
from pipeline.download import BytePart
from pipeline.errors import CorpusError
from pipeline.normalize import NormalizeConfig
from pipeline.runner import Runner, Task, run_parts
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig, tensorize_shard
from pipeline.tokenizer import LANGUAGES, Tokenizer, TokenizerConfig, train_tokenizer

DOWNLOADED = "downloaded"
"""Folder of a corpus artifact that holds byte ranges until their file is whole."""

COMPARED = "compared"
"""Folder of a dedup artifact that holds keys, hashes and drops until the kept rows are written."""

EVALUATION_KEYS = f"{COMPARED}/evaluation.parquet"
_DROPS = ".drops.npy"


@dataclass(frozen=True)
class DataConfig:
    """The data sections of a configuration."""

    corpus: CorpusConfig
    clean: CleanConfig
    tokenizer: TokenizerConfig
    tensorize: TensorizeConfig
    dedup: DedupConfig = field(default_factory=DedupConfig)

    @property
    def splits(self) -> tuple[str, str]:
        """The splits that become token arrays: training and validation."""
        return self.corpus.train_split, self.corpus.validation_split


@dataclass(frozen=True)
class StagePlan:
    """Whether a stage would run, and why: ``done`` or ``run``."""

    name: str
    state: str
    why: str


@dataclass(frozen=True)
class StageResult:
    """What a stage came to: its artifact, and how long it took here (0 if it was skipped)."""

    name: str
    artifact: Artifact
    skipped: bool
    seconds: float


class StageReporter(Protocol):
    """Is told how the stages go on; a terminal draws bars, a log prints lines."""

    def stage_started(self, name: str, why: str) -> None:
        """The stage begins, for the reason ``why``."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """``done`` of the stage's ``total`` tasks have ended."""

    def stage_ended(self, result: StageResult) -> None:
        """The stage's artifact stands."""


def specs(config: DataConfig) -> dict[str, ArtifactSpec]:
    """Stage → what its artifact is made of, in the order of the graph; nothing is run.

    Raises:
        ConfigError: if the corpus source can't be understood.
        CorpusError: if its folder holds no corpus.
    """
    generated = config.corpus.source == "phrasebook"
    made = [
        ArtifactSpec(
            "corpus",
            corpus.identity(config.corpus),
            # Fetched bytes are the publisher's, whatever code fetched them.
            code_fingerprint("pipeline.phrasebook") if generated else "",
            {},
        )
    ]
    made.append(
        ArtifactSpec(
            "clean",
            config.clean.model_dump(mode="json") | {"splits": list(config.splits)},
            code_fingerprint(
                "pipeline.clean",
                "pipeline.columns",
                "pipeline.filters",
                "pipeline.language",
                "pipeline.normalize",
            ),
            {"corpus": made[0].id},
        )
    )
    made.append(
        ArtifactSpec(
            "dedup",
            config.dedup.model_dump(mode="json", exclude={"partition_rows"})
            | {"splits": list(config.splits)},
            code_fingerprint("pipeline.dedup", "pipeline.leakage", "pipeline.normalize"),
            {"corpus": made[0].id, "clean": made[1].id},
        )
    )
    made.append(
        ArtifactSpec(
            "tokenizer",
            config.tokenizer.model_dump(mode="json"),
            code_fingerprint("pipeline.tokenizer"),
            {"dedup": made[2].id},
        )
    )
    made.append(
        ArtifactSpec(
            "tensorize",
            config.tensorize.model_dump(mode="json"),
            code_fingerprint("pipeline.tensorize"),
            {"dedup": made[2].id, "tokenizer": made[3].id},
        )
    )
    return {spec.stage: spec for spec in made}


def plan(config: DataConfig, storage: Storage) -> list[StagePlan]:
    """For each stage, whether it would run and why; nothing is run."""
    return [plan_of(storage, spec) for spec in specs(config).values()]


def plan_of(storage: Storage, spec: ArtifactSpec) -> StagePlan:
    """Whether the stage of ``spec`` would run, and why."""
    state = "done" if artifacts.find(storage, spec) else "run"
    return StagePlan(spec.stage, state, artifacts.explain(storage, spec))


def prepare(
    config: DataConfig,
    storage: Storage,
    get_runner: Callable[[], Runner],
    reporter: StageReporter,
    until: str | None = None,
) -> dict[str, StageResult]:
    """Bring every stage's artifact into being; those that stand are left as they are.

    Args:
        config: the data sections.
        storage: where the artifacts go.
        get_runner: called once the first stage has to run, so that with nothing to do no Ray
            starts.
        reporter: is told how it goes.
        until: the last stage that is wanted; all of them if None.
    """
    results: dict[str, StageResult] = {}
    done: dict[str, Artifact] = {}
    runner: Runner | None = None
    for name, spec in specs(config).items():
        artifact = artifacts.find(storage, spec)
        skipped, seconds = artifact is not None, 0.0
        if artifact is None:
            # Connecting to Ray takes seconds, which are not this stage's.
            runner = runner or get_runner()
            started = time.monotonic()
            reporter.stage_started(name, artifacts.explain(storage, spec))
            artifact = _RUN[name](_Run(config, storage, spec, done, runner, reporter))
            seconds = time.monotonic() - started
        done[name] = artifact
        results[name] = StageResult(name, artifact, skipped, seconds)
        reporter.stage_ended(results[name])
        if name == until:
            break
    return results


@dataclass(frozen=True)
class _Run:
    """One run of one stage: what it reads, and where its tasks run."""

    config: DataConfig
    storage: Storage
    spec: ArtifactSpec
    done: dict[str, Artifact]
    runner: Runner
    reporter: StageReporter

    def parts(self, tasks: Sequence[Task], before: int = 0, after: int = 0) -> list[Part]:
        """Run the tasks that had not ended in an earlier run, and answer all parts in order.

        ``before`` and ``after`` count tasks of the same stage in other calls, for the progress.
        """
        total = before + len(tasks) + after

        def on_progress(done: int) -> None:
            self.reporter.stage_advanced(self.spec.stage, before + done, total)

        return run_parts(self.runner, self.storage, self.spec, tasks, on_progress)


def _run_corpus(run: _Run) -> Artifact:
    config = run.config.corpus
    kind = corpus.kind_of(config)
    if kind == "hub":
        assert config.revision is not None
        parts = _download(run, config.source, config.revision)
    elif kind == "folder":
        files = corpus.folder_files(Path(config.source).expanduser())
        # Only this process is sure to see the folder; a Ray task may run on another machine.
        parts = [_copy_file(run.storage, run.spec, file) for file in files]
    else:
        parts = run.parts([Task("generate", _generate, (run.storage, run.spec, config))])
    _check_splits(run.config, {key.removesuffix("_rows") for p in parts for key in p.counts})
    return artifacts.commit(run.storage, run.spec, parts)


def _check_splits(config: DataConfig, seen: Set[str]) -> None:
    if not seen >= set(config.splits):
        raise CorpusError(
            f"the corpus {config.corpus.source} must have the splits "
            f"{' and '.join(config.splits)}, but has {', '.join(sorted(seen))}; "
            f"corpus.train_split and corpus.validation_split name them"
        )


def _download(run: _Run, dataset: str, revision: str) -> list[Part]:
    files = download.hub_files(dataset, revision)
    _check_splits(run.config, {corpus.split_of(f.name) for f in files})
    # A file that an interrupted run made whole is not fetched again.
    missing = [
        f for f in files if not artifacts.read_part(run.storage, run.spec, Path(f.name).name)
    ]
    pieces = {f.name: download.parts_of(f, run.config.corpus.part_bytes) for f in files}
    fetches = [
        Task(piece.name, _fetch_part, (run.storage, run.spec, dataset, revision, piece))
        for f in missing
        for piece in pieces[f.name]
    ]
    run.parts(fetches, after=len(files))
    joins = [
        Task(Path(f.name).name, _assemble_file, (run.storage, run.spec, f, pieces[f.name]))
        for f in files
    ]
    parts = run.parts(joins, before=len(fetches))
    run.storage.delete(f"{run.spec.path}/{DOWNLOADED}")
    return parts


def _run_clean(run: _Run) -> Artifact:
    source = run.done["corpus"]
    tasks = []
    for split in run.config.splits:
        names = source.names(f"data/{split}-", ".parquet")
        rows = {name: _parquet_rows(source.local(name)) for name in names}
        tasks += [
            Task(piece.name, _clean_slice, (source, run.spec, piece, run.config.clean))
            for piece in slices_of(split, rows, run.config.clean.shard_rows)
        ]
    parts = run.parts(tasks)
    counts = artifacts.total_counts(parts)
    for split in run.config.splits:
        if not counts.get(f"{split}_visited"):
            raise CorpusError(
                f"the split {split} of the corpus {run.config.corpus.source} must have at least "
                f"one pair, but is empty"
            )
        if not counts[f"{split}_kept"]:
            raise CorpusError(
                f"cleaning must keep at least one pair of {split}, but of "
                f"{counts[f'{split}_visited']:,} it dropped all: {_reasons(counts, split)}; they "
                f"lie in {run.storage.uri_of(run.spec.path)}/{split}-*.rejects.parquet"
            )
    return artifacts.commit(run.storage, run.spec, parts)


def _reasons(counts: Counts, split: str) -> str:
    """What was dropped of a split, in words: ``3 empty, 17 identical``."""
    prefix = f"{split}_dropped_"
    reasons = {k.removeprefix(prefix): n for k, n in counts.items() if k.startswith(prefix)}
    return ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items()))


def _run_dedup(run: _Run) -> Artifact:
    clean, (train, validation) = run.done["clean"], run.config.splits
    shards, passed_on = clean_shards(clean, train), clean_shards(clean, validation)
    passes = _comparisons(run, shards)
    total = sum(map(len, passes)) + len(shards) + len(passed_on)
    compared: list[Part] = []
    for tasks in passes:
        before = len(compared)
        # What one pass writes the next one reads.
        compared += run.parts(tasks, before=before, after=total - before - len(tasks))
    drops = [f.name for part in compared for f in part.files if f.name.endswith(_DROPS)]
    tasks = [
        Task(shard, _keep_rows, (clean, run.spec, train, shard, index, _drops_of(shard, drops)))
        for index, shard in enumerate(shards)
    ]
    tasks += [Task(s, _pass_on, (clean, run.spec, validation, s)) for s in passed_on]
    parts = run.parts(tasks, before=len(compared))
    counts, decided = artifacts.total_counts(parts), artifacts.total_counts(compared)
    assert counts[f"{train}_visited"] == clean.counts[f"{train}_kept"]
    for key, n in decided.items():
        is_drop = key.startswith(f"{train}_dropped_")
        assert not is_drop or counts.get(key) == n, f"{key} must be {n}, not {counts.get(key)}"
    if not counts[f"{train}_kept"]:
        raise CorpusError(
            f"removing copies and leakage must leave at least one pair of {train}, but of "
            f"{counts[f'{train}_visited']:,} it dropped all: {_reasons(counts, train)}; they lie "
            f"in {run.storage.uri_of(run.spec.path)}/{train}-*.rejects.parquet; "
            f"dedup.leakage=false keeps what is meant to be learnt by heart"
        )
    sides = {key: n for key, n in decided.items() if key.startswith("evaluation_")}
    artifact = artifacts.commit(run.storage, run.spec, [*parts, Part((), sides)])
    run.storage.delete(f"{run.spec.path}/{COMPARED}")
    return artifact


def _comparisons(run: _Run, shards: Sequence[str]) -> list[list[Task]]:
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
                Task(f"compare-{shard}", _compare_shard, (clean, spec, train, shard, i, config))
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


def _drops_of(shard: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Reason → files that may list rows of this shard: its own, and those of a range of hashes."""
    found: dict[str, list[str]] = {}
    for name in names:
        made_by, reason = name.removeprefix(f"{COMPARED}/").removesuffix(_DROPS).split(".")
        # No split has a hyphen in its name, so no shard begins so.
        if made_by == shard or made_by.startswith("by-"):
            found.setdefault(reason, []).append(name.removeprefix(f"{COMPARED}/"))
    return found


def _run_tokenizer(run: _Run) -> Artifact:
    kept = run.done["dedup"]
    train = run.config.corpus.train_split
    tasks = [
        Task(language, _train_language, (kept, run.spec, train, language, run.config.tokenizer))
        for language in LANGUAGES
    ]
    return artifacts.commit(run.storage, run.spec, run.parts(tasks))


def _run_tensorize(run: _Run) -> Artifact:
    kept, tokenizer = run.done["dedup"], run.done["tokenizer"]
    tasks = [
        Task(shard, _tensorize, (kept, tokenizer, run.spec, split, shard, run.config.tensorize))
        for split in run.config.splits
        for shard in clean_shards(kept, split)
    ]
    parts = run.parts(tasks)
    counts = artifacts.total_counts(parts)
    for split in run.config.splits:
        if not counts[f"{split}_pairs"]:
            limits = run.config.tensorize
            raise CorpusError(
                f"at least one pair of {split} must have at most {limits.max_source_tokens} source "
                f"and {limits.max_target_tokens} target tokens, but all "
                f"{counts[f'{split}_dropped_too_many_tokens']:,} have more; raise "
                f"tensorize.max_source_tokens and max_target_tokens"
            )
    return artifacts.commit(run.storage, run.spec, parts)


_RUN: dict[str, Callable[[_Run], Artifact]] = {
    "corpus": _run_corpus,
    "clean": _run_clean,
    "dedup": _run_dedup,
    "tokenizer": _run_tokenizer,
    "tensorize": _run_tensorize,
}


def clean_shards(clean: Artifact, split: str) -> list[str]:
    """Names of a split's clean or kept shards without their ending: ``train-00000-of-00004``."""
    names = clean.names(f"{split}-", ".parquet")
    return [n.removesuffix(".parquet") for n in names if not n.endswith(".rejects.parquet")]


# The tasks: each is told where things are, publishes its files and answers a Part.


def _generate(storage: Storage, spec: ArtifactSpec, config: CorpusConfig) -> Part:
    files, counts = [], {}
    for split, pairs in corpus.generated_splits(config).items():
        name = f"data/{split}-00000-of-00001.parquet"
        with storage.writing(f"{spec.path}/{name}") as out:
            corpus.write_pairs(pairs, out)
        files.append(artifacts.entry_of(storage, spec, name))
        counts[f"{split}_rows"] = len(pairs)
    return Part(tuple(files), counts)


def _copy_file(storage: Storage, spec: ArtifactSpec, file: SourceFile) -> Part:
    path = Path(file.location)
    rows = corpus.check_parquet(path, file.location)
    with storage.writing(f"{spec.path}/{file.name}") as out:
        download.assemble([path], file, out)
    entry = artifacts.entry_of(storage, spec, file.name)
    return Part((entry,), {f"{corpus.split_of(file.name)}_rows": rows})


def _fetch_part(
    storage: Storage, spec: ArtifactSpec, dataset: str, revision: str, piece: BytePart
) -> Part:
    name = f"{DOWNLOADED}/{piece.name}"
    with storage.writing(f"{spec.path}/{name}") as out:
        download.fetch_part(dataset, revision, piece, out)
    return Part((artifacts.entry_of(storage, spec, name),), {"bytes": piece.stop - piece.start})


def _assemble_file(
    storage: Storage, spec: ArtifactSpec, file: SourceFile, pieces: Sequence[BytePart]
) -> Part:
    names = [f"{spec.path}/{DOWNLOADED}/{piece.name}" for piece in pieces]
    try:
        with storage.writing(f"{spec.path}/{file.name}") as out:
            download.assemble([storage.local(name) for name in names], file, out)
            rows = corpus.check_parquet(out, file.name)
    except CorpusError:
        # What came is not what is published: the next run must fetch it anew.
        for name in names:
            storage.delete(name)
        raise
    entry = artifacts.entry_of(storage, spec, file.name)
    return Part((entry,), {f"{corpus.split_of(file.name)}_rows": rows})


def _clean_slice(source: Artifact, spec: ArtifactSpec, piece: Slice, config: CleanConfig) -> Part:
    storage = source.storage
    kept, rejects = f"{piece.name}.parquet", f"{piece.name}.rejects.parquet"
    with storage.writing(f"{spec.path}/{kept}") as out:
        side = out.with_name(f"{out.name}.rejects")
        try:
            counts = clean_rows(source.local(piece.file), piece, config, out, side)
            names = [kept]
            if side.exists():
                with storage.writing(f"{spec.path}/{rejects}") as rejects_out:
                    side.replace(rejects_out)
                names.append(rejects)
        finally:
            side.unlink(missing_ok=True)
    return Part(tuple(artifacts.entry_of(storage, spec, name) for name in names), counts)


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
    drops: Mapping[str, Sequence[str]],
) -> Part:
    storage = clean.storage
    pairs = pq.read_table(clean.local(f"{shard}.parquet"))
    listed = {reason: _read_numbers(storage, spec, names) for reason, names in drops.items()}
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
    return Part(tuple(files), {f"{split}_{key}": n for key, n in counts.items()})


def _pass_on(clean: Artifact, spec: ArtifactSpec, split: str, shard: str) -> Part:
    name = f"{shard}.parquet"
    with clean.storage.writing(f"{spec.path}/{name}") as out:
        shutil.copyfile(clean.local(name), out)
    rows = _parquet_rows(clean.local(name))
    entry = artifacts.entry_of(clean.storage, spec, name)
    return Part((entry,), {f"{split}_visited": rows, f"{split}_kept": rows})


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
    with storage.writing(f"{spec.path}/{COMPARED}/{name}") as out, out.open("wb") as file:
        np.save(file, np.ascontiguousarray(numbers, "<u8"))
    return artifacts.entry_of(storage, spec, f"{COMPARED}/{name}")


def _read_numbers(storage: Storage, spec: ArtifactSpec, names: Sequence[str]) -> list[Path]:
    return [storage.local(f"{spec.path}/{COMPARED}/{name}") for name in names]


def _train_language(
    kept: Artifact, spec: ArtifactSpec, split: str, language: str, config: TokenizerConfig
) -> Part:
    name = f"{language}.model"
    with kept.storage.writing(f"{spec.path}/{name}") as out:
        counts = train_tokenizer(_sentences(kept, split, language), config, out, language)
    entry = artifacts.entry_of(kept.storage, spec, name)
    return Part((entry,), {f"{language}_{key}": n for key, n in counts.items()})


def _sentences(kept: Artifact, split: str, language: str) -> Iterator[str]:
    for shard in clean_shards(kept, split):
        table = pq.read_table(kept.local(f"{shard}.parquet"), columns=[language])
        yield from table.column(language).to_pylist()


def _tensorize(
    kept: Artifact,
    tokenizer: Artifact,
    spec: ArtifactSpec,
    split: str,
    shard: str,
    config: TensorizeConfig,
) -> Part:
    name = f"{shard}.arrow"
    source, target = (
        Tokenizer.load(tokenizer.local(f"{language}.model")) for language in LANGUAGES
    )
    with kept.storage.writing(f"{spec.path}/{name}") as out:
        counts = tensorize_shard(kept.local(f"{shard}.parquet"), split, source, target, config, out)
    return Part((artifacts.entry_of(kept.storage, spec, name),), counts)


def _parquet_rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
