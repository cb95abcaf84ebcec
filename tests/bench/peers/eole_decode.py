"""Beam search with Eole, and print sentences a second as one JSON object.

    eole/bin/python eole_decode.py --pieces FOLDER --sentences FILE --steps 60 --threads 1 …

The model is that of ``eole_train.py`` with input feeding and the weights that it starts from: every
sentence takes ``--steps`` steps, so that no weight has a say in the time. The search is
``Translator.predict_batch``, which ``eole predict`` calls, fp32.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from typing import Any

import eole.trainer
import torch
from batches import batches, padded, read_sentences
from eole.bin.run.train import train
from eole.config.run import TrainConfig
from eole.utils.generate_utils import GenerationConfig, build_predictor_from_model
from eole_train import configuration
from options import decoding_parser


class Built(Exception):  # noqa: N818 - nothing is wrong
    """The trainer has its model: there is no need to train it."""

    def __init__(self, trainer: Any) -> None:
        super().__init__()
        self.trainer = trainer


class Stopping(eole.trainer.Trainer):
    """A trainer that stops before it trains."""

    def train(self, *_: Any, **__: Any) -> None:
        """Hand itself out.

        Raises:
            Built: always.
        """
        raise Built(self)


def main() -> None:
    """Parse, search, print."""
    options = decoding_parser(__doc__).parse_args()
    options.precision, options.attention, options.input_feeding = "fp32", "mlp", True
    torch.set_num_threads(options.threads)
    with contextlib.redirect_stdout(sys.stderr):
        trainer, model_config = _built(options)
    vocabs = trainer.train_loss.vocabs
    predictor = build_predictor_from_model(
        trainer.model.eval(),
        vocabs,
        model_config,
        device_id=-1,
        gen_config=GenerationConfig(
            beam_size=options.beam_size, min_length=options.steps, max_length=options.steps
        ),
    )
    words = read_sentences(options.sentences)
    ids = [[vocabs["src"].lookup_token(word) for word in line] for line in words]

    def translate(rows: list[list[int]]) -> None:
        batch = {
            "src": torch.tensor(padded(rows, predictor._src_pad_idx)),
            "srclen": torch.tensor([len(row) for row in rows]),
            "ind_in_bucket": list(range(len(rows))),
        }
        found = predictor.predict_batch(batch, attn_debug=False)["predictions"]
        assert [len(best[0]) for best in found] == [options.steps] * len(rows), "not forced"

    translate(ids[: options.batch_sentences])
    started = time.perf_counter()
    for rows in batches(ids, options.batch_sentences):
        translate(rows)
    print(json.dumps({"sentences_per_second": len(ids) / (time.perf_counter() - started)}))


def _built(options: Any) -> tuple[Any, Any]:
    """A trainer with its model, and what Eole knows of the model."""
    eole.trainer.Trainer = Stopping
    with tempfile.TemporaryDirectory() as folder:
        config = TrainConfig(**configuration(options, folder))
        try:
            train(config)
        except Built as built:
            return built.trainer, config.model
    raise AssertionError("eole built no trainer")


if __name__ == "__main__":
    main()
