"""Folders that ``Dataset.save_to_disk`` of the package ``datasets`` has written.

reads   ``dataset_dict.json``, the splits; ``<split>/data-NNNNN-of-NNNNN.arrow``, the rows of one
holds   rows are mapped, not read; the order is that of the saved dataset, as saving it lays out
        anew what was selected or shuffled; what ``map`` and its like left there is no part of it

``datasets`` takes seconds to import, so only who has such a folder waits for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.errors import CorpusError
from pipeline.storage import Storage

ENDING = ".arrow"
_SPLITS = "dataset_dict.json"


def files_of_splits(storage: Storage, names: Sequence[str]) -> list[str]:
    """The files of rows below a folder that holds a ``DatasetDict``; none of any other folder.

    Args:
        storage: that folder.
        names: of all that is in it.

    Raises:
        CorpusError: if its list of splits can't be read.
    """
    if _SPLITS not in names:
        return []
    try:
        splits = [str(split) for split in json.loads(storage.read_bytes(_SPLITS))["splits"]]
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{storage.uri_of(_SPLITS)} must list the splits of a saved dataset, but: {error!r}"
        ) from error
    return [
        f"{split}/{name}"
        for split in splits
        for name in storage.list(split)
        if name.endswith(ENDING)
    ]


def is_cache(path: str) -> bool:
    """Whether ``datasets`` keeps there what it once made of a saved dataset, in its own folder."""
    name = path.rpartition("/")[2]
    return name.startswith("cache-") and name.endswith(ENDING)


def split_of(path: str) -> str | None:
    """The split that a file of rows belongs to: its folder; None of a dataset saved by itself."""
    return path.rpartition("/")[0].rpartition("/")[2] or None


def open_rows(path: Path, uri: str) -> pa.Table:
    """The rows of one file, mapped.

    Raises:
        CorpusError: if ``datasets`` can't read it.
    """
    import datasets

    try:
        found: pa.Table = datasets.Dataset.from_file(str(path)).data.table
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise CorpusError(
            f"{uri} must be a whole file of `Dataset.save_to_disk`, but: {error}"
        ) from error
    return found
