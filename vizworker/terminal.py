"""What all commands share: the app, the exit codes, and the one line of an error."""

from enum import IntEnum
from typing import Annotated, NoReturn

import typer


class Exit(IntEnum):
    """What the command's end says; `docs/commands.md` has the table."""

    OK = 0
    FAILED = 1  # a check of `doctor`, or the script of `demo`
    USAGE = 2  # the command line itself, or a setting
    NOTHING = 3  # no such worker or run
    ENDPOINT = 4  # an address that cannot or must not be used
    WRITE = 5  # a file or folder that cannot be written
    RUNS = 6  # a daemon runs already
    CUT_SHORT = 7  # `serve`: what was in hand could not be drawn in time
    INTERRUPTED = 130  # Ctrl-C


# click's in older versions of typer, its own in newer ones
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


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


def fail(code: Exit, message: object) -> NoReturn:
    """End with one line on stderr."""
    complain(message)
    raise typer.Exit(code)


def complain(message: object) -> None:
    """One line on stderr."""
    typer.echo(f"vizworker: {' '.join(str(message).split())}", err=True)


def code_of(error: Exception) -> Exit:
    """The exit code of an error of ours."""
    from vizworker.daemon import DaemonRunsError
    from vizworker.errors import ConfigError, EndpointError

    match error:
        case EndpointError():
            return Exit.ENDPOINT
        case ConfigError():
            return Exit.USAGE
        case DaemonRunsError():
            return Exit.RUNS
        case _:
            return Exit.NOTHING
