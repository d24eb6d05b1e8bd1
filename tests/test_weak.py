"""Weak lensing is drawn as PyAutoLens draws it from numpy, and under JAX too."""

import numpy as np
import parity
import pytest
from autolens.weak.plot.fit_weak_plots import subplot_fit_weak
from catalogues import KINDS
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver

from vizworker.errors import LayoutError
from vizworker.frame import Style
from vizworker.layouts import sheets
from vizworker.render.artists import build
from vizworker.render.colormap import colormap

ARRAYS = ("model_shear", "residual_map", "normalized_residual_map", "chi_squared_map")
DERIVATIVES = 1e-6  # upstream's numpy differentiates by finite steps


@pytest.fixture(scope="module", params=["weak", "weak_reduced"])
def both(request):
    """One fit: our arrays, by JAX and by numpy, and upstream's fit by numpy and by JAX."""
    analysis, model = KINDS[request.param]()
    plain, _ = KINDS[request.param](use_jax=False)
    [vector] = parity.vectors(model, 1)
    [jitted] = parity.extracted(analysis, model, [vector])
    [host] = parity.extracted(plain, model, [vector])
    instance = model.instance_from_vector(vector=vector)
    return jitted, host, plain.fit_from(instance), analysis.fit_from(instance)


def drawn(sheet) -> Figure:
    style = Style()
    figure, _ = build(sheet, style, colormap(style.colormap))
    return figure


def test_arrays_are_upstreams(both):
    jitted, host, by_numpy, by_jax = both
    for name in ARRAYS:
        parity.assert_equal(jitted.arrays[name], getattr(by_jax, name), name)
        parity.assert_equal(host.arrays[name], getattr(by_numpy, name), name)
        parity.assert_equal(jitted.arrays[name], host.arrays[name], name, rtol=DERIVATIVES)
    parity.assert_equal(jitted.arrays["positions"], by_numpy.dataset.positions.array, "positions")
    assert jitted.log_likelihood == pytest.approx(float(by_jax.log_likelihood), rel=1e-9)


def test_the_figure_has_the_strokes_dots_and_colours_of_upstreams(both):
    _, host, fit, _ = both
    theirs = parity.figures(subplot_fit_weak, fit)["subplot_fit_weak"]
    [sheet] = sheets(host.frame())
    ours = drawn(sheet)
    assert sheet.names == ("fit", "subplot_fit_weak")
    assert [axes.get_label() for axes in ours.axes] == [axes.get_label() for axes in theirs.axes]
    for mine, other in zip(ours.axes, theirs.axes, strict=True):
        assert mine.get_title() == other.get_title()
        assert (mine.get_xlabel(), mine.get_ylabel()) == (other.get_xlabel(), other.get_ylabel())
        assert mine.get_aspect() == other.get_aspect()
        np.testing.assert_allclose(mine.viewLim.get_points(), other.viewLim.get_points())
        np.testing.assert_allclose(mine.get_xticks(), other.get_xticks())
        assert sizes_of(mine) == pytest.approx(sizes_of(other), rel=1e-3)
        assert_same_marks(mine, other)
    labels = [[text.get_text() for text in axes.get_yticklabels()] for axes in ours.axes[3:]]
    assert labels == [[text.get_text() for text in a.get_yticklabels()] for a in theirs.axes[3:]]


def sizes_of(axes) -> list[float]:
    """Points of the title, the labels, the ticks, and of what the legend says."""
    legend = axes.get_legend()
    texts = [axes.title, axes.xaxis.label, axes.yaxis.label]
    texts += [axes.get_xticklabels()[0]] if axes.get_xticklabels() else []
    texts += [] if legend is None else legend.get_texts()
    return [text.get_fontsize() for text in texts]


def assert_same_marks(mine, other) -> None:
    if mine.get_label() == parity.BAR:
        return
    assert len(mine.collections) == len(other.collections) > 0
    for ours, theirs in zip(mine.collections, other.collections, strict=True):
        assert type(ours) is type(theirs)
        np.testing.assert_allclose(ours.get_offsets(), theirs.get_offsets(), rtol=1e-10)
        assert ours.get_alpha() in (theirs.get_alpha(), 1.0)
        assert list(ours.get_linewidths()) == list(theirs.get_linewidths())
        assert ours.get_label() in (theirs.get_label(), "") or theirs.get_label().startswith("_")
        if isinstance(ours, Quiver):
            for name in ("U", "V"):
                np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=1e-12)
            for name in ("pivot", "headwidth", "headlength", "headaxislength", "scale"):
                assert getattr(ours, name) == getattr(theirs, name)
        if theirs.get_array() is None:
            assert to_rgba(ours.get_facecolor()[0]) == to_rgba(theirs.get_facecolor()[0])
        else:
            assert ours.get_cmap().name == theirs.get_cmap().name
            np.testing.assert_allclose(ours.get_array(), theirs.get_array(), rtol=1e-10)
            assert ours.get_clim() == pytest.approx(theirs.get_clim(), rel=1e-10)


def test_shears_that_are_not_one_a_galaxy_are_named(both):
    jitted, *_ = both
    arrays = jitted.arrays | {"model_shear": np.zeros((3, 2))}
    frame = jitted.frame()
    with pytest.raises(LayoutError, match=r"'model_shear' has shape \(3, 2\), expected \(40, 2\)"):
        sheets(type(frame)(**{**vars_of(frame), "arrays": arrays}))


def vars_of(frame) -> dict:
    return {name: getattr(frame, name) for name in frame.__dataclass_fields__}
