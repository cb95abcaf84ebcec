"""Translate sentences with a registered model, or with a model folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.errors import AnuvadError, ConfigError

if TYPE_CHECKING:
    from jobs.models import Search
    from model.config import DecodeConfig
    from model.translator import Translation, Translator

DEFAULT_MODEL = "models:/en-hi@champion"
TAB = "\t"

IN_PROCESS_BYTES = 256 << 10
"""Input of this size and less is translated in the command's own process, without Ray."""

LINES_AT_A_TIME = 4096


def load_translator(models: Sequence[str], tracking_uri: str | None) -> Translator:
    """The translator of registry URIs or of model folders on this machine; several are an ensemble.

    For folders neither MLflow nor Ray is imported.

    Raises:
        ConfigError, RegistryError: if the registry has no such model, or it has other files now.
        ArtifactError: if a folder is not what its manifest says, or the models can't translate
            together.
    """
    from jobs.models import loaded, pinned

    return loaded(pinned(models, tracking_uri))


def search_with(
    models: Sequence[str],
    tracking_uri: str | None,
    glossary_file: Path | None,
    changes: Sequence[str],
    **given: Any,
) -> Search:
    """What translates, and how, as a user asked for it; the models are loaded already.

    Args:
        models: registry URIs or model folders.
        tracking_uri: of the registry.
        glossary_file: see :class:`model.glossary.Glossary`.
        changes: see :func:`search_settings`.
        **given: likewise.

    Raises:
        ConfigError: if the settings don't hold, or the glossary is none.
        RegistryError, ArtifactError: see :func:`load_translator`.
    """
    from jobs.models import Search, loaded, pinned

    found = pinned(models, tracking_uri)
    translator = loaded(found)
    decode = search_settings(translator.config.decode, changes, **given)
    glossary = None
    if glossary_file is not None:
        from model.glossary import Glossary

        glossary = Glossary.read(glossary_file, translator.normalized)
    return Search(found, decode, glossary)


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


def is_for_files(where: str, output: str | None) -> bool:
    """Whether an ``--input`` is translated by :mod:`jobs.translate_files`, not line by line here.

    It is, if it is TSV, parquet, packed, a folder, a glob or a URI; and a text file, if it is
    larger than :data:`IN_PROCESS_BYTES` and goes to a file.
    """
    from pipeline.sentence_files import GZIP, kind_of_name

    path = Path(where).expanduser()
    if "://" in where or path.is_dir() or (not path.exists() and any(m in where for m in "*?[")):
        return True
    if where.endswith(GZIP) or kind_of_name(where) in ("tsv", "parquet"):
        return True
    return output is not None and path.is_file() and path.stat().st_size > IN_PROCESS_BYTES


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, one by one; see :func:`lines_of`.

    Raises:
        AnuvadError: if it can't be read or is not UTF-8; it names the byte.
    """
    try:
        with path.open("rb") as file:
            yield from lines_of(file, str(path))
    except OSError as error:
        raise AnuvadError(
            f"--input must be a readable file, but {path}: {error.strerror}"
        ) from error


def lines_of(stream: BinaryIO, place: str) -> Iterator[str]:
    """Lines split on newlines only: U+2028 and the like belong to the text.

    A newline at the end closes the last line; a byte order mark is none of the text.

    Raises:
        AnuvadError: if one is not UTF-8; it names the byte.
    """
    offset = 0
    for line in stream:
        text = decode_text(line, place, offset)
        yield text.removesuffix("\n").removesuffix("\r")
        offset += len(line)


def decode_text(data: bytes, place: str, offset: int = 0) -> str:
    """The text in ``data``, which begins at byte ``offset``, without a byte order mark.

    Raises:
        AnuvadError: if it is not UTF-8; it names the byte.
    """
    try:
        return data.decode("utf-8" if offset else "utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind the mark.
        mark = len(data) - len(error.object)
        raise AnuvadError(
            f"{place} must be UTF-8, but byte {offset + mark + error.start} is "
            f"0x{error.object[error.start]:02x}"
        ) from error


def batched(lines: Iterable[str]) -> Iterator[list[str]]:
    """The lines, so many at a time as are worth sorting by length."""
    left = iter(lines)
    while batch := list(islice(left, LINES_AT_A_TIME)):
        yield batch


def translated(
    search: Search,
    batches: Iterable[Sequence[str]],
    as_table: bool,
    warn: Callable[[str], None],
) -> Iterator[str]:
    """The lines that go out, in the order of those that came in; a batch is in memory at a time.

    Args:
        search: what translates.
        batches: of lines.
        as_table: whether :func:`n_best_lines` go out, not the best translations alone.
        warn: told of lines that were cut in pieces and of terms that could not be forced.
    """
    from jobs.models import loaded

    translator, first = loaded(search.models), 0
    for lines in batches:
        found = translator.translate(lines, search.decode, search.glossary, first=first)
        for warning in long_lines(found, translator.config.max_source_tokens, first):
            warn(warning)
        for warning in unforced_terms(found, first):
            warn(warning)
        yield from n_best_lines(found, first) if as_table else (t.text for t in found)
        first += len(lines)


def long_lines(translations: Sequence[Translation], limit: int, before: int = 0) -> list[str]:
    """A warning for each line that was translated in pieces, counted from 1 behind ``before``."""
    return [
        f"line {number} is longer than the model's {limit} tokens and was translated in "
        f"{translation.pieces} pieces"
        for number, translation in enumerate(translations, start=before + 1)
        if translation.pieces > 1
    ]


def unforced_terms(translations: Sequence[Translation], before: int = 0) -> list[str]:
    """A warning for each term that is in no translation, lines as in :func:`long_lines`."""
    return [
        f"line {number}: the glossary's term could not be forced: {reason}"
        for number, translation in enumerate(translations, start=before + 1)
        for reason in translation.unforced
    ]


def n_best_lines(translations: Sequence[Translation], before: int = 0) -> list[str]:
    """Of every line its translations, best first: its number, score and text, tab-separated.

    An empty line has one, which is empty, of score 0. A tab in a text becomes a space.
    """
    return [
        f"{number}\t{candidate.score:.4f}\t{candidate.text.replace(TAB, ' ')}"
        for number, translation in enumerate(translations, start=before + 1)
        for candidate in translation.n_best or (translation,)
    ]


def require_writable(path: Path, source: Path | None = None) -> None:
    """Refuse an ``--output`` that can't be written, before hours of translating.

    Args:
        path: of the output.
        source: of the input, which must not be written over.

    Raises:
        ConfigError: if both are one file.
        AnuvadError: if it can't be written, saying why.
    """
    target = path.resolve()
    if source is not None and target.is_file() and source.exists() and target.samefile(source):
        raise ConfigError(f"--output must not be --input, but {path} is both")
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
    target = path.resolve()
    scratch = target.with_name(f".{target.name}.part")
    try:
        if target.exists() and not target.is_file():
            _write(target, lines)
            return
        try:
            _write(scratch, lines)
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise AnuvadError(f"--output must be writable, but {path}: {error.strerror}") from error


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    from jobs.cli import run

    run("translate")
