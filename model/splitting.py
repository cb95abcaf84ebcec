"""Lines longer than a model can read, in pieces that it can.

A piece is a sentence where sentences are short enough, else clauses up to a comma, else words, else
part of a word.
"""

from __future__ import annotations

import re

from pipeline.tokenizer import Tokenizer

# After a danda, a full stop, a question or an exclamation mark and what may close behind it; but
# not after a full stop where a small letter goes on, as in "approx. two".
_CLOSING = r"""["'”’)\]]"""
_SENTENCES = re.compile(
    rf"(?:(?<=[।॥?!…])|(?<=[।॥?!…]{_CLOSING}))\s+|(?:(?<=\.)|(?<=\.{_CLOSING}))\s+(?![a-z])"
)
_CLAUSES = re.compile(r"(?<=[,;:،])\s+")
_WORDS = re.compile(r"\s+")


def split_line(text: str, limit: int, tokenizer: Tokenizer) -> list[list[int]]:
    """The ids of a line in pieces of at most ``limit``, one of none for an empty line.

    Sentences stand alone, as a model has seen them in training. Clauses and words of a sentence
    that is too long fill pieces as far as they go.

    Args:
        text: normalised.
        limit: ids that the model can read at once, ``EOS_ID`` not counted.
        tokenizer: the source's.
    """
    (ids,) = tokenizer.encode([text])
    if len(ids) <= limit:
        return [ids]
    pieces: list[list[int]] = []
    for sentence in _SENTENCES.split(text):
        pieces += _split(sentence, (_CLAUSES, _WORDS), limit, tokenizer)
    return [piece for piece in pieces if piece]


def _split(
    text: str, boundaries: tuple[re.Pattern[str], ...], limit: int, tokenizer: Tokenizer
) -> list[list[int]]:
    """Pieces that end at the first kind of boundary where they can, else at the next kinds."""
    (ids,) = tokenizer.encode([text])
    if len(ids) <= limit:
        return [ids]
    if not boundaries:
        return [ids[start : start + limit] for start in range(0, len(ids), limit)]
    pieces: list[list[int]] = [[]]
    for part in boundaries[0].split(text):
        for piece in _split(part, boundaries[1:], limit, tokenizer):
            # No piece of a vocabulary reaches over a space, so ids of parts are ids of the whole.
            if len(pieces[-1]) + len(piece) <= limit:
                pieces[-1] = pieces[-1] + piece
            else:
                pieces.append(piece)
    return pieces
