"""How much room axes take with their labels: measured once for each place and text."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

MAX_BOXES = 600  # a figure of 24 axes at 25 places


class Boxes:
    """The tight bounding boxes of axes.

    Laying a figure out asks every axes for its box, which takes most of the time; between two
    figures of a run it is the labels of a few axes that differ.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Bbox] = OrderedDict()

    @contextmanager
    def answering(self, looks: Mapping[Axes, Hashable]) -> Iterator[None]:
        """Meanwhile axes of a look that is known, texts and places alike, are not measured."""
        for axes, look in looks.items():
            cast(Any, axes).get_tightbbox = self._remembering(axes, look)
        yield
        for axes in looks:
            del cast(Any, axes).get_tightbbox

    def _remembering(self, axes: Axes, look: Hashable) -> Callable[..., Bbox]:
        measure = cast(Any, axes).get_tightbbox

        def box(renderer: Any = None, **options: Any) -> Bbox:
            key = (id(axes), look, *_place(axes), tuple(options.items()))
            if key not in self._known:
                self._known[key] = measure(renderer, **options)
            self._known.move_to_end(key)
            while len(self._known) > MAX_BOXES:
                self._known.popitem(last=False)
            return self._known[key]

        return box


def _place(axes: Axes) -> tuple[Hashable, ...]:
    figure = cast(Any, axes.figure)
    return figure.dpi, *figure.bbox.size, *axes.get_position(original=True).bounds
