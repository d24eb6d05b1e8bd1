"""One short search of each kind of fit with the launcher, from end to end."""

import re

import numpy as np
import pytest
from test_launcher import SCRIPTS, launched

# kind -> the figures that come home
FIGURES = {
    "galaxy_imaging": {"fit"},
    "combined": {"fit", "fit_combined", "fit_dataset_0", "fit_dataset_1"},
    "interferometer": {"fit"},
    "interferometer_free": {"fit"},
    "galaxy_interferometer": {"fit", "fit_dirty_images"},
    "three_planes": {"fit", "fit_1", "fit_2"},
    "ellipse": {"fit", "fit_ellipse", "ellipse_fit", "ellipse_residuals"},
    "weak": {"fit", "subplot_fit_weak"},
    "point": {"fit"},
    "point_image": {"fit", "fit_image_with_points"},
    "delaunay": {"fit"},
    "knn_barycentric": {"fit"},
}
EVERY_DAY = ("galaxy_imaging", "ellipse", "weak", "point_image")  # those that compile quickly


@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[] if kind in EVERY_DAY else [pytest.mark.slow]) for kind in FIGURES],
)
def test_a_search_of_this_kind_gets_its_figures(kind, tmp_path):
    words = [SCRIPTS / "fit_kind.py", tmp_path, kind, "--viz-worker", "--viz-every", "1"]
    run = launched(tmp_path, *words, timeout=900, VIZ_PLANES="all")
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    images = {path.stem for path in tmp_path.glob(f"output/watched/{kind}/*/image/*.png")}
    assert images >= FIGURES[kind], output
    assert "WARNING" not in "".join(line for line in output.splitlines() if "search_hooks" in line)
    best = float(re.search(r"maximum log likelihood: (\S+)", output).group(1))
    out = tmp_path / "out.npz"
    launched(tmp_path, "export", kind, "--frame", "last", "-o", out, module="vizworker")
    with np.load(out) as arrays:
        assert float(arrays["log_likelihood"]) == pytest.approx(best, rel=1e-6)
