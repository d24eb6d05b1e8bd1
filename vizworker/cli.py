"""The command line: what to ask a worker; each command imports what it needs.

The commands of who runs a worker are in `serving`.
"""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vizworker import (
    __version__,
    serving,  # noqa: F401  registers its commands
)
from vizworker.terminal import Endpoint, Exit, UsageError, app, code_of, complain, fail


class Which(StrEnum):
    """Frames of a run that can be exported."""

    LAST = "last"


class Scale(StrEnum):
    """Of the colours of positive values."""

    LINEAR = "linear"
    LOG10 = "log10"


def main() -> None:
    """The console script: whatever goes wrong is one line on stderr and an exit code."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except UsageError as error:
        complain(f"{error} (see vizworker --help)")
        code = Exit.USAGE
    except typer.Abort:
        code = Exit.INTERRUPTED
    raise SystemExit(code)


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
        fail(code_of(error), error)
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
    reduced: Annotated[
        bool,
        typer.Option(
            "--reduced", help="Take large maps as they were drawn, without asking the search."
        ),
    ] = False,
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
        found = find_frame(
            run,
            Records(data_folder()),
            endpoint,
            whole=output is not None and not reduced,
            waiting=lambda seconds: complain(
                f"waiting for the exact arrays of {run}, for {seconds:.0f} s so far"
            ),
        )
        if output is not None:
            write_npz(found, output)
            typer.echo(f"{output}: {frame} frame of {found.run}, {len(found.arrays)} arrays")
        if figure is not None:
            write_png(found, figure, None if scale is None else scale.value)
            typer.echo(f"{figure}: figure of the {frame} frame of {found.run}")
    except VizError as error:
        fail(code_of(error), error)
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
        fail(code_of(error), error)
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
    try:
        script = demonstration.demo_script()
        typer.echo(f"fitting a simulated lens; watch {images}, or `vizworker status` in a terminal")
        code = demonstration.run_demo(script, folder, context.args)
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
