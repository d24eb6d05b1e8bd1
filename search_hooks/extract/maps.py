"""The maps of a fit to an image, slim inside the graph, and what makes them native on the host."""

from typing import Any

import autoarray as aa
import numpy as np

# slim arrays of the fit's mask: the host makes them native
MAPS = (
    "data",
    "noise_map",
    "signal_to_noise_map",
    "model_data",
    "residual_map",
    "normalized_residual_map",
    "chi_squared_map",
)


def maps(fit: Any, xp: Any) -> dict[str, Any]:
    """The arrays named in `MAPS`, each (pixels,)."""
    ratio = values(fit.data) / values(fit.noise_map)
    return {
        "data": values(fit.data),
        "noise_map": values(fit.noise_map),
        # not the host's attribute, whose boolean assignment JAX cannot trace
        "signal_to_noise_map": xp.where(ratio < 0, 0.0, ratio),
        "model_data": values(fit.model_data),
        "residual_map": values(fit.residual_map),
        "normalized_residual_map": values(fit.normalized_residual_map),
        "chi_squared_map": values(fit.chi_squared_map),
    }


def geometry(mask: aa.Mask2D) -> dict[str, np.ndarray]:
    """Where the native pixels of a mask lie, and which of them are masked."""
    return {
        "mask": np.array(mask, dtype=bool),
        "pixel_scales": np.asarray(mask.pixel_scales, dtype=np.float64),
        "origin": np.asarray(mask.origin, dtype=np.float64),
    }


def native(slim: np.ndarray, unmasked: np.ndarray) -> np.ndarray:
    """(..., pixels) -> (..., ny, nx), masked pixels NaN."""
    whole = np.full((*slim.shape[:-1], *unmasked.shape), np.nan, dtype=slim.dtype)
    whole[..., unmasked] = slim
    return whole


def values(array: Any) -> Any:
    """The bare array behind the host's wrapper."""
    return getattr(array, "array", array)
