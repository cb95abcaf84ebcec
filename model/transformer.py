"""The Transformer: attention in place of recurrence (Vaswani et al. 2017).

Legend: B sentences, S source positions, T target positions, P target positions read before,
H width of the model, X = 2H: keys and values side by side, V target vocabulary, M target tokens
that are no padding, R rows of a search: one a sentence in greedy search, K (the beam) a sentence
in beam search. A mask is True at real tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.architectures import TransformerConfig
from model.batches import Batch
from model.loss import label_smoothed_nll
from model.rows import sentences_of
from model.seq2seq import real_rows
from model.transformer_attention import MultiHeadAttention
from model.transformer_layers import DecoderLayer, EncoderLayer, PositionedEmbedding
from model.translation_model import LossSums, TranslationModel
from pipeline.tokenizer import PAD_ID


@dataclass(frozen=True)
class Source:
    """A batch of encoded sentences as the decoder attends to them, computed once a sentence.

    Attributes:
        keys_values_BSX: of every layer of the decoder, finite at padding.
        mask_BS: True at real tokens.
    """

    keys_values_BSX: tuple[Tensor, ...]
    mask_BS: Tensor

    def select(self, index_B: Tensor) -> Source:
        """The sentences at ``index_B``, in its order."""
        return Source(
            tuple(layer_BSX.index_select(0, index_B) for layer_BSX in self.keys_values_BSX),
            self.mask_BS.index_select(0, index_B),
        )


@dataclass(frozen=True)
class TransformerState:
    """Where a search stands, in R rows; nothing that was read is computed again.

    The rows of one sentence stand together and share its source, so that neither growing to a
    beam nor reordering it copies what the encoder said: R is a multiple of the source's B.

    Attributes:
        past_RPX: of every layer, keys and values of the target so far.
        source: what is translated.
    """

    past_RPX: tuple[Tensor, ...]
    source: Source

    def reorder(self, index_R: Tensor) -> TransformerState:
        """The rows at ``index_R``, in its order; repeated ones grow, missing ones leave."""
        sentence_B = sentences_of(index_R, len(self.past_RPX[0]), len(self.source.mask_BS))
        return TransformerState(
            tuple(layer_RPX.index_select(0, index_R) for layer_RPX in self.past_RPX),
            self.source if sentence_B is None else self.source.select(sentence_B),
        )


class TransformerEncoder(nn.Module):
    """Every source position described in the light of all others (§3.1)."""

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = PositionedEmbedding(config, vocab_size)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.norm = nn.LayerNorm(config.model_size)

    def forward(self, source_BS: Tensor, mask_BS: Tensor) -> Tensor:
        """(B, S, H) of int64 ids; what stands at padding is finite and means nothing."""
        x_BSH = self.embedding(source_BS)
        for layer in self.layers:
            x_BSH = layer(x_BSH, mask_BS)
        memory_BSH: Tensor = self.norm(x_BSH)
        return memory_BSH


class TransformerDecoder(nn.Module):
    """p(y_t | y_<t, x) up to the output layer (§3.1)."""

    def __init__(self, config: TransformerConfig, vocab_size: int) -> None:
        super().__init__()
        self.embedding = PositionedEmbedding(config, vocab_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.model_size)

    def source(self, memory_BSH: Tensor, mask_BS: Tensor) -> Source:
        """What the layers attend to of an encoded source."""
        layers = (layer.source_attention.keys_values(memory_BSH) for layer in self._layers)
        return Source(tuple(layers), mask_BS)

    def forward(self, target_in_BT: Tensor, source: Source) -> Tensor:
        """(B, T, H) at all positions of a teacher-forced target, in one call.

        Padding stands after the real tokens, which see nothing that comes later: what stands there
        is finite and means nothing.
        """
        x_BTH = self.embedding(target_in_BT)
        for layer, source_BSX in zip(self._layers, source.keys_values_BSX, strict=True):
            x_BTH = layer(x_BTH, source_BSX, source.mask_BS)
        hidden_BTH: Tensor = self.norm(x_BTH)
        return hidden_BTH

    def step(self, token_R: Tensor, state: TransformerState) -> tuple[Tensor, TransformerState]:
        """Read one token a row: (R, H), and the state after it."""
        source = state.source
        x_R1H = self.embedding(token_R[:, None], first=state.past_RPX[0].shape[1])
        pasts_RPX = []
        for layer, past_RPX, source_BSX in zip(
            self._layers, state.past_RPX, source.keys_values_BSX, strict=True
        ):
            x_R1H, longer_RPX = layer.step(x_R1H, past_RPX, source_BSX, source.mask_BS)
            pasts_RPX.append(longer_RPX)
        return self.norm(x_R1H)[:, 0], TransformerState(tuple(pasts_RPX), source)

    @property
    def _layers(self) -> list[DecoderLayer]:
        return [layer for layer in self.layers if isinstance(layer, DecoderLayer)]


class TiedOutput(nn.Module):
    """Scores E h + b with the target embeddings E as its weights (§3.4; Press and Wolf 2017).

    E stays the decoder's: the same tensor under two names is what safetensors refuses to save.
    The bias is ours.
    """

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, hidden_MH: Tensor, embedding: nn.Embedding) -> Tensor:
        """Unnormalised log-probabilities, (M, V)."""
        return F.linear(hidden_MH, embedding.weight, self.bias)


class Transformer(TranslationModel):
    """A pre-norm Transformer encoder–decoder.

    Where we deviate, beside what :mod:`model.transformer_layers` and
    :class:`model.transformer_attention.MultiHeadAttention` say: the source has embeddings of its
    own, as its vocabulary usually is its own.
    """

    def __init__(
        self, config: TransformerConfig, source_vocab_size: int, target_vocab_size: int
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = TransformerEncoder(config, source_vocab_size)
        self.decoder = TransformerDecoder(config, target_vocab_size)
        self.output = TiedOutput(target_vocab_size)
        initialise(self)

    def forward(self, batch: Batch, label_smoothing: float = 0.0) -> LossSums:
        """The loss of a teacher-forced batch."""
        source = self.encode(batch.source_BS, batch.source_lengths_B)
        hidden_BTH = self.decoder(batch.target_in_BT, source)
        hidden_MH, targets_M = real_rows(hidden_BTH, batch.target_out_BT)
        embedding, bias = self.decoder.embedding.tokens.weight, self.output.bias
        loss_sum, nll_sum = label_smoothed_nll(
            hidden_MH, embedding, bias, targets_M, label_smoothing
        )
        return LossSums(loss_sum, nll_sum, batch.target_tokens)

    def start(self, source_BS: Tensor, source_lengths_B: Tensor) -> TransformerState:
        """The state of a search before its first token (BOS is what it reads first)."""
        source = self.encode(source_BS, source_lengths_B)
        # Of the source's dtype: under autocast keys and values are bf16.
        past = (layer_BSX[:, :0] for layer_BSX in source.keys_values_BSX)
        return TransformerState(tuple(past), source)

    def step(self, state: TransformerState, token_R: Tensor) -> tuple[Tensor, TransformerState]:
        """Read one token a row: float32 log-probabilities of the next, (R, V), and the state."""
        hidden_RH, state = self.decoder.step(token_R, state)
        return torch.log_softmax(self.logits(hidden_RH), dim=-1, dtype=torch.float32), state

    def reorder(self, state: TransformerState, index_R: Tensor) -> TransformerState:
        """The rows at ``index_R``, in its order; repeated ones grow, missing ones leave."""
        return state.reorder(index_R)

    def encode(self, source_BS: Tensor, source_lengths_B: Tensor) -> Source:
        """What the decoder attends to of sentences that are padded on the right."""
        position_S = torch.arange(source_BS.shape[1], device=source_BS.device)
        mask_BS = position_S < source_lengths_B.to(source_BS.device)[:, None]
        return self.decoder.source(self.encoder(source_BS, mask_BS), mask_BS)

    def logits(self, hidden_MH: Tensor) -> Tensor:
        """Unnormalised log-probabilities of the next token, (M, V)."""
        logits_MV: Tensor = self.output(hidden_MH, self.decoder.embedding.tokens)
        return logits_MV


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Set all weights: each kind of module in its own way, in the order of ``model.modules()``.

    * Projections: Xavier uniform (Glorot and Bengio 2010), each matrix by itself; biases zero.
    * Embeddings: normal of variance 1/H, zero for padding. Times √H they enter the first layer at
      variance 1, beside sinusoids of 1/2; and as the weights of the output layer, whose input is
      normalised to variance 1, they give the first scores variance 1.
    * Normalisations: scale one, bias zero.
    """
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            module.initialise()
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
            module.weight[PAD_ID] = 0.0
        elif isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
