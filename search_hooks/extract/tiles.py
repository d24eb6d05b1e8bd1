"""The image of a plane on a fine uniform grid, from far fewer points wherever it is smooth.

Over-sampling evaluates profiles at many points a pixel, for the sake of the few pixels at their
centres. Elsewhere the image on a tile of pixels is a polynomial of low degree, to rounding: known
at that polynomial's Chebyshev nodes, it is known everywhere, and so are its means over pixels.
Tiles where it is not are evaluated at each of their points.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

TILE = 24  # pixels of a side, at most
NODES = 28  # of a tile's side
TAIL = 2  # of its highest degrees, which must be nothing
NOTHING = 32  # times the precision of the image's maximum
NEAR = 1.25  # half tiles from a profile's centre: what is narrow there lies between nodes


@dataclass(frozen=True)
class Light:
    """What is evaluated."""

    at: Callable[[Any, Any], Any]  # y (n,), x (n,) arcsec -> (n,)
    centres: Any  # (n, 2) y, x arcsec of its profiles: elsewhere they have no narrow parts


@dataclass(frozen=True)
class Side:
    """One axis of a grid, cut into tiles. Coordinates are arcsec; `xp` is that of `start`."""

    start: Any  # the edge of the first pixel
    step: Any  # from one point to the next
    pixels: int
    sub: int  # points a pixel

    @property
    def tiles(self) -> int:
        """Their number: odd, as sources are in the middle of a grid and are sharp there.

        The last may reach beyond the grid.
        """
        return -(-self.pixels // TILE) | 1

    @property
    def tile(self) -> int:
        """Pixels a tile."""
        return -(-self.pixels // self.tiles)

    def points(self, tile: Any) -> Any:
        """(tile * sub,): the points of one tile."""
        inside = np.arange(self.tile * self.sub) + 0.5
        return self.start + self.step * (tile * inside.size + inside)

    def nodes(self) -> Any:
        """(tiles, NODES): the Chebyshev nodes of each tile."""
        places = np.arange(self.tiles)[:, None] + (_nodes() + 1) / 2
        return self.start + self.step * self.tile * self.sub * places

    def near(self, centres: Any) -> Any:
        """(n, tiles): which tiles have these coordinates in or next to them."""
        middles = np.arange(self.tiles) + 0.5
        places = (centres - self.start) / (self.step * self.tile * self.sub)
        return abs(places[:, None] - middles) < NEAR / 2

    def means(self) -> np.ndarray:
        """(tile, NODES): from the values at a tile's nodes to the means over its pixels."""
        inside = (2 * np.arange(self.tile * self.sub) + 1) / (self.tile * self.sub) - 1
        at_points = _polynomials(inside) @ _coefficients()
        means: np.ndarray = at_points.reshape(self.tile, self.sub, NODES).mean(axis=1)
        return means


def binned(light: Light, y: Side, x: Side, xp: Any) -> Any:
    """The means over each pixel's points, (ny, nx).

    They differ from those of the points themselves by rounding: `NOTHING` times the precision of
    the largest.
    """
    values = light.at(*_mesh(y.nodes(), x.nodes(), xp)).reshape(y.tiles, NODES, x.tiles, NODES)
    tails = _both_ways(values, _coefficients(), _coefficients(), xp)
    tail = xp.maximum(
        abs(tails[:, :, -TAIL:]).max(axis=(2, 3)), abs(tails[:, :, :, -TAIL:]).max(axis=(2, 3))
    )
    least = NOTHING * np.finfo(values.dtype).eps * abs(values).max()
    near = (y.near(light.centres[:, 0])[:, :, None] & x.near(light.centres[:, 1])[:, None]).any(0)
    sharp = near | ~(tail <= least)  # a tail that is NaN is sharp, too
    smooth = _both_ways(values, y.means(), x.means(), xp)
    image = _point_by_point(light, y, x, sharp, smooth, xp)
    return image.swapaxes(1, 2).reshape(y.tiles * y.tile, -1)[: y.pixels, : x.pixels]


def _point_by_point(light: Light, y: Side, x: Side, sharp: Any, image: Any, xp: Any) -> Any:
    """The image (tiles, tiles, tile, tile) with the means of sharp tiles (tiles, tiles)."""

    def means(tile: Any) -> Any:
        points = _mesh(y.points(tile // x.tiles), x.points(tile % x.tiles), xp)
        return light.at(*points).reshape(y.tile, y.sub, x.tile, x.sub).mean(axis=(1, 3))

    shape, image = image.shape, image.reshape(-1, y.tile, x.tile)
    if xp is np:
        for tile in np.flatnonzero(sharp):
            image[tile] = means(tile)
        return image.reshape(shape)
    from jax import lax

    sharp_first, count = xp.argsort(~sharp.ravel()), sharp.sum()

    def evaluate(state: tuple[Any, Any]) -> tuple[Any, Any]:
        done, image = state
        tile = sharp_first[done]
        return done + 1, image.at[tile].set(means(tile))

    _, image = lax.while_loop(lambda state: state[0] < count, evaluate, (0, image))
    return image.reshape(shape)


def _mesh(y: Any, x: Any, xp: Any) -> tuple[Any, Any]:
    """The coordinates of all points of the lines y and x, flat."""
    shape = (y.size, x.size)
    return (
        xp.broadcast_to(y.reshape(-1, 1), shape).ravel(),
        xp.broadcast_to(x.reshape(-1), shape).ravel(),
    )


def _both_ways(values: Any, along_y: Any, along_x: Any, xp: Any) -> Any:
    """(tiles, nodes, tiles, nodes) -> (tiles, tiles, m, n), by (m, nodes) and (n, nodes)."""
    return xp.tensordot(xp.tensordot(values, along_y, (1, 1)), along_x, (2, 1))


def _nodes() -> np.ndarray:
    """(NODES,) from 1 down to -1."""
    nodes: np.ndarray = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    return nodes


def _polynomials(places: np.ndarray) -> np.ndarray:
    """(n, NODES): the Chebyshev polynomials at places between -1 and 1."""
    values: np.ndarray = np.cos(np.outer(np.arccos(places), np.arange(NODES)))
    return values


def _coefficients() -> np.ndarray:
    """(NODES, NODES): from values at the nodes to the coefficients of the polynomials."""
    matrix = 2 / NODES * _polynomials(_nodes()).T
    matrix[0] /= 2
    return matrix
