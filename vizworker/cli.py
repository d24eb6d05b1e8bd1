"""The command line: serve, status, export, demo, doctor; each command imports what it needs."""

import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from vizworker import __version__
from vizworker.config import SETTINGS
from vizworker.values import path

if TYPE_CHECKING:
    from vizworker.worker import Drawer


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


class Which(StrEnum):
    """Frames of a run that can be exported."""

    LAST = "last"


class Scale(StrEnum):
    """Of the colours of positive values."""

    LINEAR = "linear"
    LOG10 = "log10"


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


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for each setting of a worker."""
    signature = inspect.signature(command)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    settings = [
        inspect.Parameter(
            setting.key,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[
                str | None, typer.Option(setting.flag, help=setting.help, show_default=False)
            ],
        )
        for setting in SETTINGS
    ]
    command.__signature__ = signature.replace(parameters=[*own, *settings])  # type: ignore[attr-defined]
    command.__annotations__.pop("settings")
    return command


@app.command()
@_with_settings
def serve(
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file of settings (environment: VIZWORKER_CONFIG)."),
    ] = None,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="In the background, until `vizworker stop`.")
    ] = False,
    as_daemon: Annotated[bool, typer.Option("--as-daemon", hidden=True)] = False,
    private: Annotated[bool, typer.Option("--private", hidden=True)] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    **settings: str | None,
) -> None:
    """Draw the fits of every search that is sent here, until SIGTERM or Ctrl-C.

    SIGHUP has it read its settings again. Each flag is also a variable of the environment and
    a key of the file: docs/settings.md lists them.
    """
    if private != (parent is not None):
        raise typer.BadParameter("--private and --parent go together")
    if daemon:
        _start_daemon(_daemon_arguments(config, settings))
        return
    # before numpy: a worker of one thread leaves the cores to the searches
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    os.umask(0o077)  # the socket and the records are this user's alone

    from vizworker import config as configuration
    from vizworker import daemon as daemons
    from vizworker.errors import VizError
    from vizworker.service import Service

    given = os.environ.get("VIZWORKER_CONFIG")
    file = config or (Path(given) if given else None)

    def load() -> configuration.Config:
        if parent is not None:
            return configuration.private(settings, parent)
        loaded = configuration.load(settings, file=file)
        if as_daemon and loaded.log_file is None:
            loaded = replace(loaded, log_file=daemons.default_log())
        return loaded

    lock = None
    try:
        loaded = load()
        if as_daemon:
            lock = daemons.Lock(loaded.log_file or Path(), _daemon_arguments(config, settings))
        service = Service(loaded, _figures, None if private else load)
        service.start()
    except VizError as error:
        fail(_code(error), error)
    except OSError as error:
        fail(Exit.WRITE, error)
    typer.echo(f"vizworker {__version__} listens at {service.worker.endpoint}")
    if service.http:
        typer.echo(f"its pages are at {service.http}")
    sys.stdout.flush()
    if private:
        os.nice(10)  # once it listens: the search comes first
    if as_daemon:
        daemons.detach(loaded.log_file or Path(os.devnull))
    try:
        service.run()
    except VizError as error:
        fail(_code(error), error)
    finally:
        if lock is not None:
            lock.release()


@app.command()
def stop(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for its end.")] = 60.0,
    kill: Annotated[
        bool, typer.Option("--kill", help="End it at once if it takes longer.")
    ] = False,
) -> None:
    """Stop the daemon: it draws and answers what it has in hand."""
    _stop_daemon(timeout, kill=kill)
    typer.echo("the daemon has ended")


@app.command()
def restart(
    timeout: Annotated[float, typer.Option(help="Seconds to wait for its end.")] = 60.0,
    kill: Annotated[
        bool, typer.Option("--kill", help="End it at once if it takes longer.")
    ] = False,
) -> None:
    """Stop the daemon and start it again with the flags it had."""
    _start_daemon(_stop_daemon(timeout, kill=kill))


def _stop_daemon(timeout: float, *, kill: bool) -> tuple[str, ...]:
    """Stop the daemon; the arguments that it had."""
    from vizworker import daemon as daemons

    try:
        found = daemons.find()
        if found is None:
            fail(Exit.NOTHING, "no daemon runs: `vizworker serve --daemon` starts one")
        if not daemons.stop(found, timeout, kill=kill):
            what = f"the daemon (pid {found.pid}) still runs after {timeout:g} s: see --kill"
            fail(Exit.FAILED, what)
    except OSError as error:
        fail(Exit.WRITE, error)
    return found.arguments


def _start_daemon(arguments: Sequence[str]) -> None:
    from vizworker import daemon as daemons

    try:
        code, words = daemons.start(arguments)
    except daemons.DaemonRunsError as error:
        fail(Exit.RUNS, error)
    except OSError as error:
        fail(Exit.WRITE, error)
    if code != 0:
        known = Exit(code) if code in list(Exit) else Exit.FAILED
        fail(known, f"the daemon did not start: {words}")
    typer.echo(f"vizworker {__version__} runs in the background: {words}")


def _daemon_arguments(config: Path | None, settings: Mapping[str, str | None]) -> tuple[str, ...]:
    """The flags that were given, for another process that starts in another folder."""
    flags = {setting.key: setting for setting in SETTINGS}
    given = [
        f"{flags[key].flag}={path(value) if flags[key].kind is path else value}"
        for key, value in settings.items()
        if value is not None
    ]
    return (*([f"--config={config.absolute()}"] if config else []), *given)


@app.command()
def keygen(
    folder: Annotated[Path, typer.Argument(help="Where the worker's keys are, or shall be.")],
    client: Annotated[
        list[str] | None,
        typer.Option(help="Make and authorise a key for a search of this name; may be repeated."),
    ] = None,
    revoke: Annotated[
        list[str] | None,
        typer.Option(help="Take the authorisation of this name back; may be repeated."),
    ] = None,
) -> None:
    """Make the keys by which searches and a worker on other machines trust each other."""
    from vizworker import keys
    from vizworker.errors import VizError

    try:
        made = keys.make_worker(folder)
        typer.echo(f"{folder}: the worker's key {'was made' if made else 'is there'}")
        for name in client or ():
            issued = keys.make_client(folder, name)
            typer.echo(f"{issued}: give it to {name} (VIZ_WORKER_KEYS), and remove it here")
        for name in revoke or ():
            keys.revoke_client(folder, name)
            typer.echo(f"{name} is revoked")
    except VizError as error:
        fail(_code(error), error)
    except OSError as error:
        fail(Exit.WRITE, error)


def _figures() -> "Drawer":
    from vizworker import draw

    return draw


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
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The .npz file to write.")
    ] = None,
    frame: Annotated[Which, typer.Option(help="Which frame of the run.")] = Which.LAST,
    figure: Annotated[
        Path | None, typer.Option(help="The .png file to write: its figure, drawn here.")
    ] = None,
    scale: Annotated[
        Scale | None, typer.Option(help="Of the figure's colours (default: as it was drawn).")
    ] = None,
    endpoint: Endpoint = None,
) -> None:
    """Write the arrays behind a run's figure to an .npz file, or draw the figure anew."""
    from vizworker.config import data_folder
    from vizworker.errors import VizError
    from vizworker.export import find_frame, write_npz, write_png
    from vizworker.sinks.record import Records

    if output is None and figure is None:
        raise typer.BadParameter("Missing option '--output' / '-o', or '--figure'")
    try:
        found = find_frame(run, Records(data_folder()), endpoint)
        if output is not None:
            write_npz(found, output)
            typer.echo(f"{output}: {frame} frame of {found.run}, {len(found.arrays)} arrays")
        if figure is not None:
            write_png(found, figure, None if scale is None else scale.value)
            typer.echo(f"{figure}: figure of the {frame} frame of {found.run}")
    except VizError as error:
        fail(_code(error), error)
    except OSError as error:
        fail(Exit.WRITE, error)


@app.command()
def scale(
    run: Annotated[str, typer.Argument(help="The run's name or id, as `status` lists it.")],
    to: Annotated[Scale, typer.Argument(help="Of the colours of positive values.")],
    endpoint: Endpoint = None,
) -> None:
    """Colour a run's figures by another scale from its next one on; the fit is left alone."""
    from vizworker.errors import VizError
    from vizworker.export import set_scale

    try:
        set_scale(run, to.value, endpoint)
    except VizError as error:
        fail(_code(error), error)
    typer.echo(f"the next figures of {run} have a {to.value} scale")


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
