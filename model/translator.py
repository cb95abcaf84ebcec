"""Text → text: normaliser, tokenizers, weights and decoding settings as one unit.

reads   a model folder
writes  ``translator.json``, ``model.safetensors``, ``en.model``, ``hi.model`` and, last,
        ``manifest.json`` with the sha256 of each
holds   this folder is what gets registered; what its manifest does not vouch for is not loaded
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from pydantic import ValidationError
from torch import Tensor

from model.architectures import AnyModelConfig
from model.batches import pad_sources
from model.beam import beam
from model.build import build_model
from model.config import DecodeConfig, PrecisionChoice
from model.constrained import Constraints, Term
from model.ensemble import Ensemble
from model.glossary import Glossary, continuing, fitting
from model.greedy import greedy
from model.inference import InferencePrecision, prepared, resolve_inference
from model.precision import autocast
from model.sampling import sample
from model.search import Hypothesis, max_lengths
from model.splitting import split_line
from model.translation_model import TranslationModel
from pipeline.errors import ArtifactError, ConfigError
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
class Candidate:
    """One of several translations of a line, with its score.

    Attributes:
        text: the translation.
        score: see :class:`Translation`.
        truncated: whether the search ended it at its maximum length.
    """

    text: str
    score: float
    truncated: bool = False


@dataclass(frozen=True)
class Translation:
    """One translated line.

    Attributes:
        text: the translation.
        score: its log-probability with length and coverage penalty, the higher the better; of
            several pieces, the mean of theirs; 0 for an empty source.
        pieces: in how many the line was translated, as it was longer than the model's limit; 1 if
            it was not.
        n_best: the best translations, ``text`` being the first; none for an empty source.
        unforced: terms of the glossary that stand in the line and could not be forced, and why.
        piece_texts: of a line in pieces, the best translation of each; none of a line that is
            whole, whose translation is ``text``.
        truncated: whether it, or a piece of it, was ended at its maximum length.
    """

    text: str
    score: float
    pieces: int = 1
    n_best: tuple[Candidate, ...] = ()
    unforced: tuple[str, ...] = ()
    piece_texts: tuple[str, ...] = ()
    truncated: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The best translation of each piece, of a line that is whole the only one."""
        return self.piece_texts or (self.text,)


class Translator:
    """Translates sentences with a trained model.

    Args:
        config: from ``translator.json``.
        model: with its weights, or several of them.
        source: the tokenizer of the text that comes in.
        target: that of the text that goes out.
        device: where the model runs.
    """

    def __init__(
        self,
        config: TranslatorConfig,
        model: TranslationModel | Ensemble,
        source: Tokenizer,
        target: Tokenizer,
        device: torch.device | None = None,
    ) -> None:
        self.config = config
        self.device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device).eval()
        self.source = source
        self.target = target
        self._prepared: dict[InferencePrecision, TranslationModel | Ensemble] = {}

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
        try:
            config = TranslatorConfig.model_validate(settings)
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(str(part) for part in problem["loc"])
            raise ArtifactError(
                f"{folder / SETTINGS} must hold settings that this version of anuvad knows, but "
                f"{key}: {problem['msg']}; load it with the version that wrote it"
            ) from error
        source, target = (Tokenizer.load(folder / f"{name}.model") for name in LANGUAGES)
        model = build_model(config.model, len(source), len(target))
        model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
        return cls(config, model, source, target, device)

    @classmethod
    def load_ensemble(
        cls, folders: Sequence[Path], device: torch.device | None = None
    ) -> Translator:
        """One translator of several model folders, of which the first one's settings are taken.

        The shortest limit of the sources is the limit of all.

        Raises:
            ArtifactError: as :meth:`load`, and if the folders' tokenizers differ.
        """
        translators = [cls.load(folder, device) for folder in folders]
        first = translators[0]
        if len(translators) == 1:
            return first
        for folder in folders[1:]:
            _require_one_vocabulary(folders[0], folder)
        limit = min(translator.config.max_source_tokens for translator in translators)
        models = [t.model for t in translators if isinstance(t.model, TranslationModel)]
        return cls(
            first.config.model_copy(update={"max_source_tokens": limit}),
            Ensemble(models),
            first.source,
            first.target,
            device,
        )

    def translate(
        self,
        sentences: Sequence[str],
        decode: DecodeConfig | None = None,
        glossary: Glossary | None = None,
        first: int = 0,
    ) -> list[Translation]:
        """Translate ``sentences``, one translation each, in their order.

        They are sorted by length and batched by tokens, so any number can be given. An empty
        sentence stays empty. One over the model's limit is translated in pieces, and its
        translation says so; see :func:`model.splitting.split_line`.

        Args:
            sentences: English, one sentence each.
            decode: settings of the search; the model's own if None.
            glossary: terms that must be said where their source stands in a line; the n-gram block
                does not hold in such a line.
            first: the number of the first sentence in all that is translated; what is drawn for a
                sentence with decode.method: sample depends on its number and the seed.

        Raises:
            ConfigError: if terms are to be forced into a sample.
        """
        settings = decode or self.config.decode
        if glossary is not None and settings.method == "sample":
            raise ConfigError("a glossary needs decode.method: beam, not sample: leave one out")
        texts = [self.normalized(text) for text in sentences]
        lines = [split_line(text, self.config.max_source_tokens, self.source) for text in texts]
        sources = [piece for pieces in lines for piece in pieces]
        # What the vocabulary can't spell is still in the text, unless the line is cut in pieces.
        spoken = [
            part
            for text, pieces in zip(texts, lines, strict=True)
            for part in ([text] if len(pieces) == 1 else self.source.decode(pieces))
        ]
        terms, refused = self._terms(spoken, sources, settings, glossary)
        numbers = [
            (number, part)
            for number, pieces in enumerate(lines, start=first)
            for part in range(len(pieces))
        ]
        found = zip(self._translate_ids(sources, settings, terms, numbers), refused, strict=True)
        return [_joined(list(itertools.islice(found, len(pieces)))) for pieces in lines]

    def normalized(self, text: str) -> str:
        """What the model's normaliser makes of a text."""
        # The rules' counts are for the data report; a translation has no use for them.
        unused: Counter[str] = Counter()
        return normalize(text, self.config.normalize, unused)

    def _terms(
        self,
        texts: Sequence[str],
        sources: Sequence[Sequence[int]],
        settings: DecodeConfig,
        glossary: Glossary | None,
    ) -> tuple[list[list[Term]], list[list[str]]]:
        """Of each source, its text beside it, the terms to be forced, and why others can't be."""
        if glossary is None or not sources:
            return [[] for _ in sources], [[] for _ in sources]
        rooms = max_lengths(torch.tensor([len(ids) + 1 for ids in sources]), settings).tolist()
        fitted = [
            fitting(glossary.found_in(text), room, self.target)
            for text, room in zip(texts, rooms, strict=True)
        ]
        return [terms for terms, _ in fitted], [refused for _, refused in fitted]

    def _translate_ids(
        self,
        sources: Sequence[Sequence[int]],
        settings: DecodeConfig,
        terms: Sequence[Sequence[Term]],
        numbers: Sequence[tuple[int, int]],
    ) -> list[list[Candidate]]:
        """The best translations of each source, best first; none of an empty one."""
        translations: list[list[Candidate]] = [[] for _ in sources]
        for places in _batches([len(row) for row in sources], terms, settings):
            source_BS, lengths_B = pad_sources([sources[place] for place in places])
            forced = [terms[place] for place in places]
            theirs = [numbers[place] for place in places]
            searched = self._search(source_BS, lengths_B, settings, theirs, forced)
            for place, found in zip(places, searched, strict=True):
                outputs = self.target.decode([hypothesis.tokens for hypothesis in found])
                translations[place] = [
                    # Bytes can spell a newline, but a translation is one line.
                    Candidate(" ".join(text.split("\n")), hypothesis.score, hypothesis.truncated)
                    for text, hypothesis in zip(outputs, found, strict=True)
                ]
        return translations

    def _search(
        self,
        source_BS: Tensor,
        lengths_B: Tensor,
        settings: DecodeConfig,
        numbers: Sequence[tuple[int, int]],
        terms: Sequence[Sequence[Term]],
    ) -> list[list[Hypothesis]]:
        precision = resolve_inference(settings.precision, self.config.precision, self.device)
        if precision not in self._prepared:
            self._prepared[precision] = prepared(self.model, precision)
        model = self._prepared[precision]
        source_BS = source_BS.to(self.device)
        half = autocast("bf16" if precision == "bf16" else "fp32", self.device)
        with torch.inference_mode(), half:
            if any(terms):
                limit_B = max_lengths(lengths_B, settings)
                constraints = Constraints(terms, continuing(self.target), limit_B)
                repeating = settings.model_copy(update={"no_repeat_ngram": 0})
                return beam(model, source_BS, lengths_B, repeating, constraints)
            if settings.method == "sample":
                drawn = sample(model, source_BS, lengths_B, settings, numbers)
                return [[hypothesis] for hypothesis in drawn]
            if settings.beam_size == 1:
                best = greedy(model, source_BS, lengths_B, settings)
                return [[hypothesis] for hypothesis in best]
            return beam(model, source_BS, lengths_B, settings)


def _require_one_vocabulary(first: Path, second: Path) -> None:
    for language in LANGUAGES:
        ours, theirs = (sha256_of(folder / f"{language}.model") for folder in (first, second))
        if ours != theirs:
            raise ArtifactError(
                f"models that translate together must share their tokenizers, but {language}.model "
                f"has sha256 {ours} in {first} and {theirs} in {second}: train them on one "
                f"tokenizer artifact"
            )


def _joined(pieces: Sequence[tuple[Sequence[Candidate], Sequence[str]]]) -> Translation:
    """The translation of a line from the candidates of its pieces, the n-th with the n-th.

    Beside them stands what could not be forced into each piece.
    """
    n_best = tuple(
        Candidate(
            " ".join(candidate.text for candidate in candidates if candidate.text),
            sum(candidate.score for candidate in candidates) / len(candidates),
            any(candidate.truncated for candidate in candidates),
        )
        for candidates in zip(*(found for found, _ in pieces), strict=False)
    )
    if not n_best:
        return Translation("", 0.0)
    unforced = tuple(dict.fromkeys(reason for _, refused in pieces for reason in refused))
    texts = tuple(found[0].text for found, _ in pieces) if len(pieces) > 1 else ()
    best = n_best[0]
    return Translation(best.text, best.score, len(pieces), n_best, unforced, texts, best.truncated)


def _batches(
    lengths: Sequence[int], terms: Sequence[Sequence[Term]], settings: DecodeConfig
) -> Iterator[list[int]]:
    """Places of sentences that are translated together; empty sentences are in none.

    Those with terms are searched for by other rules, so they keep to themselves: no sentence is
    translated otherwise for the company that it is in.
    """
    filled = sorted((place for place, n in enumerate(lengths) if n), key=lambda p: -lengths[p])
    for with_terms in (False, True):
        order = [place for place in filled if bool(terms[place]) == with_terms]
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
