"""Translate sentences with a registered model, or with a model folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import AnuvadError, ConfigError

if TYPE_CHECKING:
    from model.config import DecodeConfig
    from model.translator import Translation, Translator

DEFAULT_MODEL = "models:/en-hi@champion"
TAB = "\t"


def load_translator(models: Sequence[str], tracking_uri: str | None) -> Translator:
    """The translator of registry URIs or of model folders on this machine; several are an ensemble.

    For folders neither MLflow nor Ray is imported.

    Raises:
        ConfigError, RegistryError: if the registry has no such model.
        ArtifactError: if a folder is not what its manifest says, or the models can't translate
            together.
    """
    from model.translator import Translator

    with contextlib.ExitStack() as stack:
        folders: list[Path] = []
        for model in models:
            if not model.startswith("models:"):
                folders.append(Path(model))
                continue
            from jobs.registry import Registry

            assert tracking_uri is not None
            registry = Registry(tracking_uri)
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="anuvad-model-"))
            folders.append(registry.download(registry.resolve(model), Path(scratch)))
        return Translator.load_ensemble(folders)


def search_settings(standing: DecodeConfig, changes: Sequence[str], **given: Any) -> DecodeConfig:
    """The model's settings of the search, changed by ``key=value`` and by options of their own.

    Args:
        standing: the model's own.
        changes: as a user wrote them; numbers are read as YAML reads them.
        given: options of the command line; None where they were not given.

    Raises:
        ConfigError: saying what must hold and what was seen.
    """
    from pydantic import ValidationError

    from model.config import DecodeConfig

    changed: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or key not in DecodeConfig.model_fields:
            raise ConfigError(
                f"--decode must be KEY=VALUE with one of the keys "
                f"{', '.join(DecodeConfig.model_fields)}, not {change!r}"
            )
        changed[key] = value
    changed |= {key: value for key, value in given.items() if value is not None}
    settings = standing.model_dump()
    if "n_best" not in changed:
        # What is not asked for stands in no beam's way.
        settings["n_best"] = 1
    elif "beam_size" not in changed and str(changed["n_best"]).isdigit():
        settings["beam_size"] = max(settings["beam_size"], int(changed["n_best"]))
    try:
        return DecodeConfig.model_validate({**settings, **changed})
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        reason = problem["msg"].removeprefix("Value error, ")
        seen = f"{where} = {problem['input']!r}: " if where else ""
        raise ConfigError(f"the settings of the search must hold, but {seen}{reason}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, split on newlines only (U+2028 and the like belong to the text).

    Raises:
        AnuvadError: if it can't be read or is not UTF-8; it names the byte.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AnuvadError(
            f"--input must be a readable file, but {path}: {error.strerror}"
        ) from error
    return decode_lines(data, str(path))


def decode_lines(data: bytes, place: str) -> list[str]:
    """The lines in ``data``; a newline at the end closes the last one.

    Raises:
        AnuvadError: if it is not UTF-8; it names the byte.
    """
    lines = decode_text(data, place).split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def decode_text(data: bytes, place: str) -> str:
    """The text in ``data``, without a byte order mark.

    Raises:
        AnuvadError: if it is not UTF-8; it names the byte.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnuvadError(
            f"{place} must be UTF-8, but byte {error.start} is 0x{data[error.start]:02x}"
        ) from error


def long_lines(translations: Sequence[Translation], limit: int) -> list[str]:
    """A warning for each line that was translated in pieces, lines counted from 1."""
    return [
        f"line {number} is longer than the model's {limit} tokens and was translated in "
        f"{translation.pieces} pieces"
        for number, translation in enumerate(translations, start=1)
        if translation.pieces > 1
    ]


def unforced_terms(translations: Sequence[Translation]) -> list[str]:
    """A warning for each term of the glossary that is in no translation, lines counted from 1."""
    return [
        f"line {number}: the glossary's term could not be forced: {reason}"
        for number, translation in enumerate(translations, start=1)
        for reason in translation.unforced
    ]


def n_best_lines(translations: Sequence[Translation]) -> list[str]:
    """Of every line its translations, best first: its number, score and text, tab-separated.

    An empty line has one, which is empty, of score 0. A tab in a text becomes a space.
    """
    return [
        f"{number}\t{candidate.score:.4f}\t{candidate.text.replace(TAB, ' ')}"
        for number, translation in enumerate(translations, start=1)
        for candidate in translation.n_best or (translation,)
    ]


def require_writable(path: Path) -> None:
    """Refuse an ``--output`` that can't be written, before hours of translating.

    Raises:
        AnuvadError: saying why.
    """
    target = path.resolve()
    if target.is_dir():
        raise AnuvadError(f"--output must be a file, but {path} is a folder")
    place = target if target.exists() else target.parent
    if not os.access(place, os.W_OK):
        seen = "can't be written" if place.exists() else "is in no folder that exists"
        raise AnuvadError(f"--output must be writable, but {path} {seen}")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write ``lines``, each with its newline; an existing file is replaced as a whole.

    A link is followed; a device or a pipe is written to and stays what it is.

    Raises:
        AnuvadError: if the file can't be written.
    """
    text = "".join(f"{line}\n" for line in lines)
    target = path.resolve()
    scratch = target.with_name(f".{target.name}.part")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        try:
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise AnuvadError(f"--output must be writable, but {path}: {error.strerror}") from error


if __name__ == "__main__":
    from jobs.cli import run

    run("translate")
