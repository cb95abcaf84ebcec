"""The registered model as a user's program calls it, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from model.translator import content_hash
from nonsense_model import write_nonsense_model
from pipeline.errors import ArtifactError

if TYPE_CHECKING:
    from jobs.pyfunc import TranslatorModel

# MLflow warns as it is imported, so the tests import it.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nonsense_model(tmp_path_factory.mktemp("model"))


def loaded(folder: Path, content: str) -> tuple[TranslatorModel, Any]:
    from mlflow.pyfunc.model import PythonModelContext

    from jobs.pyfunc import TranslatorModel

    context = PythonModelContext({"translator": str(folder)}, {"content": content})
    model = TranslatorModel()
    model.load_context(context)
    return model, context


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_sentence_is_refused_by_its_row_and_not_translated(
    folder: Path, missing: object
) -> None:
    from mlflow.exceptions import MlflowException

    model, context = loaded(folder, content_hash(folder))
    assert len(model.predict(context, pd.DataFrame({"text": ["hello", ""]}))) == 2
    with pytest.raises(MlflowException, match="must be text, but that of row 2 is missing"):
        model.predict(context, pd.DataFrame({"text": ["hello", missing]}))


def test_no_sentences_have_no_translations(folder: Path) -> None:
    model, context = loaded(folder, content_hash(folder))
    assert model.predict(context, pd.DataFrame({"text": []})) == []


def test_another_model_than_was_registered_is_refused(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="must be what was registered, with the hash abc"):
        loaded(folder, "abc")
