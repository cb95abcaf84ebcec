"""The clean stage: one task a slice of a corpus file."""

from __future__ import annotations

from pipeline import artifacts, corpus
from pipeline.artifacts import Artifact, ArtifactSpec, Counts, Part
from pipeline.clean import CleanConfig, Slice, clean_rows, slices_of
from pipeline.errors import CorpusError
from pipeline.runner import Task
from pipeline.stages.stage import StageRun, parquet_rows, reasons_in_words
from pipeline.statistics import STATISTICS


def run_clean(run: StageRun) -> Artifact:
    """Clean the training and the validation split."""
    source, config = run.done["corpus"], run.config
    tasks: list[Task] = []
    for split in config.splits:
        rows = {name: parquet_rows(source, name) for name in corpus.files_of(source, split)}
        # A cap is on what is learnt from; of validation all is wanted.
        caps = config.corpus.caps if split == config.corpus.train_split else {}
        for piece in slices_of(split, rows, config.clean.shard_rows, caps):
            share = (piece.stop - piece.start) / rows[piece.file]
            tasks.append(
                Task(
                    piece.name,
                    _clean_slice,
                    (source.only(piece.file), run.spec, piece, config.clean),
                    weight=share * source.entry(piece.file).size,
                )
            )
    parts = run.parts(tasks)
    counts = artifacts.total_counts(parts)
    for split in config.splits:
        if not counts.get(f"{split}_visited"):
            raise CorpusError(
                f"the split {split} of the corpus {config.corpus.in_words()} must have at least "
                f"one pair, but is empty"
            )
        if not counts[f"{split}_kept"]:
            raise CorpusError(
                f"cleaning must keep at least one pair of {split}, but of "
                f"{counts[f'{split}_visited']:,} it dropped all: "
                f"{reasons_in_words(counts, split)}; they lie in "
                f"{run.storage.uri_of(run.spec.path)}/{split}-*.rejects.parquet"
            )
        for name in corpus.sources_of(source):
            _check_counts(counts, f"{name}/{split}", source.counts.get(f"{name}/{split}_rows", 0))
    return artifacts.commit(run.storage, run.spec, parts)


def _check_counts(counts: Counts, prefix: str, rows: int) -> None:
    """Nothing is lost: of a source's rows each is over its cap, kept, or dropped for a reason."""
    visited, kept, over_cap = (
        counts.get(f"{prefix}_{key}", 0) for key in ("visited", "kept", "over_cap")
    )
    dropped = sum(n for key, n in counts.items() if key.startswith(f"{prefix}_dropped_"))
    assert rows == visited + over_cap, f"{prefix}: {rows} rows, {visited=}, {over_cap=}"
    assert visited == kept + dropped, f"{prefix}: {visited=}, {kept=}, {dropped=}"


def _clean_slice(source: Artifact, spec: ArtifactSpec, piece: Slice, config: CleanConfig) -> Part:
    storage = source.storage
    names = [f"{piece.name}.parquet"]
    with storage.writing(f"{spec.path}/{names[0]}") as out:
        sides = {
            f"{piece.name}{ending}": out.with_name(f"{out.name}{ending}")
            for ending in (".rejects.parquet", STATISTICS)
        }
        try:
            counts = clean_rows(source.local(piece.file), piece, config, out, *sides.values())
            for name, side in sides.items():
                if side.exists():
                    with storage.writing(f"{spec.path}/{name}") as published:
                        side.replace(published)
                    names.append(name)
        finally:
            for side in sides.values():
                side.unlink(missing_ok=True)
    return Part(tuple(artifacts.entry_of(storage, spec, name) for name in names), counts)
