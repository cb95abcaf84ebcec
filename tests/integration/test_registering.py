"""The registered unit on a real MLflow server: made once, whole, and refused where it is not."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jobs.registry import Registry, Version
from jobs.tracking import open_mlflow
from mlflow_server import MlflowServer, Proxy
from model.config import DecodeConfig
from model.translator import Translator, content_hash
from pipeline.errors import ArtifactError, OutageError, RegistryError
from six_pairs import SIX, learn_six_pairs

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    # MLflow says this of its own code, as it is imported, and that of a signature that we give it.
    pytest.mark.filterwarnings("ignore:.*An input example was not provided"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]

# What the model has never read is what its search has to think about.
UNREAD = ["the house", "he went", "how is the school", "are you big?", "good", "big house"]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learn_six_pairs(tmp_path_factory.mktemp("six-pairs"))


@dataclass(frozen=True)
class Place:
    """A registered name that no other test has, and a run to register from."""

    uri: str
    name: str
    run_id: str
    experiment_id: str

    def register(self, uri: str, folder: Path) -> Version:
        return Registry(uri).register(
            self.name, folder, content_hash(folder), self.run_id, {"anuvad.licence": "MIT"}
        )

    def versions(self) -> list[Version]:
        return Registry(self.uri).versions(self.name)

    def logged_models(self) -> list[Any]:
        client = open_mlflow(self.uri).MlflowClient()
        return list(client.search_logged_models([self.experiment_id]))


@pytest.fixture
def place(mlflow_server: MlflowServer) -> Place:
    client = open_mlflow(mlflow_server.url).MlflowClient()
    name = f"en-hi-{uuid.uuid4().hex[:8]}"
    experiment = client.create_experiment(name)
    run = client.create_run(experiment)
    return Place(mlflow_server.url, name, run.info.run_id, experiment)


@pytest.fixture
def files_of(mlflow_server: MlflowServer) -> Callable[[Version], Path]:
    """Where the server keeps the files of a version."""
    client = open_mlflow(mlflow_server.url).MlflowClient()

    def where(version: Version) -> Path:
        uri = client.get_model_version_download_uri(version.name, version.number)
        assert uri.startswith("mlflow-artifacts:/")
        return mlflow_server.artifacts / uri.removeprefix("mlflow-artifacts:/")

    return where


@pytest.mark.parametrize(
    "request_",
    [
        "POST .*/model-versions/create",
        "POST .*/registered-models/create",
        "POST .*/logged-models$",
        "POST .*/outputs",
        "PUT .*/model.safetensors",
        "PATCH .*/logged-models/",
    ],
)
def test_a_version_whose_answer_was_lost_is_found_and_not_made_again(
    place: Place, mlflow_proxy: Proxy, folder: Path, request_: str
) -> None:
    mlflow_proxy.dropped = [request_]
    made = place.register(mlflow_proxy.url, folder)
    assert mlflow_proxy.dropped == []
    assert [v.number for v in place.versions()] == [made.number] == ["1"]
    assert len(place.logged_models()) == 1
    assert made.tags["anuvad.licence"] == "MIT"


@pytest.mark.slow
def test_a_server_that_goes_down_as_it_registers_is_an_outage_that_the_same_call_finishes(
    place: Place, mlflow_proxy: Proxy, folder: Path
) -> None:
    mlflow_proxy.dropped = ["POST .*/model-versions/create"]
    mlflow_proxy.status_after_drop = 503
    with pytest.raises(OutageError, match=r"MLflow must list the versions of en-hi-.*, but: "):
        place.register(mlflow_proxy.url, folder)
    mlflow_proxy.status = None
    assert place.register(mlflow_proxy.url, folder).number == "1"
    assert [v.number for v in place.versions()] == ["1"]
    assert len(place.logged_models()) == 1


def test_the_same_content_is_one_version_and_another_is_another(
    place: Place, folder: Path, tmp_path: Path
) -> None:
    assert place.register(place.uri, folder).number == "1"
    assert place.register(place.uri, folder).number == "1"
    other = tmp_path / "translator"
    shutil.copytree(folder, other)
    rewrite(
        other, "translator.json", lambda text: text.replace(b'"beam_size": 4', b'"beam_size": 3')
    )
    assert place.register(place.uri, other).number == "2"


IN_THE_UNIT = "artifacts/translator"


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (["."], "MLmodel, artifacts/translator/en.model and 5 more files"),
        (["MLmodel"], "MLmodel"),
        (["pyfunc.py"], "pyfunc.py"),
        ([f"{IN_THE_UNIT}/manifest.json"], "artifacts/translator/manifest.json"),
        (
            [f"{IN_THE_UNIT}/translator.json", f"{IN_THE_UNIT}/hi.model"],
            "artifacts/translator/hi.model, artifacts/translator/translator.json",
        ),
    ],
)
def test_what_the_artifact_store_has_lost_of_a_version_is_stored_again_in_its_place(
    place: Place, files_of: Callable[[Version], Path], folder: Path, lost: list[str], said: str
) -> None:
    made = place.register(place.uri, folder)
    unit = files_of(made)
    whole = contents(unit / IN_THE_UNIT)
    for name in lost:
        path = unit / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    warnings: list[str] = []
    registry = Registry(place.uri, warnings.append)
    found = registry.register(place.name, folder, content_hash(folder), place.run_id, {})
    assert found == made
    assert warnings == [f"MLflow had lost {said} of {made.uri}; they are stored again"]
    assert contents(unit / IN_THE_UNIT) == whole
    assert len(place.logged_models()) == 1
    assert load(unit).predict(["hello"]) == ["नमस्ते"]


def test_a_file_that_was_cut_off_is_stored_again_and_one_that_is_whole_is_not(
    place: Place, files_of: Callable[[Version], Path], folder: Path
) -> None:
    made = place.register(place.uri, folder)
    unit = files_of(made) / IN_THE_UNIT
    whole, weights = contents(unit), unit / "model.safetensors"
    before = weights.stat().st_mtime_ns
    place.register(place.uri, folder)
    assert weights.stat().st_mtime_ns == before
    for name, data in whole.items():
        (unit / name).write_bytes(data[:-1])
        place.register(place.uri, folder)
        assert contents(unit) == whole


def test_other_files_than_were_registered_are_not_stored_in_the_place_of_lost_ones(
    place: Place, files_of: Callable[[Version], Path], folder: Path, tmp_path: Path
) -> None:
    made = place.register(place.uri, folder)
    (files_of(made) / "MLmodel").unlink()
    other = shutil.copytree(folder, tmp_path / "translator")
    rewrite(other, "translator.json", lambda text: text + b"\n")
    said = r"but has lost MLmodel, which can't be stored again, as those of the storage are others"
    for _ in range(2):
        with pytest.raises(ArtifactError, match=said):
            Registry(place.uri).restore(made, lambda: contextlib.nullcontext(other))


def test_a_version_whose_files_are_lost_is_not_handed_over_but_how_to_mend_it_is_said(
    place: Place, files_of: Callable[[Version], Path], folder: Path, tmp_path: Path
) -> None:
    made = place.register(place.uri, folder)
    for name in ("hi.model", "manifest.json"):
        (files_of(made) / IN_THE_UNIT / name).unlink()
        said = rf"has lost {IN_THE_UNIT}/{name} at least; `anuvad retrain CONFIG`"
        with pytest.raises(RegistryError, match=said):
            Registry(place.uri).download_verified(made, tmp_path / name)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rewrite(folder: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change a file and the manifest with it, so that the folder agrees with itself."""
    path, manifest = folder / name, folder / "manifest.json"
    before = path.read_bytes()
    path.write_bytes(change(before))
    assert path.read_bytes() != before
    hashes = json.loads(manifest.read_bytes())
    hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(hashes, indent=1) + "\n")


@pytest.fixture(scope="module")
def downloaded(
    mlflow_server: MlflowServer, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """All files of a registered version, as MLflow hands them over."""
    client = open_mlflow(mlflow_server.url).MlflowClient()
    run = client.create_run(client.create_experiment(f"unit-{uuid.uuid4().hex}"))
    version = Registry(mlflow_server.url).register(
        f"unit-{uuid.uuid4().hex}", folder, content_hash(folder), run.info.run_id, {}
    )
    scratch = tmp_path_factory.mktemp("downloaded")
    mlflow = open_mlflow(mlflow_server.url)
    return Path(
        mlflow.artifacts.download_artifacts(artifact_uri=version.uri, dst_path=str(scratch))
    )


@pytest.fixture
def unit(downloaded: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return shutil.copytree(downloaded, tmp_path / "unit")


def test_the_unit_has_all_that_translating_needs_and_nothing_pickled(downloaded: Path) -> None:
    files = {str(p.relative_to(downloaded)) for p in downloaded.rglob("*") if p.is_file()}
    ours = {f"artifacts/translator/{name}" for name in ("manifest.json", "translator.json")}
    ours |= {f"artifacts/translator/{name}" for name in ("en.model", "hi.model")}
    assert files - {"registered_model_meta"} == {
        *ours,
        *("artifacts/translator/model.safetensors", "pyfunc.py", "MLmodel"),
        *("conda.yaml", "python_env.yaml", "requirements.txt"),
    }
    said = json.loads((downloaded / "artifacts/translator/translator.json").read_bytes())
    assert said.keys() >= {"model", "normalize", "decode", "max_source_tokens"}
    hashes = json.loads((downloaded / "artifacts/translator/manifest.json").read_bytes())
    for name, sha256 in hashes.items():
        data = (downloaded / "artifacts/translator" / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == sha256


def test_every_param_of_the_signature_acts(downloaded: Path, mlflow_server: MlflowServer) -> None:
    model = load(downloaded)
    translator = Translator.load(downloaded / "artifacts/translator")
    own = translator.config.decode.model_dump()
    names = {param.name for param in model.metadata.signature.params}
    assert names >= {"beam_size", "length_penalty"}
    assert model.predict(list(SIX)) == list(SIX.values())
    changes = {
        "beam_size": 1,
        "length_penalty": 0.0,
        "min_length_ratio": 1.5,
        "max_length_ratio": 0.0,
        "no_repeat_ngram": 1,
        "coverage_penalty": 3.0,
    }
    assert changes.keys() == names
    ours = model.predict(UNREAD)
    for name, value in changes.items():
        decode = DecodeConfig.model_validate(own | {name: value})
        expected = [found.text for found in translator.translate(UNREAD, decode)]
        assert expected != ours, f"{name} changes none of these sentences"
        assert model.predict(UNREAD, params={name: value}) == expected


def test_a_param_out_of_its_bounds_is_refused(downloaded: Path) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"beam_size is wrong: .* not 0") as caught:
        load(downloaded).predict(["hello"], params={"beam_size": 0})
    assert caught.value.get_http_status_code() == 400


@pytest.mark.parametrize("name", ["model.safetensors", "hi.model", "translator.json"])
def test_a_file_with_another_byte_is_not_loaded(unit: Path, name: str) -> None:
    path = unit / "artifacts/translator" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{name} must have sha256 "):
        load(unit)


def test_a_folder_that_agrees_with_itself_but_is_another_is_not_loaded(unit: Path) -> None:
    folder = unit / "artifacts/translator"
    rewrite(
        folder, "translator.json", lambda text: text.replace(b'"beam_size": 4', b'"beam_size": 3')
    )
    with pytest.raises(ArtifactError, match="must be what was registered, with the hash "):
        load(unit)


def load(unit: Path) -> Any:
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(unit))
