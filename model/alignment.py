"""What the decoder looked at while it said a translation.

Legend: B sentences, T target positions, S source positions, H width, N heads, D width of one.

The translation is read back by the model, teacher-forced, and the weights of its attention to the
source are written down: row t is what it looked at before it said piece t, and the last row before
it said that it was done. Rows sum to one. Any text can be read back, so a reference has an
alignment too. A source that is longer than the model's limit is translated in pieces, and what was
looked at for the words of one piece is all in that piece: between pieces there are zeros.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from model.batches import collate
from model.precision import autocast, resolve_precision
from model.seq2seq import Seq2Seq
from model.splitting import split_line
from model.transformer import Transformer
from model.transformer_attention import MultiHeadAttention
from pipeline.normalize import normalize
from pipeline.tokenizer import Tokenizer

if TYPE_CHECKING:
    from model.translator import Translator

BATCH_SENTENCES = 64
"""Sentences of like lengths whose weights exist at a time."""

_SPACE = "▁"
_END = "</s>"


@dataclass(frozen=True)
class Alignment:
    """One translation and what was looked at for each piece of it.

    Attributes:
        source: pieces of the source and, last, its end; each part of a line that was translated in
            parts has an end of its own.
        target: pieces of the translation and, last, its end; likewise.
        weights_TS: float32 on the CPU; a row for each of ``target``, each summing to one.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights_TS: Tensor

    @property
    def entropy(self) -> float:
        """Of a row on average, in bits: 0 looks at one piece, log2 S at all alike."""
        w_TS = self.weights_TS.double()
        # Each term is at most zero, and so is their sum; `abs` leaves no -0.00 either.
        return abs(float(torch.special.xlogy(w_TS, w_TS).sum(-1).mean() / math.log(2)))

    @property
    def coverage_S(self) -> list[float]:
        """For each source piece the sum of its weights: how many target pieces it was worth."""
        found: list[float] = self.weights_TS.sum(0).tolist()
        return found

    @property
    def links_T(self) -> list[tuple[int, float]]:
        """For each target piece the source piece looked at most, and its weight."""
        top = self.weights_TS.max(dim=1)
        return list(zip(top.indices.tolist(), top.values.tolist(), strict=True))

    def as_json(self) -> dict[str, Any]:
        """Words or pieces and weights, the latter to three digits."""
        weights = [[round(w, 3) for w in row] for row in self.weights_TS.tolist()]
        return {"source": list(self.source), "target": list(self.target), "weights": weights}


def has_attention(model: nn.Module) -> bool:
    """Whether a model looks at the source while it speaks."""
    return _watched(model) is not None


def align(
    translator: Translator, sources: Sequence[str], targets: Sequence[Sequence[str]]
) -> list[Alignment | None] | None:
    """The alignment of each source with its translation; None if the model has no attention.

    Args:
        translator: with the model whose attention is asked for.
        sources: English.
        targets: for each its Hindi text, or where the source is over the model's limit a text for
            each piece that it is translated in, see :attr:`model.translator.Translation.texts`. Of
            a source in pieces with another number of texts it is not known which says what: its
            alignment is None.
    """
    if not has_attention(translator.model):
        return None
    limit = translator.config.max_source_tokens
    unused: Counter[str] = Counter()
    lines = [
        split_line(normalize(text, translator.config.normalize, unused), limit, translator.source)
        for text in sources
    ]
    known = [len(ids) == len(texts) for ids, texts in zip(lines, targets, strict=True)]
    parts = _align_ids(
        translator,
        [ids for line, fits in zip(lines, known, strict=True) if fits for ids in line],
        translator.target.encode(
            [text for texts, fits in zip(targets, known, strict=True) if fits for text in texts]
        ),
    )
    return [
        _in_a_row(list(islice(parts, len(line)))) if fits else None
        for line, fits in zip(lines, known, strict=True)
    ]


def _align_ids(
    translator: Translator, source_ids: Sequence[list[int]], target_ids: Sequence[list[int]]
) -> Iterator[Alignment]:
    """The alignment of each pair, computed in batches of like lengths."""
    order = sorted(range(len(source_ids)), key=lambda i: (len(target_ids[i]), len(source_ids[i])))
    weights: list[Tensor] = [torch.empty(0)] * len(order)
    for start in range(0, len(order), BATCH_SENTENCES):
        places = order[start : start + BATCH_SENTENCES]
        batch = [source_ids[i] for i in places], [target_ids[i] for i in places]
        found = _weights(translator, *batch)
        for place, one in zip(places, found, strict=True):
            weights[place] = one
    source_pieces, target_pieces = (_pieces(t) for t in (translator.source, translator.target))
    for s, t, w_TS in zip(source_ids, target_ids, weights, strict=True):
        yield Alignment(
            (*(source_pieces[i] for i in s), _END), (*(target_pieces[i] for i in t), _END), w_TS
        )


def _in_a_row(parts: Sequence[Alignment]) -> Alignment:
    """The alignment of a line from those of its parts, which know nothing of each other."""
    if len(parts) == 1:
        return parts[0]
    return Alignment(
        tuple(piece for part in parts for piece in part.source),
        tuple(piece for part in parts for piece in part.target),
        torch.block_diag(*(part.weights_TS for part in parts)),  # type: ignore[no-untyped-call]
    )


def by_words(alignment: Alignment) -> Alignment:
    """The same between words: their pieces' columns added up, their rows averaged.

    So rows still sum to one, and nobody has to read the two halves of a letter.
    """
    source, target = _words(alignment.source), _words(alignment.target)
    columns = [alignment.weights_TS[:, places].sum(1) for _, places in source]
    by_source = torch.stack(columns, dim=1)
    rows = [by_source[places].mean(0) for _, places in target]
    return Alignment(
        tuple(word for word, _ in source), tuple(word for word, _ in target), torch.stack(rows)
    )


def _words(pieces: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Each word with the places of its pieces; an end is a word."""
    found: list[tuple[str, list[int]]] = []
    for place, piece in enumerate(pieces):
        # What stands behind the end of a part is a word, though it may have no space before it.
        after_an_end = place > 0 and pieces[place - 1] == _END
        if not found or piece.startswith(_SPACE) or piece == _END or after_an_end:
            found.append(("", []))
        found[-1][1].append(place)
    return [(_spelt([pieces[i] for i in places]), places) for _, places in found]


def _spelt(pieces: Sequence[str]) -> str:
    """Pieces as one text; runs of byte pieces, ``<0xE0>``, are the characters that they spell."""
    data = b"".join(
        bytes([int(piece[3:5], 16)]) if _is_byte(piece) else piece.encode() for piece in pieces
    )
    return data.decode("utf-8", "replace").removeprefix(_SPACE)


def _is_byte(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")


def _pieces(tokenizer: Tokenizer) -> tuple[str, ...]:
    # Whatever the type is that we say, the pieces are the same.
    return tokenizer.vocabulary("unigram").pieces


def _weights(
    translator: Translator, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> list[Tensor]:
    """(T, S) of each pair of ids, ends included."""
    batch = collate(sources, targets).to(translator.device)
    model = translator.model
    precision = resolve_precision(translator.config.precision, translator.device)
    with torch.inference_mode(), autocast(precision, translator.device), _watch(model) as seen:
        if isinstance(model, Seq2Seq):
            encoded = model.encoder(batch.source_BS, batch.source_lengths_B)
            model.decoder.unrolled(batch.target_in_BT, model.decoder.start(encoded))
        else:
            assert isinstance(model, Transformer)
            model.decoder(batch.target_in_BT, model.encode(batch.source_BS, batch.source_lengths_B))
    # With input feeding each position is a call of its own.
    weights_BTS = torch.cat(seen, dim=1).float().cpu()
    return [
        weights_TS[: len(target) + 1, : len(source) + 1].clone()
        for weights_TS, source, target in zip(weights_BTS, sources, targets, strict=True)
    ]


def _watched(model: nn.Module) -> nn.Module | None:
    """The part of a model whose weights say what it looks at.

    Of a Transformer's layers that before the last: its heads, averaged, come nearest to what people
    align (Garg et al., EMNLP 2019).
    """
    if isinstance(model, Seq2Seq):
        return model.decoder.attention
    if isinstance(model, Transformer):
        layers = list(model.decoder.layers)
        watched: nn.Module = layers[max(0, len(layers) - 2)].source_attention  # type: ignore[assignment]
        return watched
    return None


@contextmanager
def _watch(model: nn.Module) -> Iterator[list[Tensor]]:
    """The list that weights_BTS are appended to, call by call, within the block."""
    seen: list[Tensor] = []
    watched = _watched(model)
    assert watched is not None, "a model without attention has nothing to be watched"

    def keep(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        if isinstance(module, MultiHeadAttention):
            seen.append(_mean_weights(module, *arguments))
        else:
            seen.append(output[1])

    handle = watched.register_forward_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


def _mean_weights(
    attention: MultiHeadAttention, x_BTH: Tensor, keys_values_BSX: Tensor, mask_BS: Tensor
) -> Tensor:
    """The weights that the fused kernel does not tell, the mean over the heads: (B, T, S)."""
    queries_BTH = attention.query_projection(x_BTH).float()
    keys_BSH = keys_values_BSX.chunk(2, dim=-1)[0].float()
    (B, T, H), S, N = queries_BTH.shape, keys_BSH.shape[1], attention.heads
    query_BNTD = queries_BTH.view(B, T, N, H // N).transpose(1, 2)
    keys_BNSD = keys_BSH.view(B, S, N, H // N).transpose(1, 2)
    with torch.autocast(x_BTH.device.type, enabled=False):
        scores_BNTS = query_BNTD @ keys_BNSD.transpose(2, 3) * (H // N) ** -0.5
    scores_BNTS = scores_BNTS.masked_fill(~mask_BS[:, None, None, :], float("-inf"))
    return torch.softmax(scores_BNTS, dim=-1).mean(1)
