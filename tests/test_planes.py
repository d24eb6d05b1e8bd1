"""Lens imaging of more than two planes: the final one, and on request a figure of each."""

from dataclasses import replace

import numpy as np
import parity
import pytest
from autolens.imaging.plot.fit_imaging_plots import subplot_fit
from kinds import KINDS
from plain import sheet_of

from vizworker.errors import LayoutError
from vizworker.layouts import sheets


@pytest.fixture(scope="module")
def pair():
    """Our arrays with a figure of every plane, and upstream's fit by numpy."""
    analysis, model = KINDS["three_planes"]()
    vectors = parity.vectors(model, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIZ_PLANES", "all")
        [ours] = parity.extracted(analysis, model, vectors)
    analysis, model = KINDS["three_planes"](use_jax=False)
    return ours, analysis.fit_from(instance=model.instance_from_vector(vector=vectors[0]))


def test_the_final_plane_is_the_source_as_upstream_s_quick_update_has_it(pair):
    ours, fit = pair
    theirs = parity.figures(subplot_fit, fit)["fit"]
    parity.assert_same_sheet(sheet_of(ours.frame()), theirs)


def test_every_plane_has_the_figure_of_upstream_s_full_update(pair):
    ours, fit = pair
    assert [sheet.names for sheet in sheets(ours.frame())] == [("fit", "fit_2"), ("fit_1",)]
    for sheet in sheets(ours.frame()):
        name = sheet.names[-1]
        theirs = parity.figures(subplot_fit, fit, plane_index=int(name[-1]))
        parity.assert_same_sheet(sheet, theirs[name])


def test_without_being_asked_the_final_plane_alone_is_drawn():
    analysis, model = KINDS["three_planes"](use_jax=False)
    [ours] = parity.extracted(analysis, model, parity.vectors(model, 1))
    assert "planes" not in ours.arrays
    assert [sheet.names for sheet in sheets(ours.frame())] == [("fit",)]


def test_planes_that_the_frame_has_not_are_named(pair):
    frame = pair[0].frame()
    for wrong in (0, 3, -1):
        arrays = {**frame.arrays, "planes": np.array([1, wrong])}
        with pytest.raises(LayoutError, match="expected numbers from 1 to 2"):
            sheets(replace(frame, arrays=arrays))
