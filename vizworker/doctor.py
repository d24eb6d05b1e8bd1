"""Checks of an installation: what works, and what to do about what does not."""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import platformdirs

from vizworker import ask
from vizworker.auth import KEYS_VARIABLE, read_key, runtime_folder
from vizworker.config import data_folder
from vizworker.errors import VizError
from vizworker.frame import Frame

NEEDED = ("vizworker", "numpy", "matplotlib", "msgspec", "pyzmq", "imagecodecs")
OPTIONAL = ("jax", "jaxlib", "autofit", "autogalaxy", "autolens")
XLA_FLAG = "--xla_cpu_multi_thread_eigen=false"
JAX_PATIENCE = 60.0  # seconds for JAX to find its devices
WORKER_PATIENCE = 20.0  # seconds for a worker to start
ASK_JAX = "import jax; print(jax.__version__, jax.default_backend(), jax.device_count())"


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    state: Literal["ok", "note", "fix"]
    what: str


Check = Callable[[], Iterator[Line]]


def examine(endpoint: str | None = None) -> Iterator[Line]:
    """Every check, one after the other.

    Args:
        endpoint: of a running worker to ask, in place of one that is started for it.
    """
    trip: Check = (lambda: _asked(endpoint)) if endpoint else _round_trip
    for check in (_python, _packages, _jax, _folders, _keys, trip):
        try:
            yield from check()
        except (VizError, OSError, subprocess.SubprocessError) as error:
            yield Line("fix", f"{type(error).__name__}: {error}")


def _python() -> Iterator[Line]:
    good = sys.version_info >= (3, 12)
    advice = "" if good else ": use Python 3.12 or newer"
    yield Line("ok" if good else "fix", f"Python {platform.python_version()}{advice}")


def _packages() -> Iterator[Line]:
    for name in NEEDED + OPTIONAL:
        try:
            yield Line("ok", f"{name} {version(name)}")
        except PackageNotFoundError:
            if name in NEEDED:
                yield Line("fix", f"{name} is not installed: pip install vizworker")
            else:
                yield Line(
                    "note", f"{name} is not installed (a search needs it, a worker does not)"
                )


def _jax() -> Iterator[Line]:
    if find_spec("jax") is None:
        return
    try:
        # in a process of its own: a backend that hangs must not hang us
        done = subprocess.run(
            [sys.executable, "-c", ASK_JAX],
            capture_output=True,
            text=True,
            timeout=JAX_PATIENCE,
            check=True,
        )
    except subprocess.TimeoutExpired:
        yield Line("fix", f"JAX found no device within {JAX_PATIENCE:.0f} s: try JAX_PLATFORMS=cpu")
        return
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        yield Line("fix", f"JAX does not start: {last}")
        return
    found, backend, count = done.stdout.split()[-3:]
    yield Line("ok", f"JAX {found} runs on {backend} ({count} devices)")
    if backend == "cpu":
        yield _xla_hang()


def _xla_hang() -> Line:
    if XLA_FLAG in os.environ.get("XLA_FLAGS", ""):
        return Line("ok", "XLA on CPU cannot hang in a convolution here")
    return Line(
        "note",
        "XLA on CPU can hang in a convolution: `python -m search_hooks` guards its script; "
        f"elsewhere, before Python starts: export XLA_FLAGS={XLA_FLAG}",
    )


def _folders() -> Iterator[Line]:
    cache = Path(os.environ.get("VIZWORKER_CACHE") or platformdirs.user_cache_dir("vizworker"))
    for name, folder in (("data", data_folder()), ("cache", cache), ("runtime", runtime_folder())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                yield Line("ok", f"the {name} folder {folder} can be written")
        except OSError as error:
            yield Line("fix", f"the {name} folder {folder} cannot be written ({error.strerror})")


def _keys() -> Iterator[Line]:
    path = os.environ.get(KEYS_VARIABLE)
    if path:
        key = read_key(Path(path))
        yield Line("ok", f"the key in {path} is {key.public}, for the worker {key.worker}")


def _asked(endpoint: str) -> Iterator[Line]:
    start = time.monotonic()
    status = ask.status(endpoint)
    took = time.monotonic() - start
    yield Line(
        "ok",
        f"worker {status.pid} of version {status.version} answers at {endpoint} in "
        f"{1e3 * took:.0f} ms: {len(status.runs)} runs, {status.connections} connections",
    )
    if status.version != version("vizworker"):
        yield Line("note", f"this is version {version('vizworker')}: use the same on both sides")
    for name, count in sorted(status.refusals.items()):
        yield Line("note", f"it refused {count} messages by {name} (docs/settings.md)")
    yield _drawing(endpoint)


def _round_trip() -> Iterator[Line]:
    start = time.monotonic()
    with _worker() as endpoint:
        ask.status(endpoint, WORKER_PATIENCE)
        yield Line(
            "ok", f"a private worker started and answered in {time.monotonic() - start:.1f} s"
        )
        yield _drawing(endpoint)


def _drawing(endpoint: str) -> Line:
    start = time.monotonic()
    example = _example()
    image = ask.draw(endpoint, example)
    ask.leave(endpoint, example.run_id)
    took = time.monotonic() - start
    return Line("ok", f"it drew its first figure in {took:.1f} s ({len(image) / 1e3:.0f} kB)")


@contextmanager
def _worker() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="vizworker-") as folder:
        endpoint = f"ipc://{folder}/socket"
        serve = [sys.executable, "-P", "-m", "vizworker", "serve", "--private"]
        process = subprocess.Popen(
            [*serve, "--parent", str(os.getpid()), "--bind", endpoint],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "VIZWORKER_DATA": folder},  # a check is no run to remember
        )
        try:
            yield endpoint
        finally:
            process.terminate()
            process.wait(WORKER_PATIENCE)


def _example() -> Frame:
    """A fit of one plane to nothing in particular."""
    y, x = np.mgrid[-1:1:24j, -1:1:24j]
    light = np.exp(-4.0 * (y**2 + x**2))
    maps = dict.fromkeys(("data", "noise_map", "model_data", "signal_to_noise_map"), light)
    residuals = ("residual_map", "normalized_residual_map", "chi_squared_map")
    return Frame(
        run_id="doctor",
        run="doctor",
        layout="imaging",
        sequence=1,
        log_likelihood=0.0,
        arrays={
            **maps,
            **dict.fromkeys(residuals, light - 0.5),
            "mask": np.hypot(y, x) > 1.0,
            "pixel_scales": np.array([0.05, 0.05]),
            "origin": np.zeros(2),
            "model_images_of_planes_list": light[None],
            "subtracted_images_of_planes_list": light[None],
        },
    )
