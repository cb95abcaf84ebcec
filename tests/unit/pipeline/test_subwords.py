"""Segmentations drawn at random: which there are, how often, and the same ones each time."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from pairs import TRAIN, VALIDATION
from pipeline.ragged import Ragged
from pipeline.subwords import ModelType, SubwordSampler, Vocabulary
from pipeline.tokenizer import UNK_ID, Tokenizer, TokenizerConfig, train_tokenizer

Ids = tuple[int, ...]
HINDI = [hindi for _, hindi in TRAIN + VALIDATION]


def vocabulary(model_type: ModelType, **scores: float) -> Vocabulary:
    """Pieces with their scores after the four special ones; ``S`` is written for ``▁``."""
    pieces = ("<pad>", "<unk>", "<s>", "</s>", *(p.replace("S", "▁") for p in scores))
    return Vocabulary(
        model_type,
        pieces,
        (0.0,) * 4 + tuple(scores.values()),
        (False,) * 4 + (True,) * len(scores),
    )


def shares(
    sampler: SubwordSampler, ids: tuple[int, ...], draws: int
) -> dict[tuple[int, ...], float]:
    """Segmentation → how often it was drawn of the word ``ids``."""
    rng, draw = random.Random(1), sampler.draw_of(ids)
    counts = Counter(tuple(draw(rng)) for _ in range(draws))
    return {cut: n / draws for cut, n in counts.items()}


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Tokenizer, Vocabulary]:
    """A tokenizer of the Hindi sentences, which spells the unknown in bytes."""
    out = tmp_path_factory.mktemp("hi") / "hi.model"
    config = TokenizerConfig(vocab_size=335, model_type=request.param)
    train_tokenizer(HINDI, config, out, "hi")
    tokenizer = Tokenizer.load(out)
    return tokenizer, tokenizer.vocabulary(request.param)


def sample(
    trained: tuple[Tokenizer, Vocabulary], texts: list[str], variants: int, seed: int = 1
) -> list[list[list[int]]]:
    """Variants of the texts, as ids of each sentence."""
    tokenizer, pieces = trained
    sampler = SubwordSampler(pieces, 0.3)
    drawn = sampler.sample(tokenizer.encode_ragged(texts), variants, np.random.default_rng(seed))
    return [variant.tolist() for variant in drawn]


# Which are drawn how often.


def test_a_unigram_segmentation_is_drawn_by_its_smoothed_probability() -> None:
    # Of ▁ab: the log-probability of a segmentation is the sum of its pieces'.
    pieces = vocabulary("unigram", S=-1, a=-2, b=-3, Sa=-2.5, ab=-3.5, Sab=-4)
    weights = {
        (9,): math.exp(0.5 * -4),
        (7, 6): math.exp(0.5 * (-2.5 - 3)),
        (4, 8): math.exp(0.5 * (-1 - 3.5)),
        (4, 5, 6): math.exp(0.5 * (-1 - 2 - 3)),
    }
    expected = {cut: weight / sum(weights.values()) for cut, weight in weights.items()}
    # 4 standard deviations of a share among 20,000 draws are at most 0.014.
    found = shares(SubwordSampler(pieces, 0.5), (9,), 20_000)
    assert found == pytest.approx(expected, abs=0.015)


def test_all_segmentations_are_alike_where_alpha_is_next_to_nothing() -> None:
    pieces = vocabulary("unigram", S=-1, a=-9, Sa=-2, aa=-5)
    found = shares(SubwordSampler(pieces, 1e-9), (6, 5), 20_000)
    # ▁|a|a, ▁|aa and ▁a|a.
    assert found == pytest.approx({(4, 5, 5): 1 / 3, (4, 7): 1 / 3, (6, 5): 1 / 3}, abs=0.015)


def test_of_bpe_each_merge_is_dropped_with_its_probability() -> None:
    # Of ▁ a b first a b merge (kept with 1 - p), else ▁ a; what comes of either merges to ▁ab.
    pieces = vocabulary("bpe", ab=0, Sab=-1, Sa=-2, S=-3, a=-4, b=-5)
    p, kept = 0.4, 0.6
    expected = {
        (5,): kept * kept + p * kept * kept,
        (7, 4): kept * p,
        (6, 9): p * kept * p,
        (7, 8, 9): p * p,
    }
    assert sum(expected.values()) == pytest.approx(1)
    found = shares(SubwordSampler(pieces, p), (5,), 20_000)
    assert found == pytest.approx(expected, abs=0.015)


def test_with_nothing_left_to_chance_the_best_segmentation_is_drawn(
    trained: tuple[Tokenizer, Vocabulary],
) -> None:
    tokenizer, pieces = trained
    # BPE drops no merge with a probability of 0; that of 1000 leaves only the likeliest to unigram.
    sampler = SubwordSampler(pieces, 0 if pieces.model_type == "bpe" else 1000)
    best = tokenizer.encode_ragged([*HINDI, "Zürich 東京 🙂", "क्\u200dष क्\u200cष 98१२"])
    [found] = sampler.sample(best, 1, np.random.default_rng(1))
    assert found.tolist() == best.tolist()


@pytest.mark.parametrize(("model_type", "alpha"), [("unigram", 0.2), ("bpe", 0.1)])
def test_each_type_of_model_has_its_own_alpha(model_type: ModelType, alpha: float) -> None:
    pieces = vocabulary(model_type, S=-5, a=-4, Sa=-3)
    unset, given = (shares(SubwordSampler(pieces, x), (6,), 1000) for x in (None, alpha))
    assert unset == given
    assert len(unset) == 2


def test_a_word_that_is_one_character_has_one_segmentation() -> None:
    assert shares(SubwordSampler(vocabulary("unigram", S=-1), 0.1), (4,), 10) == {(4,): 1.0}


# What holds of all that is drawn.


def test_all_that_is_drawn_decodes_to_the_same_text(trained: tuple[Tokenizer, Vocabulary]) -> None:
    texts = [*HINDI, "", "Zürich 東京 🙂", "<s> नमस्ते </s>", "क्\u200dष क्\u200cष", "98१२"]
    variants = sample(trained, texts, 5)
    assert len(variants) == 5
    for ids in variants:
        assert trained[0].decode(ids) == texts


def test_the_variants_differ_from_one_another(trained: tuple[Tokenizer, Vocabulary]) -> None:
    variants = sample(trained, HINDI, 4)
    best = trained[0].encode(HINDI)
    for one, other in product([*variants, best], repeat=2):
        assert one is other or one != other


def test_a_word_that_occurs_often_is_not_always_cut_alike(
    trained: tuple[Tokenizer, Vocabulary],
) -> None:
    [[ids]] = sample(trained, [" ".join(["किताब"] * 300)], 1)
    begins = [i for i, piece in enumerate(ids) if trained[1].pieces[piece].startswith("▁")]
    words = {tuple(ids[a:b]) for a, b in zip(begins, [*begins[1:], len(ids)], strict=True)}
    assert len(begins) == 300
    assert len(words) > 1


def test_what_is_unknown_stays_unknown(tmp_path: Path) -> None:
    config = TokenizerConfig(vocab_size=80, byte_fallback=False)
    train_tokenizer(HINDI, config, tmp_path / "hi.model", "hi")
    tokenizer = Tokenizer.load(tmp_path / "hi.model")
    sampler = SubwordSampler(tokenizer.vocabulary("unigram"), 0.1)
    best = tokenizer.encode_ragged(["नदी東घर"])
    [found] = sampler.sample(best, 1, np.random.default_rng(1))
    assert found.values.tolist().count(UNK_ID) == best.values.tolist().count(UNK_ID) == 1
    assert tokenizer.decode(found.tolist()) == tokenizer.decode(best.tolist())


def test_of_nothing_nothing_is_drawn(trained: tuple[Tokenizer, Vocabulary]) -> None:
    assert sample(trained, [], 2) == [[], []]
    assert sample(trained, ["", ""], 2) == [[[], []], [[], []]]


# The same, always.


def test_a_draw_is_a_function_of_its_seed(trained: tuple[Tokenizer, Vocabulary]) -> None:
    assert sample(trained, HINDI, 3) == sample(trained, HINDI, 3)
    assert sample(trained, HINDI, 3) != sample(trained, HINDI, 3, seed=2)


def test_sentencepieces_own_sampling_is_not_the_same_in_two_processes(tmp_path: Path) -> None:
    # Why there is a sampler of our own. Should this fail one day, it may no longer be needed.
    train_tokenizer(HINDI, TokenizerConfig(vocab_size=335), tmp_path / "hi.model", "hi")
    program = (
        "import sentencepiece as s\n"
        f"p = s.SentencePieceProcessor(model_file={str(tmp_path / 'hi.model')!r})\n"
        "s.set_random_generator_seed(1)\n"
        f"print(p.Encode({HINDI!r}, enable_sampling=True, alpha=0.1, nbest_size=-1))"
    )
    command = [sys.executable, "-c", program]
    drawn = {subprocess.run(command, capture_output=True, check=True).stdout for _ in range(3)}
    assert len(drawn) > 1


def test_what_was_drawn_is_written_down() -> None:
    # Were it to change, token arrays that stand would not be made again as they are.
    pieces = vocabulary("unigram", S=-1, a=-2, b=-3, Sa=-2.5, ab=-3.5, Sab=-4)
    sampler = SubwordSampler(pieces, 0.5)
    drawn = list(sampler.sample(Ragged.of([[9, 7, 6], [9]]), 2, np.random.default_rng((1, 7))))
    assert [variant.tolist() for variant in drawn] == [
        [[4, 5, 6, 4, 8], [4, 5, 6]],
        [[9, 4, 5, 6], [9]],
    ]
