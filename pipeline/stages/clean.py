"""The clean stage: one task a slice of a corpus file."""

from __future__ import annotations

from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.clean import CleanConfig, Slice, clean_rows, slices_of
from pipeline.errors import CorpusError
from pipeline.runner import Task
from pipeline.stages.stage import StageRun, parquet_rows, reasons_in_words


def run_clean(run: StageRun) -> Artifact:
    source = run.done["corpus"]
    tasks = []
    for split in run.config.splits:
        names = source.names(f"data/{split}-", ".parquet")
        rows = {name: parquet_rows(source.local(name)) for name in names}
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
                f"{counts[f'{split}_visited']:,} it dropped all: "
                f"{reasons_in_words(counts, split)}; they lie in "
                f"{run.storage.uri_of(run.spec.path)}/{split}-*.rejects.parquet"
            )
    return artifacts.commit(run.storage, run.spec, parts)


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
