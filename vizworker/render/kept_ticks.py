"""Ticks found once: matplotlib finds those of an axis whenever it measures or draws it."""

from typing import Any

from matplotlib.axis import Axis


def keep_ticks(axis: Axis) -> None:
    """Find the ticks of an axis anew only where its limits, locators or texts have changed."""
    known: Any = axis  # what finds them has no public name
    find = known._update_ticks
    seen: tuple[Any, ...] = ()
    ticks: list[Any] = []

    def update() -> list[Any]:
        nonlocal seen, ticks
        now = (
            axis.get_major_locator(),
            axis.get_major_formatter(),
            axis.get_minor_locator(),
            *known.get_view_interval(),
        )
        if now != seen:
            seen, ticks = now, find()
        return ticks

    known._update_ticks = update
