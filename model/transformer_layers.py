"""What encoder and decoder of a Transformer are stacked of (Vaswani et al. 2017, §3).

Legend: B sentences, S source positions, T target positions, P target positions read before,
H width of the model, X = 2H: keys and values side by side, R rows of a search, of which the K of
one sentence stand together: R = B x K. A mask is True at real tokens.

Where we deviate: normalisation comes before each sublayer and not after the sum, as in Xiong et
al. 2020, Table 1: x + Dropout(Sublayer(LayerNorm(x))), and once more after the last layer. The sums
then pass gradients on as they are, so that training needs no long warm-up and no luck.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from model.architectures import TransformerConfig
from model.dropout import Dropout
from model.transformer_attention import MultiHeadAttention
from pipeline.tokenizer import PAD_ID


class PositionedEmbedding(nn.Module):
    """Dropout(√H · embedding + sinusoid of the position) (§3.4, §3.5, §5.4).

    Sinusoids have no weights and no longest position. A sentence may be longer than any that was
    trained on: that is no error, but the translation suffers; ``tensorize.max_source_tokens`` is
    where the translator cuts its input.
    """

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, config.model_size, padding_idx=PAD_ID)
        self.dropout = Dropout(config.dropout)

    def forward(self, token_BT: Tensor, first: int = 0) -> Tensor:
        """Vectors (B, T, H) of ids that stand at the positions from ``first`` on."""
        embedded_BTH = self.tokens(token_BT)
        position_T = torch.arange(first, first + token_BT.shape[1], device=token_BT.device)
        sinusoid_TH = sinusoids(position_T, embedded_BTH.shape[2]).to(embedded_BTH.dtype)
        scale = math.sqrt(embedded_BTH.shape[2])
        positioned_BTH: Tensor = self.dropout(embedded_BTH * scale + sinusoid_TH)
        return positioned_BTH


def sinusoids(position_T: Tensor, width: int) -> Tensor:
    """sin(t / 10000^(2i/H)) at the even places 2i, cos of the same beside it (§3.5): (T, H)."""
    frequency = torch.arange(0, width, 2, device=position_T.device) * (-math.log(10_000) / width)
    angle_TF = position_T[:, None] * frequency.exp()
    return torch.stack((angle_TF.sin(), angle_TF.cos()), dim=2).flatten(1)


class FeedForward(nn.Module):
    """W_2 max(0, W_1 x + b_1) + b_2, at each position by itself (§3.3)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.wide = nn.Linear(config.model_size, config.feedforward_size)
        self.narrow = nn.Linear(config.feedforward_size, config.model_size)

    def forward(self, x_BTH: Tensor) -> Tensor:
        """(B, T, H) to (B, T, H)."""
        narrow_BTH: Tensor = self.narrow(torch.relu(self.wide(x_BTH)))
        return narrow_BTH


class EncoderLayer(nn.Module):
    """Self-attention over the whole source, then a feed-forward layer."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.model_size)
        self.attention = MultiHeadAttention(config.model_size, config.heads)
        self.feedforward_norm = nn.LayerNorm(config.model_size)
        self.feedforward = FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x_BSH: Tensor, mask_BS: Tensor) -> Tensor:
        """(B, S, H) to (B, S, H); what stands at padding is finite and means nothing."""
        normed_BSH = self.attention_norm(x_BSH)
        keys_values_BSX = self.attention.keys_values(normed_BSH)
        x_BSH = x_BSH + self.dropout(self.attention(normed_BSH, keys_values_BSX, mask_BS))
        above_BSH: Tensor = x_BSH + self.dropout(self.feedforward(self.feedforward_norm(x_BSH)))
        return above_BSH


class DecoderLayer(nn.Module):
    """Self-attention over what was said so far, attention to the source, a feed-forward layer."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.model_size)
        self.attention = MultiHeadAttention(config.model_size, config.heads)
        self.source_norm = nn.LayerNorm(config.model_size)
        self.source_attention = MultiHeadAttention(config.model_size, config.heads)
        self.feedforward_norm = nn.LayerNorm(config.model_size)
        self.feedforward = FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x_BTH: Tensor, source_BSX: Tensor, mask_BS: Tensor) -> Tensor:
        """A whole target, no position of which sees a later one: (B, T, H) to (B, T, H).

        Args:
            x_BTH: the layer below.
            source_BSX: keys and values of the source, ``source_attention``'s.
            mask_BS: True at the source's real tokens.
        """
        normed_BTH = self.attention_norm(x_BTH)
        keys_values_BTX = self.attention.keys_values(normed_BTH)
        x_BTH = x_BTH + self.dropout(self.attention(normed_BTH, keys_values_BTX, causal=True))
        return self._after_attention(x_BTH, source_BSX, mask_BS)

    def step(
        self, x_R1H: Tensor, past_RPX: Tensor, source_BSX: Tensor, mask_BS: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One position more: its (R, 1, H), and the keys and values with its own, (R, P+1, 2H)."""
        normed_R1H = self.attention_norm(x_R1H)
        past_RPX = torch.cat((past_RPX, self.attention.keys_values(normed_R1H)), dim=1)
        x_R1H = x_R1H + self.dropout(self.attention(normed_R1H, past_RPX))
        # The K rows of a sentence are K queries to one source, as its T positions are in training.
        x_BKH = x_R1H.view(len(source_BSX), -1, x_R1H.shape[2])
        return self._after_attention(x_BKH, source_BSX, mask_BS).view_as(x_R1H), past_RPX

    def _after_attention(self, x_BTH: Tensor, source_BSX: Tensor, mask_BS: Tensor) -> Tensor:
        normed_BTH = self.source_norm(x_BTH)
        x_BTH = x_BTH + self.dropout(self.source_attention(normed_BTH, source_BSX, mask_BS))
        above_BTH: Tensor = x_BTH + self.dropout(self.feedforward(self.feedforward_norm(x_BTH)))
        return above_BTH
