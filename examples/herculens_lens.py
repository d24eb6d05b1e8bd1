"""A lens in herculens, fitted by gradient descent: examples/herculens_lens.py [STEPS FOLDER]"""

import os
import sys

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import jax
import jax.numpy as jnp
import optax
from herculens.Coordinates.pixel_grid import PixelGrid
from herculens.Instrument.psf import PSF
from herculens.LensImage.lens_image import LensImage
from herculens.LightModel.light_model import LightModel
from herculens.MassModel.mass_model import MassModel

from search_hooks import Image, LiveFit

steps, folder = sys.argv[1:] or ("1000", "images/herculens")
SIDE, SCALE, NOISE = 60, 0.08, 0.2  # pixels, arcsec, counts
edge, first = SIDE * SCALE / 2, (1 - SIDE) * SCALE / 2  # of the image, of its first pixel
grid = PixelGrid(SIDE, SIDE, jnp.eye(2) * SCALE, ra_at_xy_0=first, dec_at_xy_0=first)
light, mass = LightModel(["GAUSSIAN_ELLIPSE"]), MassModel(["EPL"])
lens = LensImage(grid, PSF("GAUSSIAN", fwhm=0.12, pixel_size=SCALE), None, mass, light)
MASS = ("gamma", "theta_E", "e1", "e2", "center_x", "center_y")
LIGHT = ("sigma", "e1", "e2", "center_x", "center_y")
truth = jnp.array([2.0, 1.4, 0.1, -0.05, 0.0, 0.0, 0.2, 0.1, 0.1, 0.1, 0.2, 5.0])
parameters = jnp.array([2.1, 1.3, 0.02, 0.01, 0.1, 0.02, 0.3, 0.02, 0.01, 0.02, 0.1, 4.5])


def fit_from(parameters):
    kwargs_lens = [dict(zip(MASS, parameters[:6], strict=True))]
    source = dict(zip(LIGHT, parameters[6:11], strict=True)) | {"amp": jnp.exp(parameters[11])}
    model = lens.model(kwargs_lens=kwargs_lens, kwargs_source=[source])
    plane = light.surface_brightness(*grid.pixel_coordinates, [source])
    residual = (data - model) / NOISE
    arrays = {"data": data, "model": model, "residual": residual, "source": plane}
    return {"log_likelihood": -0.5 * jnp.sum(residual**2), **arrays}


data = NOISE * jax.random.normal(jax.random.key(0), (SIDE, SIDE))
data += fit_from(truth)["model"]
sky = {"extent": (-edge, edge, -edge, edge), "origin": "lower"}
panels = [
    Image("data", title="Data", **sky),
    Image("model", title="Model", **sky),
    Image("residual", title="Normalized Residual", unit=" sigma", vmin=-4.0, vmax=4.0, **sky),
    Image("source", title="Source", x_limits=(-1, 1), y_limits=(-1, 1), **sky),
]
loss = jax.jit(jax.value_and_grad(lambda p: -fit_from(p)["log_likelihood"]))
optimizer = optax.adam(1e-2)
state = optimizer.init(parameters)
with LiveFit(fit_from, panels=panels, columns=2, run="lens", folder=folder) as live:
    for _ in range(int(steps)):
        value, gradient = loss(parameters)
        live.step(parameters, -value)
        updates, state = optimizer.update(gradient, state)
        parameters = optax.apply_updates(parameters, updates)
print(f"log likelihood {live.best.log_likelihood:.2f}, figure in {folder}")
