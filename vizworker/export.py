"""A frame as an .npz file: every array under its own name, beside the fit's numbers."""

import os
from pathlib import Path

import numpy as np

from vizworker import ask, discovery
from vizworker.errors import VizError
from vizworker.frame import Frame
from vizworker.sinks.record import Records


def find_frame(run: str, records: Records, endpoint: str | None = None) -> Frame:
    """The last frame of a run: from the worker that has it, or else from the data folder.

    Args:
        run: its id or its name.
        records: the data folder.
        endpoint: of the only worker to ask.

    Raises:
        VizError: nobody has it.
    """
    if endpoint is not None:
        return ask.frame(endpoint, run)
    for entry in discovery.workers():
        try:
            return ask.frame(entry.address, run)
        except VizError:
            continue
    frame = records.frame(run)
    if frame is None:
        raise VizError(f"no run {run!r}: `vizworker status` lists what there is")
    return frame


def write_npz(frame: Frame, path: Path) -> None:
    """Write a frame's arrays, `log_likelihood` and `parameter_names`; whole, or not at all.

    Raises:
        VizError: an array's name cannot be that of a file.
        OSError: the file cannot be written.
    """
    for name in frame.arrays:
        if not name.isidentifier():
            raise VizError(f"array {name!r} has no name that a file can have")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                log_likelihood=np.float64(frame.log_likelihood),
                parameter_names=np.array(frame.parameter_names, dtype=np.str_),
                **frame.arrays,
            )
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
