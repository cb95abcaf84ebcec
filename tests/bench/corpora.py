"""What the benches run on: real pairs where they lie, generated ones elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measure import say

from pipeline import phrasebook
from pipeline.corpus import write_pairs
from pipeline.formats import SCHEMA
from pipeline.phrasebook import PhrasebookConfig

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PIECES, PHRASEBOOK_PIECES = 8000, 1000
"""A side: of real pairs, and of the phrasebook's, whose English has no more than 1,238."""
SALTS = (("", ""), (" alpha", " अल्फ़ा"), (" beta", " बीटा"), (" gamma", " गामा"))


def default_data(name: str) -> Path | None:
    """The corpus of this name in ``ANUVAD_DATA`` or beside the checkout; None without one."""
    root = Path(os.environ.get("ANUVAD_DATA", REPOSITORY.parent / "shared" / "data"))
    return root / name if (root / name / "data").is_dir() else None


def generate(folder: Path) -> Path:
    """Some 400,000 pairs of the phrasebook, in the layout of the IITB corpus."""
    say("generating 400,000 pairs")
    for split, pairs in phrasebook.generate(PhrasebookConfig(train_pairs=400_000)).items():
        out = folder / "data" / f"{split}-00000-of-00001.parquet"
        out.parent.mkdir(parents=True, exist_ok=True)
        write_pairs([(pair.english, pair.hindi) for pair in pairs], out)
    return folder


def four_times(data: Path, folder: Path) -> Path:
    """The corpus with its training files four times, each time with another word at the end."""
    (folder / "data").mkdir(parents=True)
    files = sorted((data / "data").glob("*.parquet"))
    train = [file for file in files if file.name.startswith("train-")]
    total = len(train) * len(SALTS)
    for number, (file, salt) in enumerate((f, s) for s in SALTS for f in train):
        pairs = pq.read_table(file).column("translation").combine_chunks()
        pairs = pairs if isinstance(pairs, pa.StructArray) else pa.concat_arrays(pairs.chunks)
        sides = [
            pc.binary_join_element_wise(pairs.field(name), word, "")
            for name, word in zip(("en", "hi"), salt, strict=True)
        ]
        salted = pa.StructArray.from_arrays(sides, ["en", "hi"])
        out = folder / "data" / f"train-{number:05}-of-{total:05}.parquet"
        pq.write_table(pa.table([salted], schema=SCHEMA), out, row_group_size=20_000)
    for file in set(files) - set(train):
        shutil.copy(file, folder / "data")
    return folder
