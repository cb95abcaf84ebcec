"""The parts of the decoding's bench, each in a process of its own: it prints one JSON object.

    python tests/bench/decoding_parts.py decode --model FOLDER --sentences FILE --precision bf16 …
    python tests/bench/decoding_parts.py imports --model FOLDER

``decode`` translates the sentences and tells sentences and target tokens a second, and what came
out. ``imports`` tells where the time of a single translation goes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path


def main() -> None:
    """Parse, measure one part, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=("decode", "imports"))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--sentences", type=Path)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--textbook", action="store_true")
    parser.add_argument("--forced", type=int, help="steps that every sentence takes")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(_imports(options.model) if options.part == "imports" else _decode(options)))


def _imports(folder: Path) -> dict[str, float]:
    """Seconds of each part of one translation in a fresh process."""
    marks = [("start", time.perf_counter())]
    import torch

    marks.append(("import torch", time.perf_counter()))
    from model.translator import Translator

    marks.append(("import anuvad", time.perf_counter()))
    translator = Translator.load(folder, torch.device("cpu"))
    marks.append(("load the model", time.perf_counter()))
    translator.translate(["The house is big."])
    marks.append(("translate", time.perf_counter()))
    return {name: after - before for (_, before), (name, after) in itertools.pairwise(marks)}


def _decode(options: argparse.Namespace) -> dict[str, object]:
    import torch
    from textbook_beam import textbook_beam

    from model.batches import pad_sources
    from model.config import DecodeConfig
    from model.translator import Translator
    from pipeline.tokenizer import EOS_ID

    torch.set_num_threads(options.threads)
    translator = Translator.load(options.model, torch.device("cpu"))
    settings = DecodeConfig(beam_size=5, precision=options.precision)
    if options.forced:
        # EOS becomes impossible, and every sentence as long as it may be.
        steps = {"max_length_ratio": 0.0, "max_length_extra": options.forced}
        settings = settings.model_copy(update=steps)
        with torch.no_grad():
            translator.model.get_parameter("output.bias")[EOS_ID] = -1e4
    lines = options.sentences.read_text(encoding="utf-8").splitlines()
    warm_up = lines[: len(lines) // 4] if not options.textbook else lines[:1]

    def run(sentences: list[str]) -> list[str]:
        if not options.textbook:
            return [found.text for found in translator.translate(sentences, settings)]
        texts = []
        with torch.inference_mode():
            for ids in translator.source.encode(sentences):
                found = textbook_beam(translator.model, *pad_sources([ids]), settings)
                texts += translator.target.decode([found])
        return texts

    run(warm_up)
    started = time.perf_counter()
    texts = run(lines)
    elapsed = time.perf_counter() - started
    tokens = sum(len(ids) + 1 for ids in translator.target.encode(texts))
    tokens = options.forced * len(lines) if options.forced else tokens
    return {
        "sentences_per_second": len(lines) / elapsed,
        "tokens_per_second": tokens / elapsed,
        "texts": texts,
    }


if __name__ == "__main__":
    main()
