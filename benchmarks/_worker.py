"""A real worker to measure, and frames of an invented lens to feed it: no PyAutoLens, no JAX."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from search_hooks.spawn import socket_folder, surroundings
from vizworker.frame import Frame

SIDE = 141  # pixels; its frame has 2.9 MB, as that of the HST-like lens
SCALE = 0.05  # arcsec per pixel
EINSTEIN_RADIUS, CORE = 1.6, 0.1  # arcsec, of a softened isothermal sphere


@dataclass(frozen=True)
class Serving:
    """A worker's process, and where it listens."""

    process: subprocess.Popen[str]
    endpoint: str

    def memory(self) -> float:
        """Resident megabytes, of its render processes too; what they share counts once."""
        return sum(_resident(each) for each in self._processes()) / 1e6

    def cpu(self) -> float:
        """CPU seconds, of its render processes too."""
        return sum(sum(each.cpu_times()[:2]) for each in self._processes())

    def _processes(self) -> list[psutil.Process]:
        worker = psutil.Process(self.process.pid)
        return [worker, *worker.children(recursive=True)]


def _resident(process: psutil.Process) -> float:
    found = process.memory_full_info()
    return float(getattr(found, "pss", found.rss))  # only Linux tells its share


@contextmanager
def serving(*flags: str) -> Iterator[Serving]:
    """A worker that listens, with a data folder of its own; it ends with the block."""
    with tempfile.TemporaryDirectory() as data, _socket() as endpoint:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vizworker", "serve", "--bind", endpoint, *flags],
            env=surroundings(os.environ) | {"VIZWORKER_DATA": data},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise RuntimeError(f"the worker ended with code {process.wait()}")
            yield Serving(process, endpoint)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def _socket() -> Iterator[str]:
    folder = socket_folder()
    try:
        yield f"ipc://{folder}/socket"
    finally:
        Path(folder, "socket").unlink(missing_ok=True)
        folder.rmdir()


def frames(n: int, run_id: str = "run", side: int = SIDE) -> list[Frame]:
    """`n` different fits of one lens, in the layout `imaging`."""
    return [
        Frame(
            run_id=run_id,
            run=run_id,
            layout="imaging",
            sequence=i + 1,
            log_likelihood=-1e4 + i,
            arrays=_arrays(side, i),
        )
        for i in range(n)
    ]


def _arrays(side: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-0.2, 0.2, 2)  # of the source, arcsec
    grid = _grid(side)
    radius = np.hypot(*grid)
    root = np.hypot(radius, CORE)
    deflection = EINSTEIN_RADIUS * (root - CORE) / radius**2  # over the radius
    lensed = _light(grid * (1.0 - deflection), centre, 0.2)
    galaxy = _light(grid, np.zeros(2), 0.6)
    mask = radius > 0.5 * side * SCALE
    noise = np.full((side, side), 0.1)
    residual = noise * rng.normal(size=noise.shape)
    maps = {
        "data": galaxy + lensed + residual,
        "noise_map": noise,
        "signal_to_noise_map": (galaxy + lensed) / noise,
        "model_data": galaxy + lensed,
        "residual_map": residual,
        "normalized_residual_map": residual / noise,
        "chi_squared_map": (residual / noise) ** 2,
        "model_images_of_planes_list": np.stack([galaxy, lensed]),
        "subtracted_images_of_planes_list": np.stack([lensed, galaxy]) + residual,
    }
    extents = np.array([[-r, r, -r, r] for r in (0.8, 1.6, 0.5 * side * SCALE)])
    return {
        "mask": mask,
        "pixel_scales": np.array([SCALE, SCALE]),
        "origin": np.zeros(2),
        **{name: np.where(mask, np.nan, values) for name, values in maps.items()},
        "source_plane_max_zoom": _light(grid * 0.8 / grid.max(), centre, 0.2),
        "source_plane_mid_zoom": _light(grid * 1.6 / grid.max(), centre, 0.2),
        "source_plane_no_zoom": _light(grid, centre, 0.2),
        "source_plane_extents": extents,
        "tangential_eigen_value": 1.0 - deflection,
        "radial_eigen_value": 1.0 - EINSTEIN_RADIUS / root + deflection,
        "deflections_yx_2d": np.moveaxis(grid * deflection, 0, -1),
        "evaluation_grid_pixel_scale": np.array([SCALE]),
        "evaluation_grid_origin": np.zeros(2),
    }


def _grid(side: int) -> np.ndarray:
    """(2, side, side) y, x arcsec; a quarter of a pixel off, so that none lies at the centre."""
    steps = SCALE * (np.arange(side) - 0.5 * side + 0.25)
    return np.stack(np.meshgrid(-steps, steps, indexing="ij"))


def _light(grid: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    squares = np.sum((grid - centre[:, None, None]) ** 2, axis=0)
    result: np.ndarray = (1.0 + squares / radius**2) ** -1.5
    return result
