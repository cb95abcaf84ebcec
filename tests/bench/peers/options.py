"""What every peer's part is told; it runs in the peers' environments, so it needs only Python."""

from __future__ import annotations

import argparse
from pathlib import Path


def training_parser(doc: str) -> argparse.ArgumentParser:
    """The parser of a trainer whose module's docstring is ``doc``."""
    parser = _parser(doc)
    parser.add_argument("--batch-tokens", type=int, required=True)
    parser.add_argument("--warmup-s", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    return parser


def decoding_parser(doc: str) -> argparse.ArgumentParser:
    """The parser of a search whose module's docstring is ``doc``."""
    parser = _parser(doc)
    parser.add_argument("--sentences", type=Path, required=True, help="ids, a sentence a line")
    parser.add_argument("--batch-sentences", type=int, required=True)
    parser.add_argument("--beam-size", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True, help="that every sentence takes")
    parser.set_defaults(batch_tokens=2048)
    return parser


def _parser(doc: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--pieces", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser
