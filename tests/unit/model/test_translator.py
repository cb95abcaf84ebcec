"""The translator: what gets registered, and what a user talks to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from model.architectures import AnyModelConfig, TransformerConfig
from model.config import DecodeConfig
from model.glossary import Glossary
from model.translator import (
    FORMAT_VERSION,
    MANIFEST,
    SETTINGS,
    WEIGHTS,
    Translation,
    Translator,
    TranslatorConfig,
    content_hash,
    save_folder,
    verify_folder,
)
from pipeline.errors import ArtifactError, ConfigError
from pipeline.storage import sha256_of
from pipeline.tokenizer import TokenizerConfig, train_tokenizer
from six_pairs import SIX, SMALL_LSTM, learn_six_pairs

GREEDY, BEAM = DecodeConfig(beam_size=1), DecodeConfig(beam_size=4)
MIXED = ["he went to school", "", "hello", "how are you?", "zebra zoo quiz", "hello", "good", "  "]


def texts(translations: Sequence[Translation]) -> list[str]:
    return [translation.text for translation in translations]


MODELS: dict[str, AnyModelConfig] = {
    "lstm": SMALL_LSTM,
    "transformer": TransformerConfig(
        model_size=32, feedforward_size=64, encoder_layers=1, decoder_layers=2, dropout=0.0
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose model knows the six pairs, trained as the pipeline trains."""
    return learn_six_pairs(tmp_path_factory.mktemp("six-pairs"), MODELS[request.param])


@pytest.fixture(scope="module")
def translator(folder: Path) -> Translator:
    return Translator.load(folder, torch.device("cpu"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """The same folder, to be damaged."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("decode", [GREEDY, BEAM, None])
def test_the_six_pairs_are_learnt(translator: Translator, decode: DecodeConfig | None) -> None:
    found = translator.translate(list(SIX), decode)
    assert texts(found) == list(SIX.values())
    assert all(-1 < translation.score < 0 for translation in found)


def test_the_source_is_normalised_as_the_corpus_was(translator: Translator) -> None:
    assert texts(translator.translate(["\ufeff hello\u200e ", "the  house\u00a0is big"])) == [
        "नमस्ते",
        "घर बड़ा है।",
    ]


@pytest.mark.parametrize("decode", [GREEDY, BEAM])
def test_translations_stand_in_the_order_of_the_sentences(
    translator: Translator, decode: DecodeConfig
) -> None:
    tiny_batches = decode.model_copy(update={"batch_tokens": 8})
    alone = [translator.translate([sentence], decode)[0] for sentence in MIXED]
    for settings in (decode, tiny_batches):
        together = translator.translate(MIXED, settings)
        assert texts(together) == texts(alone)
        assert [t.score for t in together] == pytest.approx([t.score for t in alone], abs=1e-5)


def test_the_company_in_a_batch_changes_no_translation(translator: Translator) -> None:
    company = [f"{a} {b}" for a in SIX for b in SIX]
    among = translator.translate(["hello", *company, "thank you"])
    assert texts([among[0], among[-1]]) == ["नमस्ते", "धन्यवाद"]
    assert texts(translator.translate(company[::-1])[::-1]) == texts(among[1:-1])


def test_an_empty_sentence_stays_empty(translator: Translator) -> None:
    assert translator.translate(["", " \t", "\u200e"]) == [Translation("", 0.0)] * 3
    assert translator.translate([]) == []


def test_a_line_over_the_limit_is_translated_in_pieces(translator: Translator) -> None:
    assert translator.config.max_source_tokens == 20
    line = "how are you? thank you! good morning"
    short, long, empty = translator.translate(["hello", line, ""])
    assert (short.pieces, long.pieces, empty.pieces) == (1, 3, 1)
    assert long.text == "आप कैसे हैं? धन्यवाद सुप्रभात"
    alone = translator.translate(["how are you?", "thank you!", "good morning"])
    assert long.score == pytest.approx(sum(piece.score for piece in alone) / 3, abs=1e-5)


def test_the_n_best_are_told_best_first(translator: Translator) -> None:
    line = "hello! " * 12
    for found in translator.translate(["hello", line], BEAM.model_copy(update={"n_best": 3})):
        assert len(found.n_best) == 3
        assert (found.n_best[0].text, found.n_best[0].score) == (found.text, found.score)
        scores = [candidate.score for candidate in found.n_best]
        assert scores == sorted(scores, reverse=True)
        assert len({candidate.text for candidate in found.n_best}) > 1
    assert found.pieces == 12
    assert len(translator.translate(["hello"])[0].n_best) == 1


def test_a_sample_is_the_same_however_it_is_batched(translator: Translator) -> None:
    drawing = DecodeConfig(method="sample", temperature=3.0, seed=5)
    sentences = [*SIX, *SIX]
    found = texts(translator.translate(sentences, drawing))
    tiny_batches = drawing.model_copy(update={"batch_tokens": 8})
    assert texts(translator.translate(sentences, tiny_batches)) == found
    assert found != texts(translator.translate(sentences, drawing.model_copy(update={"seed": 6})))
    assert found[:6] != found[6:]
    assert found[:6] != list(SIX.values())


def test_a_sample_of_a_line_does_not_depend_on_the_pieces_of_those_before_it(
    translator: Translator,
) -> None:
    drawing = DecodeConfig(method="sample", temperature=3.0, seed=5)
    behind_pieces = translator.translate(["hello! " * 12, "how are you?"], drawing)
    assert behind_pieces[0].pieces == 12
    assert len(set(behind_pieces[0].piece_texts)) > 1
    alone = translator.translate(["how are you?"], drawing, first=1)
    assert behind_pieces[1].text == alone[0].text


def test_what_was_saved_is_what_is_loaded(folder: Path, translator: Translator) -> None:
    again = Translator.load(folder, torch.device("cpu"))
    assert again.config == translator.config
    for name, tensor in translator.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)
    assert again.translate(MIXED) == translator.translate(MIXED)
    assert not again.model.training


def test_the_same_content_is_the_same_hash(folder: Path, copy: Path) -> None:
    assert content_hash(copy) == content_hash(folder)
    config = TranslatorConfig.model_validate_json((folder / SETTINGS).read_bytes())
    tokenizers = {name: (folder / f"{name}.model").read_bytes() for name in ("en", "hi")}
    save_folder(copy, config, (folder / WEIGHTS).read_bytes(), tokenizers)
    assert content_hash(copy) == content_hash(folder)
    other = config.model_copy(update={"max_source_tokens": 21})
    save_folder(copy, other, (folder / WEIGHTS).read_bytes(), tokenizers)
    assert content_hash(copy) != content_hash(folder)


def test_only_safetensors_json_and_sentencepiece_are_saved(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {SETTINGS, WEIGHTS, MANIFEST, "en.model", "hi.model"}


@pytest.mark.parametrize("name", [SETTINGS, WEIGHTS, "en.model", "hi.model"])
def test_a_flipped_byte_is_refused_naming_file_and_hashes(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    expected = json.loads((copy / MANIFEST).read_bytes())[name]
    with pytest.raises(ArtifactError) as refusal:
        Translator.load(copy)
    message = str(refusal.value)
    assert message.startswith(f"{copy / name} must have sha256 {expected}, but has ")
    assert len(message.split()[-1]) == 64


@pytest.mark.parametrize("name", [SETTINGS, WEIGHTS, "en.model", "hi.model"])
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=rf"{name} must have sha256 .* but has no file"):
        verify_folder(copy)


@pytest.mark.parametrize(
    "change", [{"extra.py": "0" * 64}, {WEIGHTS: None}, {"../outside": "0" * 64}]
)
def test_a_manifest_of_other_files_is_refused(copy: Path, change: dict[str, Any]) -> None:
    hashes = json.loads((copy / MANIFEST).read_bytes()) | change
    hashes = {name: value for name, value in hashes.items() if value is not None}
    (copy / MANIFEST).write_text(json.dumps(hashes))
    with pytest.raises(ArtifactError, match=r"must list en\.model, hi\.model, model\.safetensors"):
        verify_folder(copy)


@pytest.mark.parametrize("content", [None, "", "{", "{}"])
def test_a_folder_without_a_manifest_is_no_model(copy: Path, content: str | None) -> None:
    (copy / MANIFEST).unlink()
    if content is not None:
        (copy / MANIFEST).write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json must list"):
        verify_folder(copy)


def test_another_format_is_refused(copy: Path) -> None:
    config = TranslatorConfig.model_validate_json((copy / SETTINGS).read_bytes())
    newer = config.model_copy(update={"format_version": FORMAT_VERSION + 1})
    tokenizers = {name: (copy / f"{name}.model").read_bytes() for name in ("en", "hi")}
    save_folder(copy, newer, (copy / WEIGHTS).read_bytes(), tokenizers)
    with pytest.raises(ArtifactError, match=f"format version {FORMAT_VERSION}, but has 2"):
        Translator.load(copy)


def test_a_setting_that_this_version_does_not_know_is_named(copy: Path) -> None:
    settings = json.loads((copy / SETTINGS).read_bytes())
    settings["decode"]["telepathy"] = 1
    (copy / SETTINGS).write_text(json.dumps(settings))
    hashes = json.loads((copy / MANIFEST).read_bytes())
    hashes[SETTINGS] = sha256_of(copy / SETTINGS)
    (copy / MANIFEST).write_text(json.dumps(hashes))
    with pytest.raises(ArtifactError, match=r"knows, but decode\.telepathy: .*that wrote it"):
        Translator.load(copy)


def test_models_of_one_vocabulary_translate_together(folder: Path, copy: Path) -> None:
    weights = safetensors.torch.load_file(copy / WEIGHTS)
    noise = torch.Generator().manual_seed(1)
    noisy = {k: v + 0.01 * torch.randn(v.shape, generator=noise) for k, v in weights.items()}
    config = TranslatorConfig.model_validate_json((copy / SETTINGS).read_bytes())
    tokenizers = {name: (folder / f"{name}.model").read_bytes() for name in ("en", "hi")}
    shorter = config.model_copy(update={"max_source_tokens": 12})
    save_folder(copy, shorter, safetensors.torch.save(noisy), tokenizers)
    together = Translator.load_ensemble([folder, copy], torch.device("cpu"))
    assert texts(together.translate(list(SIX)[:3])) == list(SIX.values())[:3]
    assert together.config.max_source_tokens == 12
    apart = [
        Translator.load(one, torch.device("cpu")).translate(["hello"])[0] for one in (folder, copy)
    ]
    scores = sorted(found.score for found in apart)
    assert scores[0] < together.translate(["hello"])[0].score < scores[1]


def test_models_of_unlike_vocabularies_are_refused_with_both_hashes(
    folder: Path, copy: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "hi.model"
    config = TokenizerConfig(vocab_size=34, byte_fallback=False, model_type="bpe")
    train_tokenizer(SIX.values(), config, other, "hi")
    settings = TranslatorConfig.model_validate_json((copy / SETTINGS).read_bytes())
    tokenizers = {"en": (folder / "en.model").read_bytes(), "hi": other.read_bytes()}
    save_folder(copy, settings, (folder / WEIGHTS).read_bytes(), tokenizers)
    with pytest.raises(ArtifactError) as refusal:
        Translator.load_ensemble([folder, copy])
    for path in (folder / "hi.model", other):
        assert sha256_of(path) in str(refusal.value)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_the_six_pairs_survive_every_precision(translator: Translator, precision: str) -> None:
    settings = DecodeConfig.model_validate({"precision": precision})
    assert texts(translator.translate(list(SIX), settings)) == list(SIX.values())
    # The model itself is as it was.
    assert texts(translator.translate(list(SIX))) == list(SIX.values())


def test_a_glossarys_terms_are_said_where_their_source_stands(translator: Translator) -> None:
    glossary = Glossary({"school": "घर", "hello": "धन्यवाद", "zebra": "कककककककककक", "big": "x"})
    lines = ["he went to school", "thank you", "hello! hello! " * 3, "the zebra", "", "big"]
    for decode in (GREEDY, BEAM):
        found = translator.translate(lines, decode, glossary)
        assert "घर" in found[0].text.replace("।", " ").split()
        assert found[1].text == "धन्यवाद"
        assert found[2].text.count("धन्यवाद") >= found[2].pieces > 1
        assert "कककककककककक" in found[3].text
        assert found[4] == Translation("", 0.0)
        assert found[5].unforced == ("'big' → 'x', which the vocabulary can't spell",)
        assert all(not one.unforced for one in found[:5])


def test_a_translation_that_was_ended_at_its_longest_length_says_so(translator: Translator) -> None:
    # Two tokens are no more than a piece or two of "नमस्ते" and of "आपका नाम क्या है".
    short = GREEDY.model_copy(update={"max_length_ratio": 0.0, "max_length_extra": 2})
    for settings in (short, short.model_copy(update={"beam_size": 3})):
        found = translator.translate(["what is your name", "what is your name " * 6, ""], settings)
        assert found[1].pieces > 1
        assert [one.truncated for one in found] == [True, True, False]
    assert not any(one.truncated for one in translator.translate(list(SIX)))


def test_a_line_without_terms_is_translated_as_if_there_was_no_glossary(
    translator: Translator,
) -> None:
    glossary = Glossary({"hello": "घर"})
    lines = ["he went to school", "hello"]
    for size in (1, 4):
        decode = DecodeConfig(beam_size=size, no_repeat_ngram=1)
        (alone, _) = translator.translate(lines, decode)
        # The block, which does not hold in a line with terms, does something to this line.
        assert alone.text != SIX["he went to school"]
        among, forced = translator.translate(lines, decode, glossary)
        assert among.text == alone.text
        assert among.score == pytest.approx(alone.score, abs=1e-5)
        assert "घर" in forced.text


def test_more_terms_than_there_is_room_for_are_told(translator: Translator) -> None:
    long = {
        word: f"{'नमस्ते ' * 4}{letter}" for word, letter in zip("abcdefgh", "कघचजबधनल", strict=False)
    }
    glossary = Glossary(long)
    (found,) = translator.translate([" ".join(long)], BEAM, glossary)
    assert found.unforced
    assert all(
        reason.endswith(", for which there is no room")
        for reason in found.unforced
        if "spell" not in reason
    )


def test_terms_are_not_forced_into_a_sample(translator: Translator) -> None:
    with pytest.raises(ConfigError, match=r"a glossary needs decode\.method: beam, not sample"):
        translator.translate(["hello"], DecodeConfig(method="sample"), Glossary({"a": "b"}))
