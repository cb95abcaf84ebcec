"""Train with JoeyNMT for a while, and print target tokens a second as one JSON object.

    joeynmt/bin/python joeynmt_train.py --pieces FOLDER --batch-tokens 2048 --threads 1 …

It is what ``python -m joeynmt train`` runs, fp32, with a dozen lines fewer around it: the same
configuration, ``prepare`` and ``TrainManager``. JoeyNMT counts the tokens itself: the entries of
the target that are no padding, each sentence's end included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from joeynmt.config import parse_global_args, set_validation_args
from joeynmt.helpers import make_model_dir
from joeynmt.prediction import prepare
from joeynmt.training import TrainManager
from options import training_parser
from stopwatch import Enough, Stopwatch

_NEVER = 1_000_000_000


def main() -> None:
    """Parse, train, print."""
    parser = training_parser(__doc__)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stopwatch = Stopwatch(options.warmup_s, options.seconds)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        _train(configuration(options, folder), stopwatch)
    print(json.dumps(stopwatch.figures()))


def _train(config: dict[str, Any], stopwatch: Stopwatch) -> None:
    make_model_dir(Path(config["model_dir"]), overwrite=True)
    args = parse_global_args(config, rank=0, mode="train")
    model, train_data, dev_data, _ = prepare(args, rank=0, mode="train")
    trainer = TrainManager(
        model=model,
        model_dir=args.model_dir,
        device=args.device,
        n_gpu=args.n_gpu,
        rank=0,
        num_workers=args.num_workers,
        autocast=args.autocast,
        seed=args.seed,
        train_args=args.train,
        dev_args=set_validation_args(args.test),
    )
    # The trainer has counted a step's tokens when its optimizer steps.
    trainer.optimizer.register_step_post_hook(
        lambda *_: stopwatch.step_ended(trainer.stats.total_tokens)
    )
    with contextlib.suppress(Enough):
        trainer.train_and_validate(train_data=train_data, valid_data=dev_data)


def configuration(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """What a YAML file of JoeyNMT would say: the sizes and the regularisation of our own bench."""
    side = {"level": "word", "max_length": -1, "min_length": -1}
    return {
        "name": "bench",
        "joeynmt_version": "2.3.0",
        "model_dir": f"{folder}/model",
        "use_cuda": False,
        "random_seed": 1,
        "data": {
            "train": str(options.pieces / "train"),
            "dev": str(options.pieces / "dev"),
            "dataset_type": "plain",
            "src": {**side, "lang": "en", "voc_file": str(options.pieces / "vocabulary.en")},
            "trg": {**side, "lang": "hi", "voc_file": str(options.pieces / "vocabulary.hi")},
        },
        "model": {
            "encoder": {
                "type": "recurrent",
                "rnn_type": "lstm",
                "embeddings": {"embedding_dim": 512, "dropout": 0.2},
                "hidden_size": 512,
                "bidirectional": True,
                "num_layers": 1,
            },
            "decoder": {
                "type": "recurrent",
                "rnn_type": "lstm",
                "embeddings": {"embedding_dim": 512, "dropout": 0.2},
                "hidden_size": 512,
                "hidden_dropout": 0.2,
                "num_layers": 1,
                "attention": "luong",
                "input_feeding": True,
                "init_hidden": "bridge",
            },
        },
        "training": {
            "optimizer": "adam",
            "learning_rate": 0.0003,
            "learning_rate_min": 0.0,
            # The default schedule, plateau, does not work with the torch of today.
            "scheduling": "warmupinversesquareroot",
            "normalization": "tokens",
            "label_smoothing": 0.1,
            "clip_grad_norm": 1.0,
            "batch_type": "token",
            "batch_size": options.batch_tokens,
            "epochs": _NEVER,
            "logging_freq": 100,
            "validation_freq": _NEVER,
            "shuffle": True,
            "keep_best_ckpts": 1,
        },
        "testing": {"eval_metrics": ["bleu"]},
    }


if __name__ == "__main__":
    main()
