"""The model and the data that training is measured on.

8,000 pieces a side, embedding 512, an encoder of 512 a direction, a decoder of 512.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jobs.config import Config, load_config
from jobs.console import JobConsole
from jobs.context import JobContext
from model.architectures import AnyModelConfig
from model.batches import Batch
from model.config import ModelConfig
from model.dataset import TokenDataset
from pipeline import artifacts, stages
from pipeline.stages import token_arrays
from pipeline.tokenizer import LANGUAGES, Tokenizer

BASE = Path(__file__).resolve().parent.parent.parent / "configs" / "iitb.yaml"

SETTINGS = (
    "tokenizer.vocab_size=8000",
    "model.attention=general",
    "model.embedding_size=512",
    "model.hidden_size=512",
    "model.encoder_hidden_size=512",
    "model.encoder_layers=1",
    "model.decoder_layers=1",
    "train.batch_tokens=2048",
    "train.micro_batches=1",
    "compute.use_gpu=false",
)


def bench_config(storage: str, overrides: Sequence[str]) -> Config:
    """The configuration of the bench, its data being what ``storage`` was prepared with."""
    return load_config(str(BASE), [*SETTINGS, f"storage={storage}", *overrides])


def bench_data(config: Config) -> tuple[TokenDataset, tuple[int, int]]:
    """The training split's token arrays, and the sizes of both vocabularies."""
    job = JobContext(config, JobConsole())
    made = stages.specs(job.data, job.storage)
    arrays = artifacts.load(job.storage, made["tensorize"].id)
    tokenizer = artifacts.load(job.storage, made["tokenizer"].id)
    source, target = (len(Tokenizer.load(tokenizer.local(f"{x}.model"))) for x in LANGUAGES)
    names = token_arrays(arrays, config.corpus.train_split)
    return TokenDataset([arrays.local(name) for name in names]), (source, target)


def useful_flops(config: AnyModelConfig, vocab_size: int, batch: Batch) -> float:
    """FLOP of the matrix products that a batch needs, forward and backward, without padding.

    A product of (n, k) and (k, m) is 2nkm forward and twice that backward. What is counted are a
    recurrent model's gates, attention of kind ``general`` and the output layer.
    """
    assert isinstance(config, ModelConfig)
    assert config.attention == "general"
    source = int(batch.source_lengths_B.sum())
    target = batch.target_tokens
    target_lengths_B = (batch.target_out_BT != 0).sum(1)
    pairs = int((batch.source_lengths_B * target_lengths_B).sum())
    embedding, hidden = config.embedding_size, config.hidden_size
    encoder, memory = config.encoder_size, config.memory_size
    gates = 4 if config.architecture == "lstm" else 3
    products = (
        source * config.directions * gates * encoder * (embedding + encoder)
        + source * memory * hidden  # keys
        + len(target_lengths_B) * memory * hidden  # bridge
        + target * gates * hidden * (embedding + hidden)
        + pairs * (hidden + memory)  # scores and contexts
        + target * (memory + hidden) * hidden  # combine
        + target * hidden * vocab_size
    )
    return 3 * 2 * float(products)
