"""The section ``gate`` of a configuration: the bounds of a decision, and whom to tell of it."""

from __future__ import annotations

import re
import shlex
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from pipeline.settings import Settings

_PRINTED = re.compile("[!-~]+")


class GateConfig(Settings):
    """When a challenger becomes the champion; see :mod:`jobs.gate`."""

    test: str | tuple[str, ...] = Field(
        "test",
        description="the test set that decides; of a list the first, while on none of the others "
        "may the challenger be worse",
    )
    p_value: float = Field(0.05, gt=0, lt=1, description="of the paired bootstrap, at most")
    min_difference: float = Field(0.0, ge=0, description="BLEU points that are too few to bother")
    max_chrf_loss: float = Field(0.5, ge=0, description="chrF2 points that may be lost")
    max_empty_share: float = Field(0.01, ge=0, le=1, description="of translations without text")
    max_truncated_share: float = Field(
        0.05, ge=0, le=1, description="of translations ended at the longest length allowed"
    )
    max_repeated_share: float = Field(
        0.05, ge=0, le=1, description="of translations that say one thing over and over"
    )
    min_length_ratio: float = Field(0.5, ge=0, description="characters of output for reference")
    max_length_ratio: float = Field(2.0, gt=0)
    max_digits_lost: float = Field(
        0.5, ge=0, le=1, description="of the numbers of source and reference, not translated"
    )
    max_more_digits_lost: float = Field(
        0.05, ge=0, le=1, description="of them, more than the champion loses"
    )
    min_speed_ratio: float = Field(
        0.2,
        ge=0,
        description="sentences a second for one of the champion; judged only if both were measured "
        "under like conditions; 0 for any speed",
    )

    webhook: str | None = Field(
        None,
        description="an address that every verdict is sent to, signed, see jobs/hooks.py; it is "
        "logged with the configuration, so it must hold no secret",
    )
    command: str | None = Field(
        None, description="a program that reads every verdict from its standard input, as JSON"
    )
    command_timeout_s: float = Field(60.0, gt=0, description="after which it is killed")

    @field_validator("webhook")
    @classmethod
    def _is_an_address_without_secrets(cls, seen: str | None) -> str | None:
        if seen is not None and not _is_address(seen):
            raise ValueError(
                "gate.webhook must be an address such as https://host/path, without user and "
                "password, in ASCII and without spaces"
            )
        return seen

    @field_validator("command")
    @classmethod
    def _is_a_command(cls, seen: str | None) -> str | None:
        if seen is not None:
            try:
                words = shlex.split(seen)
            except ValueError as error:
                raise ValueError(f"gate.command must be a command line, but: {error}") from error
            if not words:
                raise ValueError("gate.command must name a program, but is empty")
        return seen

    @field_validator("test")
    @classmethod
    def _names_each_test_once(cls, seen: str | tuple[str, ...]) -> str | tuple[str, ...]:
        names = [seen] if isinstance(seen, str) else seen
        if not names or len(set(names)) < len(names):
            raise ValueError(f"gate.test must name one test set or several unlike ones, not {seen}")
        return seen

    def rules(self) -> dict[str, Any]:
        """What a verdict depends on, as JSON values: all but whom it is told."""
        return self.model_dump(mode="json", exclude={"webhook", "command", "command_timeout_s"})

    @property
    def tests(self) -> tuple[str, ...]:
        """The test sets, the one that decides first."""
        return (self.test,) if isinstance(self.test, str) else self.test


def _is_address(seen: str) -> bool:
    """Whether that can be asked for as it stands; what is not ASCII must have been quoted."""
    try:
        split = urlsplit(seen)
        has_port = split.port is None or split.port > 0
    except ValueError:
        # Of a host in brackets, or a port.
        return False
    is_web = split.scheme in ("http", "https") and bool(split.hostname)
    return is_web and has_port and "@" not in split.netloc and bool(_PRINTED.fullmatch(seen))
