"""A search that finds a better fit at every step, for some seconds; it prints its accounts as JSON.

Its frames are those of an invented lens, and its likelihood is a number that counts the steps.
"""

import argparse
import json
import logging
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import numpy as np
from _worker import frames

from search_hooks.hook import LiveFit

PAUSE = 0.05  # seconds between two steps

parser = argparse.ArgumentParser()
parser.add_argument("endpoint")
parser.add_argument("folder", type=Path)
parser.add_argument("seconds", type=float)
parser.add_argument("--every", type=float, default=5.0)
arguments = parser.parse_args()
logging.basicConfig(
    filename=arguments.folder / "search.log", level=logging.INFO, format="%(asctime)s %(message)s"
)

fits = [frame.arrays for frame in frames(3, side=41)]


def fit_from(point: np.ndarray) -> dict[str, np.ndarray]:
    return {**fits[int(point[0]) % len(fits)], "log_likelihood": np.asarray(point[0])}


live = LiveFit(
    fit_from,
    layout="imaging",
    run=arguments.folder.name,
    folder=arguments.folder,
    every=arguments.every,
    endpoint=arguments.endpoint,
    use_jax=False,
)
step, slowest = 0, 0.0
end = time.monotonic() + arguments.seconds
while time.monotonic() < end:
    step += 1
    start = time.perf_counter()
    live.step(np.array([float(step)]), float(step))
    slowest = max(slowest, time.perf_counter() - start)
    time.sleep(PAUSE)
delivered = live.close(60.0)
publisher = live._publisher
accounts = {
    "sent": live.cost().updates,
    "drawn": publisher.drawn,
    "replaced": publisher.replaced,
    "refused": publisher.refused,
    "delivered": delivered,
    "slowest step": slowest,
    "final": os.path.exists(arguments.folder / "fit.png"),
}
print(json.dumps(accounts), flush=True)
