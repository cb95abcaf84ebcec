"""Secrets are found in what would leave this machine, and named without being told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.no_secrets import require_no_secrets, without_secrets
from pipeline.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"tracking": {"uri": "http://anu:vad12345@mlflow:5000"}}, "tracking.uri has a password"),
        ({"corpus": {"sources": [{}, {"source": "s3://AKIA:vad12345@b/c"}]}}, "corpus.sources.1.s"),
        ({"gate": {"webhook": "https://hook/x?room=7&token=vad12345"}}, "has a token in its add"),
        (
            {"gate": {"command": "post 'https://hook/?api_key=vad12345'"}},
            "has a api_key in its add",
        ),
        ({"storage": "s3://b/c?secret_access_key=vad12345"}, "has a secret_access_key in its"),
        ({"gate": {"webhook": "https://hook/#token=vad12345"}}, "has a token in its address"),
        ({"gate": {"webhook": "https://hook/?room=7;auth=vad12345"}}, "has a auth in its address"),
    ],
)
def test_a_secret_in_an_address_is_refused_by_its_key_and_not_told(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        require_no_secrets(settings, "the configuration")
    assert sentence in str(raised.value)
    assert "vad12345" not in str(raised.value)


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "HF_TOKEN",
        "MLFLOW_TRACKING_PASSWORD",
        "RAY_AUTH_TOKEN",
        "ANUVAD_WEBHOOK_SECRET",
        "PGPASSWORD",
        "DB_PASS",
        "HF_TOKEN_2",
        "OPENAI_APIKEY",
        "SECRET_KEY_BASE",
    ],
)
def test_what_the_environment_keeps_secret_is_found_anywhere_in_the_settings(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "नमस्ते-7f3a9c")
    with pytest.raises(ConfigError, match=f"tracking.experiment holds what {name} is here"):
        require_no_secrets({"tracking": {"experiment": "runs of नमस्ते-7f3a9c"}}, "the settings")


def test_a_secret_of_digits_and_one_with_a_line_end_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "20260101")
    monkeypatch.setenv("HF_TOKEN", "नमस्ते-7f3a9c\n")
    with pytest.raises(ConfigError, match=r"train\.seed holds what DB_PASSWORD is here"):
        require_no_secrets({"train": {"seed": 20260101}}, "the settings")
    with pytest.raises(ConfigError, match=r"its options\.1 holds what HF_TOKEN is here"):
        require_no_secrets({"its options": ["--why", "नमस्ते-7f3a9c"]}, "the command")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENIZERS_PARALLELISM", "sentencepiece"),
        ("KEYBOARD_LAYOUT", "sentencepiece"),
        ("GNOME_KEYRING_CONTROL", "sentencepiece"),
        ("STORE_KEY_PREFIX", "sentencepiece"),
        ("REGISTRY_SECRET_NAME", "sentencepiece"),
        ("TOKEN_URL", "sentencepiece"),
        ("OLDPWD", "sentencepiece"),
        ("A_TOKEN", "true"),
        ("A_SECRET", "1"),
        ("A_PASSWORD", ""),
    ],
)
def test_what_is_no_secret_of_the_environment_may_be_in_the_settings(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    settings = {"tokenizer": {"kind": "sentencepiece", "joint": "true", "folders": [1, "1"]}}
    require_no_secrets(settings, "the configuration")


def test_the_place_of_credentials_is_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "account.json"
    place.write_text("{}")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(place))
    require_no_secrets({"gate": {"command": f"tell --account {place}"}}, "the configuration")


def test_addresses_and_texts_without_secrets_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/etc/anuvad/ray-token")
    monkeypatch.setenv("A_KEY", "en")
    settings = {
        "storage": "s3://bucket/anuvad?endpoint_override=store:9000&scheme=http",
        "tracking": {"uri": "http://mlflow:5000"},
        "corpus": {"pairs": [["write to me@home: today", "मुझे लिखो: आज"]], "english": "en"},
        "tokenizer": {"path": "/etc/anuvad/ray-token", "monkey": 3},
        "gate": {"webhook": "https://hook/?monkey=1&keyboard=2"},
    }
    require_no_secrets(settings, "the configuration")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("opening http://anu:vad@mlflow:5000/x", "opening http://anu:***@mlflow:5000/x"),
        (
            "postgresql://mlflow:a/b#c@db/mlflow is down",
            "postgresql://mlflow:***@db/mlflow is down",
        ),
        ("postgresql://db/m?user=anu&password=vad", "postgresql://db/m?user=anu&password=***"),
        (
            "http://mlflow:5000 and sqlite:////data/m.db",
            "http://mlflow:5000 and sqlite:////data/m.db",
        ),
    ],
)
def test_what_is_shown_of_an_address_is_all_but_its_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
