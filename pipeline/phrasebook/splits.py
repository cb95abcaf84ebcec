"""The split: every test sentence is new, but nothing in it is.

``train``, ``validation`` and ``test`` share words and constructions, never a sentence. ``hard``
holds the sentences with a combination of a word and a construction that occurs in none of the
others, though the word occurs elsewhere and the construction does with other words.

Draws come from a seeded stream per construction: the same settings give the same corpus anywhere.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from pydantic import Field

from pipeline.phrasebook.construction import Construction, Pair
from pipeline.settings import Settings

_CONTENT = ("noun:", "verb:", "adjective:", "place:")
_TRAIN_SHARE = 0.75  # of a small construction; the rest is left for the other splits
_HELD_OUT_SHARE = 0.05  # of the words of a construction
_LOOK = 100  # sentences looked at to see how many words a construction has
_RARE_SHARE = 0.25  # of the training pairs is drawn for rare words
_RARE = 10  # a word held out of one construction occurs this often in the others
_PUNCTUATION = re.compile(r"[.,?!।]")

Combination = tuple[str, str]


class PhrasebookConfig(Settings):
    """How much of the phrasebook to generate.

    >>> PhrasebookConfig(seed=7).train_pairs
    30000
    """

    seed: int = Field(default=1, ge=0, description="draws the sentences and what is held out")
    train_pairs: int = Field(default=30_000, ge=500, description="pairs to train on")
    validation_pairs: int = Field(default=500, ge=1, description="pairs to validate on")
    test_pairs: int = Field(default=1_000, ge=1, description="pairs to test on")
    hard_pairs: int = Field(
        default=500, ge=0, description="pairs with word–construction combinations never trained on"
    )


def tokens(sentence: str) -> list[str]:
    """The words of a sentence in either language, without case and punctuation.

    >>> tokens("Open the door.")
    ['open', 'the', 'door']
    """
    return _PUNCTUATION.sub(" ", sentence.lower()).split()


class _Stream:
    """The sentences of one construction in random order; those looked at early are kept."""

    def __init__(self, construction: Construction, seed: int) -> None:
        self.construction = construction
        self._rest: Iterator[Pair] = construction.shuffled(str(seed))
        self._seen: list[Pair] = []
        self.taken = 0

    def peek(self, count: int) -> list[Pair]:
        """The next sentences, without taking them."""
        while len(self._seen) < count:
            pair = next(self._rest, None)
            if pair is None:
                break
            self._seen.append(pair)
        return self._seen[:count]

    def take(self) -> Pair | None:
        """The next sentence, or None at the end."""
        self.taken += 1
        if self.taken <= len(self._seen):
            return self._seen[self.taken - 1]
        return next(self._rest, None)


def _weight(stream: _Stream) -> float:
    """A construction with more words needs more sentences to show them."""
    return float(len({word for pair in stream.peek(_LOOK) for word in tokens(pair.english)}))


def _shares(total: int, weights: dict[str, float], limits: dict[str, int]) -> dict[str, int]:
    """Share a total out in proportion to weights, none above its limit."""
    shares = dict.fromkeys(weights, 0)
    open_names = [name for name in weights if limits[name] > 0]
    left = total
    while left > 0 and open_names:
        whole = sum(weights[name] for name in open_names)
        given = 0
        for name in open_names:
            want = min(int(left * weights[name] / whole), limits[name] - shares[name])
            shares[name] += want
            given += want
        left -= given
        open_names = [name for name in open_names if shares[name] < limits[name]]
        if given == 0:
            for name in open_names[:left]:
                shares[name] += 1
            left -= min(left, len(open_names))
            open_names = [name for name in open_names if shares[name] < limits[name]]
    return shares


def _held_out(pools: Mapping[str, Sequence[Pair]], rng: random.Random) -> frozenset[Combination]:
    """Choose words for each construction that it will not be trained with."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, pool in pools.items():
        for pair in pool:
            counts[name].update(word for word in pair.words if word.startswith(_CONTENT))
    everywhere: Counter[str] = Counter()
    homes: Counter[str] = Counter()
    for counter in counts.values():
        everywhere.update(counter)
        homes.update(counter.keys())
    chosen: set[Combination] = set()
    spent: Counter[str] = Counter()
    for name, pool in pools.items():
        candidates = sorted(
            word
            for word, count in counts[name].items()
            if count <= len(pool) // 5
            and homes[word] - spent[word] > 3
            and everywhere[word] - count >= _RARE
        )
        if len(candidates) < 8:
            continue
        for word in rng.sample(candidates, max(1, round(_HELD_OUT_SHARE * len(candidates)))):
            chosen.add((word, name))
            spent[word] += 1
    return frozenset(chosen)


def split(constructions: Sequence[Construction], config: PhrasebookConfig) -> dict[str, list[Pair]]:
    """Draw the four splits; see the module's docstring for what holds between them."""
    limits = {item.name: int(item.size * _TRAIN_SHARE) for item in constructions}
    if config.train_pairs > sum(limits.values()):
        raise ValueError(
            f"train_pairs must be at most {sum(limits.values())}, what the grammar can give, "
            f"but it is {config.train_pairs}."
        )
    rng = random.Random(f"{config.seed}/split")
    streams = {item.name: _Stream(item, config.seed) for item in constructions}
    weights = {name: _weight(stream) for name, stream in streams.items()}
    shares = _shares(config.train_pairs, weights, limits)
    seen = {name: stream.peek(max(shares[name], _LOOK)) for name, stream in streams.items()}
    held_out = _held_out(seen, rng)

    used_english: set[str] = set()
    hard_pool: dict[str, list[Pair]] = defaultdict(list)

    def next_open(name: str) -> Pair | None:
        """The next sentence without a held-out combination; those with one go to the hard pool."""
        while (pair := streams[name].take()) is not None:
            if pair.english in used_english:
                continue
            used_english.add(pair.english)
            if any((word, name) in held_out for word in pair.words):
                hard_pool[name].append(pair)
            else:
                return pair
        return None

    bulk = int(config.train_pairs * (1 - _RARE_SHARE))
    train = _draw(bulk, _shares(bulk, weights, limits), weights, next_open, lambda pair: True)
    # The rest is drawn for its rare words, where there is enough to choose from.
    rich = {name: weight for name, weight in weights.items() if limits[name] > 8 * shares[name]}
    rare = config.train_pairs - len(train)
    train += _draw(
        rare, _shares(rare, rich, limits), weights, next_open, _Rare(train).admits, patience=9
    )
    if len(train) < config.train_pairs:
        raise ValueError(
            f"train_pairs must be at most {len(train)}, what the grammar can give beside the other "
            f"splits, but it is {config.train_pairs}."
        )
    covered = _Coverage(train)

    def take_hard(name: str) -> Pair | None:
        if hard_pool[name]:
            return hard_pool[name].pop()
        # The other splits are done, so sentences of the open kind may pass by.
        while (pair := streams[name].take()) is not None:
            if pair.english not in used_english and any(
                (word, name) in held_out for word in pair.words
            ):
                used_english.add(pair.english)
                return pair
        return None

    result = {"train": train}
    held_out_constructions = {name for _, name in held_out}
    for split_name, wanted, take in (
        ("validation", config.validation_pairs, next_open),
        ("test", config.test_pairs, next_open),
        ("hard", config.hard_pairs, take_hard),
    ):
        some = {
            name: weight
            for name, weight in weights.items()
            if take is next_open or name in held_out_constructions
        }
        quota = _shares(wanted, some, dict.fromkeys(some, wanted))
        result[split_name] = _draw(wanted, quota, some, take, covered.admits)
        if len(result[split_name]) < wanted:
            raise ValueError(
                f"{split_name}_pairs must be at most {len(result[split_name])}, what the grammar "
                f"can give beside {config.train_pairs} pairs to train on, but it is {wanted}."
            )
    for pairs in result.values():
        rng.shuffle(pairs)
    return {name: result[name] for name in ("train", "validation", "test", "hard")}


def _draw(
    wanted: int,
    quota: dict[str, int],
    weights: dict[str, float],
    take: Callable[[str], Pair | None],
    accept: Callable[[Pair], bool],
    patience: int | None = None,
) -> list[Pair]:
    """Draw each construction's quota; what the exhausted ones leave is shared among the others.

    After ``patience`` sentences that ``accept`` declines, the next one is taken as it is.
    """
    drawn: list[Pair] = []
    exhausted: set[str] = set()
    while quota and len(drawn) < wanted:
        for name, share in quota.items():
            for _ in range(share):
                pair = take(name)
                declined = 0
                while pair is not None and not accept(pair) and declined != patience:
                    declined += 1
                    pair = take(name)
                if pair is None:
                    exhausted.add(name)
                    break
                drawn.append(pair)
        left = {name: weight for name, weight in weights.items() if name not in exhausted}
        missing = wanted - len(drawn)
        quota = _shares(missing, left, dict.fromkeys(left, missing)) if left else {}
    return drawn


class _Rare:
    """Looks for sentences with a word that is still rare in what has been drawn."""

    def __init__(self, drawn: Sequence[Pair]) -> None:
        self._tokens: Counter[str] = Counter()
        for pair in drawn:
            self._count(pair)

    def _count(self, pair: Pair) -> None:
        self._tokens.update(tokens(pair.english))
        self._tokens.update(tokens(pair.hindi))

    def admits(self, pair: Pair) -> bool:
        """Whether a pair has a rare word, which is less rare from now on."""
        both = (*tokens(pair.english), *tokens(pair.hindi))
        if all(self._tokens[token] >= _RARE for token in both):
            return False
        self._count(pair)
        return True


class _Coverage:
    """What the training pairs contain, and which further pairs are made of it but new."""

    def __init__(self, train: Sequence[Pair]) -> None:
        self._tokens: Counter[str] = Counter()
        self._words: Counter[str] = Counter()
        self._constructions = {pair.construction for pair in train}
        self._hindi = {pair.hindi for pair in train}
        for pair in train:
            self._tokens.update(tokens(pair.english))
            self._tokens.update(tokens(pair.hindi))
            self._words.update(pair.words)
        # Small corpora cannot show every word often.
        self._often = min(5, max(1, len(train) // 2000))

    def admits(self, pair: Pair) -> bool:
        """Whether a pair is new to training, with all its words and its construction known."""
        if pair.hindi in self._hindi or pair.construction not in self._constructions:
            return False
        both = (*tokens(pair.english), *tokens(pair.hindi))
        known = all(self._tokens[token] >= self._often for token in both) and all(
            self._words[word] >= self._often for word in pair.words
        )
        if known:
            # Nor is one Hindi sentence asked twice.
            self._hindi.add(pair.hindi)
        return known
