"""The command line: serve, status, export, demo, doctor; each command imports what it needs."""

import json
import os
import sys
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from vizworker import __version__

if TYPE_CHECKING:
    from vizworker.worker import Drawer


class Exit(IntEnum):
    """What the command's end says; `docs/commands.md` has the table."""

    OK = 0
    FAILED = 1  # a check of `doctor`, or the script of `demo`
    USAGE = 2  # the command line itself
    NOTHING = 3  # no such worker or run
    ENDPOINT = 4  # an address that cannot or must not be used
    WRITE = 5  # a file or folder that cannot be written
    INTERRUPTED = 130  # Ctrl-C


# click's in older versions of typer, its own in newer ones
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class Which(StrEnum):
    """Frames of a run that can be exported."""

    LAST = "last"


app = typer.Typer(
    help="Watch a JAX model fit as it runs: a worker that draws, and what to ask it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Endpoint = Annotated[
    str | None,
    typer.Option(
        help="Ask only the worker that listens here: ipc:///PATH or tcp://127.0.0.1:PORT."
    ),
]


def main() -> None:
    """The console script: whatever goes wrong is one line on stderr and an exit code."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except UsageError as error:
        _complain(f"{error} (see vizworker --help)")
        code = Exit.USAGE
    except typer.Abort:
        code = Exit.INTERRUPTED
    raise SystemExit(code)


def fail(code: Exit, message: object) -> NoReturn:
    """End with one line on stderr."""
    _complain(message)
    raise typer.Exit(code)


def _complain(message: object) -> None:
    typer.echo(f"vizworker: {' '.join(str(message).split())}", err=True)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vizworker {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    bind: Annotated[
        str | None,
        typer.Option(
            help="Where to listen: ipc:///PATH or tcp://127.0.0.1:PORT (default: a socket "
            "in this user's runtime folder)."
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", hidden=True)] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Draw the fits of every search that is sent here, until SIGTERM or Ctrl-C."""
    import logging

    # before numpy: a worker of one thread leaves the cores to the searches
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.umask(0o077)  # the socket and the records are this user's alone
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    from vizworker.config import Config, default_endpoint
    from vizworker.errors import EndpointError
    from vizworker.sinks.record import Records
    from vizworker.worker import Worker

    if private != (parent is not None):
        raise typer.BadParameter("--private and --parent go together")
    try:
        config = Config(endpoint=bind or default_endpoint(), parent=parent)
        worker = Worker(config, _figures, [Records(config.data, config.keep)])
        worker.startup()
    except EndpointError as error:
        fail(Exit.ENDPOINT, error)
    except OSError as error:
        fail(Exit.WRITE, error)
    typer.echo(f"vizworker {__version__} listens at {worker.endpoint}")
    sys.stdout.flush()
    if private:
        os.nice(10)  # once it listens: the search comes first
    worker.run()


def _figures() -> "Drawer":
    from vizworker.render.figure import Figures

    return Figures()


@app.command()
def status(
    endpoint: Endpoint = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the running workers and the runs of each, and the runs that are over."""
    from vizworker import report
    from vizworker.config import data_folder
    from vizworker.errors import VizError
    from vizworker.sinks.record import Records

    records = Records(data_folder())
    try:
        found = report.gather(records, endpoint)
    except VizError as error:
        fail(_code(error), error)
    except OSError as error:
        fail(Exit.WRITE, error)
    typer.echo(
        json.dumps(report.as_json(found, records), indent=2) if as_json else report.as_table(found)
    )


@app.command()
def export(
    run: Annotated[str, typer.Argument(help="The run's name or id, as `status` lists it.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The .npz file to write.")],
    frame: Annotated[Which, typer.Option(help="Which frame of the run.")] = Which.LAST,
    endpoint: Endpoint = None,
) -> None:
    """Write the arrays behind a run's figure to an .npz file."""
    from vizworker.config import data_folder
    from vizworker.errors import VizError
    from vizworker.export import find_frame, write_npz
    from vizworker.sinks.record import Records

    try:
        found = find_frame(run, Records(data_folder()), endpoint)
        write_npz(found, output)
    except VizError as error:
        fail(_code(error), error)
    except OSError as error:
        fail(Exit.WRITE, error)
    typer.echo(f"{output}: {frame} frame of {found.run}, {len(found.arrays)} arrays")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def demo(
    context: typer.Context,
    output: Annotated[str, typer.Option(help="Folder of the search's results.")] = "output",
) -> None:
    """Fit a simulated lens and watch it; more flags go to the script and the launcher."""
    import time

    from vizworker import demo as demonstration
    from vizworker.config import data_folder
    from vizworker.errors import VizError
    from vizworker.sinks.record import Records

    started = time.time()
    folder = Path(output).absolute()
    images = folder / demonstration.NAME / "*" / "*" / "image" / "fit.png"
    typer.echo(f"fitting a simulated lens; watch {images}, or `vizworker status` in a terminal")
    try:
        code = demonstration.run_demo(folder, context.args)
    except VizError as error:
        fail(Exit.NOTHING, error)
    if code != 0:
        fail(Exit.FAILED, f"the demonstration's script ended with code {code}")
    typer.echo(demonstration.summary(folder, Records(data_folder()), started))


@app.command()
def doctor(endpoint: Endpoint = None) -> None:
    """Check this installation: each line is ok, a note, or what to fix."""
    from vizworker.doctor import examine

    failed = False
    for line in examine(endpoint):
        typer.echo(f"{line.state:<5}{line.what}")
        failed = failed or line.state == "fix"
    if failed:
        raise typer.Exit(Exit.FAILED)


def _code(error: Exception) -> Exit:
    from vizworker.errors import EndpointError

    return Exit.ENDPOINT if isinstance(error, EndpointError) else Exit.NOTHING
