"""The commands of who runs a worker: serve, stop, restart, keygen."""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vizworker import __version__
from vizworker.settings import SETTINGS
from vizworker.terminal import Exit, app, code_of, fail
from vizworker.values import path

if TYPE_CHECKING:
    from vizworker.worker import Drawer


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

    from vizworker import daemon as daemons
    from vizworker import settings as configuration
    from vizworker.config import Config
    from vizworker.errors import VizError
    from vizworker.service import Service

    given = os.environ.get("VIZWORKER_CONFIG")
    file = config or (Path(given) if given else None)

    def load() -> Config:
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
        fail(code_of(error), error)
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
        fail(code_of(error), error)
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
        fail(code_of(error), error)
    except OSError as error:
        fail(Exit.WRITE, error)


def _figures() -> "Drawer":
    from vizworker import draw

    return draw
