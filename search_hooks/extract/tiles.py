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
EXACT = 1e-10  # of a tile's smallest value: what is nothing beside each of them
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
    pixels: int  # as many as it may have
    sub: int  # points a pixel
    shown: Any  # pixels that it has

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

    def inside(self) -> Any:
        """(tiles, tile): which pixels of each tile are shown."""
        return np.arange(self.tiles * self.tile).reshape(self.tiles, self.tile) < self.shown

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
    the largest. The smallest, at which colour bars begin, differs by rounding of its own.
    """
    values = light.at(*_mesh(y.nodes(), x.nodes(), xp)).reshape(y.tiles, NODES, x.tiles, NODES)
    tails = _both_ways(values, _coefficients(), _coefficients(), xp)
    tail = xp.maximum(
        abs(tails[:, :, -TAIL:]).max(axis=(2, 3)), abs(tails[:, :, :, -TAIL:]).max(axis=(2, 3))
    )
    nothing = NOTHING * np.finfo(values.dtype).eps * abs(values).max()
    near = (y.near(light.centres[:, 0])[:, :, None] & x.near(light.centres[:, 1])[:, None]).any(0)
    sharp = near | ~(tail <= nothing)  # a tail that is NaN is sharp, too
    exact = ~sharp & (tail <= EXACT * abs(values).min(axis=(1, 3)))
    smooth = _both_ways(values, y.means(), x.means(), xp)
    # rounding must not take dim pixels below all of their tile
    least = values.min(axis=(1, 3))[:, :, None, None]
    smooth = xp.maximum(smooth, xp.minimum(least, smooth + nothing))
    # what is evaluated next: sharp tiles, and then the dimmest, until no other can be dimmer
    turn = xp.where(sharp, -np.inf, xp.where(exact, np.inf, least[:, :, 0, 0]))
    shown = y.inside()[:, None, :, None] & x.inside()[None, :, None, :]
    turn = xp.where(shown.any(axis=(2, 3)), turn, np.inf)
    image = _point_by_point(light, y, x, turn, smooth, xp.asarray(shown), xp)
    return image.swapaxes(1, 2).reshape(y.tiles * y.tile, -1)[: y.pixels, : x.pixels]


def _point_by_point(
    light: Light, y: Side, x: Side, turn: Any, image: Any, shown: Any, xp: Any
) -> Any:
    """The image (tiles, tiles, tile, tile) with the means of tiles that need all their points.

    Args:
        turn: (tiles, tiles) the lowest first: the least that its pixels may be, -inf for a tile
            that needs it in any case, inf for one that does not.
        shown: which pixels of `image` are.
    """

    def means(tile: Any) -> Any:
        points = _mesh(y.points(tile // x.tiles), x.points(tile % x.tiles), xp)
        return light.at(*points).reshape(y.tile, y.sub, x.tile, x.sub).mean(axis=(1, 3))

    def lowest(values: Any, shown: Any) -> Any:
        return xp.where(shown & ~xp.isnan(values), values, np.inf).min()

    def needed(state: tuple[Any, Any, Any]) -> Any:
        _, turn, dimmest = state
        return (turn.min() == -np.inf) | (turn.min() < dimmest)

    def evaluate(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        image, turn, dimmest = state
        tile = turn.argmin()
        found = means(tile)
        return (
            _with(image, tile, found, xp),
            _with(turn, tile, np.inf, xp),
            xp.minimum(dimmest, lowest(found, pixels[tile])),
        )

    known = (turn == np.inf)[:, :, None, None] & shown
    pixels = shown.reshape(-1, y.tile, x.tile)
    state = image.reshape(-1, y.tile, x.tile), turn.ravel(), lowest(image, known)
    if xp is np:
        while needed(state):
            state = evaluate(state)
    else:
        from jax import lax

        state = lax.while_loop(needed, evaluate, state)
    return state[0].reshape(image.shape)


def _with(array: Any, index: Any, value: Any, xp: Any) -> Any:
    """The array with another value at an index."""
    if xp is not np:
        return array.at[index].set(value)
    array[index] = value
    return array


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
