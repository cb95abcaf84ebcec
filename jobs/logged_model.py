"""The unit that is registered, as MLflow keeps it: a logged model with the model folder in it.

reads   a model folder, see :mod:`model.translator`
writes  ``MLmodel`` with the signature, ``pyfunc.py``, which loads it, and the folder's files
holds   a folder's content is one logged model of its run, however often the storing of it was cut
        off: it is found again by the tag ``anuvad.content``; what the artifact store loses of it
        later is stored again in its place, see :func:`lost_files`
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jobs.tracking import asked_once
from jobs.versions import requirements
from pipeline.errors import OutageError

CONTENT_TAG = "anuvad.content"

FOLDER = "artifacts/translator"
"""Where the model folder lies in a logged model."""

# Written out, as :mod:`model.translator` imports torch, and looking whether all is there must not.
_ALWAYS_THERE = ("MLmodel", "pyfunc.py", f"{FOLDER}/manifest.json", f"{FOLDER}/translator.json")

# Settings of the search that a prediction can be given, and their types in MLflow.
PARAMS = {
    "beam_size": "long",
    "length_penalty": "double",
    "coverage_penalty": "double",
    "min_length_ratio": "double",
    "max_length_ratio": "double",
    "no_repeat_ngram": "long",
}


def log_model(client: Any, folder: Path, content: str, run_id: str) -> str:
    """Store the folder as a logged model of a run; the one that stands, if it was stored before.

    Args:
        client: of MLflow.
        folder: see :mod:`model.translator`.
        content: its hash, which the model compares when it is loaded.
        run_id: MLflow's.

    Returns:
        Its id, ``m-…``.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    run = client.get_run(run_id)
    experiment = run.info.experiment_id
    ours = f"tags.`{CONTENT_TAG}` = '{content}' AND source_run_id = '{run_id}'"
    found = client.search_logged_models([experiment], filter_string=ours)
    with asked_once():
        model = (
            found[0]
            if found
            else client.create_logged_model(
                experiment,
                "model",
                source_run_id=run_id,
                tags={CONTENT_TAG: content},
                model_type="translation",
            )
        )
        if model.status != LoggedModelStatus.READY:
            outputs = run.outputs.model_outputs if run.outputs else []
            # MLflow takes it once only.
            if model.model_id not in [output.model_id for output in outputs]:
                client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
            _store(client, folder, content, model)
            client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return str(model.model_id)


def lost_files(uri: str, sizes: Mapping[str, int]) -> list[str]:
    """What the artifact store does not have of a logged model, or not whole; by name and size.

    Two folders are listed, and nothing is downloaded.

    Args:
        uri: of the logged model, or of a version that was made of it.
        sizes: of files of the model folder, in bytes; what has no size here must only be there.

    Returns:
        Their paths in the logged model, sorted.
    """
    from mlflow.artifacts import list_artifacts

    there = {
        file.path: file.file_size
        for place in (uri, f"{uri}/{FOLDER}")
        for file in list_artifacts(artifact_uri=place)
    }
    wanted: dict[str, int | None] = dict.fromkeys(_ALWAYS_THERE)
    wanted |= {f"{FOLDER}/{name}": size for name, size in sizes.items()}
    return sorted(
        path
        for path, size in wanted.items()
        # Not every artifact store says how large a file is.
        if path not in there or not (size is None or there[path] in (None, size))
    )


def store_again(client: Any, folder: Path, model_id: str) -> None:
    """Store the folder once more as a logged model that stands; see :func:`log_model`.

    All of the unit is stored: beside the model's own files that is what this code and these
    packages write today, ``MLmodel``, ``pyfunc.py`` and the versions that a program needs.

    Raises:
        OutageError: if it lies on a disk that is not there, as it would be written beside it.
    """
    model = client.get_logged_model(model_id)
    _require_disk(model.artifact_location)
    _store(client, folder, model.tags[CONTENT_TAG], model)


def _require_disk(location: str) -> None:
    """Refuse to take a disk that is not mounted for one that has lost everything."""
    if not location.startswith("file:"):
        return
    # <the experiment's folder>/models/<model's id>/artifacts
    models = Path(unquote(urlsplit(location).path)).parents[1]
    if not models.is_dir():
        raise OutageError(
            f"MLflow's artifact store must be mounted, but there is no {models}; mount it, or, if "
            f"all of it was lost, make that folder"
        )


def _store(client: Any, folder: Path, content: str, model: Any) -> None:
    with tempfile.TemporaryDirectory(prefix="anuvad-") as scratch:
        local = Path(scratch) / "model"
        _save(local, folder, content, model)
        client.log_model_artifacts(model.model_id, str(local))


def _save(local: Path, folder: Path, content: str, model: Any) -> None:
    import mlflow.pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

    signature = ModelSignature(
        # Without a name, a list will do, and a data frame whatever its column is called.
        inputs=Schema([ColSpec("string")]),
        outputs=Schema([ColSpec("string")]),
        # MLflow wants a default of the right type: what is below zero stands for the model's own.
        params=ParamSchema(
            [ParamSpec(name, kind, -1 if kind == "long" else -1.0) for name, kind in PARAMS.items()]
        ),
    )
    mlflow.pyfunc.save_model(
        path=str(local),
        mlflow_model=Model(
            artifact_path=model.artifact_location,
            model_uuid=model.model_id,
            run_id=model.source_run_id,
            model_id=model.model_id,
        ),
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"translator": str(folder)},
        model_config={"content": content},
        signature=signature,
        pip_requirements=requirements(),
    )
