"""The search side: take the arrays of the best fit from a running search and ship them to a worker.

Light to import: nothing of JAX, PyAutoFit, pyzmq or matplotlib is loaded before it is used.
"""

import argparse
from typing import TYPE_CHECKING, Any

from search_hooks.flag import Settings, add_arguments, settings_from

if TYPE_CHECKING:
    from search_hooks.hook import LiveFit, NoHook
    from vizworker.panels import Curve, Histogram, Image, Mesh, Scatter

__all__ = [
    "Curve",
    "Histogram",
    "Image",
    "LiveFit",
    "Mesh",
    "NoHook",
    "Scatter",
    "add_arguments",
    "install",
    "watch",
]


def watch(target: Any, every: float = 5.0, endpoint: str | None = None) -> Any:
    """Watch one PyAutoFit search, or whatever search fits one analysis.

    Args:
        target: a search (`af.Nautilus(...)`) or an analysis (`al.AnalysisImaging(...)`).
        every: the least time between two figures, seconds.
        endpoint: of a running worker, `ipc://...` or `tcp://...`; None starts a private one.

    Returns:
        The search itself; of an analysis, the one to fit with in its place.
    """
    from search_hooks import flag, pyautofit

    flag.warn_of_xla_hang()
    return pyautofit.watch(target, Settings(every=every, endpoint=endpoint))


def install(arguments: argparse.Namespace) -> bool:
    """Do what the flags of `add_arguments` ask for: watch every search of this process.

    Returns:
        Whether they asked for anything.
    """
    settings = settings_from(arguments)
    if settings is None:
        return False
    from search_hooks import flag, pyautofit

    flag.warn_of_xla_hang()
    pyautofit.watch_every_search(settings)
    return True


def __getattr__(name: str) -> Any:
    if name in ("LiveFit", "NoHook"):
        from search_hooks import hook

        return getattr(hook, name)
    if name in ("Curve", "Histogram", "Image", "Mesh", "Scatter"):
        from vizworker import panels

        return getattr(panels, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
