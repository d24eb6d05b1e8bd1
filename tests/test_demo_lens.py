"""The lens of the demonstration is the one that the benchmarks and the docs speak of."""

import numpy as np

from search_hooks.demo_lens import lens_model, simulated_imaging


def test_demo_lens_is_the_hst_like_one() -> None:
    dataset = simulated_imaging()
    assert dataset.mask.pixels_in_mask == 15361
    assert dataset.psf.kernel.shape_native == (21, 21)
    assert set(np.unique(dataset.grids.lp.over_sample_size)) == {1, 2, 4}
    assert lens_model().prior_count == 21


def test_demo_lens_is_the_same_each_time() -> None:
    first, second = simulated_imaging(), simulated_imaging()
    np.testing.assert_array_equal(first.data.array, second.data.array)
