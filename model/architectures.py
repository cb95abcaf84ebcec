"""The section ``model`` of a configuration: one set of keys for each family of architectures.

``architecture`` decides which: a :class:`model.config.ModelConfig` for the recurrent ones, a
:class:`TransformerConfig` for ``transformer``. A saved section holds the keys of its family only.
Like :mod:`model.config` it imports no torch, which takes seconds.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from model.config import ModelConfig
from pipeline.settings import Settings


class TransformerConfig(Settings):
    """Sizes of a pre-norm Transformer encoder–decoder (Vaswani et al. 2017, Xiong et al. 2020).

    The defaults are half the width and half the depth of the paper's base model, with its 64
    numbers a head and its feed-forward layers of four times the width: 5.5 million weights beside
    the embeddings in place of 44. That one was made for the 4.5 million pairs of WMT and eight
    GPUs; where pairs are scarce smaller and shallower ones translate better (Araabi and Monz
    2020), and one of this size learns in minutes on two CPU cores.
    """

    architecture: Literal["transformer"] = Field(
        "transformer", description="The family of the model."
    )
    model_size: int = Field(
        256, ge=2, multiple_of=2, description="Width of embeddings and of every layer."
    )
    heads: int = Field(
        4, ge=1, description="Attentions side by side, each over model_size / heads numbers."
    )
    feedforward_size: int = Field(
        1024, ge=1, description="Width inside the feed-forward layers (§3.3 of the paper)."
    )
    encoder_layers: int = Field(3, ge=1, description="Layers of the encoder.")
    decoder_layers: int = Field(3, ge=1, description="Layers of the decoder.")
    dropout: float = Field(
        0.1,
        ge=0.0,
        lt=1.0,
        description="Share of activations dropped in training: of embeddings with their "
        "positions, and of what each sublayer adds (§5.4 of the paper).",
    )

    @model_validator(mode="after")
    def _check_that_the_heads_share_the_width(self) -> Self:
        if self.model_size % self.heads:
            raise ValueError(
                f"model_size must be a multiple of heads, which share it, not {self.model_size} "
                f"with {self.heads} heads: change one of them"
            )
        return self


def section_class(section: object) -> type[ModelConfig] | type[TransformerConfig]:
    """The configuration class of a section ``model`` as a user wrote it; an LSTM's by default."""
    if isinstance(section, Mapping) and section.get("architecture") == "transformer":
        return TransformerConfig
    return ModelConfig


def _of_its_family(section: Any) -> Any:
    if isinstance(section, ModelConfig | TransformerConfig):
        return section
    ours = section_class(section)
    if not isinstance(section, Mapping):
        return ours.model_validate(section)
    theirs = TransformerConfig if ours is ModelConfig else ModelConfig
    architecture = section.get("architecture", ModelConfig().architecture)
    known = _architectures(ModelConfig) + _architectures(TransformerConfig)
    if architecture not in known:
        raise ValueError(
            f"model.architecture must be one of {', '.join(known)}, not {architecture!r}"
        )
    foreign = [
        key for key in section if key not in ours.model_fields and key in theirs.model_fields
    ]
    if foreign:
        raise ValueError(
            f"model.{foreign[0]} must be left out with model.architecture: {architecture}, as it "
            f"is a key of {' and '.join(_architectures(theirs))}; known here: "
            f"{', '.join(sorted(ours.model_fields))}"
        )
    return ours.model_validate(section)


def _architectures(family: type[ModelConfig] | type[TransformerConfig]) -> tuple[str, ...]:
    names: tuple[str, ...] = typing.get_args(family.model_fields["architecture"].annotation)
    return names


AnyModelConfig = Annotated[ModelConfig | TransformerConfig, BeforeValidator(_of_its_family)]
"""The section ``model``, validated by the class of its architecture."""
