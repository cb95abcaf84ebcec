"""The address of a cluster's job server, as a user gives it."""

from __future__ import annotations

from urllib.parse import urlsplit

from jobs.no_secrets import require_no_secrets
from pipeline.errors import ConfigError


def require_server_address(address: str, name: str) -> None:
    """Refuse what can't be the address of a job server, before anything is asked of it.

    Args:
        address: ``http://head:8265``; a proxy may have it under a path.
        name: how it was given, ``--address``.

    Raises:
        ConfigError: if it is no such URL, or has a password.
    """
    require_no_secrets({name: address}, "the address of a cluster")
    try:
        split = urlsplit(address)
        is_one = split.scheme in ("http", "https") and split.hostname and split.port != 0
    except ValueError:
        is_one = False
    if not is_one or set(address) & {"?", "#"}:
        raise ConfigError(
            f"{name} must be that of Ray's job server, http://HEAD:8265, not {address!r}"
        )
