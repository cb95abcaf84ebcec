"""Files of tensors: what safetensors reads is what was written."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch

from model.tensor_file import write_tensors
from pipeline.storage import sha256_of


def test_safetensors_reads_what_was_written(tmp_path: Path) -> None:
    tensors = {
        "odd": torch.tensor([1, 2, 3], dtype=torch.uint8),
        "weight": torch.arange(6, dtype=torch.float32).reshape(2, 3).T,  # Not contiguous.
        "half": torch.tensor([0.5, -1.0], dtype=torch.bfloat16),
        "small": torch.tensor([0.25], dtype=torch.float16),
        "step": torch.tensor(7.0),
        "wide": torch.tensor([1 / 3], dtype=torch.float64),
        "row": torch.tensor([[2**40]]),
        "none": torch.zeros(0, 4),
        "हिन्दी": torch.tensor([True, False]),
    }
    path = tmp_path / "tensors"
    assert write_tensors(path, tensors) == sha256_of(path)
    found = safetensors.torch.load_file(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype, name
        assert torch.equal(found[name], tensor), name


def test_every_tensor_begins_where_its_kind_may_begin(tmp_path: Path) -> None:
    path = tmp_path / "tensors"
    write_tensors(path, {"a": torch.ones(3, dtype=torch.bfloat16), "b": torch.ones(1)})
    assert safetensors.torch.load_file(path)["b"].data_ptr() % 4 == 0


def test_equal_tensors_are_equal_files(tmp_path: Path) -> None:
    one, other = torch.ones(2), torch.zeros(3)
    hashes = {
        write_tensors(tmp_path / "1", {"a": one, "b": other}),
        write_tensors(tmp_path / "2", {"b": other, "a": one}),
    }
    assert len(hashes) == 1
