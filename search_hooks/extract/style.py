"""The host's `visualize` configuration -> the frame's Style."""

import ast
from typing import Any

from autonerves import conf
from autonerves.exc import ConfigException

from vizworker.frame import Style

# field of Style -> where the host's configuration keeps it, below visualize/general
KEYS = {
    "colormap": "colormap",
    "dpi": "general.dpi",
    "panel_size": "mat_plot.figure.subplot_shape_to_figsize_factor",
    "imshow_origin": "general.imshow_origin",
    "zoom_around_mask": "general.zoom_around_mask",
    "log10_min_value": "general.log10_min_value",
    "inversion_percent": "zoom.inversion_percent",
    "cb_unit": "units.cb_unit",
    "extent_factor_2d": "ticks.extent_factor_2d",
    "number_of_ticks_2d": "ticks.number_of_ticks_2d",
    "symbol_over_decimal": "ticks.symbol_over_decimal",
    "minus_in_math": "ticks.minus_in_math",
    "colorbar_fraction": "colorbar.fraction",
    "colorbar_pad": "colorbar.pad",
    "colorbar_labelrotation": "colorbar.labelrotation",
    "colorbar_labelsize": "colorbar.labelsize_subplot",
    "title_size": "mat_plot.title_subplot.fontsize",
    "xticks_size": "mat_plot.xticks_subplot.fontsize",
    "yticks_size": "mat_plot.yticks_subplot.fontsize",
    "total_contours": "contour.total_contours",
    "contour_labels": "contour.include_values",
}


def style_from_config() -> Style:
    """The style its user has configured; a key they have not set keeps its default."""
    default = Style()
    return Style(
        **{field: _configured(key, getattr(default, field)) for field, key in KEYS.items()}
    )


def _configured(key: str, default: Any) -> Any:
    try:
        value: Any = conf.instance["visualize"]["general"]  # absent without PyAutoLens
        for part in key.split("."):
            value = value[part]
        if isinstance(default, tuple):
            value = ast.literal_eval(value) if isinstance(value, str) else value
            return tuple(float(each) for each in value)
        return type(default)(value)
    except (KeyError, TypeError, ValueError, SyntaxError, ConfigException):
        return default
