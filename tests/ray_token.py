"""The token of every Ray that a test process starts or asks: Ray reads it once a process."""

from __future__ import annotations

RAY_TOKEN = "5e" * 32
