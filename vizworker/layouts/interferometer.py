"""Lens interferometry: twelve panels, or six of a dataset without visibilities."""

import numpy as np

from vizworker.frame import Frame
from vizworker.layouts.arrays import take
from vizworker.layouts.charts import scatter
from vizworker.layouts.curves import Curves, curves
from vizworker.layouts.panels import CHI_SQUARED, SIGMA, Panels
from vizworker.layouts.sheet import Chart, Panel, Sheet
from vizworker.layouts.source import Plane, planes
from vizworker.layouts.zoom import view

KILO = 1.0e3
UV_SUFFIX = '"'  # the host's, though these are thousands of wavelengths


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figure of a lens interferometer fit.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    make, lines = Panels(frame, view(frame)), curves(frame)
    zoomed, _, whole = planes(frame)
    sources = (
        _source(make, "Source Plane (Zoomed)", zoomed, lines),
        _source(make, "Source Plane (No Zoom)", whole, lines),
    )
    if "dirty_model_image_natural" in frame.arrays:
        natural = (*natural_panels(make, lines), *sources, None)
        return (Sheet(names=("fit",), rows=2, columns=3, panels=natural),)
    dense = _dense_panels(frame, make, lines, sources)
    return (Sheet(names=("fit",), rows=3, columns=4, panels=dense),)


def natural_panels(make: Panels, lines: Curves) -> tuple[Panel, ...]:
    """The naturally weighted dirty image, model and residuals."""
    return (
        make.masked("Dirty Image (Natural)", make.values("dirty_image_natural")),
        make.masked(
            "Dirty Model Image (Natural)",
            make.values("dirty_model_image_natural"),
            lines=lines.critical,
        ),
        make.masked("Dirty Residual Map (Natural)", make.values("dirty_residual_map_natural")),
    )


def _dense_panels(
    frame: Frame, make: Panels, lines: Curves, sources: tuple[Panel | None, Panel | None]
) -> tuple[Panel | Chart | None, ...]:
    distances = take(frame, "uv_distances", (None,))
    residual = take(frame, "residual_map", (len(distances), 2))
    normalized = take(frame, "normalized_residual_map", (len(distances), 2))
    dirty_normalized = make.values("dirty_normalized_residual_map")

    def chart(title: str, values: np.ndarray, unit: str) -> Chart:
        kilo = distances / KILO
        return scatter(make.titled(title), kilo, values, UV_SUFFIX, unit, frame.style)

    return (
        # the host's title: these are residuals
        chart("Amplitudes vs UV-Distance", residual[:, 0], "Jy"),
        make.masked("Dirty Image", make.values("dirty_image")),
        make.masked("Dirty Signal-To-Noise Map", make.values("dirty_signal_to_noise_map")),
        make.masked("Dirty Model Image", make.values("dirty_model_image"), lines=lines.critical),
        make.masked("Dirty Residual Map", make.values("dirty_residual_map")),
        chart("Normalized Residual Map (Real)", normalized[:, 0], SIGMA),
        chart("Normalized Residual Map (Imag)", normalized[:, 1], SIGMA),
        sources[0],
        make.masked("Dirty Normalized Residual Map", dirty_normalized, unit=SIGMA),
        make.masked(
            r"Normalized Residual Map $1\sigma$", dirty_normalized, vmin=-1.0, vmax=1.0, unit=SIGMA
        ),
        make.masked(
            "Dirty Chi-Squared Map", make.values("dirty_chi_squared_map"), unit=CHI_SQUARED
        ),
        sources[1],
    )


def _source(make: Panels, title: str, plane: Plane | None, lines: Curves) -> Panel | None:
    return None if plane is None else make.plane(title, plane, lines=lines.caustics)
