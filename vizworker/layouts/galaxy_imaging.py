"""Galaxy imaging: six panels in one row."""

from vizworker.frame import Frame
from vizworker.layouts.panels import CHI_SQUARED, Panels
from vizworker.layouts.sheet import Sheet
from vizworker.layouts.zoom import view

DPI = 300.0  # the host's own for galaxies

PANELS = {
    "data": "Data",
    "signal_to_noise_map": "Signal-To-Noise Map",
    "model_data": "Model Image",
    "residual_map": "Residual Map",
    "normalized_residual_map": "Normalized Residual Map",
    "chi_squared_map": "Chi-Squared Map",
}
POSITIVE = {"data", "signal_to_noise_map", "model_data", "chi_squared_map"}
UNITS = {"chi_squared_map": CHI_SQUARED}  # of the others: the style's


def sheets(frame: Frame) -> tuple[Sheet, ...]:
    """The figure of a galaxy imaging fit.

    Raises:
        LayoutError: arrays that are missing or do not belong together.
    """
    make = Panels(frame, view(frame))
    panels = tuple(
        make.masked(title, make.values(name), unit=UNITS.get(name), positive=name in POSITIVE)
        for name, title in PANELS.items()
    )
    return (Sheet(names=("fit",), rows=1, columns=len(panels), panels=panels, dpi=DPI),)
