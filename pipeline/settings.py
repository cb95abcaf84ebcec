"""The base of every configuration model: frozen, keyword-only, and no unknown keys."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A frozen section of the configuration that refuses keys it does not know.

    Each section lives beside the code that it configures; :mod:`jobs.config` joins them into the
    file a user writes, and turns what pydantic refuses into one sentence.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False
    )
