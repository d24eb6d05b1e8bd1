"""What render processes draw with in tests: a pixel, or the worst of a frame's layout."""

import ctypes
import os
import signal
import sys
import time

import running

from vizworker.frame import Frame

# a process that is told to ends while it imports this; told a path, the first one does
match os.environ.get("DRAWERS_EXIT"):
    case None:
        pass
    case "always":
        sys.exit(3)
    case path if not os.path.exists(path):
        with open(path, "w"):
            sys.exit(3)

_held: list[bytearray] = []  # what a leaking figure keeps


def render(frame: Frame) -> running.Rendered:
    """A picture of the process that drew it, or what the frame's layout says."""
    match frame.layout:
        case "broken":
            raise ValueError("a figure of nothing")
        case "crash":
            ctypes.string_at(0)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "killed once":
            once(frame)
        case "hang":
            time.sleep(600.0)
        case "slow":
            time.sleep(0.2)
        case "leak":
            _held.append(bytearray(b"x" * (200 << 20)))
    picture = running.Picture(("fit",), b"\x89PNG by %d" % os.getpid())
    return running.Rendered((picture,), time.time(), time.time())


def once(frame: Frame) -> None:
    """Ended by the system, but not the second time."""
    path = frame.title_prefix
    if not os.path.exists(path):
        with open(path, "w"):
            os.kill(os.getpid(), signal.SIGKILL)


def forget(run_id: str) -> None:
    """Nothing is kept."""
