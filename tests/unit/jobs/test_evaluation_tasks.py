"""The score task: what it writes is what the ``sacrebleu`` command reads, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.evaluation_tasks import (
    _TRANSLATED_SCHEMA,
    OUTPUTS_SCHEMA,
    _one_line,
    hash_of_test,
    score,
)
from jobs.speed import Speed
from jobs.training_words import WORDS
from pipeline.artifacts import Artifact, ArtifactSpec, entry_of
from pipeline.storage import Storage
from pipeline.words import vocabulary_of

ROWS = [
    ("The farmer watered the field.", "किसान ने खेत में पानी दिया।", "किसान ने खेत में पानी डाला ।", "web"),
    ("My sister comes back tomorrow.", "मेरी बहन कल वापस आएगी।", "मेरी बहन कल लौटेगी ।", "web"),
    ("There are 12 kites.", "वहाँ १२ पतंगें हैं।", "वहाँ 12 पतंग हैं ।", "bible"),
    ("Be seated.", "बैठ जाइए।", "", "bible"),
]  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The folder of an evaluation of the rows above, whose pieces were translated in two tasks."""
    storage = Storage(str(tmp_path / "storage"))
    spec = ArtifactSpec("evaluate", {"test": "test"}, "", {})
    corpus = Artifact(storage, ArtifactSpec("corpus", {}, "", {}), (), {})
    words_spec = ArtifactSpec("words", {}, "", {})
    with storage.writing(f"{words_spec.path}/{WORDS}") as out, out.open("wb") as file:
        np.save(file, vocabulary_of(["The farmer watered the field. My sister comes back"]))
    entry = entry_of(storage, words_spec, WORDS)
    words = Artifact(storage, words_spec, (entry,), {})
    names = []
    for index, rows in enumerate((ROWS[:3], ROWS[3:])):
        sources, references, hypotheses, origins = zip(*rows, strict=True)
        n = len(rows)
        cut, truncated = [False] * n, [index == 1] * n
        columns = [sources, references, hypotheses, [-0.5] * n, cut, truncated]
        columns += [origins, [None] * n]
        names.append(f"translated/{index:05}.parquet")
        with storage.writing(f"{spec.path}/{names[-1]}") as out:
            arrays = [pa.array(list(column)) for column in columns]
            table = pa.table(arrays, names=_TRANSLATED_SCHEMA.names)
            speed = {b"anuvad.speed": json.dumps(asdict(Speed(n, 0.5, "here")))}
            pq.write_table(table.cast(_TRANSLATED_SCHEMA).replace_schema_metadata(speed), out)
    part = score(corpus, spec, names, 100, words)
    assert [file.name for file in part.files] == [
        "outputs.parquet",
        "references.txt",
        "hypotheses.txt",
        "scores.json",
        "speed.json",
    ]
    return tmp_path / "storage" / spec.path


def sacrebleu(folder: Path, *options: str) -> list[dict[str, Any]]:
    files = ["references.txt", "-i", "hypotheses.txt"]
    done = subprocess.run(
        [sys.executable, "-m", "sacrebleu", *files, *options, "-f", "json", "-w", "12"],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_the_command_prints_the_same_scores_to_the_last_digit(written: Path) -> None:
    scores = json.loads((written / "scores.json").read_bytes())["scores"]
    printed = sacrebleu(written, "-m", "bleu", "chrf", "ter", "--tokenize", "intl")
    printed += sacrebleu(written, "-m", "bleu", "chrf", "--chrf-word-order", "2")
    names = ["bleu_intl", "chrf2", "ter", "bleu_13a", "chrf++"]
    for name, line in zip(names, printed, strict=True):
        assert f"{scores[name]['score']:.12f}" == f"{line['score']:.12f}", name
        # Without --confidence, over which the command stumbles here; see test_scores.
        assert scores[name]["signature"].replace("bs:100|seed:12345|", "") == line["signature"]


def test_the_outputs_have_every_sentence_with_its_figures(written: Path) -> None:
    table = pq.read_table(written / "outputs.parquet")
    assert table.schema.equals(OUTPUTS_SCHEMA)
    rows = table.to_pylist()
    assert [(r["source"], r["reference"], r["hypothesis"], r["origin"]) for r in rows] == ROWS
    assert [r["source_words"] for r in rows] == [5, 5, 4, 2]
    assert [r["hypothesis_words"] for r in rows] == [7, 5, 5, 0]
    # "tomorrow"; "there are kites"; "be seated".
    assert [r["unseen_share"] for r in rows] == [0, 1 / 5, 1, 1]
    assert rows[3]["chrf2"] == 0
    assert rows[0]["chrf2"] > 50
    assert {r["attention_entropy"] for r in rows} == {None}
    assert [r["truncated"] for r in rows] == [False, False, False, True]


def test_signs_of_a_broken_model_and_the_speed_of_all_pieces_are_kept(written: Path) -> None:
    health = json.loads((written / "scores.json").read_bytes())["health"]
    # "12" and "१२" are one number, and it is there.
    assert (health["numbers"], health["digits_lost_share"]) == (1, 0)
    assert (health["empty_share"], health["truncated_share"]) == (1 / 4, 1 / 4)
    assert json.loads((written / "speed.json").read_bytes()) == asdict(Speed(4, 1.0, "here"))


def test_the_scores_name_the_test_set_and_cut_it_up(written: Path) -> None:
    scores = json.loads((written / "scores.json").read_bytes())
    sources, references, _, _ = zip(*ROWS, strict=True)
    assert scores["test_hash"] == hash_of_test(sources, references)
    assert scores["sentences"] == 4
    keys = [b["key"] for b in scores["breakdowns"]]
    assert keys == ["length", "digits", "unseen", "latin", "repetition", "output", "origin"]
    assert scores["danda"]["bleu_13a"]["as_reference"] > scores["danda"]["bleu_13a"]["as_written"]


def test_the_hash_of_a_test_set_is_that_of_its_lines() -> None:
    # printf 'a\tअ\nb\tब\n' | sha256sum
    expected = "31b57345a055c8f6f3840222032809c0cf1bed7c5f37dab084e5c24fd6e1802e"
    assert hash_of_test(["a", "b"], ["अ", "ब"]) == expected
    assert hash_of_test(["a"], ["अ"]) != expected


def test_what_would_end_a_line_becomes_a_space_and_nothing_else_does() -> None:
    assert _one_line("एक\r\nदो\rतीन\nचार\u2028पाँच\u0085") == "एक दो तीन चार\u2028पाँच\u0085"
