"""A render process: draws the frames that come over a socket, and ends with the worker."""

import ctypes
import os
import queue
import signal
import socket as sockets
import sys
import threading
from contextlib import suppress
from pathlib import Path

from vizworker.executors import parcel

PR_SET_PDEATHSIG = 1
SOONER = 500  # to be ended before the worker and the searches, where memory runs out


def main() -> None:
    """Serve the socket of the file descriptor that is the first argument.

    The second is the function that draws; its module is imported before a frame comes.
    """
    line = sockets.socket(fileno=int(sys.argv[1]))
    _end_with_parent()
    # the worker is told to end, and has its last frames drawn
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(SOONER))
    frames: queue.SimpleQueue[list[bytearray]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(line, frames), daemon=True).start()
    draw = parcel.function_of(sys.argv[2])
    warm = getattr(sys.modules[draw.__module__], "warm", None)
    if warm is not None:
        warm()
    line.sendall(parcel.READY)
    while True:
        parts = frames.get()
        try:
            parcel.send(line, parcel.answer(draw, parts))
        except OSError:
            os._exit(1)


def _read(line: sockets.socket, frames: "queue.SimpleQueue[list[bytearray]]") -> None:
    """Pass the frames on, from a thread that notices the worker's end while one is drawn."""
    try:
        while True:
            frames.put(parcel.receive(line))
    except (EOFError, OSError):
        os._exit(0)


def _end_with_parent() -> None:
    """Where the system can (Linux), even if the thread that reads is never let run again."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
