"""The configuration file: one YAML document, `key=value` overrides, and errors of one sentence."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from jobs.gate_config import GateConfig
from jobs.no_secrets import secret_in_address
from model.architectures import AnyModelConfig, section_class
from model.config import DecodeConfig, ModelConfig, TrainConfig
from pipeline.clean import CleanConfig
from pipeline.corpus import CorpusConfig
from pipeline.dedup import DedupConfig
from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.tensorize import TensorizeConfig
from pipeline.tokenizer import TokenizerConfig

DEFAULT_STORAGE = "./anuvad-data"

# Backslashes before it are halved as it is read.
_INTERPOLATION = re.compile(r"(\\*)\$\{")


class ComputeConfig(Settings):
    """Where training runs; none of it changes what is learnt."""

    num_workers: int | tuple[int, int] = Field(
        2,
        description="training processes, one a GPU or one a core; or [min, max], as many of them "
        "as there is room for at any time",
    )
    use_gpu: bool = Field(False, description="a GPU for each worker, and nccl in place of gloo")
    threads: int = Field(1, ge=1, description="torch threads a worker, without a GPU")
    max_failures: int = Field(
        3,
        ge=0,
        description="times that the workers are started anew because one failed, died or hung; an "
        "exception that comes twice at the same update ends the training before",
    )
    timeout_s: float = Field(
        600.0, ge=1, description="of one exchange between workers; one that is late for it hangs"
    )
    room_timeout_s: float = Field(
        20.0,
        ge=1,
        description="wait for room for all workers before an elastic training starts with fewer",
    )
    grace_s: float = Field(
        25.0,
        ge=0,
        description="from SIGTERM on, for a training to end its update and save a checkpoint; "
        "less than what whoever sent it waits before a SIGKILL",
    )
    grow_every_s: float = Field(
        60.0, ge=1, description="seconds between two looks for room for more elastic workers"
    )

    @field_validator("num_workers", mode="before")
    @classmethod
    def _is_a_number_or_a_range(cls, seen: Any) -> Any:
        given = seen if isinstance(seen, list | tuple) else [seen, seen]
        if len(given) != 2 or any(type(n) is not int for n in given) or given[0] > given[1]:
            raise PydanticCustomError(
                "num_workers", "It must be a number, or [min, max] with min at most max"
            )
        if given[0] < 1:
            raise PydanticCustomError("num_workers", "There must be one worker at least")
        return seen

    @property
    def min_workers(self) -> int:
        """The fewest that train."""
        return self.num_workers if isinstance(self.num_workers, int) else self.num_workers[0]

    @property
    def max_workers(self) -> int:
        """The most that train."""
        return self.num_workers if isinstance(self.num_workers, int) else self.num_workers[1]

    @property
    def workers_in_words(self) -> str:
        """``1 worker``, ``2 workers``, ``1 to 4 workers``."""
        if self.min_workers < self.max_workers:
            return f"{self.min_workers} to {self.max_workers} workers"
        return f"{self.max_workers} worker{'s' if self.max_workers > 1 else ''}"


class EvaluationConfig(Settings):
    """What registered versions are scored on."""

    tests: tuple[str, ...] = Field(
        ("test",),
        min_length=1,
        description="splits of the corpus, also of corpus.tests",
    )
    bootstrap_samples: int = Field(1000, ge=100, description="for the 95% intervals")
    spbleu: bool = Field(
        False, description="score spBLEU too, where the model of its tokenizer can be had"
    )
    comet: str | None = Field(
        None,
        min_length=1,
        description="score COMET too, with this model, such as Unbabel/wmt22-comet-da, where it "
        "and the package unbabel-comet can be had",
    )
    shard_sentences: int = Field(512, ge=1, description="sentences that one task translates")


class RetrainConfig(Settings):
    """When ``anuvad retrain`` trains again; see :mod:`jobs.triggers`."""

    max_age_days: float | None = Field(
        None, gt=0, description="of the champion and of the last training, before another begins"
    )
    follow_revisions: bool = Field(
        True, description="ask the hub anew what commit a branch is; a commit stays what it is"
    )


class TrackingConfig(Settings):
    """Where MLflow is."""

    uri: str | None = Field(
        None,
        description="of the tracking server, without a password; unless set, MLFLOW_TRACKING_URI, "
        "or a database in the storage",
    )
    experiment: str | None = Field(None, description="unless set, the registered name")

    @field_validator("uri")
    @classmethod
    def _holds_no_secret(cls, seen: str | None) -> str | None:
        if seen is not None and (why := secret_in_address(seen)):
            raise ValueError(
                f"tracking.uri must hold no secret, since it is printed and logged with the run, "
                f"but {why}: leave it out, and set MLFLOW_TRACKING_USERNAME and "
                f"MLFLOW_TRACKING_PASSWORD for a server, PGPASSWORD or ~/.pgpass for PostgreSQL, "
                f"or give the whole address in MLFLOW_TRACKING_URI"
            )
        return seen


class RegistryConfig(Settings):
    """The model's name in the registry."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class Config(Settings):
    """The whole configuration of a model, from its corpus to its alias."""

    storage: str = Field(DEFAULT_STORAGE, description="a path or URI that all machines see")
    corpus: CorpusConfig
    clean: CleanConfig = CleanConfig()
    dedup: DedupConfig = DedupConfig()
    tokenizer: TokenizerConfig = TokenizerConfig()
    tensorize: TensorizeConfig = TensorizeConfig()
    model: AnyModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    compute: ComputeConfig = ComputeConfig()
    decode: DecodeConfig = DecodeConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    gate: GateConfig = GateConfig()
    retrain: RetrainConfig = RetrainConfig()
    tracking: TrackingConfig = TrackingConfig()
    registry: RegistryConfig

    @property
    def experiment(self) -> str:
        """Of the tracking server, in which the runs are."""
        return self.tracking.experiment or self.registry.name

    @model_validator(mode="after")
    def _gate_reads_an_evaluated_test(self) -> Config:
        for test in self.gate.tests:
            if test not in self.evaluation.tests:
                raise ValueError(
                    f"gate.test must be one of evaluation.tests "
                    f"({', '.join(self.evaluation.tests)}), not {test!r}"
                )
        return self

    @model_validator(mode="after")
    def _a_joint_embedding_has_a_joint_vocabulary(self) -> Config:
        joint = isinstance(self.model, ModelConfig) and self.model.joint_embedding
        if joint and not self.tokenizer.joint:
            raise ValueError(
                "model.joint_embedding: true needs one vocabulary for both languages, "
                "tokenizer.joint: true, not false: change one of them"
            )
        return self

    @model_validator(mode="after")
    def _coverage_needs_attention_weights(self) -> Config:
        tells = isinstance(self.model, ModelConfig) and self.model.attention != "none"
        if self.decode.coverage_penalty and not tells:
            raise ValueError(
                f"decode.coverage_penalty must be 0 with a model that has no attention or does not "
                f"tell its weights, but is {self.decode.coverage_penalty}: set it to 0"
            )
        return self


def load_config(path: str, overrides: Sequence[str] = ()) -> Config:
    """The configuration in the file ``path``, changed by dotted ``key=value`` overrides.

    Raises:
        ConfigError: saying what must hold, what was seen, and for an unknown key the nearest
            known one.
    """
    data = settings_of(path, overrides)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explain(path, error, data)) from error


def settings_of(path: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """What the file and the overrides say, and nothing else: the keys of a :class:`Config`.

    Raises:
        ConfigError: if it can't be read, or an override does not fit it.
    """
    file = Path(path)
    if not file.is_file():
        near = sorted(p.name for p in Path("configs").glob("*.yaml"))
        hint = f"; configs/ has {', '.join(near)}" if near else ""
        raise ConfigError(f"CONFIG must be a file, but {path} is none{hint}")
    try:
        loaded = OmegaConf.load(file)
    except (OmegaConfBaseException, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} must be a YAML file, but: {_one_line(error)}") from error
    except Exception as error:
        if type(error).__module__.split(".")[0] != "yaml":
            raise
        raise ConfigError(f"{path} must be YAML, but: {_one_line(error)}") from error
    if not isinstance(loaded, DictConfig):
        raise ConfigError(f"{path} must hold keys and values, but holds a list")
    for override in overrides:
        key, equals, _ = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"an override must look like train.seed=2, but one is {override!r}")
    try:
        for override in overrides:
            key, _, value = override.partition("=")
            # `update` also finds places in lists.
            OmegaConf.update(loaded, key, _parsed(key, value), merge=True)
        data: Any = OmegaConf.to_container(loaded, resolve=True)
    except Exception as error:
        is_yaml = type(error).__module__.split(".")[0] == "yaml"
        if not is_yaml and not isinstance(
            error, OmegaConfBaseException | ValueError | IndexError | TypeError
        ):
            raise
        raise ConfigError(
            f"the overrides {' '.join(overrides)} must fit {path}, but: {_one_line(error)}"
        ) from error
    assert isinstance(data, dict)
    return data


def _parsed(key: str, value: str) -> Any:
    """The value of an override: as it stands where the key takes text, else read as YAML.

    In YAML ``*.tsv`` is an alias, and what follows `` #`` in a path is a comment.
    """
    *location, name = (part for part in key.split(".") if not part.isdecimal())
    model = _model_at(location)
    field = model.model_fields.get(name) if model else None
    takes = set(typing.get_args(field.annotation) or [field.annotation]) if field else set()
    if takes == {str} or (takes == {str, NoneType} and value not in ("", "~", "null")):
        return value
    return OmegaConf.from_dotlist([f"value={value}"]).value


def dump_yaml(config: Config, sections: Collection[str] | None = None) -> str:
    """The resolved configuration, or these sections of it, as YAML, every default written out."""
    values = config.model_dump(mode="json", include=None if sections is None else set(sections))
    return as_yaml(values)


def as_yaml(settings: Mapping[str, Any]) -> str:
    """Settings that are resolved as a file's text, from which the same settings are read."""
    return OmegaConf.to_yaml(OmegaConf.create(_as_written(settings)))


def _as_written(value: Any) -> Any:
    """The value with every ``${`` as a file has it: unless escaped it begins an interpolation."""
    if isinstance(value, str):
        return _INTERPOLATION.sub(r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {name: _as_written(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_written(item) for item in value]
    return value


def _explain(path: str, error: ValidationError, data: Any) -> str:
    first = error.errors(include_url=False)[0]
    location = [part for part in first["loc"] if isinstance(part, str)]
    key = ".".join(location)
    more = error.error_count() - 1
    tail = f" (and {more} more)" if more else ""
    if first["type"] == "extra_forbidden":
        known = _known_keys(location[:-1], data)
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        nearest = ".".join([*location[:-1], *near])
        hint = f"did you mean {nearest}?" if near else f"known here: {', '.join(known)}"
        return f"{path}: there is no key {key}; {hint}{tail}"
    if first["type"] == "missing":
        return f"{path}: the key {key} must be given{tail}"
    message = first["msg"].removeprefix("Value error, ")
    seen = first.get("input")
    what = "" if isinstance(seen, dict | list | BaseModel) else f", not {seen!r}"
    if first["type"] == "value_error":
        return f"{path}: {message}{tail}"
    return f"{path}: {key} is wrong: {message[0].lower()}{message[1:]}{what}{tail}"


def _known_keys(location: Sequence[str], data: Any) -> list[str]:
    model = _model_at(location)
    assert model is not None, f"an unknown key was found in {location}"
    if model is ModelConfig:
        model = section_class(data["model"])
    return sorted(model.model_fields)


def _model_at(location: Sequence[str]) -> type[BaseModel] | None:
    """The model of a section, or of the items of a list or a mapping; None if none is."""
    model: type[BaseModel] | None = Config
    parts = iter(location)
    for part in parts:
        field = model.model_fields.get(part) if model else None
        annotation = field.annotation if field else None
        if typing.get_origin(annotation) is dict:
            # What follows is a key of the user's own.
            next(parts, None)
        candidates = [annotation, *typing.get_args(annotation)]
        models = (c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
        model = next(models, None)
    return model


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def resolved(config: Config, section: str) -> dict[str, Any]:
    """One section of the configuration as JSON values."""
    values: dict[str, Any] = getattr(config, section).model_dump(mode="json")
    return values
