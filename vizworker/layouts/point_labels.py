"""Where the labels of positions go: beside their markers, or further out on a thin line."""

import numpy as np

from vizworker.layouts.point_source import Source
from vizworker.layouts.sheet import Extent, Place, Words

# as the host's: every label tries eight directions on four rings about its marker
RINGS = np.array([7.5, 21.0, 35.0, 51.0])  # points from the marker to the label's edge
TURNS = np.radians([0.0, 45.0, -45.0, 90.0, -90.0, 135.0, -135.0, 180.0])  # from outwards
MARKER = 7.0  # points: the radius of a marker
CROWD = 40.0  # points: markers nearer than this crowd one another
OVER_LABEL, OVER_MARKER, OUTSIDE, PER_RING = 10.0, 6.0, 200.0, 2.5  # what a place costs
MOST = 1000  # labels: more could not be read


def numbers(sources: list[Source]) -> tuple[str, ...]:
    """The labels of all observed positions."""
    return tuple(
        f"{prefix(index, sources)}{number}"
        for index, source in enumerate(sources)
        for number in source.numbers
    )


def prefix(index: int, sources: list[Source]) -> str:
    """What the labels of one of several sources begin with."""
    return f"{index}·" if len(sources) > 1 else ""


def labels(
    points: np.ndarray,
    texts: tuple[str, ...],
    obstacles: np.ndarray,
    extent: Extent,
    room: tuple[float, float],
    size: float,
) -> tuple[Words, ...]:
    """Labels that avoid markers, the panel's frame and one another as well as they can.

    Args:
        points: (n, 2) y, x arcsec, of what is labelled.
        texts: of each.
        obstacles: (m, 2) y, x arcsec, of other markers.
        extent: of the panel.
        room: width and height, in points, that the panel has at most.
        size: of the letters, points.
    """
    x0, x1, y0, y1 = extent
    scale = min(room[0] / (x1 - x0), room[1] / (y1 - y0))  # points per arcsec
    if not 0 < len(points) <= MOST or not np.isfinite(scale):
        return ()
    panel = scale * np.array([x1 - x0, y1 - y0])
    markers, others = (scale * (each[:, ::-1] - [x0, y0]) for each in (points, obstacles))
    occupied = np.concatenate([markers, others])
    offsets, rings = np.zeros((len(points), 2)), np.zeros(len(points), dtype=int)
    taken = np.zeros((0, 2, 2))  # (k, 2, 2): lower left and upper right of the labels so far
    for index in _crowded_first(markers, occupied):
        half = np.array([0.62 * size * len(texts[index]) + 4.0, size + 3.0]) / 2.0
        tried = _candidates(markers[index], panel / 2.0, half)
        boxes = np.stack([tried - half, tried + half], axis=1)
        best = int(_costs(boxes, occupied, taken, panel).argmin())
        offsets[index], rings[index] = tried[best] - markers[index], best // len(TURNS)
        taken = np.concatenate([taken, boxes[best : best + 1]])
    return (
        Words(
            points,
            texts,
            size=size,
            bold=True,
            offsets=offsets[:, ::-1],
            ground="white",
            led=rings > 0,
        ),
    )


def _crowded_first(markers: np.ndarray, occupied: np.ndarray) -> np.ndarray:
    apart = np.linalg.norm(markers[:, None] - occupied[None], axis=2)
    return np.argsort(-(apart < CROWD).sum(axis=1), kind="stable")


def _candidates(marker: np.ndarray, centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(rings * turns, 2) middles of a label, ring by ring, outwards first."""
    right, up = marker - centre
    outwards = np.arctan2(up, right) if np.hypot(right, up) > 1 else 0.75 * np.pi
    angles = outwards + TURNS
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tried: np.ndarray = marker + directions * (RINGS[:, None, None] + half)
    return tried.reshape(-1, 2)


def _costs(
    boxes: np.ndarray, occupied: np.ndarray, taken: np.ndarray, panel: np.ndarray
) -> np.ndarray:
    low, high = boxes[:, None, 0], boxes[:, None, 1]  # (places, 1, 2)
    gaps = np.maximum(np.maximum(low - occupied, occupied - high), 0.0)
    markers = (np.hypot(gaps[..., 0], gaps[..., 1]) < MARKER).sum(axis=1)
    over = ((low < taken[:, 1]) & (taken[:, 0] < high)).all(axis=2).sum(axis=1)
    inside = ((boxes[:, 0] >= 0) & (boxes[:, 1] <= panel)).all(axis=1)
    rings = np.arange(len(boxes)) // len(TURNS)
    costs: np.ndarray = (
        OVER_LABEL * over + OVER_MARKER * markers + OUTSIDE * ~inside + PER_RING * rings
    )
    return costs


def emptiest(points: np.ndarray, extent: Extent) -> Place:
    """The corner with the fewest points."""
    x0, x1, y0, y1 = extent
    up = (points[:, 0] - y0) / (y1 - y0)
    right = (points[:, 1] - x0) / (x1 - x0)
    near, far = 0.22, 0.78  # the middles of boxes in the corners, in parts of the panel
    corners: dict[Place, tuple[float, float]] = {
        "lower left": (near, near),
        "upper left": (far, near),
        "lower right": (near, far),
        "upper right": (far, far),
    }

    def crowd(place: Place) -> tuple[int, float]:
        y, x = corners[place]
        inside = (np.abs(up - y) < 0.23) & (np.abs(right - x) < 0.23)
        return int(inside.sum()), -float(np.hypot(up - y, right - x).min())

    return min(corners, key=crowd)
