"""What leaves this machine holds no secret: a configuration, an address, a command line.

A cluster shows a job's command, settings and log to everybody who may look at its jobs. So secrets
come from the environment of the nodes, and a text that holds one of this machine's is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pipeline.errors import ConfigError

_SAYS_SECRET = re.compile(
    r"(^|[_\W])(key|secret|token|password|passwd|pwd|credentials?|signature|sig)$|api_?key$|"
    r"(access|secret)_?key(_?id)?$|session_?token$",
    re.IGNORECASE,
)
_SECRET_VARIABLE = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_NAMES_A_FILE = re.compile(r"(PATH|FILE|DIR)$", re.IGNORECASE)
# A shorter value is found in words by chance.
_SHORTEST = 8


def require_no_secrets(settings: Mapping[str, Any], what: str) -> None:
    """Refuse texts that hold a password in a URL, or a secret of this machine's environment.

    Args:
        settings: nested mappings and lists of values.
        what: they are, for the error.

    Raises:
        ConfigError: naming the key, never the value.
    """
    for key, text in _texts("", settings):
        if why := _secret_in(text):
            raise ConfigError(
                f"{what} must hold no secrets, since a cluster shows it to whoever sees its jobs, "
                f"but {key} {why}: leave it out, and give it to the nodes by their environment"
            )


def _secret_in(text: str) -> str | None:
    """What in a text is a secret, in words that do not tell it; None if nothing is."""
    for address in re.findall(r"[\w+.-]+://[^\s'\"]+", text):
        try:
            split = urlsplit(address)
            query = parse_qsl(split.query, keep_blank_values=True)
        except ValueError:
            continue
        if "@" in split.netloc and ":" in split.netloc.rpartition("@")[0]:
            return "has a password in its address"
        for name, _ in query:
            if _SAYS_SECRET.search(name):
                return f"has a {name} in its address"
    for name, value in os.environ.items():
        is_secret = _SECRET_VARIABLE.search(name) and not _NAMES_A_FILE.search(name)
        if is_secret and len(value) >= _SHORTEST and value in text:
            return f"holds what {name} is here"
    return None


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in nested values, and where it is."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(f"{key}.{name}".lstrip("."), item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(f"{key}.{index}".lstrip("."), item)
