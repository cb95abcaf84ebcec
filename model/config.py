"""The sections ``model``, ``train`` and ``decode`` of a configuration.

They stand apart from the code that they configure, since that imports torch, which takes seconds.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.settings import Settings

PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16"]
DecodePrecision = Literal["auto", "fp32", "bf16", "int8"]
ScheduleName = Literal["inverse_sqrt", "cosine", "plateau", "constant"]


class ModelConfig(Settings):
    """Sizes and switches of a recurrent sequence-to-sequence model.

    With ``attention: general`` it is Luong, Pham, Manning 2015; with ``attention: none``, over a
    unidirectional encoder, Sutskever et al. 2014.
    """

    architecture: Literal["lstm", "gru"] = Field(
        "lstm",
        description="The family of the model: long short-term memory, or gated recurrent units "
        "(Cho et al. 2014).",
    )
    attention: Literal["additive", "dot", "general", "multihead", "none"] = Field(
        "general",
        description="How the decoder sees the source: 'general' scores every source position by "
        "h·W·s and 'dot' by h·s (Luong et al. 2015, §3.1), 'additive' by v·tanh(W h + U s) "
        "(Bahdanau et al. 2015, §3.1), 'multihead' by several scaled products (Vaswani et al. "
        "2017, §3.2.2); with 'none' the encoder's last hidden and cell state are the only context "
        "(Sutskever et al. 2014).",
    )
    attention_heads: int = Field(
        8, ge=1, description="Heads of attention 'multihead', which share hidden_size."
    )
    bidirectional: bool = Field(
        True, description="Whether a second encoder reads the source from its end to its start."
    )
    embedding_size: int = Field(256, ge=1, description="Width of source and target embeddings.")
    hidden_size: int = Field(512, ge=1, description="Width of the decoder.")
    encoder_hidden_size: int | None = Field(
        None,
        ge=1,
        description="Width of the encoder in each direction; unless given, the directions share "
        "hidden_size between them.",
    )
    encoder_layers: int = Field(1, ge=1, description="Recurrent layers of the encoder.")
    decoder_layers: int = Field(1, ge=1, description="Recurrent layers of the decoder.")
    input_feeding: bool = Field(
        False,
        description="Whether the decoder reads its last attentional state beside each word (Luong "
        "et al. 2015, §3.3): training goes step by step, and slower.",
    )
    residual: bool = Field(
        False,
        description="Whether a layer's input is added to its output, where both are of one width "
        "(Wu et al. 2016, §3.1).",
    )
    layer_norm: bool = Field(
        False, description="Whether the output of every layer is normalised (Ba et al. 2016)."
    )
    tie_output: bool = Field(
        False,
        description="Whether the target embedding is the output layer too (Press and Wolf 2017); "
        "where the widths differ a projection stands between.",
    )
    joint_embedding: bool = Field(
        False,
        description="Whether source and target share one embedding; needs tokenizer.joint: true.",
    )
    dropout: float = Field(
        0.2,
        ge=0.0,
        lt=1.0,
        description="Share of activations dropped in training, wherever no dropout_… says "
        "otherwise.",
    )
    dropout_embedding: float | None = Field(
        None, ge=0.0, lt=1.0, description="Share dropped of embeddings."
    )
    dropout_layers: float | None = Field(
        None, ge=0.0, lt=1.0, description="Share dropped between layers."
    )
    dropout_output: float | None = Field(
        None, ge=0.0, lt=1.0, description="Share dropped of the state before the output layer."
    )
    word_dropout: float = Field(
        0.0,
        ge=0.0,
        lt=1.0,
        description="Share of each sentence's word types dropped from what both sides read (Gal "
        "and Ghahramani 2016).",
    )

    @property
    def directions(self) -> int:
        """Two for a bidirectional encoder, one otherwise."""
        return 2 if self.bidirectional else 1

    @property
    def encoder_size(self) -> int:
        """Width of the encoder in each direction."""
        return self.encoder_hidden_size or self.hidden_size // self.directions

    @property
    def memory_size(self) -> int:
        """Width of what the encoder says about one source position."""
        return self.encoder_size * self.directions

    def dropout_of(self, place: Literal["embedding", "layers", "output"]) -> float:
        """The share dropped there: its own, or ``dropout``."""
        own = {
            "embedding": self.dropout_embedding,
            "layers": self.dropout_layers,
            "output": self.dropout_output,
        }[place]
        return self.dropout if own is None else own

    @model_validator(mode="after")
    def _check_that_the_parts_fit(self) -> Self:
        check_recurrent(self)
        return self


def check_recurrent(config: ModelConfig) -> None:
    """Refuse a recurrent model whose parts do not fit each other.

    Raises:
        ValueError: naming what must hold and both values.
    """
    if config.encoder_hidden_size is None and config.hidden_size % config.directions:
        raise ValueError(
            f"hidden_size must be even for the two directions of the encoder to share it, not "
            f"{config.hidden_size}: change it, or set encoder_hidden_size"
        )
    if config.attention == "dot" and config.memory_size != config.hidden_size:
        raise ValueError(
            f"attention 'dot' multiplies the encoder's states with the decoder's and needs both of "
            f"one width, not {config.memory_size} and {config.hidden_size}: leave out "
            f"encoder_hidden_size, or take attention 'general'"
        )
    if config.attention == "multihead" and config.hidden_size % config.attention_heads:
        raise ValueError(
            f"hidden_size must be a multiple of attention_heads, not {config.hidden_size} and "
            f"{config.attention_heads}: change one of them"
        )
    if config.attention == "none":
        if config.input_feeding:
            raise ValueError(
                "input_feeding: true feeds the attentional state and needs an attention, not "
                "attention: none; set input_feeding: false"
            )
        _check_that_states_can_be_handed_on(config)


def _check_that_states_can_be_handed_on(config: ModelConfig) -> None:
    if config.bidirectional:
        raise ValueError(
            "attention 'none' hands the encoder's last state to the decoder and needs an "
            "encoder of one direction, not bidirectional: true; set bidirectional: false"
        )
    encoder = (config.encoder_layers, config.encoder_size)
    decoder = (config.decoder_layers, config.hidden_size)
    if encoder != decoder:
        raise ValueError(
            f"attention 'none' hands the encoder's last state to the decoder and needs "
            f"both of one shape, not {encoder[0]} layers of {encoder[1]} and {decoder[0]} "
            f"of {decoder[1]}: make encoder_layers and decoder_layers equal, and leave out "
            f"encoder_hidden_size"
        )


class TrainConfig(Settings):
    """What is learnt and for how long; where it runs is the section ``compute``."""

    seed: int = Field(
        1, ge=0, lt=2**63, description="of the first weights, the order of pairs and dropout"
    )
    batch_tokens: int = Field(
        4096, ge=16, description="sentences × longest side of a micro-batch, padding included"
    )
    micro_batches: int = Field(
        2, ge=1, description="micro-batches an update, shared out over the workers"
    )
    window_shards: int = Field(8, ge=1, description="shards whose pairs are mixed at a time")
    optimizer: Literal["adam", "adamw"] = Field(
        "adamw",
        description="Kingma and Ba 2015; they differ in weight_decay, which adam adds to the "
        "gradient and adamw takes off the weights (Loshchilov and Hutter 2019)",
    )
    learning_rate: float = Field(1e-3, gt=0, description="at its peak, after the warm-up")
    warmup_updates: int = Field(400, ge=0)
    schedule: ScheduleName = Field(
        "inverse_sqrt",
        description="how the rate falls after the warm-up: 'inverse_sqrt' with the root of the "
        "update; 'cosine' to min_learning_rate at max_updates, also where another limit ends the "
        "training sooner; 'plateau' when validations get no better; 'constant' not at all",
    )
    min_learning_rate: float = Field(
        0.0, ge=0, description="what the rate does not fall below after the warm-up"
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="what schedule 'plateau' multiplies the rate with"
    )
    plateau_patience: int = Field(
        3,
        ge=1,
        description="validations in a row without a better metric, after the warm-up, before "
        "schedule 'plateau' lowers the rate; an equal one does not count",
    )
    weight_decay: float = Field(
        0.0, ge=0, description="of matrices; biases and gains of normalisation have none"
    )
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    clip_norm: float = Field(1.0, gt=0, description="largest norm of an update's gradient")
    max_updates: int = Field(100_000, ge=1)
    max_epochs: int | None = Field(None, ge=1)
    max_target_tokens: int | None = Field(
        None, ge=1, description="real target tokens gone through; the update that gets there ends"
    )
    max_minutes: float | None = Field(None, gt=0, description="of training, resumed runs included")
    validate_every: int = Field(1000, ge=1, description="updates between two validations")
    checkpoint_every: int = Field(1000, ge=1, description="updates between two checkpoints")
    keep_checkpoints: int = Field(
        2, ge=1, description="the newest ones; the best so far of each always stays"
    )
    log_every: int = Field(50, ge=1, description="updates between two reports")
    metric: Literal["bleu", "chrf", "loss"] = Field(
        "bleu", description="on the development set; decides what is best and when to stop"
    )
    patience: int | None = Field(
        None, ge=1, description="validations without a better score before training stops"
    )
    average: Literal["none", "ema", "checkpoints"] = Field(
        "none",
        description="weights that are validated, called best and published: those of the last "
        "update; 'ema', an exponential moving average of all; 'checkpoints', the mean of those at "
        "the last average_last validations (Vaswani et al. 2017, §6.1), each saved as a checkpoint",
    )
    ema_decay: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="what 'ema' keeps of itself at an update; less at first: (1 + u) / (10 + u)",
    )
    average_last: int = Field(
        5, ge=1, description="validated checkpoints that average 'checkpoints' takes the mean of"
    )
    dev_sentences: int = Field(500, ge=1, description="sentences decoded at each validation")
    max_bad_updates: int = Field(
        10,
        ge=1,
        description="so many updates in a row whose gradient is no number end the training",
    )
    precision: PrecisionChoice = Field(
        "auto",
        description="of products: 'auto' is bf16 where the hardware multiplies it, else fp32; "
        "'fp16' scales the loss so that small gradients stay, and is slow on CPUs",
    )
    init_from: str | None = Field(
        None,
        description="a registered version whose weights are the first ones: champion, challenger, "
        "models:/NAME@ALIAS or models:/NAME/VERSION; it must have the same section `model` and the "
        "same tokenizers",
    )

    @model_validator(mode="after")
    def _check_that_the_rate_can_fall(self) -> Self:
        if self.min_learning_rate > self.learning_rate:
            raise ValueError(
                f"min_learning_rate must be at most learning_rate, not {self.min_learning_rate} "
                f"and {self.learning_rate}: lower the one or raise the other"
            )
        return self


class DecodeConfig(Settings):
    """How translations are searched for."""

    beam_size: int = Field(5, ge=1, description="Hypotheses a sentence that are followed at once.")
    n_best: int = Field(1, ge=1, description="Hypotheses a sentence that beam search returns.")
    length_penalty: float = Field(
        1.0,
        ge=0.0,
        # Far beyond use, and far below what a float can't hold.
        le=10.0,
        description="α of Wu et al. 2016, §7: scores are log-probabilities divided by "
        "((5 + length)/6)^α; 0 compares them as they are and favours short translations.",
    )
    coverage_penalty: float = Field(
        0.0,
        ge=0.0,
        description="β of Wu et al. 2016, §7: what a translation loses for source tokens that had "
        "little attention; needs a model that tells its attention.",
    )
    min_length_ratio: float = Field(
        0.0, ge=0.0, description="Target tokens that a source token calls for."
    )
    max_length_ratio: float = Field(
        2.0, ge=0.0, description="Target tokens that a source token allows for."
    )
    max_length_extra: int = Field(
        10, ge=1, description="Target tokens allowed beyond max_length_ratio x source tokens."
    )
    no_repeat_ngram: int = Field(
        0, ge=0, description="So many tokens in a row are not said twice; 0 allows any repetition."
    )
    method: Literal["beam", "sample"] = Field(
        "beam",
        description="'beam' looks for the best translation, greedily with beam_size: 1; 'sample' "
        "draws one.",
    )
    temperature: float = Field(
        1.0, gt=0.0, description="Of method 'sample': below 1 favours the probable tokens."
    )
    top_k: int = Field(
        0, ge=0, description="Of method 'sample': tokens that are drawn from; 0 stands for all."
    )
    top_p: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Of method 'sample': the fewest tokens that hold this much of the probability "
        "are drawn from.",
    )
    seed: int = Field(1, ge=0, description="Of method 'sample'.")
    precision: DecodePrecision = Field(
        "auto",
        description="'auto' is that of the training; 'int8', on CPUs, rounds weights and "
        "activations of linear and recurrent layers to 8 bits.",
    )
    batch_tokens: int = Field(
        4096, ge=1, description="Source tokens x beam_size that are translated at once."
    )

    @model_validator(mode="after")
    def _check_that_the_beam_holds_the_n_best(self) -> Self:
        if self.n_best > self.beam_size:
            raise ValueError(
                f"n_best must be at most beam_size, not {self.n_best} and {self.beam_size}: "
                f"lower n_best or raise beam_size"
            )
        return self

    @model_validator(mode="after")
    def _check_that_a_translation_can_have_both_lengths(self) -> Self:
        if self.min_length_ratio > self.max_length_ratio:
            raise ValueError(
                f"min_length_ratio must be at most max_length_ratio, not {self.min_length_ratio} "
                f"and {self.max_length_ratio}: change one of them"
            )
        return self

    @model_validator(mode="after")
    def _check_that_a_sample_is_one(self) -> Self:
        if self.method == "sample" and self.n_best > 1:
            raise ValueError(
                f"n_best must be 1 with method 'sample', which draws one translation, not "
                f"{self.n_best}: leave it out"
            )
        return self
