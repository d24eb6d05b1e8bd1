"""What `vizworker export` writes equals PyAutoLens's own attributes of the same fit."""

import subprocess
import sys
import time
from pathlib import Path

import autofit as af
import lenses
import numpy as np
import pytest
from test_extract_imaging import assert_equal_arrays

import search_hooks

MODELS = {
    "sersic": lenses.sersic,
    "mge": lenses.mge,
    "rectangular": lenses.rectangular,
}


def exported(run_id, path):
    """The arrays of a run's last frame, by the command."""
    command = [sys.executable, "-m", "vizworker", "export", run_id, "--frame", "last"]
    subprocess.run([*command, "-o", str(path)], check=True, timeout=60, capture_output=True)
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("name", MODELS)
def test_exported_arrays_equal_upstream_attributes(name, tmp_path):
    model = MODELS[name]()
    analysis = lenses.analysis(use_jax=True)
    search = search_hooks.watch(af.Nautilus(path_prefix="export", name=name, n_live=100))
    search.paths.model = model
    fitness = search.make_fitness(analysis=analysis, model=model)
    image = Path(search.paths.image_path) / "fit.png"
    for vector in lenses.vectors(model, 2):
        vector = np.asarray(vector)
        image.unlink(missing_ok=True)
        fitness.analysis.visualize_quick_update(search.paths, fitness._jit_fit_from(vector))
        end = time.monotonic() + 60
        while not image.exists():
            assert time.monotonic() < end, "no figure came home"
            time.sleep(0.05)
        ours = exported(fitness.live.run_id, tmp_path / "out.npz")
        fit = lenses.fit_of(model, list(vector), use_jax=True)
        assert float(ours["log_likelihood"]) == pytest.approx(float(fit.figure_of_merit), rel=1e-10)
        assert ours["model_data"].dtype == np.float64
        assert_equal_arrays(ours, lenses.upstream_arrays(fit))
    fitness.shutdown_quick_update()
