"""What training asks of its token arrays before it starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command_line import REPOSITORY
from jobs import fit as fitting
from jobs.config import Config
from jobs.fit import fit, refuse_other_tokenizers, refuse_unguarded, train_spec
from jobs.interrupted import CHECKPOINTS, folder_of
from model.architectures import TransformerConfig
from pairs import TRAIN
from pipeline import artifacts, stages
from pipeline.artifacts import Artifact, ArtifactSpec
from pipeline.dedup import DedupConfig
from pipeline.errors import TrainingError
from pipeline.runner import run_here
from pipeline.stages import DataConfig, StageResult
from pipeline.storage import Storage, sha256_of
from pipeline.tensorize import TensorizeConfig


class Silent:
    """A reporter that says nothing."""

    def stage_started(self, name: str, why: str) -> None:
        """Nothing."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def stage_ended(self, result: StageResult) -> None:
        """Nothing."""


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "store"))


@pytest.fixture
def config() -> Config:
    """Twenty pairs to be learnt by heart, which leakage is switched off for."""
    return Config.model_validate(
        {
            "corpus": {"source": "inline", "pairs": TRAIN},
            "dedup": {"leakage": False},
            "tokenizer": {"vocab_size": 70, "byte_fallback": False},
            "registry": {"name": "by-heart"},
        }
    )


@pytest.fixture
def data(config: Config, storage: Storage) -> dict[str, StageResult]:
    """What the stages of the pipeline made of it."""
    sections = DataConfig(
        config.corpus, config.clean, config.tokenizer, config.tensorize, config.dedup
    )
    return stages.prepare(sections, storage, lambda: run_here, Silent())


def commit_with(data: dict[str, StageResult], stage: str, **changes: Any) -> Artifact:
    """The stage's artifact, published again with another spec."""
    made = data[stage].artifact
    spec = replace(made.spec, **changes)
    for file in made.files:
        made.storage.write_bytes(f"{spec.path}/{file.name}", made.local(file.name).read_bytes())
    part = artifacts.Part(made.files, made.counts)
    return artifacts.commit(made.storage, spec, [part])


def test_token_arrays_whose_rules_are_on_record_are_accepted(data: dict[str, StageResult]) -> None:
    refuse_unguarded(data["tensorize"].artifact)


def test_a_rule_that_was_switched_off_is_on_record(data: dict[str, StageResult]) -> None:
    arrays = data["tensorize"].artifact
    record = artifacts.load(arrays.storage, arrays.spec.parents["dedup"])
    assert record.spec.settings["leakage"] is False


def test_token_arrays_that_no_dedup_made_are_refused(data: dict[str, StageResult]) -> None:
    parents = {"clean": data["clean"].artifact.id, "tokenizer": data["tokenizer"].artifact.id}
    arrays = commit_with(data, "tensorize", parents=parents)
    with pytest.raises(TrainingError) as raised:
        refuse_unguarded(arrays)
    assert str(raised.value) == (
        f"{arrays.uri} must be made of pairs that the stage `dedup` has rid of copies and of what "
        "validation and test hold, but its manifest names no such artifact; run `anuvad prepare "
        "CONFIG`"
    )


def test_token_arrays_whose_record_is_lost_are_refused(
    data: dict[str, StageResult], storage: Storage
) -> None:
    storage.delete(data["dedup"].artifact.path)
    with pytest.raises(TrainingError, match=r"but .*/dedup-\w+/manifest\.json must stand, but"):
        refuse_unguarded(data["tensorize"].artifact)


def test_a_record_that_says_nothing_of_a_rule_is_refused(data: dict[str, StageResult]) -> None:
    settings = dict(data["dedup"].artifact.spec.settings)
    del settings["leakage"], settings["exact_pairs"]
    record = commit_with(data, "dedup", settings=settings)
    parents = {**data["tensorize"].artifact.spec.parents, "dedup": record.id}
    arrays = commit_with(data, "tensorize", parents=parents)
    with pytest.raises(
        TrainingError, match=f"{record.id} does not say what was done about exact_pairs, leakage;"
    ):
        refuse_unguarded(arrays)


def test_every_rule_is_asked_for(data: dict[str, StageResult]) -> None:
    recorded = data["dedup"].artifact.spec.settings.keys()
    assert recorded == (DedupConfig.model_fields.keys() - {"partition_rows"}) | {"splits"}


def test_training_refuses_before_it_connects_to_anything(
    config: Config, data: dict[str, StageResult], storage: Storage
) -> None:
    def connect() -> None:
        raise AssertionError("it must not come to this")

    parents = {"tokenizer": data["tokenizer"].artifact.id}
    arrays = replace(data["tensorize"], artifact=commit_with(data, "tensorize", parents=parents))
    with pytest.raises(TrainingError, match="must be made of pairs that the stage `dedup` has rid"):
        fit(config, storage, {**data, "tensorize": arrays}, connect, print)


def damage(artifact: Artifact, name: str) -> tuple[str, str]:
    """Flip a bit of the file; its sha256 before and after."""
    path = artifact.local(name)
    before = sha256_of(path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return before, sha256_of(path)


def test_token_arrays_of_the_tokenizers_that_stand_are_accepted(
    data: dict[str, StageResult],
) -> None:
    refuse_other_tokenizers(data["tensorize"].artifact, data["tokenizer"].artifact)


@pytest.mark.parametrize("language", ["en", "hi"])
def test_a_tokenizer_that_was_changed_is_refused_naming_both_hashes(
    data: dict[str, StageResult], language: str
) -> None:
    arrays, tokenizer = data["tensorize"].artifact, data["tokenizer"].artifact
    before, after = damage(tokenizer, f"{language}.model")
    with pytest.raises(TrainingError) as raised:
        refuse_other_tokenizers(arrays, tokenizer)
    assert str(raised.value) == (
        f"{tokenizer.uri}/{language}.model must be the tokenizer that made {arrays.uri}, whose "
        f"sha256 is {before}, but has {after}; delete both folders and run `anuvad prepare CONFIG`"
    )


def test_token_arrays_that_name_no_tokenizer_are_refused(data: dict[str, StageResult]) -> None:
    arrays = commit_with(data, "tensorize")
    with pytest.raises(TrainingError, match="whose sha256 is none that its manifest names, but"):
        refuse_other_tokenizers(arrays, data["tokenizer"].artifact)


def test_training_with_another_tokenizer_is_refused_before_it_connects_to_anything(
    config: Config, data: dict[str, StageResult], storage: Storage
) -> None:
    def connect() -> None:
        raise AssertionError("it must not come to this")

    damage(data["tokenizer"].artifact, "en.model")
    with pytest.raises(TrainingError, match=r"en\.model must be the tokenizer that made"):
        fit(config, storage, data, connect, print)


def test_checkpoints_that_a_kill_left_beside_what_they_led_to_are_deleted(
    config: Config, data: dict[str, StageResult], storage: Storage
) -> None:
    spec = train_spec(config, {name: result.artifact.spec for name, result in data.items()})
    artifacts.commit(storage, spec, [])
    storage.write_bytes(f"{folder_of(spec.id)}/update-00000500/manifest.json", b"{}")

    def never() -> None:
        raise AssertionError("nothing is left to train")

    assert fit(config, storage, data, never, lambda event: never()).id == spec.id
    assert storage.list(CHECKPOINTS) == []


def test_drawn_segmentations_make_another_training(
    config: Config, data: dict[str, StageResult], storage: Storage
) -> None:
    drawn = config.model_copy(update={"tensorize": TensorizeConfig(sampling_variants=2)})
    other = stages.specs(
        DataConfig(drawn.corpus, drawn.clean, drawn.tokenizer, drawn.tensorize, drawn.dedup),
        storage,
    )
    ours = {name: result.artifact.spec for name, result in data.items()}
    assert train_spec(drawn, other).id != train_spec(config, ours).id


def test_another_architecture_is_another_training(
    config: Config, data: dict[str, StageResult]
) -> None:
    specs = {name: result.artifact.spec for name, result in data.items()}
    transformer = config.model_copy(update={"model": TransformerConfig()})
    spec = train_spec(transformer, specs)
    assert spec.id != train_spec(config, specs).id
    assert spec.settings["model"] == {
        "architecture": "transformer",
        "model_size": 256,
        "heads": 4,
        "feedforward_size": 1024,
        "encoder_layers": 3,
        "decoder_layers": 3,
        "dropout": 0.1,
    }


def test_training_is_made_of_the_pairs_that_dedup_kept(
    config: Config, data: dict[str, StageResult]
) -> None:
    specs: dict[str, ArtifactSpec] = {n: result.artifact.spec for n, result in data.items()}
    assert train_spec(config, specs).parents == {
        name: data[name].artifact.id for name in ("dedup", "tokenizer", "tensorize")
    }


def test_a_training_is_known_by_the_code_of_every_module_that_learns() -> None:
    modules = {f"model.{path.stem}" for path in (REPOSITORY / "model").glob("[!_]*.py")}
    # What they configure is in the settings; the others keep, show or serve what was learnt.
    not_learning = {"architectures", "bad_batch", "checkpoint", "config", "resuming"}
    not_learning |= {"alignment", "tensor_file", "translator", "workers"}
    # Validation decodes greedily.
    not_learning |= {"beam", "constrained", "ensemble", "glossary", "inference", "int8"}
    not_learning |= {"sampling", "splitting", "stepped", "trellis"}
    assert modules - {f"model.{name}" for name in not_learning} == set(fitting._CODE)
