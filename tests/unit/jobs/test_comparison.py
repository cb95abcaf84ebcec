"""Two systems side by side: the p-values of the ``sacrebleu`` command, wins counted by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.comparison import compare_outputs
from pipeline.errors import ConfigError, CorpusError

REFERENCES = [
    "किसान ने सुबह खेत में पानी दिया।",
    "मेरी बहन कल दिल्ली से वापस आएगी।",
    "क्या आपने आज का अख़बार पढ़ा है?",
    "बच्चे नदी के किनारे पतंग उड़ा रहे हैं।",
    "डॉक्टर ने उसे तीन दिन आराम करने को कहा।",
]
A = [REFERENCES[0], "मेरी बहन कल लौटेगी।", "क्या आपने पढ़ा?", REFERENCES[3], "डॉक्टर ने कहा।"]
B = [REFERENCES[0], REFERENCES[1], "क्या आपने आज पढ़ा है?", "बच्चे पतंग उड़ाते हैं।", "डॉक्टर ने कहा।"]
SOURCES = [f"Sentence {number}." for number in range(1, 6)]


# The command can't print the bootstrap of chrF as JSON.
@pytest.mark.parametrize(("kind", "metrics"), [("bs", "bleu"), ("ar", "bleu chrf")])
def test_scores_p_values_and_signatures_are_those_of_the_sacrebleu_command(
    kind: str, metrics: str, tmp_path: Path
) -> None:
    for name, lines in {"ref": REFERENCES, "a": A, "b": B}.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = f"ref -i a b -m {metrics} --tokenize intl --paired-{kind} --paired-{kind}-n 100"
    done = subprocess.run(
        [sys.executable, "-m", "sacrebleu", *command.split(), "-f", "json", "-w", "8"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    first, second = json.loads(done.stdout)
    found = compare_outputs(SOURCES, REFERENCES, A, B, samples=100)
    for test, name in zip(found.tests, ("BLEU", "chrF2")[: len(metrics.split())], strict=False):
        assert test.a == pytest.approx(first[name]["score"], abs=1e-8)
        assert test.b == pytest.approx(second[name]["score"], abs=1e-8)
        p = test.bootstrap_p if kind == "bs" else test.randomisation_p
        assert p == pytest.approx(second[name]["p_value"], abs=1e-8)
        signature = test.bootstrap_signature if kind == "bs" else test.randomisation_signature
        assert f"{kind}:100" in signature


def test_wins_losses_and_ties_are_counted_and_the_largest_stand_side_by_side() -> None:
    found = compare_outputs(SOURCES, REFERENCES, A, B, samples=10)
    assert (found.sentences, found.wins, found.losses, found.ties) == (5, 2, 1, 2)
    assert [one.number for one in found.largest] == [2, 3, 4]
    best = found.largest[0]
    assert (best.source, best.reference, best.a, best.b) == (
        "Sentence 2.",
        REFERENCES[1],
        A[1],
        B[1],
    )
    assert best.b_chrf2 == pytest.approx(100)
    assert best.gain == best.b_chrf2 - best.a_chrf2


@pytest.mark.parametrize(("shown", "numbers"), [(2, [2, 4]), (1, [2]), (0, [])])
def test_both_directions_are_shown_where_there_is_room(shown: int, numbers: list[int]) -> None:
    found = compare_outputs(SOURCES, REFERENCES, A, B, samples=10, shown=shown)
    assert [one.number for one in found.largest] == numbers


def test_a_system_against_itself_differs_in_nothing() -> None:
    found = compare_outputs(SOURCES, REFERENCES, A, A, samples=10)
    assert (found.wins, found.losses, found.ties, found.largest) == (0, 0, 5, ())
    for test in found.tests:
        assert (test.difference, test.bootstrap_p, test.randomisation_p) == (0, 1, 1)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(CorpusError, match="4 translations and 5 references"):
        compare_outputs(SOURCES, REFERENCES, A, B[:4], samples=10)
    with pytest.raises(ConfigError, match="at least 2 samples"):
        compare_outputs(SOURCES, REFERENCES, A, B, samples=1)
