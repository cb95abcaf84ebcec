"""Text → text: normaliser, tokenizers, weights and decoding settings as one unit.

reads   a model folder
writes  ``translator.json``, ``model.safetensors``, ``en.model``, ``hi.model`` and, last,
        ``manifest.json`` with the sha256 of each
holds   this folder is what gets registered; what its manifest does not vouch for is not loaded
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from model.architectures import AnyModelConfig
from model.batches import pad_sources
from model.beam import beam
from model.build import build_model
from model.config import DecodeConfig, PrecisionChoice
from model.greedy import greedy
from model.precision import autocast, resolve_precision
from model.search import Hypothesis
from model.translation_model import TranslationModel
from pipeline.errors import ArtifactError
from pipeline.normalize import NormalizeConfig, normalize
from pipeline.settings import Settings
from pipeline.storage import sha256_of
from pipeline.tokenizer import LANGUAGES, Tokenizer

FORMAT_VERSION = 1
SETTINGS = "translator.json"
WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"


class TranslatorConfig(Settings):
    """What a model folder says of itself in ``translator.json``."""

    format_version: int = FORMAT_VERSION
    model: AnyModelConfig
    normalize: NormalizeConfig
    decode: DecodeConfig
    max_source_tokens: int
    precision: PrecisionChoice = "auto"


@dataclass(frozen=True)
class Translation:
    """One translated sentence.

    Attributes:
        text: the translation.
        score: its length-normalised log-probability; 0 for an empty source.
        truncated: whether the source was longer than the model's limit and was cut there.
    """

    text: str
    score: float
    truncated: bool = False


class Translator:
    """Translates sentences with a trained model.

    Args:
        config: from ``translator.json``.
        model: with its weights.
        source: the tokenizer of the text that comes in.
        target: that of the text that goes out.
        device: where the model runs.
    """

    def __init__(
        self,
        config: TranslatorConfig,
        model: TranslationModel,
        source: Tokenizer,
        target: Tokenizer,
        device: torch.device | None = None,
    ) -> None:
        self.config = config
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()
        self.source = source
        self.target = target

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> Translator:
        """The translator of a model folder.

        Raises:
            ArtifactError: if a file is missing, its bytes are not what the manifest says, or the
                folder was written by another version of this code.
        """
        verify_folder(folder)
        settings = json.loads((folder / SETTINGS).read_bytes())
        if settings["format_version"] != FORMAT_VERSION:
            raise ArtifactError(
                f"{folder / SETTINGS} must have format version {FORMAT_VERSION}, but has "
                f"{settings['format_version']}: load it with the version of anuvad that wrote it"
            )
        config = TranslatorConfig.model_validate(settings)
        source, target = (Tokenizer.load(folder / f"{name}.model") for name in LANGUAGES)
        model = build_model(config.model, len(source), len(target))
        model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
        return cls(config, model, source, target, device)

    def translate(
        self, sentences: Sequence[str], decode: DecodeConfig | None = None
    ) -> list[Translation]:
        """Translate ``sentences``, one translation each, in their order.

        They are sorted by length and batched by tokens, so any number can be given. An empty
        sentence stays empty. One over the model's limit is cut there, and its translation says so.

        Args:
            sentences: English, one sentence each.
            decode: settings of the search; the model's own if None.
        """
        settings = decode or self.config.decode
        # The rules' counts are for the data report; a translation has no use for them.
        unused: Counter[str] = Counter()
        texts = [normalize(text, self.config.normalize, unused) for text in sentences]
        ids = self.source.encode(texts)
        limit = self.config.max_source_tokens
        truncated = [len(row) > limit for row in ids]
        ids = [row[:limit] for row in ids]
        translations = [Translation("", 0.0)] * len(ids)
        for places in _batches([len(row) for row in ids], settings):
            source_BS, lengths_B = pad_sources([ids[place] for place in places])
            found = self._search(source_BS, lengths_B, settings)
            outputs = self.target.decode([hypothesis.tokens for hypothesis in found])
            for place, text, hypothesis in zip(places, outputs, found, strict=True):
                # Bytes can spell a newline, but a translation is one line.
                line = " ".join(text.split("\n"))
                translations[place] = Translation(line, hypothesis.score, truncated[place])
        return translations

    def _search(
        self, source_BS: Tensor, lengths_B: Tensor, settings: DecodeConfig
    ) -> list[Hypothesis]:
        precision = resolve_precision(self.config.precision, self.device)
        with torch.inference_mode(), autocast(precision, self.device):
            if settings.beam_size == 1:
                return greedy(self.model, source_BS.to(self.device), lengths_B, settings)
            found = beam(self.model, source_BS.to(self.device), lengths_B, settings)
            return [hypotheses[0] for hypotheses in found]


def _batches(lengths: Sequence[int], settings: DecodeConfig) -> Iterator[list[int]]:
    """Places of sentences that are translated together; empty sentences are in none."""
    order = sorted((place for place, n in enumerate(lengths) if n), key=lambda p: -lengths[p])
    while order:
        rows = max(1, settings.batch_tokens // (settings.beam_size * (lengths[order[0]] + 1)))
        yield order[:rows]
        order = order[rows:]


def save_folder(
    folder: Path, config: TranslatorConfig, weights: bytes, tokenizers: dict[str, bytes]
) -> None:
    """Write a model folder.

    Args:
        folder: made if it does not exist.
        config: what it says of itself.
        weights: the bytes of a safetensors file.
        tokenizers: language → the bytes of its SentencePiece model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        SETTINGS: (config.model_dump_json(indent=1) + "\n").encode(),
        WEIGHTS: weights,
        **{f"{language}.model": tokenizers[language] for language in LANGUAGES},
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    (folder / MANIFEST).write_text(json.dumps(hashes, indent=1) + "\n")


def content_hash(folder: Path) -> str:
    """A hash of all that the folder contains: that of its manifest."""
    return sha256_of(folder / MANIFEST)


def verify_folder(folder: Path) -> None:
    """Compare the files of a model folder with its manifest.

    Raises:
        ArtifactError: if one is missing, not listed, or differs.
    """
    manifest = folder / MANIFEST
    try:
        hashes = json.loads(manifest.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{manifest} must list a model's files, but: {error}") from error
    needed = {SETTINGS, WEIGHTS, *(f"{language}.model" for language in LANGUAGES)}
    if set(hashes) != needed:
        raise ArtifactError(
            f"{manifest} must list {', '.join(sorted(needed))}, but lists "
            f"{', '.join(sorted(hashes)) or 'nothing'}"
        )
    for name, expected in hashes.items():
        path = folder / name
        seen = sha256_of(path) if path.is_file() else "no file"
        if seen != expected:
            raise ArtifactError(f"{path} must have sha256 {expected}, but has {seen}")
