"""The task of a translation of files, as it runs on Ray: the rows of one piece.

reads   a piece of an input file, the models
writes  ``<shard>/<start>-<stop>``, a file of the input's kind with the translations, in the work
        folder of :mod:`jobs.translate_files`
holds   a piece is all that is in memory at a time
"""

from __future__ import annotations

from jobs.models import Search, loaded
from pipeline import artifacts
from pipeline.artifacts import ArtifactSpec, Part
from pipeline.shards import Piece, Shard
from pipeline.storage import Storage


def translate_piece(
    work: Storage, spec: ArtifactSpec, name: str, shard: Shard, piece: Piece, search: Search
) -> Part:
    """Translate the rows of a piece, and write them with their translations.

    Args:
        work: the storage of the pieces.
        spec: whose folder they lie in.
        name: of the file that is written there.
        shard: the input file.
        piece: the rows.
        search: what translates.

    Raises:
        CorpusError: if the rows are damaged; it names the line or the row.
    """
    sources, kept = shard.read(piece)
    translator = loaded(search.models)
    texts = [text or "" for text in sources]
    found = translator.translate(texts, search.decode, search.glossary, first=piece.start)
    pairs = list(zip(sources, found, strict=True))
    with work.writing(f"{spec.path}/{name}") as out:
        shard.write(
            kept,
            [None if source is None else t.text for source, t in pairs],
            [None if source is None else t.score for source, t in pairs],
            out,
        )
    counts = {
        "rows": len(found),
        "in_pieces": sum(t.pieces > 1 for t in found),
        "unforced": sum(len(t.unforced) for t in found),
    }
    return Part((artifacts.entry_of(work, spec, name),), counts)
