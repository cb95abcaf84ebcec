"""What leaves this machine holds no secret: a configuration, an address, a command line.

A cluster shows a job's command, settings and log to everybody who may look at its jobs, as MLflow
shows a run's. So secrets come from the environment of the nodes, a text that holds one of this
machine's is refused, and what is printed of an address from the environment hides them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline.errors import ConfigError

_SAYS_SECRET = re.compile(
    r"(^|[_\W])(key|secret|token|password|passwd|pwd|auth|credentials?|signature|sig)$|api_?key$|"
    r"(access|secret)_?key(_?id)?$|session_?token$",
    re.IGNORECASE,
)
# A word of its name, or the end of one: HF_TOKEN_2 and PGPASSWORD, but no TOKENIZERS_PARALLELISM.
_SECRET_VARIABLE = re.compile(
    r"((KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)|(^|_)PASS)\d*(_|$)", re.IGNORECASE
)
_TELLS_OF_ONE = re.compile(
    r"_?(PATH|FILE|DIR|PREFIX|NAME|TYPE|MODE|URL|URI|HOST|SOCK)$", re.IGNORECASE
)
# Of a database's address SQLAlchemy reads a password up to the `@`, whatever is in it.
_LOGIN = re.compile(r"([\w+.-]+://[^\s:/@]*):[^\s@]*@")
_OPTION = re.compile(r"(?<=[?&;#])([^\s=?&;#]+)=[^\s&;#'\"]+")
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
    here = dict(_secrets_here())
    for key, text in _texts("", settings):
        if why := _secret_in(text, here):
            raise ConfigError(
                f"{what} must hold no secrets, since a cluster shows it to whoever sees its jobs, "
                f"but {key} {why}: leave it out, and give it to the nodes by their environment"
            )


def secret_in_address(address: str) -> str | None:
    """What in an address is a secret: ``has a password in its address``; None if nothing is."""
    return _secret_in(address, {})


def without_secrets(text: str) -> str:
    """The text with every password and token in its addresses as ``***``, to be shown."""

    def hidden(option: re.Match[str]) -> str:
        is_secret = _SAYS_SECRET.search(unquote(option[1]))
        return f"{option[1]}=***" if is_secret else option[0]

    return _OPTION.sub(hidden, _LOGIN.sub(r"\1:***@", text))


def _secret_in(text: str, here: Mapping[str, str]) -> str | None:
    """What in a text is a secret, in words that do not tell it; None if nothing is."""
    for address in re.findall(r"[\w+.-]+://[^\s'\"]+", text):
        try:
            split = urlsplit(address)
        except ValueError:
            continue
        is_web = split.scheme in ("http", "https", "s3")
        login = split.netloc.rpartition("@")[0]
        if ":" in login or (not is_web and _LOGIN.match(address)):
            return "has a password in its address"
        for part in re.split("[&;]", f"{split.query}&{split.fragment}"):
            name, equals, _ = part.partition("=")
            if equals and _SAYS_SECRET.search(unquote(name)):
                return f"has a {unquote(name)} in its address"
    for name, value in here.items():
        if value in text:
            return f"holds what {name} is here"
    return None


def _secrets_here() -> Iterator[tuple[str, str]]:
    """What is secret in this process's environment, and the name of each."""
    for name, value in os.environ.items():
        value = value.strip()
        if len(value) < _SHORTEST or not _SECRET_VARIABLE.search(name):
            continue
        # Where a secret lies may be told.
        if not _TELLS_OF_ONE.search(name) and not os.path.exists(value):
            yield name, value


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text and number in nested values, and where it is."""
    if isinstance(value, str | int | float):
        yield key, str(value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(f"{key}.{name}".lstrip("."), item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(f"{key}.{index}".lstrip("."), item)
