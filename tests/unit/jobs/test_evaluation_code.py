"""An evaluation's id names all code that decides on its result."""

from __future__ import annotations

import ast

from command_line import REPOSITORY
from jobs.evaluate import _CODE

# What they configure is in the model's content; none acts in a translation.
NOT_DECIDING = {
    "model.architectures",
    "model.config",
    "model.dropout",
    "model.loss",
}


def imported(module: str) -> set[str]:
    """The modules of this repository that a module imports, also inside its functions."""
    path = REPOSITORY / f"{module.replace('.', '/')}.py"
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return {name for name in found if name.startswith("model.")}


def test_all_that_translates_aligns_and_scores_is_in_the_id() -> None:
    todo, reached = ["jobs.evaluation_tasks"], set()
    while todo:
        module = todo.pop()
        if module not in reached:
            reached.add(module)
            todo += imported(module)
    deciding = {name for name in reached if name.startswith("model.")} - NOT_DECIDING
    assert deciding == {name for name in _CODE if name.startswith("model.")}
    assert set(_CODE) - deciding == {
        "jobs.breakdown",
        "jobs.comet",
        "jobs.evaluation_tasks",
        "jobs.health",
        "jobs.scores",
        "jobs.speed",
        "pipeline.normalize",
        "pipeline.tokenizer",
        "pipeline.words",
    }
