"""Several datasets fitted together: upstream's combined figures, and each dataset's own."""

import functools
from dataclasses import replace

import autofit as af
import autogalaxy as ag
import lenses
import numpy as np
import parity
import pytest
from autogalaxy.imaging.plot.fit_imaging_plots import subplot_fit_imaging_list
from autolens.imaging.plot.fit_imaging_plots import subplot_fit_combined
from autolens.interferometer.plot.fit_interferometer_plots import (
    subplot_fit_interferometer_combined,
)
from kinds import KINDS, imaging

from search_hooks.extract import extractor_for
from search_hooks.pyautofit import _without_jax
from vizworker.errors import LayoutError
from vizworker.layouts import sheets

MAKERS = KINDS | {
    "one_plane": functools.partial(imaging, lenses.one_plane),
    "two_planes": functools.partial(imaging, lenses.sersic),
}
COMBINED = {
    "three_planes": (subplot_fit_combined, "fit_combined"),
    "one_plane": (subplot_fit_combined, "fit_combined"),
    "galaxy_imaging": (subplot_fit_imaging_list, "fit_combined"),
    "interferometer": (subplot_fit_interferometer_combined, "fit_combined"),
    "interferometer_one_plane": (subplot_fit_interferometer_combined, "fit_combined"),
}


def graph_of(*kinds, use_jax=True):
    """A factor graph of datasets of these kinds, whose models share nothing."""
    made = [MAKERS[kind](use_jax=use_jax) for kind in kinds]
    factors = [af.AnalysisFactor(prior_model=model, analysis=analysis) for analysis, model in made]
    graph = af.FactorGraphModel(*factors)
    return graph, graph.global_prior_model


@pytest.fixture(scope="module", params=COMBINED)
def combined(request):
    """Two datasets of a kind: our arrays, and upstream's fits and figure of them."""
    graph, model = graph_of(request.param, request.param)
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(graph, model, [vector])
    instances = model.instance_from_vector(vector=vector)
    fits = [
        factor.analysis.fit_from(instance=instance)
        for factor, instance in zip(graph.model_factors, instances, strict=False)
    ]
    draw, stem = COMBINED[request.param]
    return (
        ours,
        fits,
        parity.figures(draw, fits)[stem],
        float(graph.log_likelihood_function(instances)),
    )


def test_a_row_of_each_dataset_shows_what_upstream_s_shows(combined):
    ours, _, figure, _ = combined
    parity.assert_same_sheet(sheets(ours.frame())[0], figure)


def test_a_lens_alone_has_a_row_beside_one_with_a_source():
    graph, model = graph_of("two_planes", "one_plane", use_jax=False)
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(graph, model, [vector])
    instances = model.instance_from_vector(vector=vector)
    fits = [
        factor.analysis.fit_from(instance=instance)
        for factor, instance in zip(graph.model_factors, instances, strict=False)
    ]
    figure = parity.figures(subplot_fit_combined, fits)["fit_combined"]
    parity.assert_same_sheet(sheets(ours.frame())[0], figure)


def test_log_likelihood_is_that_of_all_datasets(combined):
    ours, _, _, log_likelihood = combined
    assert ours.log_likelihood == pytest.approx(log_likelihood, rel=1e-9)


def test_the_combined_figure_is_the_one_to_watch_and_each_dataset_has_its_own(combined):
    ours, fits, _, _ = combined
    names = [name for sheet in sheets(ours.frame()) for name in sheet.names]
    assert names[:2] == ["fit", "fit_combined"]
    assert len(set(names)) == len(names)
    assert {f"fit_dataset_{i}" for i in range(len(fits))} <= set(names)


@pytest.fixture(scope="module")
def mixed():
    """A galaxy seen by a camera, a lens by an interferometer, and a dataset without a figure."""
    graph, _ = graph_of("galaxy_imaging", "interferometer")

    class Analysis(af.Analysis):
        def log_likelihood_function(self, instance):
            return -0.5 * instance.redshift**2

    model = af.Model(ag.Galaxy, redshift=af.UniformPrior(0.0, 1.0))
    graph.add(af.AnalysisFactor(prior_model=model, analysis=Analysis(use_jax=True)))
    model = graph.global_prior_model
    [vector] = parity.vectors(model, 1)
    [ours] = parity.extracted(graph, model, [vector])
    return graph, model, vector, ours


def test_datasets_of_several_kinds_have_a_combined_figure_each(mixed):
    names = [sheet.names for sheet in sheets(mixed[-1].frame())]
    assert names[:2] == [("fit", "fit_combined"), ("fit_combined_interferometer",)]


def test_a_dataset_without_a_figure_counts_in_the_log_likelihood(mixed):
    graph, model, vector, ours = mixed
    instance = model.instance_from_vector(vector=vector)
    expected = float(graph.log_likelihood_function(instance))
    assert ours.log_likelihood == pytest.approx(expected, rel=1e-9)
    assert not any("_2_" in name for name in ours.arrays)


def test_without_jax_the_arrays_of_every_dataset_are_the_same(mixed):
    graph, model, vector, ours = mixed
    plain = _without_jax(graph, model)(np.asarray(vector))
    plain.pop("log_likelihood")
    finished = extractor_for(graph).finish(plain)
    assert set(finished) == set(ours.arrays)
    for name, array in finished.items():
        # by numpy the host differentiates in finite steps
        rtol = 1e-6 if name.endswith("eigen_value") else 1e-8
        parity.assert_equal(ours.arrays[name], array, name, rtol)


def test_a_dataset_that_cannot_be_drawn_is_named_and_the_others_are_drawn(mixed):
    ours = mixed[-1]
    arrays = {name: a for name, a in ours.arrays.items() if name != "galaxy_imaging_0_data"}
    first, *_ = sheets(replace(ours, arrays=arrays).frame())
    assert first.names == ("fit", "fit_combined_interferometer")
    [note] = first.notes
    assert note.startswith("dataset 0: ")
    assert "'data'" in note


def test_a_frame_of_no_dataset_is_refused(mixed):
    with pytest.raises(LayoutError, match="no dataset has arrays"):
        sheets(replace(mixed[-1], arrays={"data": np.zeros((3, 3))}).frame())
