"""A worker that draws the log likelihood as text, and that can be made to die or to suffer."""

import argparse
import functools
import os
import pathlib
import resource
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import drawers
import running

from vizworker import desk, receive, worker
from vizworker.config import Config
from vizworker.executors import processes
from vizworker.frame import Frame
from vizworker.sinks.record import Records

parser = argparse.ArgumentParser()
parser.add_argument("endpoint")
parser.add_argument("--die-at", choices=["greeting", "answering", "recording", "drawing"])
parser.add_argument("--once", type=Path, help="a file that is there once it has died")
parser.add_argument("--pool", action="store_true", help="draw in processes beside it")
parser.add_argument("--fds", type=int, help="file descriptors it may have")
parser.add_argument("--file-size", type=int, help="bytes of a file it may write")
parser.add_argument("--deaf", type=int, help="ms after which a silent line is cut")
parser.add_argument("--clock-jump", type=float, help="seconds that the clock goes back, soon")
arguments = parser.parse_args()


class TextDrawer:
    """Draws a frame's log likelihood, so that a file tells which fit it shows."""

    def render(self, frame: Frame) -> running.Rendered:
        if arguments.die_at == "drawing" and frame.layout == "deadly":
            die()
        png = b"\x89PNG of %r" % frame.log_likelihood
        return running.Rendered((running.Picture(("fit",), png),), time.time(), time.time())

    def forget(self, run_id: str) -> None:
        pass


def die(*_: object, **__: object) -> None:
    """As an out-of-memory kill does it: at this point, without a word."""
    if arguments.once is not None:
        arguments.once.touch()
    os.kill(os.getpid(), signal.SIGKILL)


true_replace = pathlib.Path.replace


def die_replacing(path: Path, target: Path) -> Path:
    return die() if Path(target).suffix == ".viz" else true_replace(path, target)


if arguments.once is None or not arguments.once.exists():
    match arguments.die_at:
        case "greeting":
            desk.Alive = die
        case "answering":
            worker.Drawn = die
        case "recording":
            pathlib.Path.replace = die_replacing

if arguments.clock_jump:
    true, started = time.time, time.monotonic()
    time.time = lambda: true() - (time.monotonic() > started + 0.5) * arguments.clock_jump

if arguments.deaf:
    receive.HEARTBEAT, receive.DEAF = arguments.deaf // 5, arguments.deaf

config = Config(arguments.endpoint)
os.umask(0o077)
kept = Records(config.data, config.keep)
if arguments.pool:
    processes.STARTING = 5.0  # seconds: a process that hangs at once is not waited for long
    pool = functools.partial(processes.Processes, 2, deadline=1.0)
    serving = worker.Worker(config, lambda: drawers, [kept], executor=pool)
else:
    serving = worker.Worker(config, TextDrawer, [kept])
serving.startup()
if arguments.fds:
    resource.setrlimit(resource.RLIMIT_NOFILE, (arguments.fds, arguments.fds))
if arguments.file_size is not None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (arguments.file_size, arguments.file_size))
print("ready", serving.endpoint, flush=True)
serving.run()
