"""Galaxy interferometry: the residual visibilities, and six dirty images in a row."""

import numpy as np

from vizworker.frame import Frame
from vizworker.layouts.arrays import take
from vizworker.layouts.curves import Curves
from vizworker.layouts.galaxy_imaging import DPI
from vizworker.layouts.interferometer import natural_panels
from vizworker.layouts.panels import CHI_SQUARED, SIGMA, Panels
from vizworker.layouts.sheet import Chart, Line, Sheet
from vizworker.layouts.zoom import view

MAPS = {
    "residual_map": "Residual Map",
    "normalized_residual_map": "Normalized Residual Map",
    "chi_squared_map": "Chi-Squared Map",
}
DIRTY = {
    "dirty_image": "Dirty Image",
    "dirty_signal_to_noise_map": "Dirty Signal-To-Noise Map",
    "dirty_model_image": "Dirty Model Image",
    "dirty_residual_map": "Dirty Residual Map",
    "dirty_normalized_residual_map": "Dirty Normalized Residual Map",
    "dirty_chi_squared_map": "Dirty Chi-Squared Map",
}
UNITS = {"dirty_normalized_residual_map": SIGMA, "dirty_chi_squared_map": CHI_SQUARED}
# sizes that the host leaves to matplotlib, points
TITLE_SIZE, TICK_SIZE, LEGEND_SIZE, LINE_WIDTH, ALPHA = 12.0, 10.0, 8.0, 1.5, 0.7


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The two figures of a galaxy interferometer fit.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    make = Panels(frame, view(frame))
    if "dirty_model_image_natural" in frame.arrays:
        # the host writes one figure under both names
        panels = natural_panels(make, Curves())
        return (Sheet(("fit", "fit_dirty_images"), 1, len(panels), panels, dpi=DPI),)
    charts = tuple(
        _components(make.titled(title), take(frame, name, (None, 2)))
        for name, title in MAPS.items()
    )
    dirty = tuple(
        make.masked(title, make.values(name), unit=UNITS.get(name)) for name, title in DIRTY.items()
    )
    return (
        Sheet(("fit",), 1, len(charts), charts, dpi=DPI),
        Sheet(("fit_dirty_images",), 1, len(dirty), dirty, dpi=DPI),
    )


def _components(title: str, visibilities: np.ndarray) -> Chart:
    """Both components in the order of the data."""
    order = np.arange(len(visibilities), dtype=np.float64)
    marks = tuple(
        Line(
            np.stack([values, order], axis=1),
            colour,
            width=LINE_WIDTH,
            alpha=ALPHA,
            label=label,
        )
        for values, colour, label in zip(
            visibilities.T, ("tab:blue", "tab:orange"), ("Real", "Imaginary"), strict=True
        )
    )
    return Chart(title, marks, legend_size=LEGEND_SIZE, title_size=TITLE_SIZE, tick_size=TICK_SIZE)
