"""The tasks of an evaluation, as they run on Ray: rows translated, then all of them scored.

reads   rows of a test set, the version's model from the registry, the training's words
writes  ``translated/00000.parquet`` a task; then ``outputs.parquet``, the columns of
        :data:`OUTPUTS_SCHEMA`; ``references.txt`` and ``hypotheses.txt``, a sentence a line;
        ``scores.json``; and ``speed.json``, the one file that is another each time
holds   a text that is scored is one line, so that the ``sacrebleu`` command, given the two text
        files, prints the same figures
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.breakdown import Sentences, break_down
from jobs.comet import comet_score
from jobs.health import output_health
from jobs.models import Models, loaded, share_the_cores
from jobs.registry import Version
from jobs.scores import COMET, METRICS, SPBLEU, danda_scores, score_all, sentence_scores
from jobs.speed import Speed, Stopwatch, total
from jobs.training_words import read_words
from model.config import DecodeConfig
from pipeline import artifacts
from pipeline.artifacts import Artifact, ArtifactSpec, Part
from pipeline.corpus import read_rows, source_of
from pipeline.words import unseen_shares

OUTPUTS = "outputs.parquet"
REFERENCES = "references.txt"
HYPOTHESES = "hypotheses.txt"
SCORES = "scores.json"
SPEED = "speed.json"
ALIGNMENTS = "alignments.json"
"""Of :func:`sample_of`, between words; a model without attention has none."""

TRANSLATED = "translated"
"""Folder of the pieces of ``outputs.parquet`` until all are there."""

_TRANSLATED_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("reference", pa.string()),
        ("hypothesis", pa.string()),
        # The model's own: the length-normalised log-probability.
        ("score", pa.float64()),
        ("source_cut", pa.bool_()),
        # The translation was ended at the longest length that the search allows.
        ("truncated", pa.bool_()),
        # Of the source in the corpus.
        ("origin", pa.string()),
        # In bits, on average over the pieces; null without attention.
        ("attention_entropy", pa.float64()),
    ]
)
OUTPUTS_SCHEMA = pa.schema(
    [
        *_TRANSLATED_SCHEMA,
        ("chrf2", pa.float64()),
        # In words, between spaces.
        ("source_words", pa.int32()),
        ("reference_words", pa.int32()),
        ("hypothesis_words", pa.int32()),
        # Of the source's words, 0 to 1, those that training never saw; null where that is unknown.
        ("unseen_share", pa.float64()),
    ]
)

# Of the metadata of a piece: what it took to translate.
_SPEED_KEY = b"anuvad.speed"

_DRAWN = 6
_DRAWN_WORDS = range(4, 15)

# What text files are read by line at: Python's universal newlines.
_LINE_BREAKS = re.compile(r"[\r\n]+")


def translate_rows(
    corpus: Artifact,
    spec: ArtifactSpec,
    index: int,
    piece: tuple[str, int, int],
    registry_uri: str,
    version: Version,
    decode: DecodeConfig,
) -> Part:
    """Translate rows ``start`` to ``stop`` of a file: ``piece`` is (file, start, stop)."""
    import torch

    from model.alignment import align, by_words

    file, start, stop = piece
    pairs = read_rows(corpus.local(file), start, stop)
    sources = [text or "" for text in pairs.field("en").to_pylist()]
    references = [_one_line(text or "") for text in pairs.field("hi").to_pylist()]
    share_the_cores(has_gpu=torch.cuda.is_available())
    translator = loaded(Models((version,), (version.content,), registry_uri))
    watch = Stopwatch()
    translations = translator.translate(sources, decode)
    speed = watch.read(len(sources))
    hypotheses = [_one_line(t.text) for t in translations]
    alignments = align(translator, sources, [t.texts for t in translations])
    table = pa.table(
        [
            sources,
            references,
            hypotheses,
            [t.score for t in translations],
            [t.pieces > 1 for t in translations],
            [t.truncated for t in translations],
            [source_of(file)] * len(sources),
            [None if one is None else one.entropy for one in alignments or [None] * len(sources)],
        ],
        schema=_TRANSLATED_SCHEMA.with_metadata({_SPEED_KEY: json.dumps(asdict(speed))}),
    )
    name = f"{TRANSLATED}/{index:05}.parquet"
    with corpus.storage.writing(f"{spec.path}/{name}") as out:
        pq.write_table(table, out)
    names = [name]
    if index == 0 and alignments is not None:
        drawn = [alignments[i] for i in sample_of(sources, hypotheses)]
        shown = [by_words(one).as_json() for one in drawn if one is not None]
        corpus.storage.write_bytes(f"{spec.path}/{ALIGNMENTS}", json.dumps(shown).encode())
        names.append(ALIGNMENTS)
    entries = tuple(artifacts.entry_of(corpus.storage, spec, name) for name in names)
    return Part(entries, {"sentences": len(table)})


def sample_of(sources: Sequence[str], hypotheses: Sequence[str]) -> list[int]:
    """The first few sentences whose alignment says something and can be drawn on a page."""
    fitting = (
        i
        for i, (source, hypothesis) in enumerate(zip(sources, hypotheses, strict=True))
        if all(len(text.split()) in _DRAWN_WORDS for text in (source, hypothesis))
    )
    return list(islice(fitting, _DRAWN))


def score(
    corpus: Artifact,
    spec: ArtifactSpec,
    names: Sequence[str],
    samples: int,
    words: Artifact | None,
) -> Part:
    """Score the translated rows in the files ``names``, as a whole and cut into buckets."""
    storage = corpus.storage
    pieces = [pq.read_table(storage.local(f"{spec.path}/{name}")) for name in names]
    table = pa.concat_tables(pieces)
    speed = total([Speed(**json.loads(piece.schema.metadata[_SPEED_KEY])) for piece in pieces])
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    sources, references, hypotheses = (
        columns[name] for name in ("source", "reference", "hypothesis")
    )
    unseen = None if words is None else unseen_shares(sources, read_words(words))
    sentences = Sentences(
        sources, references, hypotheses, columns["source_cut"], columns["origin"], unseen
    )
    metrics = (*METRICS, SPBLEU) if spec.settings.get("spbleu") else METRICS
    scores = score_all(hypotheses, references, samples, metrics)
    comet = spec.settings.get("comet")
    if comet is not None:
        scores[COMET] = comet_score(comet, sources, hypotheses, references, samples)
    result = {
        "sentences": len(table),
        "test_hash": hash_of_test(sources, references),
        "scores": {k: asdict(s) for k, s in scores.items()},
        "health": asdict(output_health(sources, references, hypotheses, columns["truncated"])),
        "danda": {k: asdict(s) for k, s in danda_scores(hypotheses, references).items()},
        "breakdowns": [b.to_json() for b in break_down(sentences, samples)],
    }
    outputs = pa.table(
        [
            *table.columns,
            sentence_scores(hypotheses, references),
            *([len(t.split()) for t in texts] for texts in (sources, references, hypotheses)),
            unseen or [None] * len(table),
        ],
        schema=OUTPUTS_SCHEMA,
    )
    with storage.writing(f"{spec.path}/{OUTPUTS}") as out:
        pq.write_table(outputs, out)
    for name, lines in ((REFERENCES, references), (HYPOTHESES, hypotheses)):
        text = "".join(f"{line}\n" for line in lines)
        storage.write_bytes(f"{spec.path}/{name}", text.encode())
    storage.write_bytes(f"{spec.path}/{SCORES}", json.dumps(result, indent=1).encode())
    storage.write_bytes(f"{spec.path}/{SPEED}", json.dumps(asdict(speed)).encode())
    written = (OUTPUTS, REFERENCES, HYPOTHESES, SCORES, SPEED)
    entries = tuple(artifacts.entry_of(storage, spec, name) for name in written)
    return Part(entries, {"sentences": len(table)})


def hash_of_test(sources: Sequence[str], references: Sequence[str]) -> str:
    """The sha256 of a test set's text: of each pair source, tab, reference and newline."""
    digest = hashlib.sha256()
    for source, reference in zip(sources, references, strict=True):
        digest.update(f"{source}\t{reference}\n".encode())
    return digest.hexdigest()


def _one_line(text: str) -> str:
    return _LINE_BREAKS.sub(" ", text)
