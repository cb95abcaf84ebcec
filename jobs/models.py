"""The models that a command translates with, the very same in every process."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ArtifactError

if TYPE_CHECKING:
    from jobs.registry import Version
    from model.config import DecodeConfig
    from model.glossary import Glossary
    from model.translator import Translator


@dataclass(frozen=True)
class Models:
    """Registered versions and model folders that translate together; several are an ensemble.

    Attributes:
        places: versions, and folders that every machine sees.
        contents: of each, the hash of its files.
        registry_uri: of the versions; None if there are only folders.
    """

    places: tuple[Version | str, ...]
    contents: tuple[str, ...]
    registry_uri: str | None

    def load(self) -> Translator:
        """Their translator.

        Raises:
            RegistryError: if a version is not there any more, or has other files.
            ArtifactError: if a folder has other files, or is not what its manifest says, or the
                models can't translate together.
        """
        from model.translator import Translator, content_hash

        # Ray ends its workers with a kill, so nothing may be left to be cleaned up at exit.
        with ExitStack() as stack:
            folders = []
            for place, content in zip(self.places, self.contents, strict=True):
                if isinstance(place, str):
                    folders.append(Path(place))
                    if content and content_hash(folders[-1]) != content:
                        raise ArtifactError(
                            f"the model folder {place} must stay as it is while it translates, "
                            f"but its files are others now; run the same command again"
                        )
                    continue
                from jobs.registry import Registry

                assert self.registry_uri is not None
                scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="anuvad-model-"))
                registry = Registry(self.registry_uri)
                folders.append(registry.download_verified(place, Path(scratch)))
            return Translator.load_ensemble(folders)


def pinned(names: Sequence[str], registry_uri: str | None) -> Models:
    """The models of registry URIs and of folders as they stand now.

    An alias may move while a command runs; its version is what the command started with. For
    folders neither MLflow nor Ray is imported.

    Raises:
        ConfigError, RegistryError: if the registry has no such model.
    """
    from model.translator import MANIFEST, content_hash

    places: list[Version | str] = []
    contents = []
    for name in names:
        if name.startswith("models:"):
            from jobs.registry import Registry

            assert registry_uri is not None
            version = Registry(registry_uri).resolve(name)
            places.append(version)
            contents.append(version.content)
        else:
            folder = Path(name).resolve()
            places.append(str(folder))
            # Of a folder without one it is said when it is loaded.
            contents.append(content_hash(folder) if (folder / MANIFEST).is_file() else "")
    return Models(tuple(places), tuple(contents), registry_uri)


@dataclass(frozen=True)
class Search:
    """What translates, and how.

    Attributes:
        models: that translate together.
        decode: settings of the search.
        glossary: terms that are said just so, if any.
    """

    models: Models
    decode: DecodeConfig
    glossary: Glossary | None


_LOADED: dict[str, Translator] = {}
"""What this process translated with last, so that its next task need not load it."""


def loaded(models: Models) -> Translator:
    """:meth:`Models.load`, once a process."""
    key = str(models)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = models.load()
    return _LOADED[key]


def share_the_cores(has_gpu: bool) -> None:
    """torch on one thread in a process beside which others run, one a core; with a GPU on all."""
    import torch

    if not has_gpu:
        torch.set_num_threads(1)
