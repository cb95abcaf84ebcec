"""Scores against the ``sacrebleu`` command, and against sentences short enough to count by hand."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.scores import (
    DANDA_THRESHOLD,
    METRICS,
    DandaScore,
    danda_note,
    danda_scores,
    paired_bootstrap,
    score_all,
    sentence_scores,
    spbleu_problem,
)
from pipeline.errors import ConfigError, CorpusError
from pipeline.tokenizer import TokenizerConfig, train_tokenizer

REFERENCES = [
    "किसान ने सुबह खेत में पानी दिया।",
    "मेरी बहन कल दिल्ली से वापस आएगी।",
    "क्या आपने आज का अख़बार पढ़ा है?",
    "बच्चे नदी के किनारे पतंग उड़ा रहे हैं।",
    "इस पुस्तकालय में १२,५०० से अधिक किताबें हैं।",
    "डॉक्टर ने उसे तीन दिन आराम करने को कहा।",
    "बारिश के कारण मैच रद्द कर दिया गया।",
    "कृपया दरवाज़ा धीरे से बंद कीजिए।",
]
HYPOTHESES = [
    "किसान ने सुबह खेत में पानी डाला।",
    "मेरी बहन कल दिल्ली से लौटेगी ।",
    "क्या आपने आज अख़बार पढ़ा है?",
    "बच्चे नदी के किनारे पतंग उड़ाते हैं।",
    "इस पुस्तकालय में 12,500 से अधिक किताबें हैं.",
    "डॉक्टर ने उसे तीन दिन आराम करने को कहा।",
    "मैच बारिश के कारण रद्द कर दिया गया।",
    "",
]


def sacrebleu_command(folder: Path, *options: str) -> list[dict[str, Any]]:
    """What the command prints for the two lists, as JSON."""
    (folder / "ref").write_text("\n".join(REFERENCES) + "\n", encoding="utf-8")
    (folder / "hyp").write_text("\n".join(HYPOTHESES) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", "ref", "-i", "hyp", "-f", "json", "-w", "6"]
    done = subprocess.run(
        [*command, "--confidence", "--confidence-n", "50", *options],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
    )
    printed: list[dict[str, Any]] = json.loads(done.stdout)
    return printed


def test_scores_intervals_and_signatures_are_those_that_the_sacrebleu_command_prints(
    tmp_path: Path,
) -> None:
    printed = sacrebleu_command(tmp_path, "-m", "bleu", "chrf", "ter", "--tokenize", "intl")
    printed += sacrebleu_command(tmp_path, "-m", "bleu", "chrf", "--chrf-word-order", "2")
    scores = score_all(HYPOTHESES, REFERENCES, bootstrap_samples=50)
    assert tuple(scores) == METRICS
    for name, line in zip(
        ["bleu_intl", "chrf2", "ter", "bleu_13a", "chrf++"], printed, strict=True
    ):
        score = scores[name]
        assert score.score == pytest.approx(line["score"], abs=1e-6)
        mean, half_width = line["confidence_mean"], line["confidence_var"]
        assert score.low == pytest.approx(mean - half_width, abs=1e-4)
        assert score.high == pytest.approx(min(100, mean + half_width), abs=1e-4)
        assert score.signature == line["signature"]


def test_a_perfect_output_scores_100_and_no_errors() -> None:
    scores = score_all(REFERENCES, REFERENCES, bootstrap_samples=20)
    for name in ("bleu_intl", "bleu_13a", "chrf2", "chrf++"):
        score = scores[name]
        assert [score.score, score.low, score.high] == pytest.approx([100, 100, 100])
    assert (scores["ter"].score, scores["ter"].low, scores["ter"].high) == (0, 0, 0)


def test_ter_is_the_share_of_words_to_edit() -> None:
    # One of 5 words to replace: 1/5.
    scores = score_all(["राम घर जा रही है।"], ["राम घर जा रहा है।"], bootstrap_samples=2)
    assert scores["ter"].score == pytest.approx(20)


@pytest.mark.parametrize("hypothesis", ["मैं घर जा रहा हूँ।", "", "हाँ", "बिल्कुल कुछ और लिखा है"])
def test_one_sentence_is_enough_and_has_an_interval_of_no_width(hypothesis: str) -> None:
    for score in score_all([hypothesis], ["मैं घर जा रहा हूँ।"], bootstrap_samples=10).values():
        assert score.low == pytest.approx(score.score, abs=1e-3)
        assert score.high == pytest.approx(score.score, abs=1e-3)


def test_resamples_with_nothing_right_are_zeros_among_the_others() -> None:
    # One sentence of four shares four words in a row with its reference: of the resamples of four
    # sentences (3/4)^4, some 32%, have none of it, and so a BLEU of 0.
    hypotheses = ["किसान ने सुबह खेत में पानी दिया।", "कुछ", "और", "नहीं"]
    scores = score_all(hypotheses, REFERENCES[:4], bootstrap_samples=200, metrics=["bleu_intl"])
    score = scores["bleu_intl"]
    assert score.low == 0
    assert score.high > score.score > 0
    assert score.signature.startswith("nrefs:1|bs:200|seed:12345|")


def test_intervals_stay_on_the_scale() -> None:
    hypotheses = [*REFERENCES[:-1], ""]
    for name, score in score_all(hypotheses, REFERENCES, bootstrap_samples=50).items():
        assert 0 <= score.low <= score.high, name
        assert name == "ter" or score.high <= 100


def test_a_space_before_the_danda_costs_bleu_13a_but_not_intl() -> None:
    spaced = [r.replace("।", " ।") for r in REFERENCES]
    scores = score_all(spaced, REFERENCES, bootstrap_samples=2)
    assert scores["bleu_intl"].score == pytest.approx(100)
    assert scores["bleu_13a"].score < 80
    found = danda_scores(spaced, REFERENCES)
    assert found["bleu_13a"].as_written == scores["bleu_13a"].score
    assert found["bleu_13a"].as_reference == pytest.approx(100)
    assert found["bleu_intl"].effect == 0


def test_a_full_stop_for_the_danda_costs_both_tokenizers() -> None:
    found = danda_scores([r.replace("।", ".") for r in REFERENCES], REFERENCES)
    assert found["bleu_13a"].effect > 10
    assert found["bleu_intl"].effect > 5
    assert found["chrf2"].effect > 1


def test_no_danda_effect_where_the_conventions_agree() -> None:
    worse = [r.replace("ने", "को") for r in REFERENCES]
    assert [score.effect for score in danda_scores(worse, REFERENCES).values()] == [0, 0, 0]


@pytest.mark.parametrize(
    ("hypothesis", "reference"),
    [
        ("मैं घर जा रहा हूँ...", "मैं घर जा रहा हूँ।"),
        ("मैं घर जा रहा हूँ", "मैं घर जा रहा हूँ।"),
        ("मैं घर जा रहा हूँ।", "मैं घर जा रहा हूँ!"),
    ],
)
def test_other_endings_are_no_danda_effect(hypothesis: str, reference: str) -> None:
    assert {score.effect for score in danda_scores([hypothesis], [reference]).values()} == {0}


def test_the_danda_note_tells_both_scores_of_what_is_over_the_threshold() -> None:
    even = DandaScore(40.0, 40.0 + DANDA_THRESHOLD)
    assert danda_note({"bleu_intl": even, "bleu_13a": even}) is None
    note = danda_note({"bleu_intl": even, "bleu_13a": DandaScore(33.19, 40.0)})
    assert note is not None
    assert note.startswith("BLEU (13a) is 33.2 as written and 40.0 if each sentence only ended")
    assert "intl" not in note


def test_a_sentence_has_the_chrf_that_it_has_as_a_test_set_of_its_own() -> None:
    found = sentence_scores(HYPOTHESES, REFERENCES)
    assert found[5] == pytest.approx(100)
    assert found[7] == 0
    for hypothesis, reference, score in zip(HYPOTHESES, REFERENCES, found, strict=True):
        alone = score_all([hypothesis], [reference], 2, ["chrf2"])
        assert score == pytest.approx(alone["chrf2"].score)


def test_identical_systems_differ_by_0_with_a_p_value_of_1() -> None:
    result = paired_bootstrap(HYPOTHESES, HYPOTHESES, REFERENCES, samples=50)
    assert (result.difference, result.p_value) == (0, 1)
    assert result.champion == score_all(HYPOTHESES, REFERENCES, 2)["bleu_intl"].score


def test_two_systems_with_nothing_right_are_no_evidence_either() -> None:
    result = paired_bootstrap(["कुछ"] * 8, ["और"] * 8, REFERENCES, samples=50)
    assert (result.champion, result.challenger, result.p_value) == (0, 0, 1)


def test_one_sentence_is_no_evidence() -> None:
    result = paired_bootstrap(HYPOTHESES[:1], REFERENCES[:1], REFERENCES[:1], samples=50)
    assert result.difference > 0
    assert result.p_value == 1


def test_a_clearly_better_challenger_has_a_small_p_value() -> None:
    result = paired_bootstrap(HYPOTHESES * 5, REFERENCES * 5, REFERENCES * 5, samples=200)
    assert result.challenger == pytest.approx(100)
    assert result.difference == pytest.approx(100 - result.champion)
    assert result.p_value < 0.01


def test_swapping_the_systems_turns_the_sign_and_keeps_the_p_value() -> None:
    other = [*HYPOTHESES[:3], *REFERENCES[3:5], *HYPOTHESES[5:]]
    there = paired_bootstrap(HYPOTHESES, other, REFERENCES, samples=100)
    back = paired_bootstrap(other, HYPOTHESES, REFERENCES, samples=100)
    assert there.difference > 0
    assert back.difference == -there.difference
    assert back.p_value == there.p_value


def test_the_paired_result_is_what_the_sacrebleu_command_prints(tmp_path: Path) -> None:
    other = [*HYPOTHESES[:3], *REFERENCES[3:5], *HYPOTHESES[5:]]
    for name, lines in {"ref": REFERENCES, "a": HYPOTHESES, "b": other}.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = "-m sacrebleu ref -i a b -m bleu --tokenize intl --paired-bs --paired-bs-n 100"
    done = subprocess.run(
        [sys.executable, *command.split(), "-f", "json", "-w", "6"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
    )
    _, challenger = json.loads(done.stdout)
    result = paired_bootstrap(HYPOTHESES, other, REFERENCES, samples=100)
    assert result.challenger == pytest.approx(challenger["BLEU"]["score"], abs=1e-6)
    assert result.p_value == pytest.approx(challenger["BLEU"]["p_value"], abs=1e-6)


def test_the_paired_test_is_quiet_even_where_everything_else_logs(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        paired_bootstrap(HYPOTHESES, REFERENCES, REFERENCES, samples=10)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_a_missing_translation_is_refused() -> None:
    for call in (
        lambda: score_all(["कल"], ["कल", "आज"], 10),
        lambda: danda_scores(["कल"], ["कल", "आज"]),
        lambda: paired_bootstrap(["कल", "आज"], ["कल"], ["कल", "आज"], 10),
    ):
        with pytest.raises(CorpusError, match="1 translations and 2 references"):
            call()


def test_a_test_set_without_sentences_is_refused() -> None:
    with pytest.raises(CorpusError, match="at least one sentence"):
        score_all([], [], 10)


def test_a_bootstrap_of_one_sample_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 2 samples, not 1"):
        score_all(["कल"], ["कल"], 1)


@pytest.fixture
def spm_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sacreBLEU looks for its model, which the network, a closed port, does not give."""
    from sacrebleu.tokenizers import tokenizer_spm

    monkeypatch.setattr(tokenizer_spm, "SACREBLEU_DIR", str(tmp_path))
    url = "http://127.0.0.1:9/flores200sacrebleuspm"
    monkeypatch.setitem(tokenizer_spm.SPM_MODELS["flores200"], "url", url)
    return tmp_path / "models"


def test_without_its_model_spbleu_says_in_a_sentence_how_to_get_it(spm_folder: Path) -> None:
    problem = spbleu_problem()
    assert problem is not None
    assert problem.startswith("spBLEU needs FLORES-200's SentencePiece model, but it can't be had")
    assert "\n" not in problem


def test_with_a_model_spbleu_is_a_score_like_any_other(spm_folder: Path) -> None:
    spm_folder.mkdir()
    config = TokenizerConfig(vocab_size=60, byte_fallback=False)
    train_tokenizer(REFERENCES, config, spm_folder / "flores200sacrebleuspm", "hi")
    assert spbleu_problem() is None
    (score,) = score_all(HYPOTHESES, REFERENCES, 50, ["spbleu"]).values()
    assert 0 < score.low < score.score < score.high < 100
    assert "tok:flores200" in score.signature
