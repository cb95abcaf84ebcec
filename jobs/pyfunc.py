"""The registered model as MLflow loads it: models-from-code, so nothing is unpickled.

MLflow copies this file beside the model's files and runs it when the model is loaded, here, in
``mlflow models serve`` or in a user's own program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from pydantic import ValidationError

from model.config import DecodeConfig
from model.translator import Translator, content_hash
from pipeline.errors import ArtifactError


class TranslatorModel(PythonModel):
    """Translates a column of sentences, or a list of them."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model folder.

        Raises:
            ArtifactError: if a file is not the one that its manifest names, or the manifest is not
                the one that was registered.
        """
        folder = Path(context.artifacts["translator"])
        registered = (context.model_config or {}).get("content")
        self._translator = Translator.load(folder)
        seen = content_hash(folder)
        # What was registered before this was written down names none.
        if registered not in (None, seen):
            raise ArtifactError(
                f"{folder} must be what was registered, with the hash {registered}, but has {seen}"
            )

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[str]:
        """Translations of the sentences, in their order.

        Args:
            context: MLflow's.
            model_input: one column of sentences; MLflow makes it of a list, too.
            params: settings of the search, where they should differ from the model's own, for
                which what is below zero stands.

        Raises:
            MlflowException: if a sentence is missing or a setting is out of its bounds; a server
                answers it with 400.
        """
        column = model_input.iloc[:, 0]
        if column.isna().any():
            # As text it would be "None", which has a translation.
            row = int(column.isna().to_numpy().argmax()) + 1
            raise MlflowException.invalid_parameter_value(
                f"every sentence must be text, but that of row {row} is missing"
            )
        sentences = column.astype(str).tolist()
        changed = {key: value for key, value in (params or {}).items() if value >= 0}
        settings = {**self._translator.config.decode.model_dump(), "n_best": 1, **changed}
        try:
            decode = DecodeConfig.model_validate(settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"])) or "params"
            raise MlflowException.invalid_parameter_value(
                f"{name} is wrong: {first['msg']}, not {changed.get(name)}"
            ) from error
        return [t.text for t in self._translator.translate(sentences, decode)]


set_model(TranslatorModel())
