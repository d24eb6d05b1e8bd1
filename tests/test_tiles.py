"""Images found from few points are those found from all of them."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from search_hooks.extract.tiles import TILE, Light, Side, binned

PRECISION = 1e-12  # of an image's maximum; coordinates are rounded, too


def every_point(at, y, x, xp=np):
    """The means over each pixel's points."""
    sides = [(np.arange(side.pixels * side.sub) + 0.5) * side.step + side.start for side in (y, x)]
    values = at(*(points.ravel() for points in np.meshgrid(*sides, indexing="ij")))
    return np.asarray(values).reshape(y.pixels, y.sub, x.pixels, x.sub).mean(axis=(1, 3))


def grid(ny=141, nx=141, sub=4, width=7.0, centre=(0.0, 0.0)):
    """Its two sides, rows from the top."""
    step = width / max(ny, nx) / sub
    y = Side(centre[0] + step * ny * sub / 2, -step, ny, sub, ny)
    return y, Side(centre[1] - step * nx * sub / 2, step, nx, sub, nx)


def found(at, centres, y, x, xp):
    """The image on numpy, or in a graph whose parameters are traced."""
    centres = np.asarray(centres, dtype=float).reshape(-1, 2)
    if xp is np:
        return binned(Light(at, centres), y, x, np)

    def traced(start, step, centres):
        sides = [
            Side(start[i], step[i], side.pixels, side.sub, side.shown)
            for i, side in enumerate((y, x))
        ]
        return binned(Light(at, centres), *sides, jnp)

    starts, steps = np.array([y.start, x.start]), np.array([y.step, x.step])
    return np.asarray(jax.jit(traced)(starts, steps, centres))


def cusp(cy, cx, q=0.6, angle=0.7, xp=np):
    """A cored Sersic profile: steep in the middle, and infinite at its very centre."""
    c, s = np.cos(angle), np.sin(angle)

    def at(y, x):
        along, across = c * (x - cx) + s * (y - cy), c * (y - cy) - s * (x - cx)
        r = xp.sqrt(q * along**2 + across**2 / q)
        return (1 + (0.025 / r) ** 3) ** (0.25 / 3) * xp.exp(-4 * (r**3 + 0.025**3) ** (1 / 9))

    return at


def spot(cy, cx, sigma, xp=np):
    """A Gaussian."""
    return lambda y, x: xp.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma**2))


def assert_same(image, expected):
    assert image.shape == expected.shape
    assert np.abs(image - expected).max() <= PRECISION * np.abs(expected).max()


@pytest.mark.parametrize("xp", [np, jnp])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(141, 141), (60, 101), (20, 9), (1, 1)])
def test_a_profile_wherever_it_is_has_the_means_of_all_its_points(xp, seed, shape) -> None:
    rng = np.random.default_rng(seed)
    sides = grid(*shape, sub=int(rng.integers(1, 5)), centre=rng.uniform(-1, 1, 2))
    centre = rng.uniform(-3.6, 3.6, 2)
    q, angle = rng.uniform(0.3, 1.0), rng.uniform(0.0, np.pi)
    image = found(cusp(*centre, q, angle, xp), [centre], *sides, xp)
    assert_same(image, every_point(cusp(*centre, q, angle), *sides))


@pytest.mark.parametrize("xp", [np, jnp])
@pytest.mark.parametrize("sigma", [0.004, 0.02, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("beyond", [0.0, 0.01, 0.2])
def test_a_spot_between_the_nodes_is_found(xp, sigma, beyond) -> None:
    y, x = grid(141, 141, width=7.05)
    edge = float(x.start) + 7.05 / 141 * 21 * 4  # between two tiles
    centre = (0.013, edge + beyond)
    image = found(spot(*centre, sigma, xp), [centre], y, x, xp)
    assert_same(image, every_point(spot(*centre, sigma), y, x))


@pytest.mark.parametrize("xp", [np, jnp])
@pytest.mark.parametrize("seed", range(6))
def test_the_dimmest_pixel_is_as_dim_as_with_all_points(xp, seed) -> None:
    rng = np.random.default_rng(seed)
    sides, centre = grid(97, 141, centre=rng.uniform(-1, 1, 2)), rng.uniform(-1, 1, 2)
    y, x = (replace(side, shown=side.pixels - int(rng.integers(0, 40))) for side in sides)
    sigma = rng.uniform(0.1, 0.2)

    def profile(xp):
        wide, narrow = spot(*centre, 2 * sigma, xp), spot(*centre, sigma, xp)
        return lambda y, x: 1e-3 * wide(y, x) + narrow(y, x)

    image = found(profile(xp), [centre], y, x, xp)[: y.shown, : x.shown]
    expected = every_point(profile(np), y, x)[: y.shown, : x.shown]
    assert 0.0 < expected.min() < 1e-17
    np.testing.assert_allclose(image.min(), expected.min(), rtol=1e-8)
    assert_same(image, expected)


@pytest.mark.parametrize("xp", [np, jnp])
def test_what_no_polynomial_describes_is_evaluated_point_by_point(xp) -> None:
    def steps(y, x):
        return xp.where(xp.hypot(y - 0.3, x + 0.9) < 1.7, 1.0, 0.25) + xp.abs(x - 2.2)

    sides = grid(90, 77)
    with np.errstate(all="raise"):
        expected = every_point(lambda y, x: np.asarray(steps(y, x)), *sides)
    assert_same(found(steps, [], *sides, xp), expected)


@pytest.mark.parametrize("xp", [np, jnp])
def test_values_that_are_no_numbers_stay_where_they_are(xp) -> None:
    def holed(y, x):
        return xp.where(x > 2.0, xp.nan, y)

    sides = grid(50, 50)
    expected = every_point(lambda y, x: np.asarray(holed(y, x)), *sides)
    image = found(holed, [], *sides, xp)
    assert np.isnan(expected).any()
    np.testing.assert_allclose(image, expected, atol=1e-13)


@pytest.mark.parametrize("xp", [np, jnp])
def test_darkness_is_dark(xp) -> None:
    assert not found(lambda y, x: xp.zeros_like(y), [], *grid(30, 40), xp).any()


def test_a_profile_takes_a_fifth_of_the_points() -> None:
    asked = []

    def counted(y, x):
        asked.append(y.size)
        return cusp(0.2, -0.1)(y, x)

    y, x = grid(141, 141)
    found(counted, [(0.2, -0.1)], y, x, np)
    assert sum(asked) < 0.22 * (141 * 4) ** 2


def test_a_source_in_the_middle_is_in_the_middle_of_a_tile() -> None:
    for pixels in (1, TILE, TILE + 1, 141, 1400):
        y, _ = grid(pixels, pixels)
        assert y.tiles % 2 == 1
        assert y.tiles * y.tile >= pixels
