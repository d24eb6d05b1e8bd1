"""Several datasets fitted together: the arrays of each, named by its layout and its number."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from search_hooks.extract import Extractor, extractor_for
from search_hooks.extract.imaging import ImagingExtractor
from vizworker.errors import ExtractError

logger = logging.getLogger("search_hooks")


def extractor(analysis: Any) -> "CombinedExtractor":
    """The extractor of an `af.FactorGraphModel`.

    Raises:
        ExtractError: none of its datasets has a figure.
    """
    return CombinedExtractor(analysis)


class CombinedExtractor:
    """The arrays of fits of several datasets, `imaging_0_data`, `imaging_1_data` and so on.

    A dataset without a figure of its own counts in the log likelihood alone.
    """

    layout = "combined"

    def __init__(self, analysis: Any) -> None:
        self.factors = analysis.model_factors
        self.parts = [_part_of(factor) for factor in self.factors]
        if not any(self.parts):
            raise ExtractError("none of the datasets of this factor graph has a live figure")
        self.title_prefix = _title_prefix(self.factors)
        self.choices = tuple(
            getattr(part, "choices", ()) for part in self.parts
        )  # what enters the graph of each

    def arrays(self, instance: Any) -> dict[str, Any]:
        """Every array that changes with the parameters, and the sum of the log likelihoods.

        Args:
            instance: one instance for each dataset, in the order of the factors.
        """
        total: Any = 0.0
        arrays: dict[str, Any] = {}
        # the host's instance has more than the datasets' behind them
        for number, (part, own) in enumerate(zip(self.parts, instance, strict=False)):
            if part is None:
                total = total + self.factors[number].log_likelihood_function(own)
                continue
            found = part.arrays(own)
            total = total + found.pop("log_likelihood")
            arrays |= _named(part, number, found)
        return arrays | {"log_likelihood": total}

    def arrays_of_fit(self, fit: Sequence[Any]) -> dict[str, Any]:
        """The same of fits that have been made already, one a dataset."""
        arrays: dict[str, Any] = {}
        for number, part in self._numbered():
            arrays |= _named(part, number, part.arrays_of_fit(fit[number]))
        return arrays

    def finish(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays as they came from the graph -> arrays as the frame has them."""
        finished: dict[str, np.ndarray] = {}
        for number, part in self._numbered():
            prefix = _prefix(part, number)
            own = {
                name.removeprefix(prefix): array
                for name, array in arrays.items()
                if name.startswith(prefix)
            }
            finished |= _named(part, number, part.finish(own))
        others = {name: array for name, array in arrays.items() if name == "parameters"}
        return others | finished

    def _numbered(self) -> Iterator[tuple[int, Extractor]]:
        return ((number, part) for number, part in enumerate(self.parts) if part is not None)


def _part_of(factor: Any) -> Extractor | None:
    """The extractor of one dataset; None, and said in the log, where there is none."""
    try:
        part = extractor_for(factor.analysis)
    except AttributeError:  # a prior over others' parameters has no dataset
        return None
    except ExtractError as error:
        logger.warning("one of the datasets has no figure: %s", error)
        return None
    if isinstance(part, ImagingExtractor):
        part.shows_lone_plane = True
    return part


def _title_prefix(factors: Sequence[Any]) -> str | None:
    prefixes = (getattr(getattr(each, "analysis", None), "title_prefix", None) for each in factors)
    return next((prefix for prefix in prefixes if prefix), None)


def _prefix(part: Extractor, number: int) -> str:
    return f"{part.layout}_{number}_"


def _named(part: Extractor, number: int, arrays: dict[str, Any]) -> dict[str, Any]:
    prefix = _prefix(part, number)
    return {prefix + name: array for name, array in arrays.items()}
