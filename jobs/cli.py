"""The command line: parse, load the configuration, call the job, report.

Nothing heavy is imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import shlex
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.signals import (
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_TRY_AGAIN,
    ignore_sigterm,
    let_end,
    skips_exit,
    take_sigterm,
    was_terminated,
)
from jobs.terminal import harmless
from pipeline.errors import AnuvadError, ConfigError, OutageError, UnderWayError

if TYPE_CHECKING:
    from jobs.context import JobContext

app = typer.Typer(
    name="anuvad",
    help="English→Hindi translation models, from corpus to champion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigArgument = Annotated[
    str, typer.Argument(metavar="CONFIG", help="A YAML file, such as configs/phrasebook.yaml.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Settings in place of the file's: train.seed=2."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="URI", help="models:/NAME@ALIAS or models:/NAME/VERSION."),
]
TestOption = Annotated[
    list[str] | None, typer.Option("--test", metavar="NAME", help="Only this test set.")
]


class ClusterJob(StrEnum):
    """What ``anuvad submit`` starts."""

    PREPARE = "prepare"
    TRAIN = "train"
    EVALUATE = "evaluate"
    PROMOTE = "promote"
    RETRAIN = "retrain"


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and warnings.")] = False,
) -> None:
    """English→Hindi translation models, from corpus to champion."""


@app.command()
def prepare(config: ConfigArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Download, clean, deduplicate and tensorize the corpus."""
    with _job(config, overrides) as job:
        from jobs.prepare import prepare as run_job
        from jobs.retrain import stages_json

        prepared = run_job(job, sys.argv)
        document = {"stages": stages_json(prepared.stages), "report": prepared.report}
        if as_json:
            _print_json(document)
        else:
            rows = [
                (s["name"], "stood" if s["skipped"] else f"{s['seconds']:.1f} s", s["path"])
                for s in stages_json(prepared.stages)
            ]
            _print_table(("stage", "time", "artifact"), rows)


@app.command()
def train(config: ConfigArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Prepare, train and register the model as the challenger."""
    with _job(config, overrides, terminated=EXIT_TRY_AGAIN) as job:
        from jobs.train import train as run_job

        trained = run_job(job, sys.argv)
        document = trained.as_json()
        if as_json:
            _print_json(document)
        else:
            new = "" if trained.was_new else " (nothing new: it stood already)"
            print_line(
                f"version {trained.version.number} of {trained.version.name} is the best of "
                f"{document['updates']:,} updates: {job.config.train.metric} "
                f"{document['best_score']:.3f} on the development set at update "
                f"{document['best_update']:,}{new}"
            )


@app.command()
def evaluate(
    config: ConfigArgument,
    overrides: Overrides = None,
    model: ModelOption = None,
    test: TestOption = None,
    as_json: Json = False,
) -> None:
    """Translate the test sets with a registered version and score it."""
    with _job(config, overrides, reads_registry=True) as job:
        from jobs.evaluate import asked_tests, corpus_of, pick_version
        from jobs.evaluate import evaluate as run_job
        from jobs.evaluation_report import write_evaluation_report
        from jobs.renewed_card import renew_card

        version = pick_version(job, model)
        corpus = corpus_of(job)
        evaluation = run_job(job, version, corpus, asked_tests(job, corpus, test))
        report = write_evaluation_report(job, evaluation, corpus, sys.argv)
        if any(not found.skipped for found in evaluation.tests.values()):
            why = renew_card(job, evaluation, corpus)
            if why is not None:
                job.console.say("card", f"stays as it is: {why}")
        if as_json:
            _print_json(evaluation.as_json() | {"report": str(report)})
        else:
            rows = [
                (name, key, f"{s.score:.2f}", f"{s.low:.2f} to {s.high:.2f}", s.signature)
                for name, found in evaluation.tests.items()
                for key, s in found.scores.items()
            ]
            print_line(f"version {version.number} of {version.name}")
            _print_table(("test", "metric", "score", "95% interval", "signature"), rows)
            for note in evaluation.notes:
                print_line(f"warning: {note}")
            print_line(f"report: {report}")


@app.command()
def compare(
    config: ConfigArgument,
    models: Annotated[
        tuple[str, str],
        typer.Option(
            "--models",
            metavar="A B",
            help="Two of models:/NAME@ALIAS, models:/NAME/VERSION, champion, 3.",
        ),
    ],
    overrides: Overrides = None,
    test: TestOption = None,
    as_json: Json = False,
) -> None:
    """Hold two registered versions against each other."""
    with _job(config, overrides, reads_registry=True) as job:
        from jobs.compare import compare as run_job
        from jobs.evaluate import asked_tests, corpus_of

        corpus = corpus_of(job)
        compared = run_job(job, models, corpus, asked_tests(job, corpus, test))
        if as_json:
            _print_json(compared.as_json())
        else:
            from jobs.compared_table import print_compared

            print_compared(compared, _print_table, print_line)


@app.command()
def promote(
    config: ConfigArgument,
    overrides: Overrides = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> None:
    """Let the gate judge the challenger and name the champion."""
    with _job(config, overrides, reads_registry=True) as job:
        from jobs.promote import promote_asked

        promotion = promote_asked(job, model)
        if as_json:
            _print_json(promotion.as_json())
        else:
            rules = [
                ("holds" if r.holds else "broken", r.name, r.measured, r.bound)
                for r in promotion.verdict.rules
            ]
            if rules:
                _print_table(("", "rule", "measured", "bound"), rules)
            how = "promoted" if promotion.verdict.promoted else "not promoted"
            print_line(f"{how}: {promotion.verdict.why}")
            if promotion.champion is not None:
                print_line(f"champion: version {promotion.champion.number}")


@app.command()
def rollback(
    config: ConfigArgument,
    overrides: Overrides = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="This one, not the champion before."),
    ] = None,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="For the record.")] = "",
    as_json: Json = False,
) -> None:
    """Put the champion of before, or another version, back.

    Each takes back the last move of the champion that was not taken back: two in a row go back two,
    and one after --to goes back to where that was asked for.
    """
    with _job(config, overrides, reads_registry=True) as job:
        from jobs.rollback import rollback as run_job

        result = run_job(job, to, why)
        if as_json:
            _print_json(result.as_json())
        elif result.champion.number == result.before.number:
            print_line(f"nothing to do: {result.why}")
        else:
            print_line(
                f"champion: version {result.champion.number} again, in place of version "
                f"{result.before.number}: {result.why}"
            )


@app.command()
def retrain(
    config: ConfigArgument,
    overrides: Overrides = None,
    force: Annotated[
        bool, typer.Option("--force", help="Train once more, with the next seed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Do it all: prepare, train, register, evaluate, promote, report. Safe to start twice."""
    with _job(config, overrides, terminated=EXIT_TRY_AGAIN) as job:
        from jobs import retrain as retraining

        try:
            result = retraining.retrain(job, sys.argv, force)
        except UnderWayError as error:
            if as_json:
                _print_json(retraining.busy_json(error))
            else:
                print_line(f"nothing to do: {error}")
            return
        if as_json:
            _print_json(result.as_json())
        else:
            from jobs.summary import print_summary

            print_summary(
                result, _translate_command(job, config), _mlflow_command(job.tracking_uri)
            )


@app.command()
def schedule(
    config: ConfigArgument,
    overrides: Overrides = None,
    cron: Annotated[
        str,
        typer.Option("--cron", metavar="EXPRESSION", help="When: minute hour day month weekday."),
    ] = "0 2 * * *",
    tz: Annotated[
        str, typer.Option("--tz", metavar="ZONE", help="By whose clocks: Asia/Kolkata.")
    ] = "UTC",
    once: Annotated[bool, typer.Option("--once", help="End after the next fire.")] = False,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="URL",
            envvar="RAY_ADDRESS",
            help="A cluster's job server, http://HEAD:8265; else Ray is started here.",
        ),
    ] = None,
) -> None:
    """Retrain at each fire of a cron expression, until interrupted."""
    with _job(config, overrides) as job:
        from jobs.schedule import schedule as run_job

        code = run_job(job, config, overrides or [], cron, tz, once=once, address=address)
        if code:
            raise typer.Exit(code)


@app.command()
def submit(
    config: ConfigArgument,
    job: Annotated[ClusterJob, typer.Argument(metavar="JOB", help="What to run there.")],
    address: Annotated[
        str,
        typer.Option(
            "--address",
            metavar="URL",
            envvar="RAY_API_SERVER_ADDRESS",
            help="The cluster's job server, http://HEAD:8265.",
        ),
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Settings in place of the file's; behind -- options of the job: -- --force.",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Print the job's name, and follow no log.")
    ] = False,
    stop: Annotated[
        bool,
        typer.Option("--stop", help="Ask the job under way to save where it stands and end."),
    ] = False,
) -> None:
    """Run a job on a Ray cluster, with the code that is here.

    Called again, it attaches to the job under way and shows its log from the beginning; a job that
    has ended is started anew. Exits as the job does. Ctrl-C detaches: the job goes on.
    """
    with _user_errors():
        from jobs import submit as submitting
        from jobs.config import load_config
        from jobs.console import JobConsole

        loaded = load_config(config, submitting.split_words(words or [])[0])
        console = JobConsole()

        def say(text: str) -> None:
            console.say("submit", text)

        what = submitting.order(loaded, config, job.value, words or [])
        with submitting.job_server(address) as jobs:
            if stop:
                submitting.stop(jobs, what, sys.stdout, say)
                return
            for warning in what.warnings:
                console.warn(warning)
            name = submitting.start(jobs, what, say).name
            if detach:
                print_line(name)
                return
            try:
                code = submitting.follow(jobs, name, sys.stdout, say)
            except OSError as error:
                _drop_output()
                raise AnuvadError(
                    f"the log of {name} must be written somewhere, but: {error}; the job is left "
                    f"to itself, and the same command attaches to it while it is under way"
                ) from error
            except KeyboardInterrupt:
                # Ray takes a second to leave, in which a second Ctrl-C would make it a traceback.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                say(f"detached; {name} goes on: the same command attaches, with --stop it ends it")
                raise typer.Exit(
                    EXIT_TERMINATED if was_terminated() else EXIT_INTERRUPTED
                ) from None
        if code:
            raise typer.Exit(code)


@app.command()
def plan(config: ConfigArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Show every stage, whether it would run, and why."""
    with _job(config, overrides) as job:
        from jobs.plan import plan as make_plan

        stages = make_plan(job)
        if as_json:
            _print_json(
                {"stages": [{"name": s.name, "state": s.state, "why": s.why} for s in stages]}
            )
        else:
            _print_table(("stage", "state", "why"), [(s.name, s.state, s.why) for s in stages])


@app.command()
def status(config: ConfigArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Show champion, challenger, versions, runs, locks and journals."""
    with _job(config, overrides) as job:
        from jobs.status import status as run_job

        found = run_job(job)
        if as_json:
            _print_json(found)
            return
        if not found["versions"]:
            print_line(f"{found['model']} has no versions at {found['registry']}")
        else:
            rows = [
                (
                    v["version"],
                    ", ".join(v["aliases"]),
                    v["created"],
                    (v["bleu_intl"] or "not scored").split(" nrefs")[0],
                    v["why"],
                )
                for v in found["versions"]
            ]
            _print_table(("version", "alias", "created", "BLEU (intl)", "gate"), rows)
        if found["moves"]:
            moves = [
                (
                    m["at"],
                    f"{m['before'] or 'none'} → {m['champion']}",
                    m["how"] if m["done"] else f"{m['how']}, or was about to be",
                    m["why"],
                )
                for m in found["moves"]
            ]
            _print_table(("champion since", "version", "how", "why"), moves)
        if found["runs"]:
            runs = [(r["name"], r["status"], r["started"]) for r in found["runs"]]
            _print_table(("run", "state", "started"), runs)
        if (planned := found["schedule"]) is not None:
            coming = planned["next_fire"] or "none"
            last = planned["last_job"] or "none yet"
            ended = "" if planned["last_code"] is None else f", exit code {planned['last_code']}"
            print_line(f"next fire  {coming} ({planned['cron']} in {planned['zone']})")
            print_line(f"last fire  {last}{ended}")
        for lock in found["locks"]:
            print_line(f"lock       {lock['name']}: {lock['holder']}")
        for journal in found["journals"]:
            print_line(
                f"journal    {journal['run']}: {journal['lines']} lines that MLflow has not taken"
            )


@app.command()
def sync(config: ConfigArgument, overrides: Overrides = None, as_json: Json = False) -> None:
    """Send MLflow what it missed while it was down or slow, once."""
    with _job(config, overrides) as job:
        from jobs.sync import sync as run_job

        found = run_job(job)
        left = [s for s in found if s.left]
        if as_json:
            _print_json({"runs": [s.as_json() for s in found]})
        elif not found:
            print_line("nothing to send: MLflow has all of it")
        else:
            rows = [(s.run_id, f"{s.sent:,}", f"{s.left:,}", s.why or "") for s in found]
            _print_table(("run", "sent", "left", "why"), rows)
        if left:
            raise typer.Exit(OutageError.exit_code)


@app.command()
def doctor(config: ConfigArgument, overrides: Overrides = None) -> None:
    """Say what this machine has, and what follows from it."""
    with _job(config, overrides) as job:
        from jobs.doctor import doctor as examine

        findings = examine(job)
        rows = [("ok" if f.good else "!", f.what, f.seen, f.follows) for f in findings]
        _print_table(("", "what", "seen", "what follows"), rows)
        if not all(f.good for f in findings):
            raise typer.Exit(1)


@app.command()
def translate(
    sentences: Annotated[
        list[str] | None,
        typer.Argument(metavar="SENTENCE", help="English; unless given, standard input."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="URI",
            help="models:/NAME@ALIAS, models:/NAME/VERSION or a model folder; given several times, "
            "the models translate together [default: models:/en-hi@champion].",
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="CONFIG", help="Take this configuration's champion."),
    ] = None,
    input_file: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Text, a sentence a line; TSV or parquet; a folder or a glob of such files.",
        ),
    ] = None,
    output_file: Annotated[
        str | None,
        typer.Option(
            "--output", metavar="FILE", help="Where translations go: of several files, a folder."
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            metavar="NAME",
            help="Of the source in TSV and parquet; a number, from 1, in TSV without a header.",
        ),
    ] = None,
    task_sentences: Annotated[
        int | None,
        typer.Option(
            "--task-sentences", min=1, metavar="N", help="What a task on Ray translates [2048]."
        ),
    ] = None,
    on_ray: Annotated[
        bool | None,
        typer.Option(
            "--ray/--no-ray", help="Translate files on Ray, or here [by their size: 256 KiB]."
        ),
    ] = None,
    beam_size: Annotated[
        int | None, typer.Option("--beam-size", min=1, help="In place of the model's own.")
    ] = None,
    n_best: Annotated[
        int | None,
        typer.Option(
            "--n-best",
            min=1,
            metavar="N",
            help="Print N translations a line, best first: line number, score, text, with tabs.",
        ),
    ] = None,
    glossary_file: Annotated[
        Path | None,
        typer.Option(
            "--glossary",
            metavar="FILE",
            help="Terms to be translated just so: a source term, a tab, a target term a line.",
        ),
    ] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--decode",
            metavar="KEY=VALUE",
            help="Another setting of the search in place of the model's own: length_penalty=0.6.",
        ),
    ] = None,
    storage: Annotated[
        str | None, typer.Option("--storage", metavar="URI", help="Where the registry is.")
    ] = None,
) -> None:
    """Translate sentences or files. Nothing but translations goes to standard output."""
    with _user_errors():
        from jobs import translate as translation

        if sentences and input_file is not None:
            raise ConfigError("sentences come as arguments or from --input, not from both")
        order = None
        batches: Iterator[list[str]] = iter(())
        asked = bool(column or task_sentences) or on_ray is not None
        if input_file is not None and (asked or translation.is_for_files(input_file, output_file)):
            from jobs.translate_files import order_of, translate_files

            if output_file is None or n_best:
                raise ConfigError(
                    f"{input_file} is translated as a file: give --output, and leave out --n-best"
                )
            order = order_of(input_file, output_file, column, task_sentences)
        else:
            if asked:
                raise ConfigError("--column, --task-sentences and --ray need an --input")
            if output_file is not None:
                source = None if input_file is None else Path(input_file).expanduser()
                translation.require_writable(Path(output_file), source)
            lines = translation.batched(_input_lines(sentences, input_file))
            # What is wrong with the first of them is said before models are loaded.
            batches = chain([next(lines, [])], lines)
        how = translation.search_with(
            *_models_and_registry(model or [], config, storage),
            *(glossary_file, search or ()),
            beam_size=beam_size,
            n_best=n_best,
        )
        if order is not None:
            translate_files(order, how, on_ray)
            return

        def warn(text: str) -> None:
            print_line(f"warning: {text}", error=True)

        outputs = translation.translated(how, batches, bool(n_best), warn)
        if output_file is not None:
            translation.write_lines(Path(output_file), outputs)
        else:
            for line in outputs:
                print_line(line)


@app.command()
def explain(
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help="English.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="URI", help="As for translate [default: models:/en-hi@champion]."
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="CONFIG", help="Take this configuration's champion."),
    ] = None,
    output_file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Where a PNG of the attention goes."),
    ] = None,
    storage: Annotated[
        str | None, typer.Option("--storage", metavar="URI", help="Where the registry is.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Translate a sentence and show what was looked at."""
    with _user_errors():
        from jobs import explain as explaining
        from jobs import translate as translation

        if output_file is not None:
            translation.require_writable(output_file)
            if output_file.suffix.lower() != ".png":
                raise ConfigError(f"--output must end in .png, but is {output_file}")
        (text,) = _input_lines([sentence], None)
        translator = translation.load_translator(
            *_models_and_registry([model] if model else [], config, storage)
        )
        found = explaining.explain(translator, text)
        if as_json:
            _print_json(found.as_json())
        else:
            print_line(found.translation)
        if found.words is None:
            print_line("this model has no attention: nothing says what it looked at", error=True)
            return
        if not as_json:
            assert found.pieces is not None
            columns = ("translation", "looks most at", "weight", "entropy, bits")
            _print_table(columns, explaining.aligned_rows(found.words))
            _print_table(("source", "coverage", ""), explaining.covered_rows(found.words))
            print_line(f"mean entropy {found.pieces.entropy:.2f} bits a piece")
        if output_file is not None:
            from jobs.heatmap import draw_heatmap

            output_file.write_bytes(draw_heatmap(found.words))
            print_line(f"picture    {output_file}", error=True)


def _input_lines(sentences: list[str] | None, input_file: str | None) -> Iterator[str]:
    from jobs.translate import decode_text, lines_of, read_lines

    if sentences:
        # What the locale could not decode of an argument, Python hands on as lone surrogates.
        for number, sentence in enumerate(sentences, start=1):
            yield decode_text(os.fsencode(sentence), f"sentence {number}")
    elif input_file is not None:
        yield from read_lines(Path(input_file).expanduser())
    else:
        if sys.stdin.isatty():
            print_line("type English sentences, one a line; Ctrl-D ends them", error=True)
        yield from lines_of(sys.stdin.buffer, "standard input")


def _models_and_registry(
    models: list[str], config: str | None, storage: str | None
) -> tuple[list[str], str | None]:
    """The models' URIs, and the registry's, which model folders do without."""
    from jobs.translate import DEFAULT_MODEL

    for model in models:
        if not model.startswith("models:") and not Path(model).is_dir():
            raise ConfigError(
                f"--model must be models:/NAME@ALIAS, models:/NAME/VERSION or a model folder, "
                f"not {model!r}"
            )
    if models and not any(model.startswith("models:") for model in models):
        return models, None
    from jobs.tracking import require_registry, tracking_uri_at

    configured: str | None = None
    if config is not None:
        from jobs.config import load_config

        loaded = load_config(config)
        models = models or [f"models:/{loaded.registry.name}@champion"]
        configured, storage = loaded.tracking.uri, storage or loaded.storage
    from jobs.config import DEFAULT_STORAGE

    uri = tracking_uri_at(configured, storage or DEFAULT_STORAGE)
    require_registry(uri)
    return models or [DEFAULT_MODEL], uri


def main() -> None:
    """The console script ``anuvad``."""
    run()


def run(*command: str) -> None:
    """Run the command line; ``python -m jobs.<name>`` gives the name as ``command``."""
    arguments = [*command, *sys.argv[1:]]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    if "--debug" in arguments[:end]:
        # Wherever it stands: who wants to see more does not want to look up where it goes.
        arguments.remove("--debug")
        os.environ["ANUVAD_DEBUG"] = "1"
    # Reports, runs and model cards tell the command as it can be given again, wherever it lay.
    sys.argv = ["anuvad", *arguments]
    if not _debug():
        warnings.simplefilter("ignore")
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Whoever started this closed it.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    for stream in (sys.stdout, sys.stderr):
        # Hindi is UTF-8 whatever the locale, which on a cluster's node is often none.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    # What was registered first is called last.
    atexit.register(ignore_sigterm)
    app(args=arguments, prog_name="anuvad")


def _debug() -> bool:
    return os.environ.get("ANUVAD_DEBUG") == "1"


@contextlib.contextmanager
def _job(
    config: str,
    overrides: list[str] | None,
    reads_registry: bool = False,
    terminated: int = EXIT_TERMINATED,
) -> Iterator[JobContext]:
    """Load the configuration and hand out a job; what goes wrong ends as one sentence.

    ``terminated`` is the exit code after a SIGTERM.
    """
    with _user_errors(terminated):
        from jobs.config import load_config
        from jobs.console import JobConsole
        from jobs.context import JobContext

        loaded = load_config(config, overrides or [])
        with JobContext(loaded, JobConsole()) as job:
            if reads_registry:
                from jobs.tracking import require_registry

                require_registry(job.tracking_uri)
            yield job


@contextlib.contextmanager
def _user_errors(terminated: int = EXIT_TERMINATED) -> Iterator[None]:
    take_sigterm(terminated)
    try:
        yield
    except AnuvadError as error:
        if was_terminated():
            raise _interrupted(terminated) from None
        if _debug():
            traceback.print_exc()
        print_line(f"error: {error}", error=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        raise _interrupted(terminated) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _drop_output()
        raise typer.Exit(1) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if was_terminated():
            # What was sent to all processes at once reaches some of Ray's before this one.
            raise _interrupted(terminated) from None
        if _debug():
            traceback.print_exc()
        message = " ".join(str(error).split())[:300]
        hint = "" if _debug() else " (--debug shows where)"
        print_line(f"error: {type(error).__name__}: {message}{hint}", error=True)
        raise typer.Exit(1) from None
    finally:
        let_end()


def _drop_output() -> None:
    """What is left of standard output goes nowhere, and so does not fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted(terminated: int) -> typer.Exit:
    """Say that the command was interrupted, or terminated, and answer how it exits."""
    how, code = "interrupted", EXIT_INTERRUPTED
    if was_terminated():
        how, code = "terminated", terminated
    print_line(f"{how}; the same command goes on where it stopped", error=True)
    if skips_exit():
        # What is registered last is called first.
        atexit.register(os._exit, code)
    return typer.Exit(code)


def print_line(text: str, error: bool = False) -> None:
    """One line to standard output, or to standard error; harmless where that is a terminal."""
    stream = sys.stderr if error else sys.stdout
    if stream.isatty():
        text = harmless(text)
    stream.write(f"{text}\n")
    stream.flush()


def _print_json(document: Any) -> None:
    print_line(json.dumps(document, ensure_ascii=False, indent=1))


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        # What is in brackets, or behind a backslash, is text and no style.
        table.add_row(*(Text(harmless(cell)) for cell in row))
    console = Console(highlight=False)
    Console(highlight=False, width=None if console.is_terminal else 200).print(table)


def _translate_command(job: JobContext, config: str) -> str:
    from jobs.config import DEFAULT_STORAGE
    from pipeline.storage import Storage

    command = f"{program('anuvad')} translate"
    if job.config.tracking.uri is not None:
        return f"{command} --config {shlex.quote(config)}"
    if Storage(DEFAULT_STORAGE).uri != job.storage.uri:
        return f"{command} --storage {shlex.quote(job.storage.uri)}"
    return command


def _mlflow_command(uri: str) -> str:
    from jobs.no_secrets import without_secrets

    uri = without_secrets(uri)
    if uri.startswith(("http://", "https://")):
        return uri
    return f"{program('mlflow')} ui --backend-store-uri {shlex.quote(uri)}"


def program(name: str) -> str:
    """How to call an installed program: its name if it is on the path, else where it lies."""
    if shutil.which(name):
        return name
    place = Path(sys.prefix) / "bin" / name
    with contextlib.suppress(ValueError):
        return str(place.relative_to(Path.cwd()))
    return str(place)


if __name__ == "__main__":
    main()
