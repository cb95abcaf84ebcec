"""How Ray Train makes the process group of its workers: over the network that Ray is on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import _TorchBackend

from jobs.interface import name_interface


@dataclass
class ProcessGroupConfig(TorchConfig):
    """Ray Train's own settings, with the network interface found on each worker's node."""

    @property
    def backend_cls(self) -> type[_TorchBackend]:
        """What makes the process group."""
        return _Backend


class _Backend(_TorchBackend):
    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        worker_group.execute(_name_interface_here)
        super().on_start(worker_group, backend_config)


def _name_interface_here() -> None:
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    name_interface(os.environ, address)
