"""A model folder whose model knows six pairs by heart: what a test can ask of a translator."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.torch
import torch

from model.architectures import AnyModelConfig
from model.build import build_model
from model.checkpoint import CheckpointFolder
from model.config import DecodeConfig, ModelConfig, TrainConfig
from model.dataset import TokenDataset
from model.job import TrainingJob
from model.training import train
from model.translator import TranslatorConfig, save_folder
from model.validation import DevSet
from model.workers import Workers
from pipeline.normalize import NormalizeConfig
from pipeline.storage import Storage
from pipeline.tensorize import TensorizeConfig, tensorize_shard
from pipeline.tokenizer import Tokenizer, TokenizerConfig, train_tokenizer

SIX = {
    "hello": "नमस्ते",
    "thank you": "धन्यवाद",
    "good morning": "सुप्रभात",
    "how are you?": "आप कैसे हैं?",
    "the house is big": "घर बड़ा है।",
    "he went to school": "वह विद्यालय गया।",
}
SMALL_LSTM = ModelConfig(embedding_size=24, hidden_size=48, dropout=0.0)


def learn_six_pairs(tmp: Path, model_config: AnyModelConfig = SMALL_LSTM) -> Path:
    """The folder ``translator`` below ``tmp``, trained as the pipeline trains, in two seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = TokenizerConfig(vocab_size=34, byte_fallback=False)
    for language, sentences in (("en", SIX.keys()), ("hi", SIX.values())):
        train_tokenizer(sentences, config, tmp / f"{language}.model", language)
    source, target = (Tokenizer.load(tmp / f"{language}.model") for language in ("en", "hi"))
    rows = {"row": list(range(6)), "en": list(SIX), "hi": list(SIX.values())}
    pq.write_table(pa.table(rows), tmp / "clean.parquet")
    arrays = tmp / "train.arrow"
    tensorize_shard(tmp / "clean.parquet", source, target, TensorizeConfig(), arrays)
    torch.manual_seed(1)
    model = build_model(model_config, len(source), len(target))
    data = TokenDataset([arrays])
    settings = TrainConfig(
        batch_tokens=512,
        micro_batches=1,
        learning_rate=0.01,
        warmup_updates=5,
        max_updates=80,
        validate_every=80,
        metric="loss",
        precision="fp32",
    )
    job = TrainingJob(
        settings,
        model,
        data,
        DevSet(data, list(SIX.values()), target, 6),
        (source, target),
        CheckpointFolder(Storage(str(tmp)), "run", {}),
        Workers(),
        lambda event: None,
    )
    state = train(job)
    assert state.best_update is not None
    best = job.folder.load(state.best_update).model
    save_folder(
        tmp / "translator",
        TranslatorConfig(
            model=model.config,
            normalize=NormalizeConfig(),
            decode=DecodeConfig(beam_size=4),
            max_source_tokens=20,
            precision="fp32",
        ),
        safetensors.torch.save(best),
        {language: (tmp / f"{language}.model").read_bytes() for language in ("en", "hi")},
    )
    torch.set_num_threads(threads)
    return tmp / "translator"
