"""COMET is optional: without its package or model an evaluation says so, and nothing fails.

The package is none of our dependencies, so what it answers is stood in for by a module of its
interface; what we do when it is missing is the real thing.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs import comet
from jobs.comet import comet_problem, comet_score
from jobs.config import EvaluationConfig
from jobs.evaluate import metric_problems
from pipeline.errors import CorpusError

MODEL = "Unbabel/wmt22-comet-da"
PACKAGE = """
class Found:
    def __init__(self, scores):
        self.scores = scores

class Model:
    def predict(self, data, batch_size, gpus, progress_bar):
        return Found([len(row["mt"]) / len(row["ref"]) for row in data if row["src"]])

def download_model(name):
    if name != "Unbabel/wmt22-comet-da":
        raise KeyError(f"Model '{name}' not supported by COMET.")
    return "/models/" + name

def load_from_checkpoint(path):
    assert path == "/models/Unbabel/wmt22-comet-da"
    return Model()
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module of COMET's interface."""
    (tmp_path / "comet.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = sys.modules.pop("comet", None)
    monkeypatch.setattr(comet.metadata, "version", lambda name: f"of {name}")
    yield
    del sys.modules["comet"]
    if before is not None:
        sys.modules["comet"] = before


@pytest.mark.skipif(importlib.util.find_spec("comet") is not None, reason="it is installed here")
def test_without_its_package_an_evaluation_says_in_a_sentence_how_to_get_it() -> None:
    (problem,) = metric_problems(EvaluationConfig(comet=MODEL))
    assert problem == (
        "COMET needs the package unbabel-comet, but it can't be imported here (No module named "
        "'comet'): `pip install unbabel-comet` on every machine, or set evaluation.comet=null"
    )


def test_who_asks_for_no_comet_is_told_of_none() -> None:
    assert metric_problems(EvaluationConfig()) == ()


@pytest.mark.usefixtures("package")
def test_without_its_model_the_model_is_named() -> None:
    assert comet_problem(MODEL) is None
    problem = comet_problem("Unbabel/nosuch")
    assert problem is not None
    assert problem.startswith("COMET needs the model Unbabel/nosuch, but it can't be had here (")
    assert "not supported by COMET" in problem
    assert problem.endswith("or set evaluation.comet=null")


@pytest.mark.usefixtures("package")
def test_the_mean_of_the_sentences_comes_in_points_with_its_interval() -> None:
    sources: Sequence[Any] = ["a", "b", "c", "d"]
    hypotheses, references = ["कल", "कल", "क", "कल"], ["कल", "कल", "कल", "कल"]
    score = comet_score(MODEL, sources, hypotheses, references, 200)
    # Three sentences have 100 points and one has 50.
    assert score.score == 87.5
    assert 50 <= score.low < score.score < score.high == 100
    assert score == comet_score(MODEL, sources, hypotheses, references, 200)
    assert score.signature == (
        "COMET|model:Unbabel/wmt22-comet-da|bs:200|seed:12345|version:of unbabel-comet"
    )


def test_no_sentences_have_no_score() -> None:
    with pytest.raises(CorpusError):
        comet_score(MODEL, [], [], [], 100)
