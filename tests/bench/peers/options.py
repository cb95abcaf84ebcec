"""What every peer's part is told; it runs in the peers' environments, so it needs only Python."""

from __future__ import annotations

import argparse
from pathlib import Path


def build_parser(doc: str) -> argparse.ArgumentParser:
    """The parser of a part whose module's docstring is ``doc``."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--pieces", type=Path, required=True)
    parser.add_argument("--batch-tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--warmup-s", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    return parser
