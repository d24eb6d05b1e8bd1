"""Pixelized sources: every mesh is drawn as PyAutoLens draws it, from arrays that are its own."""

import lenses
import parity
import pytest
from autolens.imaging.plot.fit_imaging_plots import subplot_fit
from autonerves import conf
from kinds import KINDS, MESHES
from plain import sheet_of

from search_hooks.extract import extractor_for
from search_hooks.pyautofit import _key
from vizworker.layouts import Image, Mesh, Triangles

# a graph of each costs ten seconds: two are enough for every day
SLOW = set(MESHES) - {"delaunay", "knn_barycentric"}
DRAWN_AS = {"rectangular_uniform": Image, "rtu": Mesh, "bilinear": Mesh}
# by natural neighbours JAX and numpy agree to fewer digits
LEAST = {"delaunay_nn": 1e-6}
COMPARED = ("reconstruction", "source_plane_mesh_grid", "mesh_shape", "mesh_edges", "mesh_extent")


def fit_of(kind, vector):
    analysis, model = KINDS[kind](use_jax=False)
    return analysis.fit_from(instance=model.instance_from_vector(vector=vector))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in MESHES
    ],
)
def pair(request):
    """Our arrays of one vector from a graph, and upstream's fit by numpy."""
    analysis, model = KINDS[request.param]()
    vectors = parity.vectors(model, 1)
    [ours] = parity.extracted(analysis, model, vectors)
    return request.param, ours, fit_of(request.param, vectors[0])


def test_arrays_of_the_graph_equal_upstream_attributes(pair):
    kind, ours, fit = pair
    assert ours.log_likelihood == pytest.approx(float(fit.figure_of_merit), rel=1e-9)
    parity.assert_equal(ours.arrays["model_data"], parity.native(fit.model_data), "model_data")
    theirs = lenses.source_plane(fit)
    assert set(theirs) <= set(ours.arrays)
    for name in set(theirs) & set(COMPARED):
        parity.assert_equal(ours.arrays[name], theirs[name], name, rtol=LEAST.get(kind, 1e-8))


def test_the_mesh_is_drawn_at_three_zooms_as_upstream_draws_it(pair):
    name, ours, fit = pair
    sheet = sheet_of(ours.frame())
    expected = next((kind for key, kind in DRAWN_AS.items() if name.startswith(key)), Triangles)
    assert {type(sheet.panels[index].content) for index in (3, 7, 11)} == {expected}
    parity.assert_same_sheet(sheet, parity.figures(subplot_fit, fit)["fit"])


def test_a_kept_graph_is_of_one_order_of_the_packages_configurations(monkeypatch):
    analysis, model = KINDS["rectangular_uniform"]()
    keys = [_key(analysis, model, extractor_for(analysis)) for _ in range(2)]
    assert keys[0] == keys[1]
    # as where autogalaxy was imported before autolens: relocation at the border is then off
    monkeypatch.setattr(conf.instance, "configs", conf.instance.configs[::-1])
    assert _key(analysis, model, extractor_for(analysis)) not in (None, keys[0])
