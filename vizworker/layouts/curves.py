"""Critical curves and caustics: zero contours of the lensing Jacobian's eigenvalues.

The tangential and radial critical curves are where 1 - κ - |γ| and 1 - κ + |γ| vanish
(Schneider, Ehlers and Falco 1992, chapter 5); a caustic is a critical curve moved by the
deflections there.
"""

from dataclasses import dataclass

import contourpy
import numpy as np

from vizworker.frame import Frame
from vizworker.layouts.arrays import find, take
from vizworker.layouts.sheet import Line

TANGENTIAL, RADIAL = "white", "yellow"
STRADDLE = 1e-6  # an eigenvalue map that does not reach beyond ± this has no curve


@dataclass(frozen=True)
class Curves:
    """The lines over image-plane and source-plane panels."""

    critical: tuple[Line, ...] = ()
    caustics: tuple[Line, ...] = ()


def curves(frame: Frame) -> Curves:
    """The curves of a frame; none where it carries no eigenvalues.

    A radial critical curve is drawn only if one encloses more than a pixel scale's number of
    square arcsec, as the host has it; radial caustics always.

    Raises:
        LayoutError: eigenvalue maps and deflections of different grids.
    """
    tangential = find(frame, "tangential_eigen_value", (None, None))
    if tangential is None:
        return Curves()
    radial = take(frame, "radial_eigen_value", tangential.shape)
    deflections = find(frame, "deflections_yx_2d", (*tangential.shape, 2))
    scale = float(take(frame, "evaluation_grid_pixel_scale", (1,))[0])
    origin = take(frame, "evaluation_grid_origin", (2,))
    shown = [(line, TANGENTIAL) for line in zero_contours(tangential)]
    hidden = [(line, RADIAL) for line in zero_contours(radial)]
    grid = _Grid(tangential.shape, scale, origin)
    smallest = float(take(frame, "pixel_scales", (2,))[0])
    wide = any(_area(grid.arcsec(line)) > smallest for line, _ in hidden)
    critical = shown + (hidden if wide else [])
    return Curves(
        critical=tuple(Line(grid.arcsec(line), colour) for line, colour in critical),
        caustics=()
        if deflections is None
        else tuple(
            Line(grid.arcsec(line) - interpolated(deflections, line), colour)
            for line, colour in shown + hidden
        ),
    )


def zero_contours(values: np.ndarray) -> list[np.ndarray]:
    """Where `values` crosses zero: a list of (n, 2) row, column positions."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or finite.min() > -STRADDLE or finite.max() < STRADDLE:
        return []
    generator = contourpy.contour_generator(z=np.ma.masked_invalid(values), name="serial")
    return [np.asarray(line)[:, ::-1] for line in generator.lines(0.0)]


def interpolated(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Bilinear interpolation of (ny, nx, k) `values` at (n, 2) row, column positions: (n, k)."""
    last = np.array(values.shape[:2]) - 2
    corner = np.clip(np.floor(positions).astype(int), 0, np.maximum(last, 0))
    y, x = (positions - corner).T[..., np.newaxis]
    i, j = corner.T
    i1, j1 = np.minimum(i + 1, values.shape[0] - 1), np.minimum(j + 1, values.shape[1] - 1)
    top = values[i, j] * (1 - x) + values[i, j1] * x
    bottom = values[i1, j] * (1 - x) + values[i1, j1] * x
    result: np.ndarray = top * (1 - y) + bottom * y
    return result


@dataclass(frozen=True)
class _Grid:
    shape: tuple[int, ...]
    scale: float
    origin: np.ndarray

    def arcsec(self, positions: np.ndarray) -> np.ndarray:
        """(n, 2) y, x arcsec of (n, 2) row, column positions; row 0 has the largest y."""
        middle = (np.array(self.shape) - 1) / 2.0
        steps = self.scale * np.array([-1.0, 1.0])
        arcsec: np.ndarray = (positions - middle) * steps + self.origin
        return arcsec


def _area(line: np.ndarray) -> float:
    y, x = line.T
    return float(abs(0.5 * np.sum(x[:-1] * np.diff(y) - y[:-1] * np.diff(x))))
