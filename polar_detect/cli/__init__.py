"""The command line: options → command → PolarError as one line. Imports nothing heavy.

`options` holds what each command asks for, `commands` what it does.
"""

import atexit
import gc
import inspect
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from polar_detect import __version__, announcement
from polar_detect.cli import options
from polar_detect.cli.config import read_config, without_overruled
from polar_detect.cli.lost_streams import standing_in
from polar_detect.cli.speaking import Spoken, more_files, said, said_of_stop
from polar_detect.cli.streams import write_anything
from polar_detect.errors import InputError, PolarError
from polar_detect.stopping import Stoppable
from polar_detect.texts.visible import visible

_COMMANDS: dict[str, type[Any]] = {
    "fit": options.FitOptions,
    "score": options.ScoreOptions,
    "screen": options.ScreenOptions,
    "report": options.ReportOptions,
    "combine": options.CombineOptions,
    "drift": options.DriftOptions,
    "inspect": options.InspectOptions,
    "search": options.SearchOptions,
    "compare": options.CompareOptions,
    "serve": options.ServeOptions,
    "demo": options.DemoOptions,
}
_OF_ONE_FILE = {"fit", "score", "screen", "report"}
_WRITING = {"fit", "score", "screen", "report", "compare", "combine", "drift", "demo"}
app = typer.Typer(
    name="polar-detect",
    help="Which of these texts or rows do not belong, and why? `fit` on normal ones, `score` and "
    "`report` new ones; `compare` says whether something simpler does.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
models_app = typer.Typer(help="List the embedded models, or fetch one.")
app.add_typer(models_app, name="models")


def main() -> None:
    """Run the command line; a `PolarError` becomes one line and exit code 1."""
    # Read when torch is loaded. By default OpenMP's threads spin while they wait for each
    # other, and beside any other load a run takes ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Importing torch and transformers makes half a million objects, all of which stay. Looking
    # for garbage among them as often as Python does takes 0.7 of 5.6 s of processor time.
    gc.set_threshold(100_000, 20, 20)
    # And they go with the process: looking through all of them once more takes another 1.2 s.
    atexit.register(gc.freeze)
    with standing_in():
        write_anything(sys.stdout, sys.stderr)
        _run_app()


def _run_app() -> None:
    spoken = Spoken()
    try:
        try:
            app(args=_arguments(), obj=spoken)
        finally:
            sys.stdout.flush()  # here, where an error is still told
    except PolarError as error:
        message = visible(" ".join(said(str(error), spoken.tongue).split()))
        sys.stderr.write(f"polar-detect: {message}\n")
        sys.exit(1)
    finally:
        announcement.choose_wording(str)  # who calls this goes on in English


def _arguments() -> list[str]:
    """Return what the command was given.

    Not as typer reads it on Windows, where a text such as "why?" becomes the name of a file that
    matches it, and data[1].csv data1.csv.
    """
    given = sys.argv[1:]
    if sys.platform != "win32":
        return given
    # Of paths from the user's folder, which no shell there writes out.
    return [os.path.expanduser(own) if own.startswith(("~/", "~\\")) else own for own in given]  # noqa: PTH111


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"polar-detect {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001 - acts in its callback
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="File with options by command. Default: polar-detect.toml here, if there is one.",
        ),
    ] = None,
) -> None:
    """Find texts and rows that do not belong."""
    context.default_map = read_config(context, config)


def _command(name: str, kind: type[Any]) -> Callable[..., None]:
    """Return a command whose arguments and options are the fields of a dataclass."""

    def run(context: typer.Context, **given: Any) -> None:
        if context.args:
            raise more_files(context.args, given["lang"])
        own = without_overruled(context, given, getattr(kind, "alternatives", ()))
        asked = kind(**own)  # whether they go together is asked before the imports
        stoppable = Stoppable("")
        if name in _WRITING:
            # Not `Path.is_file`, which raises where the user may not look.
            goes_on = name == "score" and os.path.isfile(asked.input)  # noqa: PTH113
            stoppable = Stoppable(
                f"polar-detect: {said_of_stop(asked.lang, goes_on=goes_on)}",
                lambda placed: f"polar-detect: {said_of_stop(asked.lang, placed=placed)}",
            )
        _run(name, name, asked, stoppable=stoppable)

    run.__doc__ = kind.__doc__
    asking = inspect.signature(run).parameters["context"]
    fields = inspect.signature(kind).parameters.values()
    asked_first = sorted(fields, key=lambda own: own.default is not own.empty)
    run.__signature__ = inspect.Signature([asking, *asked_first])  # type: ignore[attr-defined]  # what typer reads
    return run


def _run(module: str, function: str, *given: Any, stoppable: Stoppable | None = None) -> None:
    """Import a command and run it, with what is said should it be stopped; default: nothing."""
    _check_working_folder()
    with stoppable or Stoppable("") as running:
        command = getattr(import_module(f"polar_detect.cli.commands.{module}"), function)
        running.begin()
        command(*given)


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:  # relative paths lead nowhere, and torch ends the process
        raise InputError(
            "Got a working folder that has been removed; expected one that is there; change into "
            "another one."
        ) from error


for _name, _kind in _COMMANDS.items():
    # More than one file is a usage error by itself, too, which says nothing of what to do.
    app.command(_name, context_settings={"allow_extra_args": _name in _OF_ONE_FILE})(
        _command(_name, _kind)
    )


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the embedded models: name, licence, size, whether they are in the cache."""
    if context.invoked_subcommand is None:
        _run("models", "list_models")


@models_app.command("fetch")
def fetch_model(name: Annotated[str, typer.Argument(help="Embedded name or hub id.")]) -> None:
    """Fetch a model into the cache, check its hash, and print its folder."""
    _run("models", "fetch_model", name)
