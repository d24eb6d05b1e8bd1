"""A planet's orbit, sampled by BlackJAX's NUTS: examples/blackjax_orbit.py [STEPS FOLDER]"""

import sys

import blackjax
import jax
import jax.numpy as jnp
import numpy as np

from search_hooks import Curve, Histogram, LiveFit, Scatter

steps, folder = sys.argv[1:] or ("2000", "images/orbit")

rng = np.random.default_rng(3)
time = np.sort(rng.uniform(0.0, 60.0, 50))  # days
error = rng.uniform(2.0, 5.0, 50)  # m/s
velocity = 30.0 * np.sin(2 * np.pi * time / 17.0 + 0.7) + 5.0 + rng.normal(0.0, error)
fine = np.linspace(0.0, 60.0, 500)


def orbit(parameters, time):
    amplitude, log_period, phase, offset = parameters
    return amplitude * jnp.sin(2 * jnp.pi * time / jnp.exp(log_period) + phase) + offset


def fit_from(parameters):
    residual = (velocity - orbit(parameters, time)) / error
    arrays = {"time": time, "velocity": velocity, "error": error, "fine": fine}
    return {
        "log_likelihood": -0.5 * jnp.sum(residual**2),
        "model": orbit(parameters, fine),
        "residual": residual,
        **{name: jnp.asarray(array) for name, array in arrays.items()},
    }


data = Scatter("time", "velocity", error="error", title="Orbit", x_label="days", y_label="m/s")
panels = [
    (data, Curve("model", "fine")),  # one panel of two layers
    Scatter("time", "residual", title="Normalized Residual", x_label="days", y_label="sigma"),
    Histogram("residual", title="Normalized Residual", bins=12, x_label="sigma"),
]
masses = jnp.array([25.0, 0.01, 0.1, 25.0])
kernel = blackjax.nuts(lambda p: fit_from(p)["log_likelihood"], 1e-2, masses)
state, key = kernel.init(jnp.array([20.0, np.log(17.4), 0.2, 0.0])), jax.random.key(0)
step = jax.jit(kernel.step)
with LiveFit(fit_from, panels=panels, run="orbit", folder=folder) as live:
    for _ in range(int(steps)):
        key, own = jax.random.split(key)
        state, _ = step(own, state)
        live.step(state.position, state.logdensity)
print(f"log likelihood {live.best.log_likelihood:.2f}, figure in {folder}")
