"""Terms with fixed translations: read from a file, found in a line, made tokens of the target.

reads   a TSV file of two columns, source term and target term
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.tokenizer import UNK_ID, Tokenizer

_SPACE = "\u2581"


@dataclass(frozen=True)
class Glossary:
    """Target terms by source terms.

    Attributes:
        terms: source term → target term, the longest source terms first.
    """

    terms: dict[str, str]

    @classmethod
    def read(cls, path: Path, normalized: Callable[[str], str]) -> Glossary:
        """The glossary of a TSV file; empty lines and lines that begin with ``#`` say nothing.

        Args:
            path: of the file, UTF-8.
            normalized: what the model's normaliser makes of a text.

        Raises:
            ConfigError: if it can't be read, a line is not two terms, or a term has two
                translations; it names the line.
        """
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"--glossary must be a UTF-8 file, but {path}: {reason}") from error
        terms: dict[str, str] = {}
        # As terms are found in any case, they are one term in any.
        places: dict[str, tuple[int, str]] = {}
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            columns = [normalized(column).strip() for column in line.rstrip("\r").split("\t")]
            if len(columns) != 2 or not all(columns):
                raise ConfigError(
                    f"a glossary's line must be a source term, a tab and a target term, but line "
                    f"{number} of {path} is {line!r}"
                )
            before, said = places.setdefault(columns[0].casefold(), (number, columns[1]))
            if said != columns[1]:
                raise ConfigError(
                    f"a glossary must have one target term for each source term in any case, but "
                    f"{path} has '{said}' in line {before} and '{columns[1]}' in line {number} for "
                    f"'{columns[0]}'; take one out"
                )
            terms[columns[0]] = columns[1]
        return cls(dict(sorted(terms.items(), key=lambda item: -len(item[0]))))

    def found_in(self, text: str) -> list[tuple[str, str]]:
        """The terms of a line, whole words in any case; each once, in the order of the line.

        Where terms overlap the longest one counts.
        """
        taken: list[tuple[int, int, str]] = []
        folded = text.casefold()
        for source in self.terms:
            # Nearly all of thousands of terms are in no line, and this is far sooner seen.
            if source.casefold() not in folded:
                continue
            pattern = rf"(?<!\w){re.escape(source)}(?!\w)"
            for match in re.finditer(pattern, text, re.IGNORECASE):
                start, end = match.span()
                if all(end <= first or last <= start for first, last, _ in taken):
                    taken.append((start, end, source))
        found = dict.fromkeys(source for _, _, source in sorted(taken))
        return [(source, self.terms[source]) for source in found]


def spelt(term: str, tokenizer: Tokenizer) -> tuple[int, ...] | None:
    """The ids of a target term; None if the vocabulary can't spell it."""
    (ids,) = tokenizer.encode([term])
    if UNK_ID in ids or tokenizer.decode([ids]) != [term]:
        return None
    return tuple(ids)


def fitting(
    terms: Sequence[tuple[str, str]], room: int, tokenizer: Tokenizer
) -> tuple[list[tuple[int, ...]], list[str]]:
    """The ids of the terms that can be forced into ``room`` tokens, and why others can't be."""
    forced: list[tuple[int, ...]] = []
    refused: list[str] = []
    for source, target in terms:
        ids = spelt(target, tokenizer)
        if ids is None:
            refused.append(f"'{source}' → '{target}', which the vocabulary can't spell")
        elif sum(map(len, forced)) + len(ids) > room:
            refused.append(f"'{source}' → '{target}', for which there is no room")
        elif ids not in forced:
            forced.append(ids)
    return forced, refused


def continuing(tokenizer: Tokenizer) -> Tensor:
    """By id, whether a piece goes on with the word before it: a letter, sign or digit first."""
    pieces = tokenizer.pieces()
    return torch.tensor(
        [
            piece is None or (piece[0] != _SPACE and unicodedata.category(piece[0])[0] in "LMN")
            for piece in pieces
        ]
    )
