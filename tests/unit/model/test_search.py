"""Greedy and beam search, against tables drawn by hand and against trying everything.

Sampling has a file of its own.
"""

from __future__ import annotations

from itertools import product
from math import log

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from model.architectures import section_class
from model.batches import pad_sources
from model.beam import beam, hopeful
from model.build import build_model
from model.config import DecodeConfig
from model.greedy import greedy
from model.search import LEAVE_TOGETHER, Hypothesis, best_tokens, length_penalty, staying
from model.translation_model import TranslationModel
from pipeline.errors import ConfigError
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID, UNK_ID
from recurrent_models import RECURRENT

A, B = 4, 5  # The two words of the tables.


class TableModel:
    """Next-token probabilities by the last token: one table for every sentence.

    Its state is the sentence of each row; it notes how many rows every step had.
    """

    def __init__(self, *tables: dict[int, dict[int, float]]) -> None:
        self.log_probs_BVV = torch.full((len(tables), 6, 6), 1e-9).log()
        for sentence, table in enumerate(tables):
            for last, following in table.items():
                for token, probability in following.items():
                    self.log_probs_BVV[sentence, last, token] = log(probability)
        self.rows: list[int] = []

    def start(self, source_BS: Tensor, source_lengths_B: Tensor) -> Tensor:
        return torch.arange(len(source_BS))

    def step(self, state: Tensor, token_R: Tensor) -> tuple[Tensor, Tensor]:
        self.rows.append(len(state))
        return self.log_probs_BVV[state, token_R], state

    def reorder(self, state: Tensor, index_R: Tensor) -> Tensor:
        return state[index_R]


# Greedy says A first and pays for it; saying B is better in the end.
GARDEN_PATH = {
    BOS_ID: {A: 0.6, B: 0.4},
    A: {EOS_ID: 0.4, A: 0.3, B: 0.3},
    B: {EOS_ID: 0.9, A: 0.1},
}
QUICK = {BOS_ID: {EOS_ID: 0.9, A: 0.1}, A: {EOS_ID: 1.0}}
ENDLESS = {BOS_ID: {A: 1.0}, A: {A: 0.9, EOS_ID: 0.1}}


def sources(*lengths: int) -> tuple[Tensor, Tensor]:
    """Sources of these lengths, EOS included."""
    return pad_sources([[A] * (length - 1) for length in lengths])


def config(**changes: object) -> DecodeConfig:
    return DecodeConfig.model_validate({"beam_size": 2, "length_penalty": 0.0, **changes})


NONE = {"attention": "none", "bidirectional": False}
TRANSFORMER = {"architecture": "transformer", "model_size": 6, "heads": 3, "feedforward_size": 7}
KINDS = [{}, NONE, TRANSFORMER]


def random_model(seed: int = 0, words: int = 2, **changes: object) -> TranslationModel:
    """A tiny model whose weights are large enough to have opinions."""
    torch.manual_seed(seed)
    recurrent = changes.get("architecture") != "transformer"
    sizes = {"embedding_size": 5, "hidden_size": 6} if recurrent else {}
    settings = {"dropout": 0.0, **sizes, **changes}
    model = build_model(section_class(settings).model_validate(settings), 12, 4 + words)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=1.0)
    return model.eval()


def assert_same(got: list[Hypothesis], expected: list[Hypothesis]) -> None:
    assert [one.tokens for one in got] == [one.tokens for one in expected]
    for mine, other in zip(got, expected, strict=True):
        assert mine.log_prob == pytest.approx(other.log_prob, abs=1e-4)
        assert mine.score == pytest.approx(other.score, abs=1e-4)


@pytest.fixture(autouse=True)
def _inference() -> object:
    with torch.inference_mode():
        yield


def test_greedy_takes_the_best_token_at_every_step() -> None:
    (found,) = greedy(TableModel(GARDEN_PATH), *sources(3), config(length_penalty=1.0))
    assert found.tokens == (A,)
    assert found.log_prob == pytest.approx(log(0.6 * 0.4))
    assert found.score == pytest.approx(log(0.6 * 0.4) / (7 / 6))  # A and EOS: length 2.


def test_a_beam_of_two_leaves_the_garden_path() -> None:
    (found,) = beam(TableModel(GARDEN_PATH), *sources(3), config(n_best=2))
    assert [one.tokens for one in found] == [(B,), (A,)]
    assert found[0].log_prob == pytest.approx(log(0.4 * 0.9))
    assert found[1].score == pytest.approx(log(0.6 * 0.4))


def test_an_empty_translation_is_an_empty_tuple() -> None:
    (found,) = beam(TableModel(QUICK), *sources(2), config())
    assert found[0].tokens == greedy(TableModel(QUICK), *sources(2), config())[0].tokens == ()


def test_at_its_maximum_length_a_hypothesis_is_closed_as_it_stands() -> None:
    short = config(max_length_ratio=0.5, max_length_extra=2)
    found = greedy(TableModel(ENDLESS, ENDLESS), *sources(2, 4), short)
    assert [one.tokens for one in found] == [(A,) * 3, (A,) * 4]
    assert found[0].log_prob == pytest.approx(log(0.9**2))
    assert found[0].score == found[0].log_prob
    (first,), (second,) = beam(TableModel(ENDLESS, ENDLESS), *sources(2, 4), short)
    assert (first.tokens, second.tokens) == ((A,) * 3, (A,) * 4)


def test_padding_and_bos_are_never_said_however_probable() -> None:
    likes_specials = {last: {PAD_ID: 0.4, BOS_ID: 0.4, A: 0.2} for last in (BOS_ID, A)}
    limits = config(max_length_extra=3, max_length_ratio=0.0, beam_size=3)
    assert greedy(TableModel(likes_specials), *sources(2), limits)[0].tokens == (A, A, A)
    assert beam(TableModel(likes_specials), *sources(2), limits)[0][0].tokens == (A, A, A)


def test_a_search_leaves_the_models_numbers_alone() -> None:
    model = TableModel(GARDEN_PATH)
    before = model.log_probs_BVV.clone()
    beam(model, *sources(3), config())
    greedy(model, *sources(3), config())
    assert torch.equal(model.log_probs_BVV, before)


def test_a_model_that_gives_nan_is_refused() -> None:
    model = TableModel(GARDEN_PATH, GARDEN_PATH)
    model.log_probs_BVV[1] = torch.nan
    for search in (beam, greedy):
        with pytest.raises(ValueError, match="for sentence 1 of the batch it gave none or NaN"):
            search(model, *sources(3, 3), config())


def test_length_penalty_is_gnmts() -> None:
    assert length_penalty(1, config(length_penalty=0.7)) == 1.0
    assert length_penalty(7, config(length_penalty=1.0)) == 2.0
    assert length_penalty(19, config(length_penalty=0.5)) == 2.0
    assert length_penalty(100, config(length_penalty=0.0)) == 1.0
    lengths = torch.tensor([1.0, 7.0])
    assert length_penalty(lengths, config(length_penalty=1.0)).tolist() == [1.0, 2.0]


def test_a_longer_translation_wins_by_the_length_penalty_alone() -> None:
    table = {BOS_ID: {EOS_ID: 0.3, A: 0.7}, A: {B: 0.6, EOS_ID: 0.4}, B: {EOS_ID: 0.65, B: 0.35}}
    (plain,) = beam(TableModel(table), *sources(4), config(beam_size=3))
    (rewarded,) = beam(TableModel(table), *sources(4), config(beam_size=3, length_penalty=2.0))
    assert plain[0].tokens == ()
    assert rewarded[0].tokens == (A, B)


def test_a_sentence_is_given_up_only_when_nothing_alive_can_win() -> None:
    settings = config(length_penalty=1.0, n_best=2)
    limit_B = torch.tensor([7, 7, 7, 7])  # lp = 2
    log_prob_BK = torch.tensor([[-3.0, -9.0], [-3.0, -9.0], [-torch.inf] * 2, [-80.0, -90.0]])
    kept_BN = torch.tensor([[-1.0, -1.6], [-1.0, -1.4], [-1.0, -9.0], [-1.0, -torch.inf]]).double()
    assert hopeful(log_prob_BK, limit_B, kept_BN, settings).tolist() == [True, False, False, True]


def test_finished_sentences_leave_the_batch_in_groups() -> None:
    tables = [QUICK] * (2 * LEAVE_TOGETHER - 1) + [ENDLESS] * 2
    limits = config(max_length_ratio=0.0, max_length_extra=4)
    model = TableModel(*tables)
    found = greedy(model, *sources(*[3] * len(tables)), limits)
    assert model.rows == [17, 8, 8, 8]
    assert [len(one.tokens) for one in found] == [0] * 15 + [4] * 2
    model = TableModel(*tables)
    best = beam(model, *sources(*[3] * len(tables)), limits)
    assert model.rows == [2 * 17, 2 * 8, 2 * 8, 2 * 8]
    assert [len(one[0].tokens) for one in best] == [0] * 15 + [4] * 2


def test_rows_stay_in_their_order() -> None:
    running_B = torch.zeros(20, dtype=torch.bool)
    running_B[[3, 17]] = True
    assert staying(running_B).tolist() == [0, 1, 2, 3, 4, 5, 6, 17]
    assert staying(running_B[:8]).tolist() == list(range(8))


@pytest.mark.parametrize(
    "settings",
    [
        config(beam_size=1),
        config(beam_size=1, length_penalty=1.0),
        config(beam_size=1, min_length_ratio=1.5, no_repeat_ngram=2, length_penalty=1.0),
    ],
)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [{}, TRANSFORMER])
def test_a_beam_of_one_is_greedy_search(
    kind: dict[str, object], seed: int, settings: DecodeConfig
) -> None:
    model = random_model(seed, words=8, **kind)
    batch = pad_sources([[4 + (seed + i) % 8] * (1 + i % 5) for i in range(21)])
    assert [one for (one,) in beam(model, *batch, settings)] == greedy(model, *batch, settings)


def test_a_beam_of_one_pays_for_what_is_not_covered_as_greedy_search_does() -> None:
    model = random_model(0, words=8)
    batch = pad_sources([[4 + i % 8] * (1 + i % 5) for i in range(21)])
    settings = config(beam_size=1, coverage_penalty=0.7)
    found = greedy(model, *batch, settings)
    assert [one for (one,) in beam(model, *batch, settings)] == found
    assert any(one.score < one.log_prob for one in found)


def everything(
    model: TranslationModel, source: list[int], limit: int, settings: DecodeConfig
) -> list[Hypothesis]:
    """All sequences up to a length, best first: closed by EOS, or as long as may be."""
    words = [UNK_ID, *range(4, len(model.output.bias))]
    complete = [
        (*said, EOS_ID) for length in range(limit) for said in product(words, repeat=length)
    ] + list(product(words, repeat=limit))
    # The source's EOS counts, and so does the translation's.
    shortest = int((len(source) + 1) * settings.min_length_ratio)
    complete = [c for c in complete if not breaks_a_rule(c, shortest, settings.no_repeat_ngram)]
    log_probs, covered = teacher_forced(model, source, complete)
    found = []
    for tokens, log_prob, attention in zip(complete, log_probs, covered, strict=True):
        said = tuple(token for token in tokens if token != EOS_ID)
        score = log_prob / length_penalty(len(tokens), settings)
        if settings.coverage_penalty:
            score += settings.coverage_penalty * sum(log(min(c, 1.0)) for c in attention)
        found.append(Hypothesis(said, log_prob, score, truncated=tokens[-1] != EOS_ID))
    return sorted(found, key=lambda one: -one.score)


def teacher_forced(
    model: TranslationModel, source: list[int], targets: list[tuple[int, ...]]
) -> tuple[list[float], list[list[float]]]:
    """The log-probability of each target, and the attention that each source position had."""
    state = model.start(*pad_sources([source] * len(targets)))
    log_probs = [0.0] * len(targets)
    covered = [[0.0] * (len(source) + 1) for _ in targets]
    last_R = torch.full((len(targets),), BOS_ID)
    for step in range(max(map(len, targets))):
        log_probs_RV, state = model.step(state, last_R)
        weights_RS = model.attention(state)
        for row, target in enumerate(targets):
            if step < len(target):
                log_probs[row] += float(log_probs_RV[row, target[step]])
                last_R[row] = target[step]
                if weights_RS is not None:
                    weights = weights_RS[row].tolist()
                    covered[row] = [a + b for a, b in zip(covered[row], weights, strict=True)]
    return log_probs, covered


def breaks_a_rule(tokens: tuple[int, ...], shortest: int, n: int) -> bool:
    """Whether a sequence ends too early, or says n tokens in a row twice."""
    ngrams = [tokens[start : start + n] for start in range(len(tokens) - n + 1)] if n else []
    too_short = tokens[-1] == EOS_ID and len(tokens) < shortest
    return too_short or len(set(ngrams)) < len(ngrams)


RULES: list[dict[str, object]] = [
    {"min_length_ratio": 1.0},
    {"no_repeat_ngram": 1},
    {"no_repeat_ngram": 2},
    {"no_repeat_ngram": 3, "min_length_ratio": 1.0, "length_penalty": 0.6},
]
COVERED: list[dict[str, object]] = [
    {"coverage_penalty": 0.2},
    {"coverage_penalty": 3.0},
    {"coverage_penalty": 1.0, "length_penalty": 1.0},
    {
        "coverage_penalty": 0.5,
        "length_penalty": 2.0,
        "min_length_ratio": 1.0,
        "no_repeat_ngram": 2,
    },
]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        *((kind, {"length_penalty": alpha}) for kind in KINDS for alpha in (0.0, 0.6, 1.0, 2.0)),
        *((kind, rules) for kind in KINDS for rules in RULES),
        *((kind, changes) for kind in ({}, RECURRENT["additive"]) for changes in COVERED),
    ],
)
def test_a_wide_beam_finds_what_trying_everything_finds(
    kind: dict[str, object], changes: dict[str, object]
) -> None:
    # With 3 words and at most 5 tokens: 1 + 3 + 9 + 27 + 81 closed by EOS, and 243 that are not.
    limits = {"max_length_ratio": 1.0, "max_length_extra": 1, **changes}
    model = random_model(3, **kind)
    texts = [[4, 5, 6], [7], [9, 8]]
    all_of_it = [everything(model, text, len(text) + 2, config(**limits)) for text in texts]
    found = beam(model, *pad_sources(texts), config(beam_size=364, n_best=364, **limits))
    for mine, expected in zip(found, all_of_it, strict=True):
        assert_same(mine, expected)
    # Giving up early loses nothing.
    for n_best in (1, 3):
        settings = config(beam_size=364, n_best=n_best, **limits)
        found = beam(model, *pad_sources(texts), settings)
        for mine, expected in zip(found, all_of_it, strict=True):
            assert_same(mine, expected[:n_best])


def test_trying_everything_tries_everything() -> None:
    assert len(everything(random_model(3), [4, 5, 6], 5, config())) == 364


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("beta", [0.0, 0.2, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_giving_up_early_returns_what_going_on_would(seed: int, alpha: float, beta: float) -> None:
    model = random_model(seed, words=8)
    batch = pad_sources([[4 + i % 8] * (1 + i % 4) for i in range(12)])
    penalties = {"length_penalty": alpha, "coverage_penalty": beta}
    to_the_end = beam(model, *batch, config(beam_size=4, n_best=4, **penalties))
    early = beam(model, *batch, config(beam_size=4, n_best=1, **penalties))
    for mine, expected in zip(early, to_the_end, strict=True):
        assert_same(mine, expected[:1])


@pytest.mark.parametrize(
    "kind", [*RECURRENT.values(), TRANSFORMER], ids=[*RECURRENT, "transformer"]
)
def test_a_batch_is_translated_as_its_sentences_one_by_one(kind: dict[str, object]) -> None:
    # In double precision: some hypotheses are equally good but for rounding.
    model = random_model(2, words=8, **kind).double()
    texts = [[4 + (3 * i + j) % 8 for j in range(1 + (5 * i) % 7)] for i in range(19)]
    settings = config(beam_size=3, n_best=3, length_penalty=1.0)
    together = beam(model, *pad_sources(texts), settings)
    for source, found in zip(texts, together, strict=True):
        assert_same(found, beam(model, *pad_sources([source]), settings)[0])
    spoken = greedy(model, *pad_sources(texts), settings)
    for source, one in zip(texts, spoken, strict=True):
        assert_same([one], greedy(model, *pad_sources([source]), settings))


def test_more_in_the_n_best_than_in_the_beam_is_refused() -> None:
    with pytest.raises(ValidationError, match="n_best must be at most beam_size, not 6 and 5"):
        DecodeConfig(n_best=6)


class AttentiveTable(TableModel):
    """A table whose attention lies on the source position that a word names, 0 for A, 1 for B."""

    def __init__(self, *tables: dict[int, dict[int, float]]) -> None:
        super().__init__(*tables)
        self.weights_RS = torch.empty(0)

    def step(self, state: Tensor, token_R: Tensor) -> tuple[Tensor, Tensor]:
        # The attention with which a token is said is that of the step that reads its predecessor.
        place_R = (token_R == A).long()
        self.weights_RS = torch.nn.functional.one_hot(place_R, 3).float()
        return super().step(state, token_R)

    def attention(self, state: Tensor) -> Tensor | None:
        return self.weights_RS


def test_what_the_translation_leaves_untouched_costs_it() -> None:
    # One source token of two is looked at unless A is said; the last position never is.
    plain = config(n_best=2, coverage_penalty=0.0)
    paying = config(n_best=2, coverage_penalty=1.0)
    (before,) = beam(AttentiveTable(GARDEN_PATH), *sources(3), plain)
    (after,) = beam(AttentiveTable(GARDEN_PATH), *sources(3), paying)
    assert [one.tokens for one in before] == [(B,), (A,)]
    assert [one.tokens for one in after] == [(A,), (B,)]
    # log of the least that counts, once for A and twice for B.
    assert after[0].score == pytest.approx(log(0.6 * 0.4) + log(1e-6))
    assert after[1].score == pytest.approx(log(0.4 * 0.9) + 2 * log(1e-6))
    assert after[1].log_prob == before[0].log_prob


def test_padding_need_not_be_covered() -> None:
    model = random_model(0, words=8).double()
    settings = config(coverage_penalty=1.0, n_best=2)
    alone = beam(model, *pad_sources([[4]]), settings)[0]
    assert_same(beam(model, *pad_sources([[4], [5] * 9]), settings)[0], alone)


@pytest.mark.parametrize("kind", [NONE, TRANSFORMER])
@pytest.mark.parametrize("search", [beam, greedy])
def test_a_coverage_penalty_without_attention_is_refused(
    kind: dict[str, object], search: object
) -> None:
    assert callable(search)
    with pytest.raises(ConfigError, match=r"decode\.coverage_penalty must be 0 with a model that"):
        search(random_model(0, **kind), *sources(3), config(coverage_penalty=0.1))


def test_no_translation_is_shorter_than_its_minimum() -> None:
    # Sources of 2 and 6 tokens with EOS: 1 and 3 tokens at least, EOS among them.
    settings = config(min_length_ratio=0.5)
    for found in (
        greedy(TableModel(QUICK, QUICK), *sources(2, 6), settings),
        [best for best, *_ in beam(TableModel(QUICK, QUICK), *sources(2, 6), settings)],
    ):
        assert [len(one.tokens) for one in found] == [0, 2]


@pytest.mark.parametrize("vocab", [3, 200, 64 * 20, 8000, 8011])
@pytest.mark.parametrize("k", [1, 3])
def test_the_best_tokens_are_those_of_the_whole_vocabulary(vocab: int, k: int) -> None:
    log_probs_RV = torch.randn(50, vocab, generator=torch.Generator().manual_seed(k))
    log_probs_RV[:40, : vocab // 2] = -torch.inf
    log_probs_RV[0] = -torch.inf
    # The last one lies outside all whole blocks.
    log_probs_RV[:, -1] += 2.0
    best_RK, token_RK = best_tokens(log_probs_RV, k)
    assert torch.equal(best_RK, log_probs_RV.topk(k).values)
    assert torch.equal(log_probs_RV.gather(1, token_RK), best_RK)


def test_no_ngram_is_said_twice() -> None:
    limits = {"max_length_ratio": 0.0, "max_length_extra": 6}
    for n, expected in ((1, (A,)), (2, (A, A)), (3, (A, A, A))):
        settings = config(no_repeat_ngram=n, **limits)
        (found,) = greedy(TableModel(ENDLESS), *sources(2), settings)
        assert found.tokens == expected
        (best,) = beam(TableModel(ENDLESS), *sources(2), settings)
        assert best[0].tokens == expected


def test_who_has_nothing_left_to_say_may_end_early() -> None:
    settings = config(no_repeat_ngram=1, min_length_ratio=2.0, beam_size=3)
    (found,) = beam(random_model(0), *sources(8), settings)
    (spoken,) = greedy(random_model(0), *sources(8), settings)
    # Three words there are to say, and sixteen tokens were called for.
    assert sorted(found[0].tokens) == sorted(spoken.tokens) == [UNK_ID, 4, 5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"min_length_ratio": 2.5},
            "min_length_ratio must be at most max_length_ratio, not 2.5 and 2.0",
        ),
        ({"method": "sample", "n_best": 2}, "n_best must be 1 with method 'sample'"),
        ({"coverage_penalty": -0.1}, "greater than or equal to 0"),
        ({"no_repeat_ngram": -1}, "greater than or equal to 0"),
        ({"length_penalty": 2000.0}, "less than or equal to 10"),
        ({"temperature": 0.0}, "greater than 0"),
        ({"top_p": 0.0}, "greater than 0"),
        ({"top_p": 1.1}, "less than or equal to 1"),
        ({"top_k": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_out_of_bounds_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DecodeConfig.model_validate(changes)
