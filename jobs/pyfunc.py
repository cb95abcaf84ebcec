"""The registered model as MLflow loads it: models-from-code, so nothing is unpickled.

MLflow copies this file beside the model's files and runs it when the model is loaded, here, in
``mlflow models serve`` or in a user's own program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from model.config import DecodeConfig
from model.translator import Translator


class TranslatorModel(PythonModel):
    """Translates a column of sentences, or a list of them."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model folder; its hashes are verified."""
        self._translator = Translator.load(Path(context.artifacts["translator"]))

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
            params: ``beam_size`` and ``length_penalty``, where they should differ from the
                model's own.
        """
        sentences = model_input.iloc[:, 0].astype(str).tolist()
        changed = {key: value for key, value in (params or {}).items() if value}
        settings = {**self._translator.config.decode.model_dump(), "n_best": 1, **changed}
        decode = DecodeConfig.model_validate(settings)
        return [t.text for t in self._translator.translate(sentences, decode)]


set_model(TranslatorModel())
