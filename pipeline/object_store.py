"""Where an S3 object store is, from a URI and the environment; nothing is asked of a network.

reads   ``s3://bucket/prefix?endpoint_override=host:port&scheme=http&region=eu-west-1``, and
        for what the query leaves out ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``,
        ``AWS_REGION`` and ``AWS_DEFAULT_REGION``
holds   a store that does not answer is given up after about a minute

The credentials are the AWS SDK's matter: ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``,
``~/.aws``, or the machine's role. Every machine of a cluster needs its own; they travel nowhere.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow.fs as pafs

from pipeline.errors import ConfigError

CONNECT_TIMEOUT_S = 5.0
REQUEST_TIMEOUT_S = 15.0
ATTEMPTS = 4
_OPTIONS = ("endpoint_override", "scheme", "region")

_HINTS = {
    "NETWORK_CONNECTION": "is the store running, and AWS_ENDPOINT_URL its address?",
    "NO_SUCH_BUCKET": "the bucket has to be made first",
    "ACCESS_DENIED": "may the account of AWS_ACCESS_KEY_ID do this?",
    "INVALID_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID must be a key of this store",
    "INVALID_SIGNATURE": "AWS_SECRET_ACCESS_KEY must be the one of AWS_ACCESS_KEY_ID",
    "SIGNATURE_DOES_NOT_MATCH": "AWS_SECRET_ACCESS_KEY must be the one of AWS_ACCESS_KEY_ID",
}


@dataclass(frozen=True)
class ObjectStore:
    """A prefix in a bucket.

    Attributes:
        filesystem: of ``pyarrow.fs``.
        root: ``bucket/prefix``.
        uri: for people: ``s3://bucket/prefix``.
        full_uri: the same with all options, wherever they came from.
    """

    filesystem: Any
    root: str
    uri: str
    full_uri: str


def open_store(uri: str) -> ObjectStore:
    """The object store at ``uri``.

    Raises:
        ConfigError: if the URI can't be understood, or holds a secret.
    """
    parts = urlsplit(uri)
    root = f"{parts.netloc}{parts.path}".strip("/")
    plain = f"{parts.scheme}://{root}"
    if parts.scheme != "s3":
        try:
            filesystem, root = pafs.FileSystem.from_uri(uri)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"storage must be a path or a URI such as s3://bucket/prefix, not {uri!r}: {error}"
            ) from error
        return ObjectStore(filesystem, root.rstrip("/"), plain, uri)
    if "@" in parts.netloc:
        raise ConfigError(
            "storage must hold no keys, since it is printed: AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY take them"
        )
    if not parts.netloc:
        raise ConfigError(f"storage must name a bucket, as s3://bucket/prefix does, not {uri!r}")
    options = _options_of(parts.query, uri)
    filesystem = pafs.S3FileSystem(
        **options,
        connect_timeout=CONNECT_TIMEOUT_S,
        request_timeout=REQUEST_TIMEOUT_S,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        # A small object is then one request, and no upload in parts is left open by a kill.
        allow_delayed_open=True,
    )
    query = f"?{urlencode(options, safe=':')}" if options else ""
    return ObjectStore(filesystem, root, plain, f"{plain}{query}")


def in_one_sentence(error: OSError) -> str:
    """What ``pyarrow`` says of a failure, without its preface, and what to look at."""
    text = " ".join(str(error).split())
    if (found := re.search(r"AWS Error (\w+)", text)) is None:
        return text
    said = re.sub(r" \(Request ID: .*?\)", "", text[found.start() :]).rstrip(". ")
    hint = _HINTS.get(found[1], "are its address, its region and the credentials right?")
    return f"{said}; {hint}"


def _options_of(query: str, uri: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise ConfigError(
            f"the storage {uri} must have no options but {', '.join(_OPTIONS)}, not "
            f"{', '.join(unknown)}"
        )
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if "endpoint_override" not in options and endpoint:
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise ConfigError(
                f"AWS_ENDPOINT_URL must be an address such as http://host:9000, not {endpoint!r}"
            )
        options |= {"endpoint_override": address.netloc, "scheme": address.scheme}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if "region" not in options and (region or "endpoint_override" in options):
        # A store that is not Amazon's takes any region, and the SDK would ask the network for one.
        options["region"] = region or "us-east-1"
    return options
