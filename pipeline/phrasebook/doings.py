"""The everyday doings that sentences of several clauses are made of."""

from pipeline.phrasebook import actions
from pipeline.phrasebook.clauses import Action, Tense
from pipeline.phrasebook.lexicon import (
    CLOTHES,
    GAMES,
    HAND,
    NOUNS,
    VERBS,
)
from pipeline.phrasebook.phrases import Thing

SAME_FRAME = (Tense.PRESENT, Tense.FUTURE)


def done_to(verb: str, noun: str, determiner: str = "the", many: bool = False) -> Action:
    """A verb and its object: ``done_to("read", "book")``."""
    return Action(VERBS[verb], Thing(NOUNS[noun], determiner, many))


def going_to(place: str) -> Action:
    """Going to a place."""
    return actions.going("go", (place,), "to")[0]


AT_HOME = (
    done_to("read", "newspaper", "a"),
    done_to("read", "book", "", True),
    done_to("write", "letter", "", True),
    done_to("cook", "food", ""),
    done_to("drink", "tea", ""),
    done_to("drink", "milk", ""),
    done_to("eat", "fruit", "", True),
    done_to("listen to", "music", ""),
    done_to("watch", "film", "a"),
    done_to("clean", "room"),
    done_to("wash", "plate", "the", True),
    done_to("make", "tea", ""),
    done_to("sing", "song", "", True),
    *actions.doing("rest", ("", "")),
    *actions.doing("sleep", ("", "")),
    *actions.doing("bathe", ("", "")),
    *actions.doing("work", ("", "")),
    Action(VERBS["wash"], Thing(CLOTHES, "own", True)),
    Action(VERBS["wash"], Thing(HAND, "own", True)),
)
OUT = (
    *(
        going_to(place)
        for place in ("school", "market", "garden", "temple", "park", "library", "village")
    ),
    *actions.going("return", ("home",), "to"),
)
GAMES_PLAYED = tuple(Action(VERBS["play"], Thing(game)) for game in GAMES.values())
OUTDOOR_GAMES = tuple(
    Action(VERBS["play"], Thing(game))
    for name, game in GAMES.items()
    if name not in {"cards", "carrom"}
)
DOINGS = (*AT_HOME, *OUT, *GAMES_PLAYED)
