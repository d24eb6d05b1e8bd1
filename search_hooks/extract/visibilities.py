"""The visibilities of a fit and their dirty images: in the graph where they trace, or on the host.

A dirty image is the transform of visibilities to real space. `TransformerDFT` transforms inside
JAX, `TransformerNUFFT` only where nufftax is installed; without it the graph gives the model's
image, and the host transforms that by finufft. A dataset without visibilities ("array-free") has
the naturally weighted images that its sparse operator makes of the model's image.
"""

import functools
from importlib.util import find_spec
from typing import Any

import autoarray as aa
import numpy as np

from search_hooks.extract.maps import geometry, native, values

DIRTY = {
    "dirty_model_image": "model_data",
    "dirty_residual_map": "residual_map",
    "dirty_normalized_residual_map": "normalized_residual_map",
    "dirty_chi_squared_map": "chi_squared_map",
}


class Visibilities:
    """What the fits of one interferometer dataset share."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.geometry = geometry(dataset.real_space_mask)
        self.unmasked = ~self.geometry["mask"]

    def arrays(self, fit: Any) -> dict[str, Any]:
        """What changes with the parameters: images slim, visibilities (n, 2) real, imaginary."""
        xp = fit._xp
        if self.dataset.is_array_free:
            return {"dirty_model_image_natural": self._natural(_model_image(fit, xp), xp)}
        if not self._transforms(xp):
            return {"model_image_natural": _model_image(fit, xp)}
        return self._maps(values(fit.model_data), xp)

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        if "model_image_natural" in arrays:
            image = aa.Array2D(
                values=arrays["model_image_natural"], mask=self.dataset.real_space_mask
            )
            arrays = arrays | self._maps(
                values(self.dataset.transformer.visibilities_from(image=image)), np
            )
        arrays = self._static | arrays
        if self.dataset.is_array_free:
            arrays["dirty_residual_map_natural"] = (
                arrays["dirty_image_natural"] - arrays["dirty_model_image_natural"]
            )
        images = {name for name in arrays if name.startswith("dirty_") or "image_natural" in name}
        return self.geometry | {
            name: native(array, self.unmasked) if name in images else array
            for name, array in arrays.items()
        }

    @functools.cached_property
    def _static(self) -> dict[str, np.ndarray]:
        """What no parameter changes; made when it is first drawn, not while a search waits."""
        dataset = self.dataset
        if dataset.is_array_free:
            return {"dirty_image_natural": np.asarray(dataset.dirty_image_natural.array)}
        return {
            "uv_distances": np.asarray(dataset.uv_distances, dtype=np.float64),
            "data": _pairs(values(dataset.data), np),
            "noise_map": _pairs(values(dataset.noise_map), np),
            "dirty_image": np.asarray(dataset.dirty_image.array),
            "dirty_signal_to_noise_map": np.asarray(dataset.dirty_signal_to_noise_map.array),
        }

    def _transforms(self, xp: Any) -> bool:
        """Whether the transformer works on this backend."""
        return (
            xp is np
            or isinstance(self.dataset.transformer, aa.TransformerDFT)
            or find_spec("nufftax") is not None
        )

    def _maps(self, model: Any, xp: Any) -> dict[str, Any]:
        """The maps of model visibilities (n,) complex, and the dirty images of each."""
        data, noise = values(self.dataset.data), values(self.dataset.noise_map)
        residual = data - model
        normalized = residual.real / noise.real + 1j * (residual.imag / noise.imag)
        visibilities = {
            "model_data": model,
            "residual_map": residual,
            "normalized_residual_map": normalized,
            "chi_squared_map": normalized.real**2 + 1j * normalized.imag**2,
        }
        dirty = {name: self._dirty(visibilities[of], xp) for name, of in DIRTY.items()}
        return {name: _pairs(array, xp) for name, array in visibilities.items()} | dirty

    def _dirty(self, visibilities: Any, xp: Any) -> Any:
        image = self.dataset.transformer.image_from(aa.Visibilities(visibilities), xp=xp)
        return values(image)

    def _natural(self, image: Any, xp: Any) -> Any:
        """The naturally weighted dirty image, (pixels,), of a model's image."""
        operator, mask = self.dataset.sparse_operator, self.dataset.real_space_mask
        beam = getattr(operator, "primary_beam_slim", None)
        if beam is not None:
            image = image * xp.asarray(beam)
        operated = operator.operated_matrix_slim_from(
            matrix_slim=image[:, None],
            extent_index_for_masked_pixel=mask.extent_index_for_masked_pixel,
            xp=xp,
        )
        return operated[:, 0] / float(self.dataset.sparse_terms.sum_weights)


def _model_image(fit: Any, xp: Any) -> Any:
    """The image, (pixels,), whose transform the model's visibilities are."""
    image = xp.asarray(values(fit.profile_image))
    if fit.inversion is None:
        return image
    return image + values(fit.inversion.mapped_reconstructed_data)


def _pairs(visibilities: Any, xp: Any) -> Any:
    return xp.stack([visibilities.real, visibilities.imag], axis=-1)
