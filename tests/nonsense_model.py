"""A model folder that has learnt nothing: what it says is nonsense, but it says it, and fast."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch

from model.config import DecodeConfig, ModelConfig
from model.seq2seq import Seq2Seq
from model.translator import TranslatorConfig, save_folder
from pipeline.normalize import NormalizeConfig
from pipeline.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer

SENTENCES = {"en": ["hello", "thank you", "my name"], "hi": ["नमस्ते", "धन्यवाद"]}
MAX_SOURCE_TOKENS = 12


def write_nonsense_model(root: Path, hidden_size: int = 8) -> Path:
    """The folder ``root/translator``: a beam of two, fp32, twelve source tokens at most."""
    config = TokenizerConfig(vocab_size=16, byte_fallback=False)
    for language, text in SENTENCES.items():
        train_tokenizer(iter(text), config, root / f"{language}.model", language)
    torch.manual_seed(1)
    model_config = ModelConfig(embedding_size=8, hidden_size=hidden_size)
    sizes = [len(Tokenizer.load(root / f"{language}.model")) for language in SENTENCES]
    model = Seq2Seq(model_config, *sizes)
    folder = root / "translator"
    save_folder(
        folder,
        TranslatorConfig(
            model=model_config,
            normalize=NormalizeConfig(),
            decode=DecodeConfig(beam_size=2),
            max_source_tokens=MAX_SOURCE_TOKENS,
            precision="fp32",
        ),
        safetensors.torch.save(model.state_dict()),
        {language: (root / f"{language}.model").read_bytes() for language in SENTENCES},
    )
    return folder
