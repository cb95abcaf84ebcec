"""Why a retraining begins, or that nothing is new.

    the corpus has a new revision at the hub      a branch or tag is asked for anew
    files of a watched folder came or changed     the corpus is made of what they contain
    settings or code changed                      each stage says what of its own
    champion and last training are old            ``retrain.max_age_days``
    ``--force``

The last two train on what was trained on before, so with the seed of the next round. All begin from
the champion of the moment, if ``train.init_from`` says so. A training that was begun is gone on
with, unless its data, settings or code are others by now; one that was done without a round, as by
``anuvad train``, counts as the round that would have begun.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobs.config import Config
from jobs.registry import CHAMPION, Version
from jobs.rounds import Round, begin, is_alias, pinned, read_round, write_round
from pipeline import artifacts, stages
from pipeline.artifacts import ArtifactSpec
from pipeline.corpus import CorpusConfig, named_files
from pipeline.errors import ArtifactError, CorpusError
from pipeline.revisions import follow_revision
from pipeline.sources import kind_of

if TYPE_CHECKING:
    from jobs.context import JobContext


@dataclass(frozen=True)
class Due:
    """What a retraining is to train.

    Attributes:
        config: with the version and the seed of its round.
        triggers: why it begins; none if all of it was begun before.
    """

    config: Config
    triggers: tuple[str, ...]


def standing_config(job: JobContext) -> Config:
    """The configuration with what the last round pinned, if that is gone on with; else as it is."""
    last = read_round(job.storage, job.config)
    if last is None:
        return job.config
    config = pinned(job.config, last.start, last.number)
    data = stages.specs(job.data, job.storage)
    return config if training_id(job, config, data) == last.training else job.config


def find_due(job: JobContext, force: bool) -> Due:
    """What to train, written down before it begins.

    Raises:
        CorpusError: if the hub does not name a commit that nobody has asked for yet.
        RegistryError: if ``train.init_from`` names no version.
    """
    last = read_round(job.storage, job.config)
    data = stages.specs(job.data, job.storage)
    number, standing, found = 0, job.config, None
    if last is not None:
        number, standing = last.number, pinned(job.config, last.start, last.number)
        if training_id(job, standing, data) == last.training:
            found = last
            if (why := _not_done(job, last.training)) is not None:
                return Due(standing, (why,))
    if news := _new_revisions(job):
        data = stages.specs(job.data, job.storage)
    if news or found is None:
        whys = news if found else news + _changes(job, data, last)
        due, found = _begin(job, data, number + 1 if found else number, whys)
        if due.triggers:
            return due
        # It was done already: by `anuvad train`, or in a round that is no longer on record.
        standing = due.config
    again = "--force" if force else _old_age(job, found)
    return Due(standing, ()) if again is None else _again(job, data, found.number + 1, again)


def training_id(job: JobContext, config: Config, data: Mapping[str, ArtifactSpec]) -> str:
    """The id of the training artifact that a configuration makes of these data now."""
    from jobs.fit import train_spec
    from jobs.warm_start import start_spec, warm_version

    warm = warm_version(job, config)
    return train_spec(config, data, start_spec(warm) if warm else None).id


def old_age(
    champion: datetime.datetime,
    begun: datetime.datetime,
    now: datetime.datetime,
    max_age_days: float,
) -> str | None:
    """Why a champion is too old, or None.

    A challenger that did not beat it is tried again after as many days, not every night.
    """
    limit = datetime.timedelta(days=max_age_days)
    if now - max(champion, begun) <= limit:
        return None
    days = (now - champion) / datetime.timedelta(days=1)
    return f"the champion is {days:.1f} days old, more than retrain.max_age_days: {max_age_days:g}"


def _begin(
    job: JobContext, data: Mapping[str, ArtifactSpec], number: int, why: Sequence[str]
) -> tuple[Due, Round]:
    """Write down the round of this number; nothing triggers it if its training was done before."""
    start = None
    if is_alias(job.config.train.init_from):
        from jobs.warm_start import warm_version

        version = warm_version(job, job.config)
        start = version.uri if version else None
    config = pinned(job.config, start, number)
    training = training_id(job, config, data)
    made = begin(training, start, number, watched_files(job.config.corpus), why)
    if _not_done(job, training) is None:
        made = replace(made, begun=_registered_at(job, training).isoformat(), why=())
    write_round(job.storage, job.config, made)
    return Due(config, made.why), made


def _again(job: JobContext, data: Mapping[str, ArtifactSpec], number: int, why: str) -> Due:
    """The first round from this number on that was not done, also without being on record."""
    while not (due := _begin(job, data, number, [why])[0]).triggers:
        number += 1
    return due


def watched_files(corpus: CorpusConfig) -> dict[str, str]:
    """Path → a hash of its content, of all files that the corpus is made of."""
    return {
        " and ".join(file.uris): json.dumps(file.fingerprint())
        for source in corpus.inputs
        if kind_of(source) == "files"
        for file in named_files(source).values()
    }


def news_of_files(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What became of the files, a sentence each kind."""
    kinds = {
        "new": [path for path in now if path not in before],
        "changed": [path for path in now if path in before and before[path] != now[path]],
        "gone": [path for path in before if path not in now],
    }
    return [
        f"{len(paths)} {kind} file{'s' if len(paths) > 1 else ''} of the corpus: "
        f"{', '.join(paths[:3])}{' …' if len(paths) > 3 else ''}"
        for kind, paths in kinds.items()
        if paths
    ]


def _not_done(job: JobContext, training: str) -> str | None:
    """What is left to do of a training that was begun; None if it is registered."""
    from jobs.tracking import registry_stands
    from jobs.train import registered_version

    try:
        artifacts.load(job.storage, training)
    except ArtifactError:
        return "a training that was begun is not at its end"
    if registry_stands(job.tracking_uri) and registered_version(job, training) is not None:
        return None
    return "a trained model is not registered, or not with these settings of `decode`"


def _old_age(job: JobContext, last: Round) -> str | None:
    limit = job.config.retrain.max_age_days
    if limit is None:
        return None
    champion = job.registry.by_alias(job.config.registry.name, CHAMPION)
    if champion is None:
        return None
    now = datetime.datetime.now(datetime.UTC)
    return old_age(_created_at(champion), datetime.datetime.fromisoformat(last.begun), now, limit)


def _registered_at(job: JobContext, training: str) -> datetime.datetime:
    """When the version of a training that is done was made."""
    from jobs.train import registered_version

    version = registered_version(job, training)
    assert version is not None
    return _created_at(version)


def _created_at(version: Version) -> datetime.datetime:
    """When a version was registered."""
    return datetime.datetime.fromtimestamp(version.created / 1000, datetime.UTC)


def _new_revisions(job: JobContext) -> list[str]:
    """Follow the branches of hub datasets anew; a sentence for each that has moved."""
    news: list[str] = []
    if not job.config.retrain.follow_revisions:
        return news

    def follow(dataset: str, revision: str) -> str:
        try:
            before, now = follow_revision(job.storage, dataset, revision)
        except CorpusError as error:
            # A night without the hub is no reason to train nothing: what is recorded still holds.
            job.console.warn(f"{error}; going on with the revision of before")
            return revision
        if before not in (None, now):
            news.append(f"{dataset} has a new {revision} at the hub: {before} → {now}")
        return now

    job.config.corpus.with_commits(follow)
    return news


def _changes(job: JobContext, data: Mapping[str, ArtifactSpec], last: Round | None) -> list[str]:
    """What each stage says of why it would run, but for what follows from the one before."""
    from jobs.fit import plan_training, train_spec
    from jobs.warm_start import start_spec, warm_version

    files = news_of_files(last.files, watched_files(job.config.corpus)) if last else []
    warm = warm_version(job, job.config)
    rows = [stages.plan_of(job.storage, spec) for spec in data.values()]
    training = train_spec(job.config, data, start_spec(warm) if warm else None)
    rows.append(plan_training(job.storage, training))
    if all(row.why == "never run" for row in rows):
        return ["nothing was trained yet"]
    found = []
    for row in rows:
        own = [part for part in row.why.split("; ") if not part.startswith("reads a new ")]
        if row.state == "run" and own and not (row.name == "corpus" and files):
            found.append(f"{row.name}: {'; '.join(own)}")
    return [*files, *found] or [f"{rows[-1].name}: {rows[-1].why}"]
