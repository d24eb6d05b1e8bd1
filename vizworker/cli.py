"""The command line: serve, status, export, demo, doctor; each command imports what it needs."""

import os
import sys
from enum import IntEnum, StrEnum
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


class Which(StrEnum):
    """Frames of a run that can be exported."""

    LAST = "last"


app = typer.Typer(
    help="Watch a JAX model fit as it runs: a worker that draws, and what to ask it.",
    no_args_is_help=True,
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
    """The console script."""
    app()


def fail(code: Exit, message: object) -> NoReturn:
    """End with one line on stderr."""
    typer.echo(f"vizworker: {' '.join(str(message).split())}", err=True)
    raise typer.Exit(code)


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
