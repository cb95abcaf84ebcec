"""The whole model: losses, initial weights, precision, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import nn

from model.batches import Batch, collate
from model.config import ModelConfig
from model.seq2seq import OUTPUT_ROWS, Seq2Seq, real_rows
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID
from recurrent_models import DEEP, RECURRENT

SOURCES = [[4, 5, 6], [7], [8, 9, 4, 5], [6, 6], [5, 9], [9, 8, 7]]
TARGETS = [[6, 5], [7, 4, 9, 8], [4], [9, 9], [8, 5, 6], [7, 6, 5]]


def small_model(**changes: object) -> Seq2Seq:
    torch.manual_seed(0)
    settings = {"embedding_size": 12, "hidden_size": 16, "dropout": 0.0, **changes}
    return Seq2Seq(ModelConfig.model_validate(settings), 10, 10)


def pairs() -> Batch:
    return collate(SOURCES, TARGETS)


@pytest.mark.parametrize("kind", RECURRENT.values(), ids=RECURRENT)
def test_the_loss_is_the_sum_of_what_search_sees_step_by_step(kind: dict[str, object]) -> None:
    model, batch = small_model(**kind), pairs()
    loss_sum, nll_sum, tokens = model(batch)
    expected = torch.zeros(())
    state = model.start(batch.source_BS, batch.source_lengths_B)
    for position in range(batch.target_in_BT.shape[1]):
        log_probs_BV, state = model.step(state, batch.target_in_BT[:, position])
        target_B = batch.target_out_BT[:, position]
        nll_B = -log_probs_BV.gather(1, target_B[:, None])[:, 0]
        expected = expected + nll_B[target_B != PAD_ID].sum()
    assert tokens == 21
    torch.testing.assert_close(nll_sum, expected)
    torch.testing.assert_close(loss_sum, expected)
    assert not nll_sum.requires_grad


@pytest.mark.parametrize("kind", RECURRENT.values(), ids=RECURRENT)
def test_padding_changes_no_loss(kind: dict[str, object]) -> None:
    model, batch = small_model(**kind), pairs()
    pad = (0, 3)
    wider = replace(
        batch,
        source_BS=nn.functional.pad(batch.source_BS, pad, value=PAD_ID),
        target_in_BT=nn.functional.pad(batch.target_in_BT, pad, value=PAD_ID),
        target_out_BT=nn.functional.pad(batch.target_out_BT, pad, value=PAD_ID),
    )
    torch.testing.assert_close(model(wider, 0.1)[0], model(batch, 0.1)[0])


@pytest.mark.parametrize("kind", RECURRENT.values(), ids=RECURRENT)
def test_the_loss_of_a_batch_is_the_sum_of_its_sentences(kind: dict[str, object]) -> None:
    model = small_model(**kind)
    alone = [
        model(collate([source], [target]), 0.1)
        for source, target in zip(SOURCES, TARGETS, strict=True)
    ]
    together = model(pairs(), 0.1)
    torch.testing.assert_close(together.loss_sum, torch.stack([one[0] for one in alone]).sum())
    assert together.tokens == sum(one.tokens for one in alone)


def test_the_output_layer_sees_real_tokens_and_a_round_number_of_rows() -> None:
    hidden_BTH = torch.arange(8.0).view(2, 4, 1)
    targets_BT = torch.tensor([[5, EOS_ID, PAD_ID, PAD_ID], [6, 7, EOS_ID, PAD_ID]])
    hidden_NH, targets_N = real_rows(hidden_BTH, targets_BT)
    assert hidden_NH.shape == (OUTPUT_ROWS, 1)
    assert hidden_NH[:7, 0].tolist() == [0, 1, 4, 5, 6, 0, 0]
    assert targets_N[:7].tolist() == [5, EOS_ID, 6, 7, EOS_ID, PAD_ID, PAD_ID]
    assert not targets_N[7:].any()


@pytest.mark.parametrize("rows", [OUTPUT_ROWS, OUTPUT_ROWS + 1])
def test_rows_are_rounded_up_only_when_they_must_be(rows: int) -> None:
    hidden_NH, targets_N = real_rows(torch.randn(1, rows, 2), torch.full((1, rows), 5))
    assert len(hidden_NH) == len(targets_N) == (OUTPUT_ROWS if rows == OUTPUT_ROWS else 512)
    assert (targets_N == 5).sum() == rows


def test_a_seed_gives_one_loss_and_another_seed_another() -> None:
    def loss(seed: int) -> float:
        model = small_model(dropout=0.3, **DEEP)
        torch.manual_seed(seed)
        return float(model(pairs(), 0.1).loss_sum.detach())

    assert loss(1) == loss(1)
    assert loss(1) != loss(2)


def test_every_lstm_starts_with_a_forget_bias_of_one() -> None:
    for module in small_model(**DEEP).modules():
        if isinstance(module, nn.LSTM):
            for layer in range(module.num_layers):
                ours = getattr(module, f"bias_ih_l{layer}") + getattr(module, f"bias_hh_l{layer}")
                width = module.hidden_size
                expected = torch.tensor([0.0, 1.0, 0.0, 0.0]).repeat_interleave(width)
                assert torch.equal(ours, expected)


def test_every_gru_starts_with_an_update_bias_of_one() -> None:
    units = [m for m in small_model(architecture="gru").modules() if isinstance(m, nn.GRU)]
    assert len(units) == 3
    for unit in units:
        expected = torch.tensor([0.0, 1.0, 0.0]).repeat_interleave(unit.hidden_size)
        assert torch.equal(unit.bias_ih_l0, expected)
        assert not unit.bias_hh_l0.any()


@pytest.mark.parametrize(("architecture", "gates"), [("lstm", 4), ("gru", 3)])
def test_recurrent_weights_start_orthogonal(architecture: str, gates: int) -> None:
    weight = small_model(architecture=architecture).decoder.lstm.weight_hh_l0
    assert isinstance(weight, torch.Tensor)
    for gate in weight.chunk(gates):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), atol=1e-5, rtol=0)


def test_the_embedding_of_padding_is_zero_and_stays_so() -> None:
    model = small_model()
    model(pairs()).loss_sum.backward()
    for embedding in (model.encoder.embedding, model.decoder.embedding):
        assert not embedding.weight[PAD_ID].any()
        assert embedding.weight.grad is not None
        assert not embedding.weight.grad[PAD_ID].any()


@pytest.mark.parametrize("kind", RECURRENT.values(), ids=RECURRENT)
def test_every_weight_gets_a_gradient(kind: dict[str, object]) -> None:
    model = small_model(**kind)
    model(pairs()).loss_sum.backward()
    unused = [name for name, weight in model.named_parameters() if weight.grad is None]
    assert unused == []


@pytest.mark.parametrize("kind", RECURRENT.values(), ids=RECURRENT)
def test_saved_and_loaded_it_is_the_same_model(kind: dict[str, object]) -> None:
    model, batch = small_model(**kind), pairs()
    saved = safetensors.torch.save(dict(model.state_dict()))
    config = ModelConfig.model_validate_json(model.config.model_dump_json())
    again = Seq2Seq(config, 10, 10)
    assert again(batch).nll_sum != model(batch).nll_sum
    again.load_state_dict(safetensors.torch.load(saved))
    assert torch.equal(again(batch).nll_sum, model(batch).nll_sum)


def test_a_tied_output_layer_is_the_target_embedding() -> None:
    model = small_model(tie_output=True, joint_embedding=True)
    assert model.output.weight is model.decoder.embedding.weight
    assert model.encoder.embedding.weight is model.decoder.embedding.weight
    names = [name for name in model.state_dict() if "embedding" in name or "output" in name]
    assert names == ["encoder.embedding.weight", "output.bias"]
    assert small_model(tie_output=True).encoder.embedding.weight.std() > 0.8


def test_a_tied_table_is_small_for_the_output_and_large_for_the_reader() -> None:
    model = small_model(tie_output=True, embedding_size=400).eval()
    assert float(model.output.weight.detach().std()) == pytest.approx(400**-0.5, rel=0.1)
    read = model.decoder.embedding(torch.arange(1, 10))
    assert float(read.detach().std()) == pytest.approx(1.0, rel=0.1)
    torch.testing.assert_close(read, 20 * model.output.weight[1:])


def test_a_weight_that_is_missing_is_still_named() -> None:
    model = small_model(tie_output=True)
    weights = model.state_dict()
    del weights["decoder.embedding.weight"]
    with pytest.raises(RuntimeError, match=r"Missing key.*decoder\.embedding\.weight"):
        model.load_state_dict(weights)


def test_a_joint_embedding_of_two_vocabularies_is_refused() -> None:
    with pytest.raises(ValueError, match="one vocabulary for both languages, not 10 and 11"):
        Seq2Seq(ModelConfig(joint_embedding=True), 10, 11)


@pytest.mark.parametrize("place", ["dropout_embedding", "dropout_layers", "dropout_output"])
def test_each_place_has_a_dropout_of_its_own(place: str) -> None:
    def loss(seed: int, **changes: object) -> float:
        model = small_model(**DEEP, **changes)
        torch.manual_seed(seed)
        return float(model(pairs()).nll_sum)

    assert loss(1, **{place: 0.5}) != loss(2, **{place: 0.5})
    others = {"dropout_embedding", "dropout_layers", "dropout_output"} - {place}
    nowhere = {"dropout": 0.5, **dict.fromkeys(others, 0.0)}
    assert loss(1, **nowhere) == loss(1, **{place: 0.5})
    assert loss(1, **nowhere, **{place: 0.0}) == loss(2)


@pytest.mark.parametrize("kind", RECURRENT.values(), ids=RECURRENT)
def test_bf16_autocast_is_near_float32(kind: dict[str, object]) -> None:
    model, batch = small_model(**kind), pairs()
    exact = model(batch, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(batch, 0.1)
        state = model.start(batch.source_BS, batch.source_lengths_B)
        log_probs_BV, state = model.step(state, batch.target_in_BT[:, 0])
        model.step(model.reorder(state, torch.tensor([5, 0])), torch.tensor([4, 4]))
    assert rounded.loss_sum.dtype == log_probs_BV.dtype == torch.float32
    torch.testing.assert_close(rounded.loss_sum, exact.loss_sum, rtol=0.01, atol=0)
    rounded.loss_sum.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.dtype == torch.float32, name
        assert weight.grad.isfinite().all(), name


@pytest.mark.integration
@pytest.mark.parametrize("kind", RECURRENT.values(), ids=RECURRENT)
def test_six_pairs_can_be_learnt_by_heart(kind: dict[str, object]) -> None:
    model, batch = small_model(**kind), pairs()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(120):
        optimizer.zero_grad()
        (model(batch).loss_sum / batch.target_tokens).backward()
        optimizer.step()
    assert float(model(batch).nll_sum) / batch.target_tokens < 0.05
    state = model.start(batch.source_BS[:1], batch.source_lengths_B[:1])
    said, token_B = [], torch.tensor([BOS_ID])
    for _ in range(3):
        log_probs_BV, state = model.step(state, token_B)
        token_B = log_probs_BV.argmax(1)
        said.append(int(token_B))
    assert said == [*TARGETS[0], EOS_ID]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"attention": "none"}, "needs an encoder of one direction"),
        (
            {"attention": "none", "bidirectional": False, "encoder_layers": 2},
            "not 2 layers of 512 and 1 of 512",
        ),
        (
            {"attention": "none", "bidirectional": False, "encoder_hidden_size": 256},
            "not 1 layers of 256 and 1 of 512",
        ),
        ({"hidden_size": 511}, "hidden_size must be even"),
        ({"dropout": 1.0}, "less than 1"),
        ({"hiden_size": 8}, "Extra inputs"),
    ],
)
def test_impossible_models_are_refused(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        ModelConfig.model_validate(settings)


def test_a_given_encoder_width_is_taken_in_each_direction() -> None:
    config = ModelConfig(hidden_size=511, encoder_hidden_size=100)
    assert (config.encoder_size, config.memory_size) == (100, 200)
    assert ModelConfig().memory_size == ModelConfig(bidirectional=False).memory_size == 512
