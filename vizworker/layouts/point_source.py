"""One point source as its frame tells of it: positions, how they pair, and critical curves."""

from dataclasses import dataclass

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts.arrays import LARGEST, drawable, find, take
from vizworker.layouts.curves import zero_contours
from vizworker.layouts.sheet import Extent

LEAST_POINTS, LEAST_SPAN = 6, 8.0  # of a curve, the span in steps of the field


@dataclass(frozen=True)
class Source:
    """The positions of one point source, and what its model makes of them."""

    name: str
    observed: np.ndarray  # (n, 2) y, x arcsec
    numbers: np.ndarray  # (n,) from 1 by falling angle about the origin
    sigma: np.ndarray  # (n,) arcsec
    model: np.ndarray  # (m, 2)
    pairs: np.ndarray  # (n,) index of its model position, -1 without
    unpaired: np.ndarray  # (n,) bool: without one of its own
    soft: bool  # the fit pairs each with all
    solved: bool  # the source's centre is solved for
    merit: float | None
    redshift: float | None
    tangential: tuple[np.ndarray, ...]
    radial: tuple[np.ndarray, ...]
    centres: np.ndarray  # (k, 2) of the masses
    extent: Extent

    @property
    def unmatched(self) -> np.ndarray:
        """Model positions that no observed one is paired with."""
        return np.delete(self.model, np.unique(self.pairs[self.pairs >= 0]), axis=0)


def source_of(frame: Frame) -> Source:
    """What a frame tells of its source.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    observed = drawable(take(frame, "positions", (None, 2)))
    count = len(observed)
    x0, x1, y0, y1 = (float(end) for end in take(frame, "extent", (4,)))
    if not count or not (-LARGEST < x0 < x1 < LARGEST and -LARGEST < y0 < y1 < LARGEST):
        raise LayoutError("there is no position, or no extent, to show")
    model = find(frame, "model_positions", (None, 2))
    model = np.zeros((0, 2)) if model is None else drawable(model)
    pairs = find(frame, "pairs", (count,))
    pairs = np.full(count, -1) if pairs is None else pairs
    if pairs.min() < -1 or pairs.max() >= len(model):
        raise LayoutError(f"array 'pairs' names model positions beyond the {len(model)} there are")
    unpaired = find(frame, "unpaired", (count,))
    merit, redshift = find(frame, "chi_squared", (1,)), find(frame, "redshift", (1,))
    centres = find(frame, "mass_centres", (None, 2))
    tangential, radial = _curves(frame, (x0, x1, y0, y1))
    return Source(
        name=_text(find(frame, "dataset_name", (None,))),
        observed=observed,
        numbers=_by_angle(observed),
        sigma=drawable(take(frame, "positions_noise_map", (count,))),
        model=model,
        pairs=pairs,
        unpaired=np.zeros(count, dtype=bool) if unpaired is None else unpaired.astype(bool),
        soft=_flag(frame, "soft_pairing"),
        solved=_flag(frame, "solved_centre"),
        merit=None if merit is None else float(merit[0]),
        redshift=None if redshift is None else float(redshift[0]),
        tangential=tangential,
        radial=radial,
        centres=np.zeros((0, 2)) if centres is None else drawable(centres),
        extent=(x0, x1, y0, y1),
    )


def _by_angle(positions: np.ndarray) -> np.ndarray:
    order = np.argsort(-np.arctan2(*positions.T), kind="stable")
    return 1 + np.argsort(order)


def _curves(frame: Frame, extent: Extent) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Tangential and radial critical curves, y, x arcsec, of a field of deflections."""
    field = find(frame, "deflections_yx_2d", (None, None, 2))
    if field is None or min(field.shape[:2]) < 2:
        return (), ()
    x0, x1, y0, y1 = extent
    steps = np.array([(y1 - y0) / (field.shape[0] - 1), (x1 - x0) / (field.shape[1] - 1)])
    yy, yx = np.gradient(field[..., 0], *steps)
    xy, xx = np.gradient(field[..., 1], *steps)
    convergence, shear = 0.5 * (yy + xx), np.hypot(0.5 * (xx - yy), 0.5 * (yx + xy))

    def contours(eigenvalue: np.ndarray) -> tuple[np.ndarray, ...]:
        lines = [np.array([y0, x0]) + line * steps for line in zero_contours(eigenvalue)]
        # shorter ones are not curves but what a singular centre does to a grid
        return tuple(
            line
            for line in lines
            if len(line) >= LEAST_POINTS and np.ptp(line, axis=0).max() >= LEAST_SPAN * steps.max()
        )

    return contours(1.0 - convergence - shear), contours(1.0 - convergence + shear)


def _text(letters: np.ndarray | None) -> str:
    if letters is None:
        return ""
    text = letters.astype(np.uint8).tobytes().decode(errors="replace")[:100]
    return text.replace("$", r"\$")


def _flag(frame: Frame, name: str) -> bool:
    flag = find(frame, name, (1,))
    return flag is not None and bool(flag[0])
