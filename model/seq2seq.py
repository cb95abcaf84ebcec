"""The whole model: source ids to a loss in training, to next-token probabilities in search.

Legend: B sentences, S source positions, T target positions, H width of the decoder,
V target vocabulary, N target tokens that are no padding, R rows of a search.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from model.batches import Batch
from model.config import ModelConfig
from model.decoder import DecoderState, RecurrentDecoder
from model.dropout import Dropout
from model.encoder import RecurrentEncoder
from model.loss import label_smoothed_nll
from model.translation_model import LossSums, TranslationModel
from pipeline.tokenizer import PAD_ID

# oneDNN builds a kernel for every new shape of a bf16 product, at 6 to 25 ms; in steps of this
# many rows the output layer meets a few dozen shapes and not thousands.
OUTPUT_ROWS = 256


class Seq2Seq(TranslationModel):
    """A recurrent encoder and decoder under an output layer, p(y_t | y_<t, x) = softmax(W h̃_t + b).

    (Luong et al. 2015, eq. 6; the bias is ours, it starts training at the unigram frequencies.)
    Dropout is applied to embeddings, between layers, and to h̃ before the output layer, never
    inside the recurrence (Zaremba et al. 2014).

    With ``tie_output: true`` the rows of W are the target embedding (Press and Wolf 2017), behind a
    projection of h̃ where that has another width; with ``joint_embedding: true`` the source reads
    the same table. A shared weight has one name, the first, in what is saved.

    Raises:
        ValueError: if the embedding is to be joint and the vocabularies are not of one size.
    """

    def __init__(self, config: ModelConfig, source_vocab_size: int, target_vocab_size: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = RecurrentEncoder(config, source_vocab_size)
        self.decoder = RecurrentDecoder(config, target_vocab_size)
        self.dropout = Dropout(config.dropout_of("output"))
        self.projection: nn.Linear | None = None
        output_size = config.hidden_size
        if config.tie_output and config.embedding_size != config.hidden_size:
            output_size = config.embedding_size
            self.projection = nn.Linear(config.hidden_size, output_size, bias=False)
        self.output = nn.Linear(output_size, target_vocab_size)
        initialise(self)
        self._share_weights(config, source_vocab_size, target_vocab_size)

    def _share_weights(
        self, config: ModelConfig, source_vocab_size: int, target_vocab_size: int
    ) -> None:
        """Make one weight of those that are to be one, after all have their first values."""
        first_name: dict[str, str] = {}
        source, target = self.encoder.embedding, self.decoder.embedding
        if config.tie_output:
            with torch.no_grad():
                target.weight.mul_(target.embedding_dim**-0.5)
            self.output.weight = target.weight
            target.is_output = True
            first_name["output.weight"] = "decoder.embedding.weight"
        if config.joint_embedding:
            if source_vocab_size != target_vocab_size:
                raise ValueError(
                    f"joint_embedding: true needs one vocabulary for both languages, not "
                    f"{source_vocab_size} and {target_vocab_size} pieces: set tokenizer.joint: true"
                )
            source.weight, source.is_output = target.weight, target.is_output
            first_name = dict.fromkeys(first_name, "encoder.embedding.weight")
            first_name["decoder.embedding.weight"] = "encoder.embedding.weight"
        if first_name:
            # safetensors refuses two names for one tensor.
            drop = partial(_drop_second_names, list(first_name))
            add = partial(_add_second_names, first_name)
            self.register_state_dict_post_hook(drop)  # type: ignore[no-untyped-call]
            self.register_load_state_dict_pre_hook(add)  # type: ignore[no-untyped-call]

    def forward(self, batch: Batch, label_smoothing: float = 0.0) -> LossSums:
        """The loss of a teacher-forced batch.

        All of it happens here rather than in the training loop, since DistributedDataParallel
        sees only what goes through ``forward``.
        """
        encoded = self.encoder(batch.source_BS, batch.source_lengths_B)
        attentional_BTH = self.decoder.unrolled(batch.target_in_BT, self.decoder.start(encoded))
        hidden_NH, targets_N = real_rows(attentional_BTH, batch.target_out_BT)
        loss_sum, nll_sum = label_smoothed_nll(
            self._read(hidden_NH), self.output.weight, self.output.bias, targets_N, label_smoothing
        )
        return LossSums(loss_sum, nll_sum, batch.target_tokens)

    def _read(self, hidden_NH: Tensor) -> Tensor:
        """What the output layer reads of h̃."""
        dropped_NH: Tensor = self.dropout(hidden_NH)
        if self.projection is not None:
            dropped_NH = self.projection(dropped_NH)
        return dropped_NH

    def start(self, source_BS: Tensor, source_lengths_B: Tensor) -> DecoderState:
        """The state of a search before its first token (BOS is what it reads first)."""
        return self.decoder.start(self.encoder(source_BS, source_lengths_B))

    def step(self, state: DecoderState, token_R: Tensor) -> tuple[Tensor, DecoderState]:
        """Read one token a row: float32 log-probabilities of the next, (R, V), and the state.

        The attention of the step is in the state, as ``weights_RS``.
        """
        attentional_RH, state = self.decoder.step(token_R, state)
        logits_RV = self.output(self._read(attentional_RH))
        return torch.log_softmax(logits_RV, dim=-1, dtype=torch.float32), state

    def reorder(self, state: DecoderState, index_R: Tensor) -> DecoderState:
        """The rows at ``index_R``, in its order; repeated ones grow, missing ones leave."""
        return state.reorder(index_R)

    def attention(self, state: DecoderState) -> Tensor | None:
        """Weights of the step that led to ``state``, (R, S); None without attention."""
        return state.weights_RS


def _drop_second_names(
    second_names: list[str], module: nn.Module, weights: dict[str, Any], prefix: str, *_: Any
) -> None:
    for name in second_names:
        del weights[prefix + name]


def _add_second_names(
    first_name: dict[str, str], module: nn.Module, weights: dict[str, Any], prefix: str, *_: Any
) -> None:
    for second, first in first_name.items():
        if prefix + first in weights:
            weights[prefix + second] = weights[prefix + first]


def real_rows(hidden_BTH: Tensor, targets_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Hidden rows and targets of the real tokens, rounded up to a multiple of ``OUTPUT_ROWS``.

    The output layer is half the work of the model, so it gets no padding. The rows that round N
    up repeat row 0 under a target that the loss ignores.
    """
    targets_M = targets_BT.flatten()
    index_N = (targets_M != PAD_ID).nonzero()[:, 0]
    filler = -len(index_N) % OUTPUT_ROWS
    index_N = nn.functional.pad(index_N, (0, filler), value=0)
    targets_N = targets_M.index_select(0, index_N)
    if filler:
        targets_N[-filler:] = PAD_ID
    return hidden_BTH.flatten(0, 1).index_select(0, index_N), targets_N


@torch.no_grad()
def initialise(model: nn.Module) -> None:
    """Set all weights: each kind of module in its own way, in the order of ``model.modules()``.

    * Linear and recurrent layers' input weights: Xavier uniform (Glorot and Bengio 2010), gate by
      gate, biases zero.
    * Recurrent weights: orthogonal, gate by gate (Saxe et al. 2014): no direction of the
      state fades or grows at first.
    * The forget gate's bias is 1 (Jozefowicz et al. 2015, §2.2), so that what is in a cell stays
      until training says otherwise. ``nn.LSTM`` adds two biases: 1 goes into the first. That of a
      GRU's update gate, which keeps the state where it is open, is 1 to the same end.
    * Embeddings: standard normal, zero for padding. Smaller ones leave the gates nearly deaf to the
      input: at variance 1/E, 420 updates on 25,000 real pairs ended at 5.27 nats a token of unseen
      text, and at 5.00 with these. One that is the output layer too: see ``WordEmbedding``.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
            module.weight[PAD_ID] = 0.0
        elif isinstance(module, nn.LSTM | nn.GRU):
            for name, weight in module.named_parameters():
                initialise_gates(name, weight, gates=4 if isinstance(module, nn.LSTM) else 3)


def initialise_gates(name: str, weight: Tensor, gates: int) -> None:
    """Set one tensor of a recurrent layer, which stacks its gates.

    Those of an ``nn.LSTM`` are input, forget, cell, output; of an ``nn.GRU`` reset, update, new.
    The second is the one that keeps the state, in both.
    """
    if name.startswith("bias"):
        nn.init.zeros_(weight)
        if name.startswith("bias_ih"):
            weight.chunk(gates)[1].fill_(1.0)
        return
    for gate in weight.chunk(gates):
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(gate)
        else:
            nn.init.xavier_uniform_(gate)
