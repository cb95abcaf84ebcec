"""Train with Eole for a while, and print target tokens a second as one JSON object.

    eole/bin/python eole_train.py --pieces FOLDER --batch-tokens 2048 --threads 1 --precision fp32 …

It is what ``eole train`` runs, with its trainer told of a clock at the step that Eole lets trainers
override. Eole counts the tokens itself: the entries of the target that are no padding, each
sentence's end included.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from typing import Any

import eole.trainer
import torch
from eole.bin.run.train import train
from eole.config.run import TrainConfig
from options import training_parser
from stopwatch import Enough, Stopwatch

_NEVER = 1_000_000_000


def main() -> None:
    """Parse, train, print."""
    parser = training_parser(__doc__)
    parser.add_argument("--precision", choices=("fp32", "bf16"), required=True)
    parser.add_argument("--attention", choices=("mlp", "general"), required=True)
    parser.add_argument("--input-feeding", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stopwatch = Stopwatch(options.warmup_s, options.seconds)

    class Timed(eole.trainer.Trainer):
        def _train_step(self, batches, normalization, total_stats, report_stats, step=0):
            super()._train_step(batches, normalization, total_stats, report_stats, step=step)
            stopwatch.step_ended(total_stats.n_tokens)

    eole.trainer.Trainer = Timed
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        config = TrainConfig(**configuration(options, folder))
        with contextlib.suppress(Enough):
            train(config)
    print(json.dumps(stopwatch.figures()))


def configuration(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """What a YAML file of Eole would say: the sizes and the regularisation of our own bench.

    Eole's encoder has half the decoder's width in each direction; there is no other choice.
    """
    pieces = options.pieces
    return {
        "src_vocab": str(pieces / "vocabulary.en"),
        "tgt_vocab": str(pieces / "vocabulary.hi"),
        "data": {
            "train": {
                "path_src": str(pieces / "train.en"),
                "path_tgt": str(pieces / "train.hi"),
                "weight": 1,
                "transforms": [],
            }
        },
        "seed": 1,
        "model": {
            "architecture": "custom",
            "input_feed": int(options.input_feeding),
            "embeddings": {"src_word_vec_size": 512, "tgt_word_vec_size": 512},
            "encoder": {"encoder_type": "brnn", "layers": 1, "hidden_size": 512},
            "decoder": {
                "decoder_type": "rnn",
                "layers": 1,
                "hidden_size": 512,
                "global_attention": options.attention,
            },
        },
        "training": {
            "model_path": f"{folder}/model",
            "world_size": 1,
            "gpu_ranks": [],
            "compute_dtype": options.precision,
            "optim": "adam",
            "learning_rate": 0.001,
            "dropout": [0.2],
            "label_smoothing": 0.1,
            "max_grad_norm": 1.0,
            "batch_type": "tokens",
            "batch_size": options.batch_tokens,
            "normalization": "tokens",
            # Workers would be processes beside the threads that are measured.
            "num_workers": 0,
            # Only logged, and takes time.
            "log_attention_entropy": False,
            "train_steps": _NEVER,
            "valid_steps": _NEVER,
            "save_checkpoint_steps": _NEVER,
        },
    }


if __name__ == "__main__":
    main()
