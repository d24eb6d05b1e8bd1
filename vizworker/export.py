"""A frame as an .npz file, every array under its own name, or drawn anew as a .png."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Literal

import msgspec
import numpy as np

from vizworker import ask, discovery
from vizworker.errors import VizError
from vizworker.frame import Frame
from vizworker.sinks.record import Records

Scale = Literal["linear", "log10"]


def find_frame(
    run: str,
    records: Records,
    endpoint: str | None = None,
    *,
    whole: bool = False,
    waiting: Callable[[float], None] = lambda seconds: None,
) -> Frame:
    """The last frame of a run: from the worker that has it, or else from the data folder.

    Args:
        run: its id or its name.
        records: the data folder.
        endpoint: of the only worker to ask.
        whole: with exact arrays, which the worker asks the search for if it has them not.
        waiting: told now and then for how many seconds the search has been waited for.

    Raises:
        VizError: nobody has it.
    """

    def of(address: str) -> Frame:
        if whole:
            return ask.whole_frame(address, run, waiting=waiting)
        return ask.frame(address, run)

    if endpoint is not None:
        return of(endpoint)
    for entry in discovery.workers():
        with suppress(VizError):
            return of(entry.address)
    frame = records.frame(run)
    if frame is None:
        raise VizError(f"no run {run!r}: `vizworker status` lists what there is")
    if whole and frame.reduced:
        raise VizError(
            f"the last frame of {run!r} is down-sampled, and its search, which had the exact "
            "arrays, does not answer: --reduced writes it as it is"
        )
    return frame


def set_scale(run: str, scale: Scale, endpoint: str | None = None) -> None:
    """Have the next figures of a run coloured in another way, by the worker that draws them.

    Raises:
        VizError: no worker knows the run.
    """
    if endpoint is not None:
        ask.set_scale(endpoint, run, scale)
        return
    for entry in discovery.workers():
        try:
            ask.set_scale(entry.address, run, scale)
        except VizError:
            continue
        return
    raise VizError(f"no running worker draws {run!r}: `vizworker status` lists what there is")


def write_npz(frame: Frame, path: Path) -> None:
    """Write a frame's arrays, `log_likelihood` and `parameter_names`; whole, or not at all.

    The names of arrays that came down-sampled are those in `reduced`, if there are any.

    Raises:
        VizError: an array's name cannot be that of a file.
        OSError: the file cannot be written.
    """
    arrays = dict(frame.arrays)
    if frame.reduced:
        arrays["reduced"] = np.array(list(frame.reduced), dtype=np.str_)
    for name in arrays:
        if not name.isidentifier():
            raise VizError(f"array {name!r} has no name that a file can have")

    def write(file: IO[bytes]) -> None:
        np.savez(
            file,
            allow_pickle=False,
            log_likelihood=np.float64(frame.log_likelihood),
            parameter_names=np.array(frame.parameter_names, dtype=np.str_),
            **arrays,
        )

    _write_whole(path, write)


def write_png(frame: Frame, path: Path, scale: Scale | None = None) -> None:
    """Draw the figure of a frame that is the one to watch; whole, or not at all.

    Args:
        frame: as a search sent it.
        path: the file.
        scale: of its colours; None: that of its style.

    Raises:
        VizError: it cannot be drawn.
        OSError: the file cannot be written.
    """
    from vizworker.render.figure import Figures  # slow to import, and the arrays do not need it

    if scale is not None:
        frame = replace(frame, style=msgspec.structs.replace(frame.style, scale=scale))
    png = Figures().render(frame).pictures[0].png
    _write_whole(path, lambda file: file.write(png))


def _write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            write(file)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
