"""Where an S3 object store is, from a URI and the environment; nothing is asked of a network.

reads   ``s3://bucket/prefix?endpoint_override=host:port&scheme=http&region=eu-west-1``, and
        for what the query leaves out ``AWS_ENDPOINT_URL_S3``, ``AWS_ENDPOINT_URL``,
        ``AWS_REGION`` and ``AWS_DEFAULT_REGION``
holds   a store that does not answer is given up after about a minute

The credentials are the AWS SDK's matter: ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``,
``~/.aws``, or the machine's role. Every machine of a cluster needs its own; they travel nowhere.
"""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow.fs as pafs

from pipeline.errors import ArtifactError, ConfigError

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


def require_conditions(full_uri: str) -> None:
    """Refuse a store in which no object can be made only if it is not there.

    Raises:
        ArtifactError: if it is not S3, or boto3 is not installed.
    """
    split = urlsplit(full_uri)
    place = f"{split.scheme}://{split.netloc}{split.path}"
    if split.scheme != "s3":
        raise ArtifactError(
            f"{place} must be able to make a file only if it is not there, which locks need, but "
            f"only disks and s3:// are known to"
        )
    if importlib.util.find_spec("boto3") is None:
        raise ArtifactError(
            f"boto3 must be installed for locks in {place}, but is not: pip install 'anuvad[s3]'"
        )


def create_object(full_uri: str, place: str, data: bytes) -> bool:
    """Write an object only if there is none; whether this call wrote it.

    Arrow's client knows no conditions, so this is boto3's work, which the extra ``s3`` installs.

    Args:
        full_uri: :attr:`ObjectStore.full_uri` of the store.
        place: ``bucket/prefix/name``.
        data: its bytes.

    Raises:
        ArtifactError: see :func:`require_conditions`; or if the store refuses.
    """
    require_conditions(full_uri)
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    options = _options_of(urlsplit(full_uri).query, full_uri)
    endpoint = options.get("endpoint_override")
    bucket, _, key = place.partition("/")
    try:
        client = boto3.client(
            "s3",
            endpoint_url=f"{options.get('scheme', 'https')}://{endpoint}" if endpoint else None,
            region_name=options.get("region"),
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=REQUEST_TIMEOUT_S,
                # A retry of a write whose answer was lost would be told that it is there already.
                retries={"total_max_attempts": 1},
            ),
        )
        client.put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code in ("PreconditionFailed", "ConditionalRequestConflict"):
            return False
        raise ArtifactError(f"s3://{place} must be writable, but: {error}") from error
    except BotoCoreError as error:
        raise ArtifactError(f"s3://{place} must be writable, but: {error}") from error
    return True


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
