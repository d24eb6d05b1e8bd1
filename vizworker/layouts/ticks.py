"""Where axes and colour bars are marked, and with what text."""

import numpy as np

from vizworker.frame import Style
from vizworker.layouts.sheet import Ticks

MAX_FIGURES = 10
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def of_values(low: float, high: float, suffix: str, style: Style) -> Ticks:
    """Three ticks of an axis of values, drawn in from its ends, each with the suffix."""
    positions = _rounded(_inward(low, high, 3, style))
    return Ticks(
        tuple(float(value) for value in positions),
        tuple(f"{value:g}{suffix}" for value in positions),
    )


def spatial(low: float, high: float, style: Style) -> Ticks:
    """Ticks of an axis from `low` to `high` arcsec, drawn in from its ends."""
    positions = _rounded(_inward(low, high, style.number_of_ticks_2d, style))
    labels = [f"{value:g}" for value in positions]
    if any("." in label for label in labels):
        labels = [
            label if "." in label else f"{value:.1f}"
            for label, value in zip(labels, positions, strict=True)
        ]
    labels = [_with_symbol(label, style) for label in labels]
    return Ticks(tuple(float(value) for value in positions), tuple(labels))


def plain(low: float, high: float, style: Style) -> Ticks:
    """Ticks of an axis in units of nobody's choice, at the places of a spatial one's."""
    width = (high - low) * style.extent_factor_2d / 2.0
    centre = (low + high) / 2.0
    positions = _rounded(np.linspace(centre - width, centre + width, style.number_of_ticks_2d))
    return Ticks(tuple(map(float, positions)), tuple(f"{value:g}" for value in positions))


def colour(vmin: float, vmax: float, unit: str, *, logarithmic: bool = False) -> Ticks:
    """Ticks of a colour bar: both ends and the middle, which carries the unit."""
    half = (vmin + vmax) / 2.0
    if logarithmic:
        half = float(10 ** ((np.log10(vmin) + np.log10(vmax)) / 2.0))
    values = (vmin, half, vmax)
    scientific = any(_needs_exponent(value) for value in values)
    low, middle, high = (_number(value, scientific) for value in values)
    return Ticks(values, (low, middle + unit, high))


def _inward(low: float, high: float, number: int, style: Style) -> np.ndarray:
    centre = (low + high) / 2.0
    first = centre + (low - centre) * style.extent_factor_2d
    last = centre + (high - centre) * style.extent_factor_2d
    return np.linspace(first, last, number)


def _rounded(values: np.ndarray) -> np.ndarray:
    """`values` to two significant figures, or to as many as keep them apart."""
    distinct = len(np.unique(values))
    rounded = values
    for figures in range(2, MAX_FIGURES + 1):
        rounded = _significant(values, figures)
        if len(np.unique(rounded)) == distinct:
            break
    return rounded


def _significant(values: np.ndarray, figures: int) -> np.ndarray:
    sizes = np.where(values == 0, 1.0, np.abs(values))
    factors = 10 ** (figures - 1 - np.floor(np.log10(sizes)))
    rounded: np.ndarray = np.round(values * factors) / factors
    # the middle of a symmetric axis is a rounding error away from zero
    rounded[np.abs(rounded) < 1e-10 * np.abs(rounded).max(initial=0.0)] = 0.0
    return rounded


def _with_symbol(label: str, style: Style) -> str:
    if style.minus_in_math:
        label = label.replace("-", "−")
    if not style.symbol_over_decimal:
        return f'{label}"'
    return label.replace(".", ".″") if "." in label else f"{label}″"


def _number(value: float, scientific: bool) -> str:
    short = f"{value:.2g}"
    if scientific and value == 0:
        return "0"
    if scientific and "e" in short:
        mantissa, exponent = short.split("e")
        return f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return short if _extreme(value) else f"{value:.2f}"


def _needs_exponent(value: float) -> bool:
    return _extreme(value) and "e" in f"{value:.2g}"


def _extreme(value: float) -> bool:
    size = abs(value)
    return size != 0 and (size >= 10000 or size < 0.001)
