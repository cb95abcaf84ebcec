"""The Transformer: one call or step by step, with padding or without, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from math import cos, sin

import pytest
import torch
from torch import Tensor, nn

from model.architectures import TransformerConfig
from model.batches import Batch, collate, pad_sources
from model.beam import beam
from model.build import build_model
from model.config import DecodeConfig, ModelConfig
from model.seq2seq import Seq2Seq
from model.transformer import Transformer
from model.transformer_layers import sinusoids
from pipeline.tokenizer import BOS_ID, EOS_ID, PAD_ID

SOURCES = [[4, 5, 6], [7], [8, 9, 4, 5], [6, 6], [5, 9], [9, 8, 7]]
TARGETS = [[6, 5], [7, 4, 9, 8], [4], [9, 9], [8, 5, 6], [7, 6, 5]]


def small_model(**changes: object) -> Transformer:
    torch.manual_seed(0)
    settings = {
        "model_size": 16,
        "heads": 2,
        "feedforward_size": 24,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "dropout": 0.0,
        **changes,
    }
    return Transformer(TransformerConfig.model_validate(settings), 10, 10)


def pairs() -> Batch:
    return collate(SOURCES, TARGETS)


def log_probs(model: Transformer, batch: Batch) -> Tensor:
    """Of every next token at all positions of the teacher-forced target: (B, T, V)."""
    source = model.encode(batch.source_BS, batch.source_lengths_B)
    hidden_BTH = model.decoder(batch.target_in_BT, source)
    return model.logits(hidden_BTH).log_softmax(-1)


def test_step_by_step_is_the_same_as_all_at_once() -> None:
    model, batch = small_model(), pairs()
    all_at_once = log_probs(model, batch)
    state = model.start(batch.source_BS, batch.source_lengths_B)
    for position in range(batch.target_in_BT.shape[1]):
        log_probs_BV, state = model.step(state, batch.target_in_BT[:, position])
        real_B = batch.target_in_BT[:, position] != PAD_ID
        torch.testing.assert_close(log_probs_BV[real_B], all_at_once[real_B, position])
    assert [past_RPX.shape for past_RPX in state.past_RPX] == [(6, 5, 32)] * 2


def test_the_loss_is_the_sum_over_the_real_tokens() -> None:
    model, batch = small_model(), pairs()
    loss_sum, nll_sum, tokens = model(batch)
    target_BT1 = batch.target_out_BT[:, :, None]
    nll_BT1 = -log_probs(model, batch).gather(2, target_BT1)
    expected = nll_BT1[target_BT1 != PAD_ID].sum()
    assert tokens == 21
    torch.testing.assert_close(nll_sum, expected)
    torch.testing.assert_close(loss_sum, expected)
    assert not nll_sum.requires_grad


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_later_target_token_changes_nothing_before_it(position: int) -> None:
    model, batch = small_model(), pairs()
    changed_BT = batch.target_in_BT.clone()
    changed_BT[:, position:] = 5
    before, after = (
        log_probs(model, batch),
        log_probs(model, replace(batch, target_in_BT=changed_BT)),
    )
    assert torch.equal(after[:, :position], before[:, :position])
    assert not torch.isclose(after[1, position:], before[1, position:]).all(-1).any()


def test_every_source_token_is_seen_from_every_target_position() -> None:
    model, batch = small_model(), pairs()
    before = log_probs(model, batch)[2]
    for position in range(5):
        other_BS = batch.source_BS.clone()
        other_BS[2, position] = 6
        after = log_probs(model, replace(batch, source_BS=other_BS))[2]
        assert not torch.isclose(after, before).all(-1).any(), position


def test_padding_changes_no_loss() -> None:
    model, batch = small_model(), pairs()
    pad = (0, 3)
    wider = replace(
        batch,
        source_BS=nn.functional.pad(batch.source_BS, pad, value=PAD_ID),
        target_in_BT=nn.functional.pad(batch.target_in_BT, pad, value=PAD_ID),
        target_out_BT=nn.functional.pad(batch.target_out_BT, pad, value=PAD_ID),
    )
    torch.testing.assert_close(model(wider, 0.1)[0], model(batch, 0.1)[0])
    alone = [
        model(collate([source], [target]), 0.1).loss_sum
        for source, target in zip(SOURCES, TARGETS, strict=True)
    ]
    torch.testing.assert_close(model(batch, 0.1)[0], torch.stack(alone).sum())


def test_padding_changes_no_translation() -> None:
    model = small_model().eval()
    source_BS, lengths_B = pad_sources(SOURCES)
    settings = DecodeConfig(beam_size=3, n_best=3)
    with torch.inference_mode():
        tight = beam(model, source_BS, lengths_B, settings)
        wide = beam(model, nn.functional.pad(source_BS, (0, 4)), lengths_B, settings)
    for ours, theirs in zip(tight, wide, strict=True):
        assert [one.tokens for one in ours] == [one.tokens for one in theirs]
        assert [one.log_prob for one in ours] == pytest.approx([one.log_prob for one in theirs])


def test_rows_of_a_beam_step_as_each_of_them_would_alone() -> None:
    model, batch = small_model(), pairs()
    start = model.start(batch.source_BS[:3], batch.source_lengths_B[:3])
    grown = model.reorder(start, torch.tensor([0, 0, 1, 1, 2, 2]))
    assert grown.source is start.source
    _, grown = model.step(grown, torch.full((6,), BOS_ID))
    _, grown = model.step(grown, torch.tensor([4, 5, 4, 5, 4, 5]))
    # The rows of the first sentence swap places, the middle sentence leaves.
    swapped = model.reorder(grown, torch.tensor([1, 0, 5, 5]))
    assert len(swapped.source.mask_BS) == 2
    found_RV, _ = model.step(swapped, torch.tensor([7, 7, 7, 8]))
    said = [[BOS_ID, 5, 7], [BOS_ID, 4, 7], [BOS_ID, 5, 7], [BOS_ID, 5, 8]]
    of_sentence = torch.tensor([0, 0, 2, 2])
    alone = replace(
        batch,
        source_BS=batch.source_BS[of_sentence],
        source_lengths_B=batch.source_lengths_B[of_sentence],
        target_in_BT=torch.tensor(said),
    )
    torch.testing.assert_close(found_RV, log_probs(model, alone)[:, 2])


def test_an_uneven_reordering_is_right_too() -> None:
    model, batch = small_model(), pairs()
    start = model.start(batch.source_BS, batch.source_lengths_B)
    expected_BV, _ = model.step(start, torch.full((6,), BOS_ID))
    index_R = torch.tensor([2, 0, 0, 0, 5])
    found_RV, _ = model.step(model.reorder(start, index_R), torch.full((5,), BOS_ID))
    torch.testing.assert_close(found_RV, expected_BV[index_R])


def test_sinusoids_are_those_of_the_paper() -> None:
    # At width 4 the second pair turns 10000^(2/4) = 100 times as slowly as the first.
    found = sinusoids(torch.tensor([0, 3]), 4)
    expected = [[0, 1, 0, 1], [sin(3), cos(3), sin(0.03), cos(0.03)]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))


def test_the_order_of_the_source_matters() -> None:
    model = small_model()
    ours, theirs = (model(collate([source], [[7]])).nll_sum for source in ([4, 5], [5, 4]))
    assert not torch.isclose(ours, theirs)


def test_a_sentence_longer_than_any_before_is_no_error() -> None:
    model = small_model().eval()
    loss = model(collate([[4, 5] * 700], [[6, 7] * 700])).nll_sum
    assert loss.isfinite()


def test_first_weights_are_as_stated() -> None:
    model = small_model(model_size=64, heads=4)
    for embedding in (model.encoder.embedding.tokens, model.decoder.embedding.tokens):
        assert not embedding.weight[PAD_ID].any()
        # 576 draws of deviation 1/8, whose own deviation is 1/8 / √1152.
        assert embedding.weight[1:].std().item() == pytest.approx(1 / 8, abs=4 / 8 / 1152**0.5)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            assert torch.equal(module.weight, torch.ones(64))
        if isinstance(module, nn.Linear | nn.LayerNorm) and module.bias is not None:
            assert not module.bias.any()
    hidden = nn.functional.layer_norm(torch.randn(4000, 64), (64,))
    deviations = model.logits(hidden).std(0)[1:]
    torch.testing.assert_close(deviations, torch.ones(9), rtol=0, atol=0.4)


def test_the_target_embedding_is_the_output_layer_and_is_saved_once() -> None:
    model = small_model()
    assert [name for name in model.state_dict() if name.startswith("output")] == ["output.bias"]
    with torch.no_grad():
        model.decoder.embedding.tokens.weight[6] += 1.0
    logits = model.logits(torch.ones(1, 16)) - small_model().logits(torch.ones(1, 16))
    torch.testing.assert_close(logits[0], torch.tensor([0.0] * 6 + [16.0] + [0.0] * 3))


def test_every_weight_gets_a_gradient() -> None:
    model = small_model()
    model(pairs()).loss_sum.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name


def test_a_seed_gives_one_loss_and_another_seed_another() -> None:
    def loss(seed: int) -> float:
        model = small_model(dropout=0.3)
        torch.manual_seed(seed)
        return float(model(pairs(), 0.1).loss_sum.detach())

    assert loss(1) == loss(1)
    assert loss(1) != loss(2)


def test_bf16_autocast_is_near_float32() -> None:
    model, batch = small_model(), pairs()
    exact = model(batch, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(batch, 0.1)
        state = model.start(batch.source_BS, batch.source_lengths_B)
        log_probs_BV, state = model.step(state, batch.target_in_BT[:, 0])
        _, state = model.step(model.reorder(state, torch.tensor([5, 0])), torch.tensor([4, 4]))
    assert state.past_RPX[0].dtype == torch.bfloat16
    assert rounded.loss_sum.dtype == log_probs_BV.dtype == torch.float32
    torch.testing.assert_close(rounded.loss_sum, exact.loss_sum, rtol=0.01, atol=0)
    rounded.loss_sum.backward()
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.dtype == torch.float32, name
        assert weight.grad.isfinite().all(), name


def test_six_pairs_can_be_learnt_by_heart() -> None:
    model, batch = small_model(), pairs()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
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


def test_the_architecture_decides_what_is_built() -> None:
    transformer = build_model(TransformerConfig(model_size=8, heads=2), 10, 12)
    assert isinstance(transformer, Transformer)
    assert len(transformer.output.bias) == 12
    assert isinstance(build_model(ModelConfig(embedding_size=4, hidden_size=4), 10, 12), Seq2Seq)
