"""Beam search with JoeyNMT, and print sentences a second as one JSON object.

    joeynmt/bin/python joeynmt_decode.py --pieces FOLDER --sentences FILE --steps 60 --threads 1 …

The model is that of ``joeynmt_train.py`` with the weights that it starts from: every sentence takes
``--steps`` steps, so that no weight has a say in the time. The search is ``joeynmt.search.search``,
as ``python -m joeynmt translate`` calls it, fp32.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import torch
from batches import batches, padded, read_sentences
from joeynmt.batch import Batch
from joeynmt.config import parse_global_args
from joeynmt.helpers import make_model_dir
from joeynmt.prediction import prepare
from joeynmt.search import search
from joeynmt_train import configuration
from options import decoding_parser


def main() -> None:
    """Parse, search, print."""
    options = decoding_parser(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        config = configuration(options, folder)
        make_model_dir(Path(config["model_dir"]), overwrite=True)
        args = parse_global_args(config, rank=0, mode="train")
        model = prepare(args, rank=0, mode="train")[0].eval()
    words = read_sentences(options.sentences)
    ids = [[model.src_vocab.lookup(word) for word in line] + [model.eos_index] for line in words]

    def translate(rows: list[list[int]]) -> None:
        batch = Batch(
            src=torch.tensor(padded(rows, model.pad_index)),
            src_length=torch.tensor([len(row) for row in rows]),
            src_prompt_mask=None,
            trg=None,
            trg_prompt_mask=None,
            indices=torch.arange(len(rows)),
            device=torch.device("cpu"),
            pad_index=model.pad_index,
            eos_index=model.eos_index,
            is_train=False,
        )
        steps = options.steps
        found, _, _ = search(
            model, batch, steps, options.beam_size, beam_alpha=1.0, min_output_length=steps
        )
        assert found.shape == (len(rows), steps), found.shape

    translate(ids[: options.batch_sentences])
    started = time.perf_counter()
    for rows in batches(ids, options.batch_sentences):
        translate(rows)
    print(json.dumps({"sentences_per_second": len(ids) / (time.perf_counter() - started)}))


if __name__ == "__main__":
    main()
