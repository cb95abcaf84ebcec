"""What the decoder looked at: the same as step by step, whatever stands beside it in a batch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from model.alignment import Alignment, _mean_weights, align, by_words, has_attention
from model.architectures import AnyModelConfig, TransformerConfig
from model.batches import pad_sources
from model.build import build_model
from model.config import DecodeConfig, ModelConfig
from model.seq2seq import Seq2Seq
from model.transformer_attention import MultiHeadAttention
from model.translator import Translator, TranslatorConfig
from pipeline.normalize import NormalizeConfig
from pipeline.tokenizer import BOS_ID, LANGUAGES, Tokenizer, TokenizerConfig, train_tokenizer
from recurrent_models import RECURRENT

PAIRS = {
    "hello": "नमस्ते",
    "thank you": "धन्यवाद",
    "good morning": "सुप्रभात",
    "how are you?": "आप कैसे हैं?",
    "the house is big": "घर बड़ा है।",
    "he went to school": "वह विद्यालय गया।",
    "": "",
}
LIMIT = 24
TARGETS = [(text,) for text in PAIRS.values()]
ATTENTIVE = [name for name in RECURRENT if "none" not in name and "joint" not in name]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Tokenizer]:
    folder = tmp_path_factory.mktemp("tokenizers")
    config = TokenizerConfig(vocab_size=34, byte_fallback=False)
    for language, texts in zip(LANGUAGES, (PAIRS.keys(), PAIRS.values()), strict=True):
        path = folder / f"{language}.model"
        train_tokenizer([t for t in texts if t], config, path, language)
    source, target = (Tokenizer.load(folder / f"{language}.model") for language in LANGUAGES)
    return source, target


def translator(tokenizers: tuple[Tokenizer, Tokenizer], config: AnyModelConfig) -> Translator:
    """One that has learnt nothing."""
    torch.manual_seed(0)
    settings = TranslatorConfig(
        model=config,
        normalize=NormalizeConfig(),
        decode=DecodeConfig(),
        max_source_tokens=LIMIT,
        precision="fp32",
    )
    model = build_model(config, *map(len, tokenizers))
    return Translator(settings, model, *tokenizers, torch.device("cpu"))


def recurrent(tokenizers: tuple[Tokenizer, Tokenizer], **changes: object) -> Translator:
    sizes = {"embedding_size": 12, "hidden_size": 16, "dropout": 0.0}
    return translator(tokenizers, ModelConfig.model_validate({**sizes, **changes}))


@pytest.mark.parametrize("name", ATTENTIVE)
def test_the_weights_are_those_that_search_would_see_step_by_step(
    name: str, tokenizers: tuple[Tokenizer, Tokenizer]
) -> None:
    one = recurrent(tokenizers, **RECURRENT[name])
    found = align(one, list(PAIRS), TARGETS)
    assert found is not None
    assert isinstance(one.model, Seq2Seq)
    for (source, target), alignment in zip(PAIRS.items(), found, strict=True):
        assert alignment is not None
        source_ids = one.source.encode([source])[0]
        with torch.inference_mode():
            state = one.model.start(*pad_sources([source_ids]))
            rows: list[Tensor] = []
            for token in [BOS_ID, *one.target.encode([target])[0]]:
                _, state = one.model.step(state, torch.tensor([token]))
                assert state.weights_RS is not None
                rows.append(state.weights_RS[0])
        torch.testing.assert_close(alignment.weights_TS, torch.stack(rows))


@pytest.mark.parametrize("layers", [1, 3])
def test_a_transformer_looks_alike_alone_and_in_a_batch(
    layers: int, tokenizers: tuple[Tokenizer, Tokenizer]
) -> None:
    sizes = {"model_size": 16, "heads": 2, "feedforward_size": 24, "dropout": 0.0}
    config = TransformerConfig.model_validate({**sizes, "decoder_layers": layers})
    one = translator(tokenizers, config)
    together = align(one, list(PAIRS), TARGETS)
    assert together is not None
    for (source, target), alignment in zip(PAIRS.items(), together, strict=True):
        alone = align(one, [source], [(target,)])
        assert alone is not None
        assert alone[0] is not None
        assert alignment is not None
        torch.testing.assert_close(alignment.weights_TS, alone[0].weights_TS)
        ones = torch.ones(len(alignment.target))
        torch.testing.assert_close(alignment.weights_TS.sum(1), ones)


def test_the_weights_of_a_transformer_are_those_that_its_kernel_uses() -> None:
    torch.manual_seed(0)
    attention = MultiHeadAttention(8, heads=1)
    attention.initialise()
    x_BTH, memory_BSH = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask_BS = torch.tensor([[True] * 5, [True, True, False, False, False]])
    keys_values_BSX = attention.keys_values(memory_BSH)
    weights_BTS = _mean_weights(attention, x_BTH, keys_values_BSX, mask_BS)
    context_BTH = weights_BTS @ keys_values_BSX.chunk(2, dim=-1)[1]
    torch.testing.assert_close(
        attention.output_projection(context_BTH), attention(x_BTH, keys_values_BSX, mask_BS)
    )
    assert weights_BTS[1, :, 2:].abs().max() == 0


def test_pieces_stand_beside_the_weights(tokenizers: tuple[Tokenizer, Tokenizer]) -> None:
    one = recurrent(tokenizers)
    (found,) = align(one, ["good morning"], [("सुप्रभात",)]) or ()
    assert found is not None
    assert found.weights_TS.shape == (len(found.target), len(found.source))
    assert "".join(found.source) == "▁good▁morning</s>"
    assert "".join(found.target) == "▁सुप्रभात</s>"


LONG = "the house is big? he went to school? thank you"
PARTS = ["the house is big?", "he went to school?", "thank you"]


def test_a_line_in_pieces_is_looked_at_piece_by_piece(
    tokenizers: tuple[Tokenizer, Tokenizer],
) -> None:
    one = recurrent(tokenizers)
    texts = ("घर बड़ा है।", "वह विद्यालय गया।", "धन्यवाद")
    (whole, short) = align(one, [LONG, "hello"], [texts, ("नमस्ते",)]) or ()
    parts = align(one, PARTS, [(text,) for text in texts])
    assert parts is not None
    assert whole is not None
    assert short is not None
    row = column = 0
    for part in parts:
        assert part is not None
        height, width = part.weights_TS.shape
        block = whole.weights_TS[row : row + height]
        torch.testing.assert_close(block[:, column : column + width], part.weights_TS)
        # For a word of this piece nothing was looked at in another.
        assert block[:, :column].abs().sum() + block[:, column + width :].abs().sum() == 0
        row, column = row + height, column + width
    assert whole.weights_TS.shape == (row, column)
    rows = [len(part.target) for part in parts if part is not None]
    entropies = [part.entropy for part in parts if part is not None]
    mean = sum(n * entropy for n, entropy in zip(rows, entropies, strict=True)) / sum(rows)
    assert whole.entropy == pytest.approx(mean)
    words = by_words(whole)
    assert words.source == (
        *("the", "house", "is", "big?", "</s>"),
        *("he", "went", "to", "school?", "</s>"),
        *("thank", "you", "</s>"),
    )
    assert words.target == (
        *("घर", "बड़ा", "है।", "</s>", "वह", "विद्यालय", "गया।", "</s>", "धन्यवाद", "</s>"),
    )
    # The word of the last piece looks at the words of the last piece.
    assert words.links_T[8][0] >= 10


def test_of_what_was_translated_in_pieces_every_word_is_covered_by_what_it_says(
    tokenizers: tuple[Tokenizer, Tokenizer],
) -> None:
    one = recurrent(tokenizers)
    (translation,) = one.translate([LONG])
    assert translation.pieces == len(translation.texts) == 3
    assert " ".join(text for text in translation.texts if text) == translation.text
    (found,) = align(one, [LONG], [translation.texts]) or ()
    assert found is not None
    assert "".join(found.source).count("</s>") == 3
    assert sum(found.coverage_S) == pytest.approx(len(found.target))


def test_a_word_cut_in_two_is_two_words_with_an_end_between() -> None:
    ends = Alignment(
        ("▁riv", "er", "</s>", "b", "ank", "</s>"),
        ("▁न", "दी", "</s>", "▁तट", "</s>"),
        torch.eye(6)[:5],
    )
    assert by_words(ends).source == ("river", "</s>", "bank", "</s>")
    assert by_words(ends).target == ("नदी", "</s>", "तट", "</s>")


def test_a_text_for_a_source_in_pieces_that_are_not_told_apart_has_no_alignment(
    tokenizers: tuple[Tokenizer, Tokenizer],
) -> None:
    one = recurrent(tokenizers)
    found = align(one, [LONG, "hello"], [("घर बड़ा है। वह विद्यालय गया। धन्यवाद",), ("नमस्ते",)])
    assert found is not None
    assert found[0] is None
    assert found[1] is not None


def test_a_model_without_attention_has_no_alignment(
    tokenizers: tuple[Tokenizer, Tokenizer],
) -> None:
    blind = recurrent(tokenizers, attention="none", bidirectional=False)
    assert not has_attention(blind.model)
    assert align(blind, ["thank you"], [("धन्यवाद",)]) is None


def test_entropy_coverage_and_links_by_hand() -> None:
    alignment = Alignment(
        ("▁a", "▁b", "</s>"),
        ("▁अ", "</s>"),
        torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]),
    )
    # One bit for two equal choices, none for one; the mean of both.
    assert alignment.entropy == pytest.approx(0.5)
    assert alignment.coverage_S == [0.5, 0.5, 1.0]
    assert alignment.links_T == [(0, 0.5), (2, 1.0)]


def test_looking_at_one_piece_is_an_entropy_of_zero_and_not_of_minus_zero() -> None:
    assert f"{Alignment(('a', 'b'), ('क', 'ख'), torch.eye(2)).entropy:.2f}" == "0.00"


def test_looking_everywhere_alike_is_the_greatest_entropy() -> None:
    alike = Alignment(("▁a",) * 8, ("▁अ",), torch.full((1, 8), 1 / 8))
    assert alike.entropy == pytest.approx(math.log2(8))


def test_pieces_join_to_words_whose_rows_still_sum_to_one() -> None:
    alignment = Alignment(
        ("▁riv", "er", "▁deep", "</s>"),
        ("▁न", "दी", "▁<", "<0xE0>", "<0xA4>", "<0x97>", "</s>"),
        torch.tensor(
            [
                [0.5, 0.3, 0.2, 0.0],
                [0.3, 0.5, 0.0, 0.2],
                *([[0.0, 0.0, 1.0, 0.0]] * 4),
                [0.0, 0.0, 0.0, 1.0],
            ]
        ),
    )
    words = by_words(alignment)
    assert words.source == ("river", "deep", "</s>")
    assert words.target == ("नदी", "<ग", "</s>")
    torch.testing.assert_close(
        words.weights_TS, torch.tensor([[0.8, 0.1, 0.1], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    )
