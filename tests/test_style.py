"""The figure follows the `visualize` configuration of its user."""

import autolens  # noqa: F401  its configuration is the host's
import pytest
from autonerves import conf

from search_hooks.extract.style import style_from_config
from vizworker.frame import Style


@pytest.fixture
def configured(tmp_path):
    """Write a `visualize/general.yaml` of a user's own, and put the old one back."""
    before = conf.instance.output_path

    def write(text):
        (tmp_path / "visualize").mkdir(exist_ok=True)
        (tmp_path / "visualize" / "general.yaml").write_text(text)
        conf.instance.push(new_path=str(tmp_path), output_path=before)

    kept = list(conf.instance.configs)
    yield write
    conf.instance.configs[:] = kept


def test_packaged_configuration_is_the_default():
    assert style_from_config() == Style()


def test_what_the_user_sets_is_used_and_the_rest_stays(configured):
    configured(
        "general:\n  dpi: 75\ncolormap: viridis\n"
        "mat_plot:\n  figure:\n    subplot_shape_to_figsize_factor: (4, 3)\n"
    )
    style = style_from_config()
    assert (style.dpi, style.colormap, style.panel_size) == (75.0, "viridis", (4.0, 3.0))
    assert style.cb_unit == Style().cb_unit


def test_value_that_makes_no_sense_is_left_out(configured):
    configured("general:\n  dpi: many\n")
    assert style_from_config().dpi == Style().dpi
