"""A file of sentences in pieces: what all kinds of files have in common.

A piece is read by itself, its translations are written beside its rows as a file of the same kind,
and these files, joined in order, are the file with its translations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

TRANSLATION = "translation"
SCORE = "score"


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, one after the other.

    Attributes:
        start: number of the first one, from 0.
        stop: number of the one behind the last.
        offset: the byte at which the first one begins; 0 where rows are not found by bytes.
    """

    start: int
    stop: int
    offset: int = 0


class Rows(NamedTuple):
    """The rows of a piece.

    Attributes:
        sources: what is to be translated; None where a row has nothing.
        kept: the rows as they are, for whoever writes them.
    """

    sources: list[str | None]
    kept: Any


class Shard(Protocol):
    """A file whose rows can be read, written and joined; it travels to the tasks that do so."""

    @property
    def uri(self) -> str:
        """How errors name the file."""

    def cut(self, rows: int) -> list[Piece]:
        """All rows in pieces of at most ``rows``."""

    def read(self, piece: Piece) -> Rows:
        """The rows of a piece.

        Raises:
            CorpusError: if they are damaged; it names the line or the row.
        """

    def write(
        self, kept: Any, texts: Sequence[str | None], scores: Sequence[float | None], out: Path
    ) -> None:
        """Write rows with their translations as a file of their kind."""

    def join(self, pieces: Sequence[Path], out: Path) -> None:
        """Write the file of which ``pieces`` are the pieces, all of them and in order."""


def added_column(name: str, standing: Sequence[str]) -> str | None:
    """What an added column is called: ``name``, or ``anuvad_name``, or None if both are taken."""
    return next((n for n in (name, f"anuvad_{name}") if n not in standing), None)
