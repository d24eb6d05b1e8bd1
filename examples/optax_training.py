"""A small network learns a picture, trained by optax: examples/optax_training.py [STEPS FOLDER]"""

import sys

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from search_hooks import Histogram, Image, LiveFit

steps, folder = sys.argv[1:] or ("3000", "images/training")
SIDE, WAVES, WIDTH = 64, 16, 64

y, x = jnp.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
radius, angle = jnp.hypot(x, y), jnp.arctan2(y, x)
target = jnp.exp(-3 * radius) * (1 + jnp.cos(2 * angle - 9 * radius))  # a spiral galaxy
keys = jax.random.split(jax.random.key(1), 3)
waves = 5.0 * jax.random.normal(keys[0], (2, WAVES))
phases = jnp.stack([x.ravel(), y.ravel()], axis=1) @ waves
features = jnp.concatenate([jnp.sin(phases), jnp.cos(phases)], axis=1)
network = {
    "in": 0.2 * jax.random.normal(keys[1], (2 * WAVES, WIDTH)),
    "out": 0.1 * jax.random.normal(keys[2], (WIDTH,)),
}
weights, unravel = ravel_pytree(network)  # a hook takes one vector


def fit_from(weights):
    layers = unravel(weights)
    picture = (jnp.tanh(features @ layers["in"]) @ layers["out"]).reshape(SIDE, SIDE)
    residual = target - picture
    arrays = {"target": target, "network": picture, "residual": residual, "weights": weights}
    return {"log_likelihood": -jnp.mean(residual**2), **arrays}  # the larger the better


@jax.jit
def train(weights, state):
    gain, gradient = jax.value_and_grad(lambda w: -fit_from(w)["log_likelihood"])(weights)
    updates, state = optimizer.update(gradient, state)
    return -gain, optax.apply_updates(weights, updates), state


panels = [
    Image("target", title="Target", vmin=0.0, vmax=2.0),
    Image("network", title="Network", vmin=0.0, vmax=2.0),
    Image("residual", title="Residual", vmin=-0.2, vmax=0.2),
    Histogram("weights", title="Weights", bins=50, y_scale="log"),
]
optimizer = optax.adam(3e-3)
state = optimizer.init(weights)
with LiveFit(fit_from, panels=panels, columns=2, run="training", folder=folder) as live:
    for _ in range(int(steps)):
        before = weights
        gain, weights, state = train(weights, state)
        live.step(before, gain)
print(f"mean squared residual {-live.best.log_likelihood:.2g}, figure in {folder}")
