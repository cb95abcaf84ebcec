"""The translation of files of any size: cut in pieces, translated by tasks, joined in order.

reads   text, TSV and parquet, see :mod:`pipeline.sentence_files`; models
writes  one file for each input file, see :mod:`jobs.translated_files`
holds   pieces that are translated lie in ``OUT.work`` until their file is joined, so the same
        command, run again after whatever ended it, does only what is left; memory holds one piece
        a worker
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.lock import hold
from jobs.models import Search, share_the_cores
from jobs.translate import IN_PROCESS_BYTES
from jobs.translated_files import UNPACKED, Standing, TranslatedFiles
from jobs.translating_code import TRANSLATING
from jobs.translation_tasks import translate_piece
from pipeline import artifacts
from pipeline.artifacts import (
    ARTIFACTS,
    PARTS,
    ArtifactSpec,
    Counts,
    Part,
    code_fingerprint,
    total_counts,
)
from pipeline.errors import ConfigError
from pipeline.runner import Runner, Task, run_here
from pipeline.sentence_files import FoundFiles, SentenceFile, find_sentence_files
from pipeline.sentence_lines import text_shard, tsv_shard, unpack
from pipeline.sentence_tables import table_shard
from pipeline.shards import Shard
from pipeline.storage import Storage

NAME = "translate"
"""How the job is called where progress is told."""

TASK_ROWS = 2048
"""Sentences that one task translates, unless the user says otherwise: a minute on a slow core."""

_CODE = (
    *TRANSLATING,
    "jobs.translation_tasks",
    "pipeline.sentence_lines",
    "pipeline.sentence_tables",
    "pipeline.shards",
)


class Progress(Protocol):
    """What a person is told; :class:`jobs.console.JobConsole`."""

    def say(self, name: str, text: str) -> None:
        """One line."""

    def warn(self, text: str) -> None:
        """A warning."""

    def stage_advanced(self, name: str, done: int, total: int) -> None:
        """``done`` of ``total`` tasks have ended."""

    def bar_ended(self, name: str) -> None:
        """Nothing more comes of it."""


@dataclass
class _Pending:
    """An input file whose translations are to be made, and the tasks that make its pieces."""

    file: SentenceFile
    id: str
    shard: Shard
    tasks: list[Task]
    parts: dict[str, Part]

    @property
    def is_translated(self) -> bool:
        return len(self.parts) == len(self.tasks)


@dataclass(frozen=True)
class Order:
    """What a user wants to have translated, and where to.

    Attributes:
        files: the input files.
        target: the output.
        column: of the source in TSV and parquet, see :mod:`pipeline.sentence_lines` and
            :mod:`pipeline.sentence_tables`.
        task_rows: sentences that one task translates.
    """

    found: FoundFiles
    target: TranslatedFiles
    column: str | None = None
    task_rows: int = TASK_ROWS


def order_of(where: str, output: str, column: str | None, task_rows: int | None) -> Order:
    """The order of a command line; nothing is read yet but the names of files.

    Args:
        where: ``--input``.
        output: ``--output``.
        column: ``--column``.
        task_rows: ``--task-sentences``; :data:`TASK_ROWS` if None.

    Raises:
        ConfigError, CorpusError: see :func:`~pipeline.sentence_files.find_sentence_files`.
        ConfigError, AnuvadError: see :class:`~jobs.translated_files.TranslatedFiles`.
    """
    found = find_sentence_files(where, "--input")
    if column is not None and all(file.kind == "text" for file in found.files):
        raise ConfigError(f"--column is for TSV and parquet, but {where} is text: leave it out")
    return Order(found, TranslatedFiles(output, found), column, task_rows or TASK_ROWS)


def translate_files(order: Order, search: Search, on_ray: bool | None) -> None:
    """Translate the files of an order, on Ray if there is much to do, and say how far it is.

    Args:
        order: what is to be done.
        search: what translates.
        on_ray: True for Ray, False for this process, None for what the size says.

    Raises:
        AnuvadError: see :meth:`FilesJob.run`.
    """
    from jobs.actors import ActorRunner
    from jobs.cluster import RaySession
    from jobs.console import JobConsole

    console = JobConsole()
    with RaySession() as session:

        def runner(is_little: bool) -> Runner:
            if is_little if on_ray is None else not on_ray:
                return run_here
            console.doing("ray", "connecting")
            session.ensure()
            return ActorRunner(share_the_cores)

        try:
            counts = FilesJob(order, search).run(runner, console)
        finally:
            console.close()
    if in_pieces := counts["in_pieces"]:
        console.warn(f"{in_pieces:,} were longer than the model reads: translated in pieces")
    if unforced := counts["unforced"]:
        console.warn(f"{unforced:,} times a term of the glossary could not be forced")


class FilesJob:
    """An order under way.

    Args:
        order: what is to be done.
        search: what translates.
    """

    def __init__(self, order: Order, search: Search) -> None:
        self.found = order.found
        self.target = order.target
        self.column = order.column
        self.task_rows = order.task_rows
        self.search = search
        self.work = Storage(self.target.work_uri)
        terms = None if search.glossary is None else search.glossary.terms
        settings = {
            "decode": search.decode.model_dump(mode="json"),
            "glossary": terms and _hash_of(terms),
            "column": self.column,
        }
        parents = {"model": " ".join(search.models.contents)}
        self.spec = ArtifactSpec("translate", settings, code_fingerprint(*_CODE), parents)

    def run(self, runner: Callable[[bool], Runner], progress: Progress) -> Counts:
        """Make the translations that do not stand yet.

        Args:
            runner: what runs the tasks, told whether there is little to do.
            progress: what is told how far it is.

        Returns:
            Of all files together: ``rows``, those that were translated ``in_pieces``, and the
            glossary's terms ``unforced``.

        Raises:
            ConfigError: if a file has no such column.
            CorpusError: if a file is damaged.
            BusyError: if another process translates to the same place.
        """
        with ExitStack() as afterwards, hold(self.work, "translate"):
            # Whoever holds the lock lies in there: it goes first.
            afterwards.callback(self._tidy)
            standing = self.target.standing()
            ids = [self._id_of(file) for file in self.found.files]
            if self.found.left_out:
                progress.warn(f"left out, by their names: {', '.join(self.found.left_out[:5])}")
            pending = [
                self._pending(file, id_)
                for file, id_ in zip(self.found.files, ids, strict=True)
                if (one := standing.get(self.target.path_of(file))) is None or one.id != id_
            ]
            if pending:
                small = sum(one.file.size() for one in pending) <= IN_PROCESS_BYTES
                self._translate(pending, standing, runner(small), progress)
            paths = [self.target.path_of(file) for file in self.found.files]
            counts = total_counts([Part((), standing[path].counts) for path in paths])
            self.work.delete(ARTIFACTS)
        how = f"{len(pending)} new" if pending else "stood already"
        files = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
        progress.say(NAME, f"done: {files} ({how}), {counts['rows']:,} sentences")
        return counts

    def _translate(
        self,
        pending: Sequence[_Pending],
        standing: dict[str, Standing],
        runner: Runner,
        progress: Progress,
    ) -> None:
        by_task = {task.name: one for one in pending for task in one.tasks}
        done = sum(len(one.parts) for one in pending)
        progress.stage_advanced(NAME, done, len(by_task))

        def on_done(task: Task, part: Part) -> None:
            nonlocal done
            artifacts.write_part(self.work, self.spec, task.name, part)
            one = by_task[task.name]
            one.parts[task.name] = part
            done += 1
            progress.stage_advanced(NAME, done, len(by_task))
            if one.is_translated:
                self._publish(one, standing)

        for one in pending:
            if one.is_translated:
                # What was interrupted may have been just before this.
                self._publish(one, standing)
        left = [task for one in pending for task in one.tasks if task.name not in one.parts]
        runner(left, on_done)
        progress.bar_ended(NAME)

    def _publish(self, one: _Pending, standing: dict[str, Standing]) -> None:
        """Join the pieces of a file, record it, and drop them."""
        parts = [one.parts[task.name] for task in one.tasks]
        pieces = [self.work.local(f"{self.spec.path}/{p.files[0].name}") for p in parts]
        path = self.target.path_of(one.file)
        with self.target.storage.writing(path) as out:
            one.shard.join(pieces, out)
        standing[path] = self.target.entry(one.file, one.id, total_counts(parts))
        models = list(self.search.models.contents)
        self.target.record(standing, {"models": models, "settings": dict(self.spec.settings)})
        for left in (f"{self.spec.path}/{PARTS}", self.spec.path, UNPACKED):
            self.work.delete(f"{left}/{one.id}")

    def _pending(self, file: SentenceFile, id_: str) -> _Pending:
        shard = self._shard(file, id_)
        tasks = []
        for piece in shard.cut(self.task_rows):
            name = f"{id_}/{piece.start:012}-{piece.stop:012}"
            arguments = (self.work, self.spec, name, shard, piece, self.search)
            tasks.append(Task(name, translate_piece, arguments))
        found = {task.name: artifacts.read_part(self.work, self.spec, task.name) for task in tasks}
        parts = {name: part for name, part in found.items() if part is not None}
        return _Pending(file, id_, shard, tasks, parts)

    def _shard(self, file: SentenceFile, id_: str) -> Shard:
        storage, path = file.storage, file.path
        if file.packed:
            storage, path = self.work, f"{UNPACKED}/{id_}"
            if storage.size(path) is None:
                with storage.writing(path) as out:
                    unpack(file.storage.local(file.path), file.uri, out)
        packed = self.target.packed(file)
        if file.kind == "parquet":
            return table_shard(file.uri, storage, path, self.column)
        if file.kind == "tsv":
            return tsv_shard(file.uri, storage, path, packed, self.column)
        return text_shard(file.uri, storage, path, packed)

    def _id_of(self, file: SentenceFile) -> str:
        return _hash_of([self.spec.id, self.target.path_of(file), file.kind, file.fingerprint()])

    def _tidy(self) -> None:
        # What is translated already is for the next try.
        if not self.work.exists(ARTIFACTS):
            self.target.drop_work()


def _hash_of(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
