"""The phrasebook: the English–Hindi corpus that we generate ourselves, the offline default."""

from functools import cache

from pipeline.phrasebook import (
    belonging,
    commands,
    figures,
    having,
    joined,
    leaning,
    locations,
    qualities,
    verbal,
)
from pipeline.phrasebook.construction import Construction, Pair
from pipeline.phrasebook.split import PhrasebookConfig, split

__all__ = ["Construction", "Pair", "PhrasebookConfig", "constructions", "generate"]


@cache
def constructions() -> tuple[Construction, ...]:
    """All constructions of the grammar, in a fixed order."""
    made = (
        *verbal.constructions(),
        *qualities.constructions(),
        *belonging.constructions(),
        *locations.constructions(),
        *having.constructions(),
        *figures.constructions(),
        *commands.constructions(),
        *joined.constructions(),
        *leaning.constructions(),
    )
    assert len({item.name for item in made}) == len(made), "construction names are unique"
    return made


def generate(config: PhrasebookConfig) -> dict[str, list[Pair]]:
    """Generate the corpus: a list of pairs for "train", "validation", "test" and "hard".

    Raises:
        ValueError: more pairs are asked for than the grammar has.
    """
    return split(constructions(), config)
