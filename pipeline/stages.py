"""The graph of the data stages.

    corpus ──▶ clean ──▶ tokenizer ──▶ tensorize
                 └───────────────────────▲

reads   the configuration's data sections
writes  one artifact a stage, by tasks of which each makes one part of it
holds   a stage whose manifest stands is not run again; a stage that was interrupted runs only the
        tasks that had not ended
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq

from pipeline import artifacts, corpus, download
from pipeline.artifacts import Artifact, ArtifactSpec, Part, code_fingerprint
from pipeline.clean import CleanConfig, Slice, clean_rows, slices_of
from pipeline.corpus import CorpusConfig, SourceFile
from pipeline.download import BytePart
from pipeline.errors import CorpusError
from pipeline.runner import Runner, Task, run_parts
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig, tensorize_shard
from pipeline.tokenizer import LANGUAGES, Tokenizer, TokenizerConfig, train_tokenizer

DOWNLOADED = "downloaded"
"""Folder of a corpus artifact that holds byte ranges until their file is whole."""


@dataclass(frozen=True)
class DataConfig:
    """The data sections of a configuration."""

    corpus: CorpusConfig
    clean: CleanConfig
    tokenizer: TokenizerConfig
    tensorize: TensorizeConfig

    @property
    def splits(self) -> tuple[str, str]:
        """The splits that are cleaned and tensorized: training and validation."""
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
            code_fingerprint("pipeline.clean", "pipeline.normalize", "pipeline.filters"),
            {"corpus": made[0].id},
        )
    )
    made.append(
        ArtifactSpec(
            "tokenizer",
            config.tokenizer.model_dump(mode="json"),
            code_fingerprint("pipeline.tokenizer"),
            {"clean": made[1].id},
        )
    )
    made.append(
        ArtifactSpec(
            "tensorize",
            config.tensorize.model_dump(mode="json"),
            code_fingerprint("pipeline.tensorize"),
            {"clean": made[1].id, "tokenizer": made[2].id},
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
            prefix = f"{split}_dropped_"
            reasons = {k.removeprefix(prefix): n for k, n in counts.items() if k.startswith(prefix)}
            listed = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items()))
            raise CorpusError(
                f"cleaning must keep at least one pair of {split}, but of "
                f"{counts[f'{split}_visited']:,} it dropped all: {listed}; they lie in "
                f"{run.storage.uri_of(run.spec.path)}/{split}-*.rejects.parquet"
            )
    return artifacts.commit(run.storage, run.spec, parts)


def _run_tokenizer(run: _Run) -> Artifact:
    clean = run.done["clean"]
    train = run.config.corpus.train_split
    tasks = [
        Task(language, _train_language, (clean, run.spec, train, language, run.config.tokenizer))
        for language in LANGUAGES
    ]
    return artifacts.commit(run.storage, run.spec, run.parts(tasks))


def _run_tensorize(run: _Run) -> Artifact:
    clean, tokenizer = run.done["clean"], run.done["tokenizer"]
    tasks = [
        Task(shard, _tensorize, (clean, tokenizer, run.spec, split, shard, run.config.tensorize))
        for split in run.config.splits
        for shard in clean_shards(clean, split)
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
    "tokenizer": _run_tokenizer,
    "tensorize": _run_tensorize,
}


def clean_shards(clean: Artifact, split: str) -> list[str]:
    """Names of a split's clean shards without their ending: ``train-00000-of-00004``."""
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


def _train_language(
    clean: Artifact, spec: ArtifactSpec, split: str, language: str, config: TokenizerConfig
) -> Part:
    name = f"{language}.model"
    with clean.storage.writing(f"{spec.path}/{name}") as out:
        counts = train_tokenizer(_sentences(clean, split, language), config, out, language)
    entry = artifacts.entry_of(clean.storage, spec, name)
    return Part((entry,), {f"{language}_{key}": n for key, n in counts.items()})


def _sentences(clean: Artifact, split: str, language: str) -> Iterator[str]:
    for shard in clean_shards(clean, split):
        table = pq.read_table(clean.local(f"{shard}.parquet"), columns=[language])
        yield from table.column(language).to_pylist()


def _tensorize(
    clean: Artifact,
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
    with clean.storage.writing(f"{spec.path}/{name}") as out:
        counts = tensorize_shard(
            clean.local(f"{shard}.parquet"), split, source, target, config, out
        )
    return Part((artifacts.entry_of(clean.storage, spec, name),), counts)


def _parquet_rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
