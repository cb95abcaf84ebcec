"""A construction: a named sentence pattern whose sentences are numbered, so that they can be drawn.

A construction is one or more blocks; a block is one sequence of choices for each argument of the
builder, and every combination within a block makes sense. Sentence *i* is found by writing *i* in
the mixed radix of the blocks' sizes, so nothing has to be enumerated in order to draw at random.
"""

import math
import random
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pipeline.phrasebook.clauses import Clause, question, statement


@dataclass(frozen=True)
class Pair:
    """An English sentence, its Hindi, the construction that made it and the keys of its lexemes."""

    english: str
    hindi: str
    construction: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """What a builder returns: a finished sentence in both languages and the keys of its lexemes."""

    english: str
    hindi: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Construction:
    """A named pattern; ``build`` takes one choice from each sequence of a block."""

    name: str
    build: Callable[..., Sentence]
    blocks: tuple[tuple[Sequence[Any], ...], ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The number of sentences of each block."""
        return tuple(math.prod(len(choices) for choices in block) for block in self.blocks)

    @property
    def size(self) -> int:
        """The number of sentences."""
        return sum(self.sizes)

    def pair(self, index: int) -> Pair:
        """The sentence with this number."""
        if not 0 <= index < self.size:
            raise ValueError(f"{self.name} has sentences 0 to {self.size - 1}, but not {index}")
        block_number = 0
        while index >= self.sizes[block_number]:
            index -= self.sizes[block_number]
            block_number += 1
        arguments = []
        for choices in self.blocks[block_number]:
            index, which = divmod(index, len(choices))
            arguments.append(choices[which])
        made = self.build(*arguments)
        return Pair(
            unicodedata.normalize("NFC", made.english),
            unicodedata.normalize("NFC", made.hindi),
            self.name,
            tuple(dict.fromkeys(made.words)),
        )

    def shuffled(self, seed: str) -> Iterator[Pair]:
        """All sentences once, in an order drawn from the seed, made only as they are asked for."""
        rng = random.Random(f"{seed}/{self.name}")
        moved: dict[int, int] = {}  # a sparse Fisher–Yates shuffle
        for last in range(self.size - 1, -1, -1):
            chosen = rng.randrange(last + 1)
            yield self.pair(moved.get(chosen, chosen))
            moved[chosen] = moved.pop(last, last)


def say(clause: Clause) -> Sentence:
    """A clause as a statement."""
    return Sentence(*statement(clause), clause.words)


def ask(clause: Clause, *, yes_no: bool = True) -> Sentence:
    """A clause as a question."""
    return Sentence(*question(clause, yes_no=yes_no), clause.words)
