"""MLflow's own commands on a registered version: it answers in Hindi, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import environment
from jobs.registry import Registry
from jobs.tracking import open_mlflow
from mlflow_server import MlflowServer
from model.config import DecodeConfig
from model.translator import Translator, content_hash
from ports import own_port
from six_pairs import SIX, learn_six_pairs

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:.*An input example was not provided"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]

UNREAD = ["the house", "he went", "how is the school", "are you big?"]


@dataclass(frozen=True)
class Registered:
    """A version on a server, and what its model says by itself."""

    server: MlflowServer
    uri: str
    translator: Translator

    def expected(self, **settings: Any) -> list[str]:
        own = self.translator.config.decode.model_dump()
        decode = DecodeConfig.model_validate(own | settings)
        return [found.text for found in self.translator.translate(UNREAD, decode)]

    @property
    def environment(self) -> dict[str, str]:
        # `--env-manager local` starts uvicorn, which must be on the path.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return environment(
            MLFLOW_TRACKING_URI=self.server.url,
            MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false",
            PATH=path,
        )


@pytest.fixture(scope="module")
def registered(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Registered:
    folder = learn_six_pairs(tmp_path_factory.mktemp("six-pairs"))
    name = f"served-{uuid.uuid4().hex[:8]}"
    client = open_mlflow(mlflow_server.url).MlflowClient()
    run = client.create_run(client.create_experiment(name))
    version = Registry(mlflow_server.url).register(
        name, folder, content_hash(folder), run.info.run_id, {}
    )
    return Registered(mlflow_server, version.uri, Translator.load(folder))


def mlflow_models(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "mlflow", "models", *map(str, arguments)]


@pytest.fixture(scope="module")
def served(registered: Registered) -> Iterator[str]:
    """The address of ``mlflow models serve``."""
    port = own_port()
    command = mlflow_models("serve", "-m", registered.uri, "--env-manager", "local")
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        env=registered.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/ping"):
                break
            time.sleep(0.2)
        assert process.poll() is None, "it must serve, but has ended"
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(url: str, body: Any) -> Any:
    request = urllib.request.Request(
        f"{url}/invocations",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["predictions"]


def test_a_served_version_answers_in_hindi(served: str) -> None:
    assert ask(served, {"inputs": list(SIX)}) == list(SIX.values())
    frame = {"columns": ["english"], "data": [["hello"], ["the house is big"]]}
    assert ask(served, {"dataframe_split": frame}) == ["नमस्ते", "घर बड़ा है।"]


@pytest.mark.parametrize(
    "params", [{"beam_size": 1}, {"length_penalty": 0.0}, {"max_length_ratio": 0.0}]
)
def test_params_of_a_request_act(served: str, registered: Registered, params: Any) -> None:
    answer = ask(served, {"inputs": UNREAD, "params": params})
    assert answer == registered.expected(**params)
    assert answer != ask(served, {"inputs": UNREAD}) == registered.expected()


def test_a_param_out_of_its_bounds_is_a_bad_request(served: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(served, {"inputs": ["hello"], "params": {"beam_size": 0}})
    assert caught.value.code == 400
    assert b"beam_size is wrong" in caught.value.read()


def predict(model: str | Path, registered: Registered, body: Any, tmp_path: Path) -> Any:
    """``mlflow models predict``: its exit code, and its answer or what it says."""
    source, target = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text(json.dumps(body))
    command = mlflow_models("predict", "-m", model, "--env-manager", "local", "-t", "json")
    done = subprocess.run(
        [*command, "-i", str(source), "-o", str(target)],
        env=registered.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.returncode, done.stderr
    return 0, json.loads(target.read_bytes())["predictions"]


def test_the_predict_command_answers_with_its_params(
    registered: Registered, tmp_path: Path
) -> None:
    body = {"inputs": UNREAD, "params": {"beam_size": 1}}
    code, answer = predict(registered.uri, registered, body, tmp_path)
    assert (code, answer) == (0, registered.expected(beam_size=1))


def test_the_predict_command_refuses_a_file_that_was_tampered_with(
    registered: Registered, tmp_path: Path
) -> None:
    mlflow = open_mlflow(registered.server.url)
    unit = tmp_path / "unit"
    found = mlflow.artifacts.download_artifacts(artifact_uri=registered.uri)
    shutil.copytree(found, unit)
    weights = unit / "artifacts/translator/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    code, said = predict(unit, registered, {"inputs": ["hello"]}, tmp_path)
    assert code != 0
    assert "model.safetensors must have sha256 " in said
