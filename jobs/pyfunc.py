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

from model.translator import Translator


class TranslatorModel(PythonModel):
    """Translates a column of sentences, or a list of them."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model folder; its hashes are verified."""
        self._translator = Translator.load(Path(context.artifacts["translator"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: Any,
        params: dict[str, Any] | None = None,
    ) -> list[str]:
        """Translations of the sentences, in their order.

        Args:
            context: MLflow's.
            model_input: a data frame whose first column holds sentences, or a list of them.
            params: ``beam_size`` and ``length_penalty``, where they should differ from the
                model's own.
        """
        if isinstance(model_input, pd.DataFrame):
            sentences = model_input.iloc[:, 0].astype(str).tolist()
        else:
            sentences = [str(sentence) for sentence in model_input]
        changed = {key: value for key, value in (params or {}).items() if value}
        decode = self._translator.config.decode.model_copy(update=changed)
        return [t.text for t in self._translator.translate(sentences, decode)]


set_model(TranslatorModel())
