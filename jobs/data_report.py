"""What the data stages made of a corpus, gathered for a report.

reads   the stages' manifests, the statistics of the clean shards, what was measured of the
        tokenizers, and rejects until three examples of each reason are found
writes  nothing
holds   counts are those of the manifests: of each step of a funnel, what the next one has not was
        dropped for one of the reasons; no text of the corpus but the examples, each cut short

One file a shard is opened for the statistics, and rejects only so far as examples are missing; no
kept text is read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from jobs.reasons import REASONS, RULES
from pipeline.artifacts import Artifact, flatten
from pipeline.corpus import sources_of
from pipeline.statistics import STATISTICS, Statistics, by_source
from pipeline.tokenizer_report import TokenizerReport, read_tokenizer_report

EXAMPLES = 3
"""Of each reason."""

MAX_CHARACTERS = 240
"""Of a side of an example, that are shown."""

# Examples of neighbours are alike; so no fewer shards are looked into, if there are as many.
_MIN_SHARDS = 8
# A text may be of any length.
_BATCH_ROWS = 64
_JOINERS = "\u200c\u200d"
_VIRAMA = "\u094d"


@dataclass(frozen=True)
class Step:
    """One step of a funnel: ``pairs`` were left after it."""

    name: str
    pairs: int


@dataclass(frozen=True)
class Funnel:
    """From raw to tokenized: the steps of one source, or of all of them if ``source`` is None."""

    source: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Excerpt:
    """The beginning of a text that may be long, with nothing in it that is invisible.

    Attributes:
        text: its first characters; those that can't be seen as their code points, ``⟨U+202E⟩``.
        rest: the number of characters that were cut off.
    """

    text: str
    rest: int


@dataclass(frozen=True)
class Example:
    """A pair that was dropped: row ``row`` of its split in ``source``."""

    source: str
    row: int
    english: Excerpt
    hindi: Excerpt


@dataclass(frozen=True)
class Reason:
    """Why pairs were dropped.

    Attributes:
        name: under which they are counted, e.g. ``length_ratio``.
        meaning: half a sentence on it.
        settings: those that decide on it, with their values.
        pairs: that were dropped for it.
        by_source: the same for each source that has some, most first.
        examples: at most ``EXAMPLES`` of them; none where the stage keeps no rejects.
    """

    name: str
    meaning: str
    settings: tuple[tuple[str, str], ...]
    pairs: int
    by_source: Mapping[str, int]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Drops:
    """What a stage dropped of a split, for the commonest reason first."""

    stage: str
    reasons: tuple[Reason, ...]

    @property
    def pairs(self) -> int:
        """All of them."""
        return sum(reason.pairs for reason in self.reasons)


@dataclass(frozen=True)
class SplitReport:
    """What became of a split.

    Attributes:
        split: its name.
        total: the funnel of all sources.
        funnels: one for each source that has pairs in it, in the configuration's order.
        visited: pairs that were read: all but those over a cap.
        visited_by_source: the same of each source.
        drops: one for each stage that dropped some.
    """

    split: str
    total: Funnel
    funnels: tuple[Funnel, ...]
    visited: int
    visited_by_source: Mapping[str, int]
    drops: tuple[Drops, ...]


@dataclass(frozen=True)
class Rule:
    """A rule of normalisation, and how many texts it changed; a pair is two of them."""

    name: str
    meaning: str
    texts: int


@dataclass(frozen=True)
class DataReport:
    """All that a report shows of the data.

    Attributes:
        sources: their names, in the configuration's order.
        splits: training, then validation.
        rules: those that changed something in training, the commonest first.
        texts: source → statistics of its training pairs, normalised.
        tokenizers: what they make of validation.
    """

    sources: tuple[str, ...]
    splits: tuple[SplitReport, ...]
    rules: tuple[Rule, ...]
    texts: Mapping[str, Statistics]
    tokenizers: TokenizerReport

    @property
    def all_texts(self) -> Statistics:
        """Statistics of all training pairs."""
        return Statistics.sum_of(self.texts.values())


def gather(made: Mapping[str, Artifact], splits: Sequence[str]) -> DataReport:
    """What the data stages made.

    Args:
        made: stage → its artifact, of all data stages.
        splits: training and validation.

    Raises:
        ArtifactError: if a file that an artifact lists is missing or can't be read.
    """
    clean, (train, _) = made["clean"], splits
    names = clean.names(f"{train}-", STATISTICS)
    statistics = by_source(clean.local(name).read_bytes() for name in names)
    # Not those that are test sets and nothing else.
    rows = made["corpus"].counts
    sources = [
        source
        for source in sources_of(made["corpus"])
        if any(f"{source}/{split}_rows" in rows for split in splits)
    ]
    return DataReport(
        tuple(sources),
        tuple(_split_report(made, split, sources) for split in splits),
        _rules(clean, train),
        {source: statistics[source] for source in sources if source in statistics},
        read_tokenizer_report(made["tokenizer"]),
    )


def _split_report(made: Mapping[str, Artifact], split: str, sources: Sequence[str]) -> SplitReport:
    clean = made["clean"]
    present = [s for s in sources if made["corpus"].counts.get(f"{s}/{split}_rows")]
    has_cap = f"{split}_over_cap" in clean.counts
    funnels = [_funnel(made, split, source, has_cap) for source in (None, *present)]
    stages = (made[name] for name in ("clean", "dedup", "tensorize"))
    return SplitReport(
        split,
        funnels[0],
        tuple(funnels[1:]),
        clean.counts[f"{split}_visited"],
        {source: clean.counts[f"{source}/{split}_visited"] for source in present},
        tuple(drops for stage in stages if (drops := _drops(stage, split, sources)).reasons),
    )


def _funnel(made: Mapping[str, Artifact], split: str, source: str | None, has_cap: bool) -> Funnel:
    prefix = split if source is None else f"{source}/{split}"

    def step(name: str, stage: str, key: str) -> Step:
        return Step(name, made[stage].counts.get(f"{prefix}_{key}", 0))

    steps = [
        step("raw", "corpus", "rows"),
        *([step("within the cap", "clean", "visited")] if has_cap else []),
        step("clean", "clean", "kept"),
        step("without copies and leaks", "dedup", "kept"),
        step("tokenized", "tensorize", "pairs"),
    ]
    return Funnel(source, tuple(steps))


def _drops(stage: Artifact, split: str, sources: Sequence[str]) -> Drops:
    prefix = f"{split}_dropped_"
    counts = {
        key.removeprefix(prefix): n
        for key, n in stage.counts.items()
        if n and key.startswith(prefix)
    }
    examples = _examples(stage, split, counts)
    settings = flatten(stage.spec.settings)
    reasons = []
    for name, pairs in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        meaning, keys = REASONS.get(name, ("", ()))
        values = {key: settings.get(key.partition(".")[2]) for key in keys}
        of_each = {s: n for s in sources if (n := stage.counts.get(f"{s}/{prefix}{name}"))}
        reasons.append(
            Reason(
                name,
                meaning,
                tuple((key, _in_words(value)) for key, value in values.items()),
                pairs,
                dict(sorted(of_each.items(), key=lambda item: -item[1])),
                examples.get(name, ()),
            )
        )
    return Drops(stage.spec.stage, tuple(reasons))


def _in_words(value: object) -> str:
    """A setting as YAML has it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rules(clean: Artifact, split: str) -> tuple[Rule, ...]:
    prefix = f"{split}_normalized_"
    found = [(k.removeprefix(prefix), n) for k, n in clean.counts.items() if k.startswith(prefix)]
    return tuple(
        Rule(name, RULES.get(name, ""), texts)
        for name, texts in sorted(found, key=lambda item: (-item[1], item[0]))
        if texts
    )


# Examples of what was dropped.


def _examples(
    stage: Artifact, split: str, counts: Mapping[str, int]
) -> dict[str, tuple[Example, ...]]:
    """Reason → ``EXAMPLES`` pairs, or as many as there are, from as many shards as possible."""
    # Reason → for each shard that was looked into, places of some of its rows.
    places: dict[str, list[list[tuple[str, int]]]] = {reason: [] for reason in counts}
    shards = stage.names(f"{split}-", ".rejects.parquet")
    for looked, shard in enumerate(_spread(shards)):
        missing = any(
            sum(map(len, places[reason])) < min(EXAMPLES, pairs) for reason, pairs in counts.items()
        )
        if not missing and looked >= _MIN_SHARDS:
            break
        for reason, rows in _rows_by_reason(stage.local(shard)).items():
            places[reason].append([(shard, row) for row in _at_even_steps(rows)])
    picked = {
        reason: list(islice((p for p in chain(*zip_longest(*shards)) if p), EXAMPLES))
        for reason, shards in places.items()
    }
    wanted: dict[str, set[int]] = {}
    for shard, row in chain(*picked.values()):
        wanted.setdefault(shard, set()).add(row)
    found = {
        (shard, row): example
        for shard, rows in wanted.items()
        for row, example in _read_examples(stage.local(shard), rows)
    }
    return {reason: tuple(found[p] for p in sorted(at)) for reason, at in picked.items() if at}


def _spread(names: Sequence[str]) -> list[str]:
    """The names in an order of which any beginning is spread over all of them: 0, 4, 2, 6, 1, …"""
    bits = max(1, (len(names) - 1).bit_length())
    return [names[i] for i in sorted(range(len(names)), key=lambda i: f"{i:0{bits}b}"[::-1])]


def _rows_by_reason(path: Path) -> dict[str, np.ndarray]:
    reasons = pq.read_table(path, columns=["reason"]).column("reason").combine_chunks()
    encoded = reasons.dictionary_encode()
    numbers = encoded.indices.to_numpy()
    return {
        name: np.flatnonzero(numbers == i) for i, name in enumerate(encoded.dictionary.to_pylist())
    }


def _at_even_steps(rows: np.ndarray) -> list[int]:
    """``EXAMPLES`` of the rows, or all of them if they are fewer."""
    step = max(1, len(rows) // EXAMPLES)
    return [int(row) for row in rows[::step][:EXAMPLES]]


def _read_examples(path: Path, rows: set[int]) -> Iterator[tuple[int, Example]]:
    """The rows of a file of rejects, of which only a batch is in memory."""
    start = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=["source", "row", "en", "hi"]):
            for row in sorted(r for r in rows if start <= r < start + len(batch)):
                pair = batch.slice(row - start, 1).to_pylist()[0]
                sides = excerpt(pair["en"]), excerpt(pair["hi"])
                yield row, Example(pair["source"], pair["row"], *sides)
            start += len(batch)
            if start > max(rows):
                break


def excerpt(text: str) -> Excerpt:
    """The first ``MAX_CHARACTERS`` of ``text``, no syllable cut in two, and nothing hidden in it.

    Rejects are shown because something is wrong with them, so what can't be seen is written out;
    marks that turn the direction of a text would also turn that of what stands around it.
    """
    cut = len(text)
    if cut > MAX_CHARACTERS:
        cut = MAX_CHARACTERS
        while cut > MAX_CHARACTERS // 2 and _holds_together(text[cut - 1], text[cut]):
            cut -= 1
    return Excerpt("".join(map(_visible, text[:cut])), len(text) - cut)


def _holds_together(before: str, after: str) -> bool:
    joined = before in (_VIRAMA, *_JOINERS) or after in _JOINERS
    return joined or unicodedata.category(after).startswith("M")


def _visible(character: str) -> str:
    if character in "\t\n\r":
        return " "
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Co", "Zl", "Zp"}
    return f"⟨U+{ord(character):04X}⟩" if hidden and character not in _JOINERS else character
