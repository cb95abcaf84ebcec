"""The unit that is registered, as MLflow keeps it: a logged model with the model folder in it.

reads   a model folder, see :mod:`model.translator`
writes  ``MLmodel`` with the signature, ``pyfunc.py``, which loads it, and the folder's files
holds   a folder's content is one logged model of its run, however often the storing of it was cut
        off: it is found again by the tag ``anuvad.content``
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jobs.tracking import asked_once
from jobs.versions import requirements

CONTENT_TAG = "anuvad.content"

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
            with tempfile.TemporaryDirectory(prefix="anuvad-") as scratch:
                local = Path(scratch) / "model"
                _save(local, folder, content, model, run_id)
                client.log_model_artifacts(model.model_id, str(local))
            client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return str(model.model_id)


def _save(local: Path, folder: Path, content: str, model: Any, run_id: str) -> None:
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
            run_id=run_id,
            model_id=model.model_id,
        ),
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"translator": str(folder)},
        model_config={"content": content},
        signature=signature,
        pip_requirements=requirements(),
    )
