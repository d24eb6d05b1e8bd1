"""A search of half a second that is watched, and that can be made to suffer; no JAX, no PyAuto.

It prints one line of JSON at its end: what it found, and what became of its figures.
"""

import argparse
import hashlib
import json
import logging
import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

from search_hooks import hook, images, publish
from search_hooks.hook import LiveFit, NoHook

parser = argparse.ArgumentParser()
parser.add_argument("--endpoint", help="of a worker; else a private one")
parser.add_argument("--folder", type=Path, help="of the images; without one nothing is watched")
parser.add_argument("--run", default="little")
parser.add_argument("--layout", default="pixel")
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--hold", type=Path, help="wait for this file halfway")
parser.add_argument("--size", type=int, default=8, help="side of the array")
parser.add_argument("--die-at", choices=["greeting", "sending", "answered", "writing", "closing"])
parser.add_argument("--clock-jump", type=float, help="seconds that the clock goes back, halfway")
parser.add_argument("--no-fds", action="store_true", help="no file descriptors in the first half")
parser.add_argument("--deaf", type=int, help="ms after which a silent line is cut")
parser.add_argument("--timeout", type=float, default=60.0, help="of the last figure, seconds")
arguments = parser.parse_args()

logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")


def die(*_: object, **__: object) -> None:
    """As an out-of-memory kill does it: at this point, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(function):
    """The same once a function has done its work."""

    def dying(*given: object, **named: object) -> None:
        function(*given, **named)
        die()

    return dying


match arguments.die_at:
    case "greeting":
        publish.Beat = die
    case "sending":
        publish.encode_frame = die_after(publish.encode_frame)
    case "answered":
        hook.write_image = die
    case "writing":
        images.os = type("os", (), {"replace": die, "getpid": os.getpid})
    case "closing":
        publish.Bye = die

if arguments.deaf:
    publish.HEARTBEAT, publish.DEAF = arguments.deaf // 5, arguments.deaf


def exhaust() -> list[int]:
    """Every file descriptor there is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
    taken = []
    try:
        while True:
            taken.append(os.dup(2))
    except OSError:
        return taken


def log_likelihood(point: np.ndarray) -> float:
    return -0.5 * float(np.sum((point / (1.0, 0.5, 0.1)) ** 2))


def fit_from(point: np.ndarray) -> dict[str, np.ndarray]:
    data = np.full((arguments.size, arguments.size), point[0])
    return {"log_likelihood": np.asarray(log_likelihood(point)), "data": data}


def walk(live: LiveFit | NoHook) -> tuple[np.ndarray, float]:
    """Metropolis from far away: the chain, and the best log likelihood in it."""
    chain = [np.array([30.0, -20.0, 10.0])]
    values = [log_likelihood(chain[0])]
    for step in range(arguments.steps):
        point = chain[-1] + rng.normal(scale=(0.5, 0.3, 0.1))
        value = log_likelihood(point)
        live.step(point, value)
        accept = np.log(rng.uniform()) < value - values[-1]
        chain.append(point if accept else chain[-1])
        values.append(value if accept else values[-1])
        time.sleep(0.001)
        if step == arguments.steps // 2:
            halfway()
    return np.array(chain), max(values)


def halfway() -> None:
    while arguments.hold is not None and not arguments.hold.exists():
        time.sleep(0.01)
    for fd in taken:
        os.close(fd)
    if arguments.clock_jump:
        true = time.time
        time.time = lambda: true() - arguments.clock_jump


rng = np.random.default_rng(1)
taken = exhaust() if arguments.no_fds else []
live: LiveFit | NoHook = NoHook()
if arguments.folder is not None:
    live = LiveFit(
        fit_from,
        layout=arguments.layout,
        run=arguments.run,
        folder=arguments.folder,
        every=0.02,
        endpoint=arguments.endpoint,
        use_jax=False,
    )
chain, best = walk(live)
delivered = live.close(arguments.timeout)
said = {"digest": hashlib.sha256(chain.tobytes()).hexdigest(), "best": best}
if isinstance(live, LiveFit):
    publisher = live._publisher
    said |= {
        "delivered": delivered,
        **{name: getattr(publisher, name) for name in ("sent", "drawn", "replaced", "refused")},
        "blocked": live.cost().blocked,
        "threads": [thread.name for thread in publish.threading.enumerate()],
    }
print(json.dumps(said), flush=True)
