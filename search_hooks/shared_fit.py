"""The shared fit: one compiled program from a search's parameters to every array of its figure."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search_hooks import graph_cache

logger = logging.getLogger(__name__)

Arrays = dict[str, Any]


@dataclass(frozen=True)
class CompileTimes:
    """Seconds that each step of ahead-of-time compilation took."""

    trace: float  # 0 where the traced graph was kept from an earlier run
    lower: float
    compile: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.trace + self.lower + self.compile


class SharedFit:
    """`arrays_from(parameters)` as one XLA program, compiled ahead of its first call.

    A program is made for one kind of parameters (structure, shapes, dtypes, weak types). Another
    kind is a retrace: it works, but it is reported with the leaf that changed, once.

    Attributes:
        kept: the first program's graph is one that an earlier run kept, not traced in this one.
    """

    def __init__(self, arrays_from: Callable[[Any], Arrays], key: str | None = None) -> None:
        """Nothing is traced yet.

        Args:
            arrays_from: traceable; its arrays by name.
            key: of the graph among those that are kept on disk; None keeps none.
        """
        import jax

        self.kept = False
        self._jitted = jax.jit(arrays_from)
        self._key = key
        self._programs: dict[Any, Any] = {}
        self._first: Any = None

    def compile(self, parameters: Any) -> CompileTimes:
        """Trace, lower and compile for parameters of this kind; nothing is evaluated."""
        kind = _kind_of(parameters)
        start = time.perf_counter()
        graph = self._graph(parameters, first=self._first is None)
        traced = time.perf_counter()
        lowered = graph.lower(parameters)
        after_lower = time.perf_counter()
        self._programs[kind] = lowered.compile()
        self._first = self._first or kind
        return CompileTimes(
            trace=0.0 if self.kept else traced - start,
            lower=after_lower - traced,
            compile=time.perf_counter() - after_lower,
        )

    def device_bytes(self) -> int | None:
        """What the first program holds on its device while it runs: results and temporaries.

        Returns:
            None before there is a program, and where the backend does not tell.
        """
        if self._first is None:
            return None
        memory = self._programs[self._first].memory_analysis()
        if memory is None:
            return None
        return int(memory.output_size_in_bytes + memory.temp_size_in_bytes)

    def forget_kept(self) -> None:
        """Give up a kept graph that turned out to be of another fit: the next call traces."""
        self.kept = False
        self._programs.clear()
        self._first = None
        if self._key is not None:
            graph_cache.remove(graphs_folder(), self._key)

    def _graph(self, parameters: Any, first: bool) -> Any:
        """The function to lower: traced before (from disk, or now), or as it stands."""
        import jax
        from jax import export

        if not first or self._key is None:
            return self._jitted
        exported = graph_cache.load(graphs_folder(), self._key)
        self.kept = exported is not None
        if exported is None:
            try:
                exported = export.export(self._jitted)(parameters)
            except (NotImplementedError, ValueError) as error:
                # a callback into Python, or a kernel without a stable form
                logger.debug("this graph cannot be exported: %s", error)
                return self._jitted
            graph_cache.save(graphs_folder(), self._key, exported)
        return jax.jit(exported.call)

    def __call__(self, parameters: Any) -> Arrays:
        """Dispatch the program and start the copy to the host; returns without waiting.

        Args:
            parameters: a vector (n_parameters,), or a model instance.

        Returns:
            Device arrays by name, still being computed.
        """
        kind = _kind_of(parameters)
        if kind not in self._programs:
            if self._first is not None:
                logger.warning(
                    "the visualization graph is compiled again: %s", _difference(self._first, kind)
                )
            self.compile(parameters)
        arrays: Arrays = self._programs[kind](parameters)
        for array in arrays.values():
            array.copy_to_host_async()
        return arrays


class HostFit:
    """The same arrays without JAX: `arrays_from(parameters)` as it stands, when it is called."""

    kept = False

    def __init__(self, arrays_from: Callable[[Any], Arrays]) -> None:
        self._arrays_from = arrays_from

    def forget_kept(self) -> None:
        """There is nothing kept."""

    def compile(self, parameters: Any) -> None:
        """There is nothing to compile."""

    def __call__(self, parameters: Any) -> Arrays:
        """The arrays, computed now."""
        return self._arrays_from(parameters)


def to_host(arrays: Arrays) -> dict[str, np.ndarray]:
    """Wait for the arrays and hold them as numpy's; waits without the GIL."""
    return {name: np.asarray(array) for name, array in arrays.items()}


def cache_folder() -> Path:
    """Where compiled programs and graphs are kept: `VIZWORKER_CACHE`, else the user's cache."""
    from platformdirs import user_cache_dir  # not at import: a search starts no later for us

    return Path(os.environ.get("VIZWORKER_CACHE") or user_cache_dir("vizworker"))


def graphs_folder() -> Path:
    """Where traced graphs are kept."""
    return cache_folder() / "graphs"


def use_persistent_cache() -> str:
    """Turn JAX's persistent compilation cache on where its user has not set one.

    Returns:
        The folder in use, JAX's own setting if there is one.
    """
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        folder = str(cache_folder() / "programs")
        jax.config.update("jax_compilation_cache_dir", folder)  # type: ignore[no-untyped-call]
    return str(jax.config.jax_compilation_cache_dir)


def _kind_of(parameters: Any) -> tuple[Any, ...]:
    """What a program is specialised on: (structure, ((path, shape, dtype, weak type), ...))."""
    import jax

    leaves, structure = jax.tree_util.tree_flatten_with_path(parameters)
    return structure, tuple(
        (jax.tree_util.keystr(path), np.shape(leaf), *_type_of(leaf)) for path, leaf in leaves
    )


def _type_of(leaf: Any) -> tuple[str, bool]:
    if isinstance(leaf, bool | int | float | complex):
        return type(leaf).__name__, True
    return np.dtype(leaf.dtype).name, bool(getattr(leaf, "weak_type", False))


def _difference(before: Any, after: Any) -> str:
    """The first leaf in which two kinds of parameters differ, in words."""
    (structure, leaves), (new_structure, new_leaves) = before, after
    if structure != new_structure:
        return f"the structure of the parameters changed from {structure} to {new_structure}"
    for (path, *was), (_, *now) in zip(leaves, new_leaves, strict=True):
        for what, old, new in zip(("shape", "dtype", "weak type"), was, now, strict=True):
            if old != new:
                return f"the {what} of parameters{path} changed from {old} to {new}"
    return "nothing in the parameters changed, but their hash did"
