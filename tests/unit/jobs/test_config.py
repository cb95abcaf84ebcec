"""What a user may write in a configuration file, and what is said where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from command_line import REPOSITORY, SEED
from jobs.config import Config, dump_yaml, load_config, resolved
from pipeline.errors import ConfigError

CONFIGS = sorted((REPOSITORY / "configs").glob("*.yaml"))

SMALL = """\
corpus:
  source: inline
  pairs:
    - [hello, नमस्ते]
registry:
  name: small
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def refusal(path: Path | str, *overrides: str) -> str:
    """The one sentence with which a configuration is refused."""
    with pytest.raises(ConfigError) as caught:
        load_config(str(path), overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_file_in_configs_loads(path: Path) -> None:
    assert load_config(str(path)).registry.name


def test_a_small_file_is_completed_with_defaults(small: Path) -> None:
    config = load_config(str(small))
    assert config.storage == "./anuvad-data"
    assert config.corpus.pairs == (("hello", "नमस्ते"),)
    assert config.train.seed == 1
    assert config.evaluation.tests == ("test",)


def test_an_override_reaches_into_a_list_by_place(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    sources = "sources: [{name: a, source: phrasebook}, {name: b, source: phrasebook}]"
    path.write_text(f"corpus: {{{sources}}}\nregistry: {{name: two}}\n")
    config = load_config(str(path), ["corpus.sources.1.max_pairs=50"])
    assert config.corpus.caps == {"b": 50}
    for key in ("corpus.sources.7.max_pairs", "corpus.sources.x"):
        assert refusal(path, f"{key}=1").startswith(f"the overrides {key}=1 must fit {path}, but: ")


def test_dotted_overrides_win_over_the_file_and_over_each_other_in_order(small: Path) -> None:
    config = load_config(
        str(small),
        ["train.seed=2", "train.seed=3", "registry.name=other", "evaluation.tests=[test,hard]"],
    )
    assert config.train.seed == 3
    assert config.registry.name == "other"
    assert config.evaluation.tests == ("test", "hard")


def test_a_test_set_can_be_added_by_overrides_and_its_keys_are_known(small: Path) -> None:
    config = load_config(str(small), ["corpus.tests.flores.source=flores/*.tsv # 1"])
    assert config.corpus.tests["flores"].source == "flores/*.tsv # 1"
    sentence = refusal(
        small, "corpus.tests.flores.source=flores.tsv", "corpus.tests.flores.tke=test"
    )
    assert "there is no key corpus.tests.flores.tke; did you mean corpus.tests.flores.take?" in (
        sentence
    )


def test_an_override_may_hold_an_equals_sign(small: Path) -> None:
    assert load_config(str(small), ["storage=s3://b?region=x"]).storage == "s3://b?region=x"


@pytest.mark.parametrize("place", ["*.tsv", "/a b/वर्ग #1: x", "[1]/train.en", "2024", "{x}", "~/x"])
def test_an_override_of_text_is_the_text_as_it_stands(small: Path, place: str) -> None:
    config = load_config(str(small), [f"storage={place}", f"tracking.uri={place}"])
    assert (config.storage, config.tracking.uri) == (place, place)


def test_an_override_of_text_in_a_list_is_the_text_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "several.yaml"
    path.write_text(
        "corpus:\n  sources:\n    - {name: a, source: one}\nregistry:\n  name: x\n", "utf-8"
    )
    config = load_config(str(path), ["corpus.sources.0.source=web #2/*.tsv"])
    assert config.corpus.sources[0].source == "web #2/*.tsv"


@pytest.mark.parametrize("nothing", ["null", "~", ""])
def test_an_override_of_text_that_may_be_missing_takes_it_away(small: Path, nothing: str) -> None:
    uri = load_config(str(small), ["tracking.uri=x", f"tracking.uri={nothing}"]).tracking.uri
    assert uri is None


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_a_saved_configuration_loads_as_the_same(path: Path, tmp_path: Path) -> None:
    config = load_config(str(path), ["train.seed=7", "storage=/somewhere"])
    saved = tmp_path / "saved.yaml"
    saved.write_text(dump_yaml(config), encoding="utf-8")
    assert load_config(str(saved)) == config


def test_a_saved_configuration_writes_every_default_out_and_hindi_as_it_is(small: Path) -> None:
    saved = dump_yaml(load_config(str(small)))
    assert "max_updates: 100000" in saved
    assert "नमस्ते" in saved


def test_a_loaded_configuration_can_not_be_changed(small: Path) -> None:
    config = load_config(str(small))
    with pytest.raises(ValidationError, match="frozen"):
        config.train.seed = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("train.sead=1", "there is no key train.sead; did you mean train.seed?"),
        ("tran.seed=1", "there is no key tran; did you mean train?"),
        ("tokenizer.vocabsize=5", "did you mean tokenizer.vocab_size?"),
        ("clean.normalize.nfx=1", "there is no key clean.normalize.nfx; "),
        ("registry.zzz=1", "there is no key registry.zzz; known here: name"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    small: Path, override: str, hint: str
) -> None:
    assert hint in refusal(small, override)


def test_an_unknown_key_in_the_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "typo.yaml"
    path.write_text(SMALL + "compute:\n  num_worker: 1\n", encoding="utf-8")
    assert refusal(path) == (
        f"{path}: there is no key compute.num_worker; did you mean compute.num_workers?"
    )


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("train.seed=abc", "train.seed is wrong: input should be a valid integer"),
        ("train.learning_rate=0", "train.learning_rate is wrong: input should be greater than 0"),
        (
            "train.learning_rate=inf",
            "train.learning_rate is wrong: input should be a finite number",
        ),
        ("compute.timeout_s=inf", "compute.timeout_s is wrong: input should be a finite number"),
        ("train.seed=99999999999999999999", "train.seed is wrong: input should be less than"),
        ("model.attention=nonne", "'multihead' or 'none', not 'nonne'"),
        ("train=5", "train is wrong: "),
        ("train.seed.x=5", "train.seed is wrong: input should be a valid integer"),
        ("registry.name=a/b", "registry.name is wrong: "),
        ("compute.num_workers=0", "compute.num_workers is wrong: there must be one worker at"),
        ("compute.num_workers=[2,1]", "compute.num_workers is wrong: it must be a number, or ["),
        ("compute.num_workers=[2]", "compute.num_workers is wrong: it must be a number, or [min"),
        ("compute.num_workers=[1,2,3]", "compute.num_workers is wrong: it must be a number, or"),
        ("compute.num_workers=two", "compute.num_workers is wrong: it must be a number, or [min"),
        ("corpus.pairs=[]", "corpus.pairs must be given for the source `inline`"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_names_its_key(
    small: Path, override: str, sentence: str
) -> None:
    assert sentence in refusal(small, override)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("postgresql://mlflow:vad12345@db/mlflow", "has a password in its address"),
        # As SQLAlchemy reads it, which takes all that is not the `@`.
        ("mysql+pymysql://mlflow:vad/12345?#@db/mlflow", "has a password in its address"),
        ("http://anu:vad12345@mlflow:5000", "has a password in its address"),
        ("postgresql://mlflow@db/mlflow?password=vad12345", "has a password in its address"),
    ],
)
def test_a_password_of_mlflow_s_is_refused_and_not_told(small: Path, uri: str, why: str) -> None:
    assert refusal(small, f"tracking.uri={uri}") == (
        f"{small}: tracking.uri must hold no secret, since it is printed and logged with the run, "
        f"but {why}: leave it out, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD "
        f"for a server, PGPASSWORD or ~/.pgpass for PostgreSQL, or give the whole address in "
        f"MLFLOW_TRACKING_URI"
    )


@pytest.mark.parametrize(
    "uri", ["http://mlflow:5000", "postgresql://mlflow@db:5432/mlflow", "sqlite:////data/a:b@c.db"]
)
def test_an_address_of_mlflow_s_without_a_password_is_taken(small: Path, uri: str) -> None:
    assert load_config(str(small), [f"tracking.uri={uri}"]).tracking.uri == uri


@pytest.mark.parametrize(
    ("override", "fewest", "most", "words"),
    [
        ("compute.num_workers=1", 1, 1, "1 worker"),
        ("compute.num_workers=3", 3, 3, "3 workers"),
        ("compute.num_workers=[1,4]", 1, 4, "1 to 4 workers"),
        ("compute.num_workers=[2, 2]", 2, 2, "2 workers"),
    ],
)
def test_workers_are_a_number_or_a_range(
    small: Path, override: str, fewest: int, most: int, words: str
) -> None:
    compute = load_config(str(small), [override]).compute
    assert (compute.min_workers, compute.max_workers) == (fewest, most)
    assert compute.workers_in_words == words


def test_several_mistakes_are_counted(small: Path) -> None:
    assert refusal(small, "train.seed=x", "train.batch_tokens=y").endswith("(and 1 more)")


def test_the_gate_must_decide_on_a_test_that_is_evaluated(small: Path) -> None:
    assert refusal(small, "gate.test=hard") == (
        f"{small}: gate.test must be one of evaluation.tests (test), not 'hard'"
    )
    assert load_config(str(small), ["gate.test=hard", "evaluation.tests=[hard]"])


def test_a_joint_embedding_needs_a_joint_vocabulary(small: Path) -> None:
    assert refusal(small, "model.joint_embedding=true") == (
        f"{small}: model.joint_embedding: true needs one vocabulary for both languages, "
        f"tokenizer.joint: true, not false: change one of them"
    )
    assert load_config(str(small), ["model.joint_embedding=true", "tokenizer.joint=true"])


def test_a_key_that_must_be_given_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nameless.yaml"
    path.write_text(SMALL.partition("registry")[0], encoding="utf-8")
    assert refusal(path) == f"{path}: the key registry must be given"


def test_a_missing_file_is_named_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    sentence = refusal("configs/sead.yaml")
    assert sentence.startswith("CONFIG must be a file, but configs/sead.yaml is none; configs/ has")
    assert SEED.name in sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [1\n", "must be YAML, but: "),
        (b"a: 1\na: 2\n", "duplicate key a"),
        (b"- 1\n- 2\n", "must hold keys and values, but holds a list"),
        (b"", "the key corpus must be given"),
        (b"hello", "the key corpus must be given"),
        (b"1: x\n", "the key corpus must be given"),
        (b"\xff\xfe\x00", "must be a YAML file, but: "),
    ],
    ids=["broken", "duplicate", "list", "empty", "scalar", "number-key", "binary"],
)
def test_a_file_that_is_no_configuration_is_refused(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    found = refusal(path)
    assert found.startswith(str(path))
    assert sentence in found


@pytest.mark.parametrize("override", ["train.seed", "=3", ""])
def test_an_override_without_a_key_or_an_equals_sign_is_refused(small: Path, override: str) -> None:
    assert refusal(small, override) == (
        f"an override must look like train.seed=2, but one is {override!r}"
    )


def test_an_override_that_refers_to_nothing_is_refused(small: Path) -> None:
    assert "nosuch" in refusal(small, "storage=${nosuch}")


def test_a_section_resolves_to_json_values(small: Path) -> None:
    config: Config = load_config(str(small), ["evaluation.tests=[test,hard]"])
    assert resolved(config, "evaluation")["tests"] == ["test", "hard"]


@pytest.mark.parametrize("model", ["architecture=transformer", "attention=none"])
def test_a_coverage_penalty_needs_a_model_that_tells_its_attention(small: Path, model: str) -> None:
    changes = [f"model.{model}", "decode.coverage_penalty=0.2"]
    if model == "attention=none":
        changes.append("model.bidirectional=false")
    assert refusal(small, *changes).endswith(
        "decode.coverage_penalty must be 0 with a model that has no attention or does not tell its "
        "weights, but is 0.2: set it to 0"
    )
    assert load_config(str(small), ["decode.coverage_penalty=0.2"]).decode.coverage_penalty == 0.2


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r"a \${HOME} b", "a ${HOME} b"),
        (r"\\\${HOME}", r"\${HOME}"),
        (r"C:\new \${registry.name} ${registry.name}", r"C:\new ${registry.name} small"),
        ("$HOME, 5 रुपये $", "$HOME, 5 रुपये $"),
    ],
)
def test_a_dollar_that_is_text_stays_text_where_the_configuration_is_saved(
    written: str, text: str, small: Path, tmp_path: Path
) -> None:
    config = load_config(str(small), [f"tracking.experiment={written}"])
    assert config.tracking.experiment == text
    saved = tmp_path / "saved.yaml"
    saved.write_text(dump_yaml(config), encoding="utf-8")
    assert load_config(str(saved)) == config
