"""The flags `--viz-worker` and `--viz-every`, and the environment that stands for them."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vizworker.auth import KEYS_VARIABLE, find_worker

logger = logging.getLogger("search_hooks")

AUTO = "auto"
PRIVATE = "private"
PLANES_VARIABLE = "VIZ_PLANES"
XLA_FLAG = "--xla_cpu_multi_thread_eigen=false"


@dataclass(frozen=True)
class Settings:
    """How a search is watched."""

    every: float = 5.0  # seconds between two figures, at least
    endpoint: str | None = None  # of a running worker; None: a private one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a script the flags of the launcher; their defaults come from the environment."""
    group = parser.add_argument_group("watching the fit")
    group.add_argument(
        "--viz-worker",
        nargs="?",
        const=PRIVATE,
        default=os.environ.get("VIZ_WORKER") or None,
        metavar="ENDPOINT",
        help="draw the best fit in another process while the search runs: in a private worker, or "
        "in the one that listens at ENDPOINT, ipc://... or tcp://..., or by `auto` in this user's "
        "running worker if there is one (environment: VIZ_WORKER)",
    )
    group.add_argument(
        "--viz-keys",
        metavar="FILE",
        help="the key for a tcp:// worker, made by `vizworker keygen` "
        f"(environment: {KEYS_VARIABLE})",
    )
    group.add_argument(
        "--viz-every",
        type=_seconds,
        default=_seconds(os.environ.get("VIZ_EVERY") or "5"),
        metavar="SECONDS",
        help="the least time between two figures (default 5; environment: VIZ_EVERY)",
    )
    group.add_argument(
        "--viz-planes",
        choices=("final", "all"),
        help="of a lens with more than two planes, draw the final one as the source, or each in a "
        f"figure of its own (default final; environment: {PLANES_VARIABLE})",
    )


def settings_from(arguments: argparse.Namespace) -> Settings | None:
    """What the flags ask for; None when they ask for nothing."""
    wanted = arguments.viz_worker
    if wanted is None or wanted.lower() in ("0", "no", "off", "false"):
        return None
    if getattr(arguments, "viz_keys", None):
        os.environ[KEYS_VARIABLE] = arguments.viz_keys  # forked and spawned searches need it too
    if getattr(arguments, "viz_planes", None):
        os.environ[PLANES_VARIABLE] = arguments.viz_planes  # as above; the extractor reads it
    if wanted.lower() == AUTO:
        wanted = find_worker() or PRIVATE
        logger.info("the worker that draws is %s", wanted)
    private = wanted.lower() in (PRIVATE, "1", "yes", "on", "true")
    return Settings(every=arguments.viz_every, endpoint=None if private else wanted)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds, 0 or more")
    return value


def protect_from_xla_hang(environment: Any = os.environ) -> Literal["set", "kept", "late"]:
    """Keep XLA's CPU backend from hanging in an FFT inside its own thread pool.

    Must run before JAX starts its backend. A choice that the user made in `XLA_FLAGS` is kept.

    Returns:
        "set" now, "kept" as it was, or "late": a CPU backend runs already, without it.
    """
    flags = environment.get("XLA_FLAGS", "")
    if "--xla_cpu_multi_thread_eigen" in flags:
        return "kept"
    if _backend_is_up():
        return "late"
    environment["XLA_FLAGS"] = f"{flags} {XLA_FLAG}".strip()
    return "set"


def warn_of_xla_hang() -> None:
    """Say once, and clearly, that this process may hang, if it may."""
    if _backend_is_up() and sys.modules["jax"].default_backend() != "cpu":
        return
    if protect_from_xla_hang() == "late" and not _warned:
        _warned.append(True)
        logger.warning(
            "JAX runs on the CPU without XLA_FLAGS=%s: a likelihood that convolves by FFT can hang "
            "for ever. Set it before the first import of jax, or start the script with "
            "`python -m search_hooks`",
            XLA_FLAG,
        )


_warned: list[bool] = []


def _backend_is_up(modules: Mapping[str, Any] = sys.modules) -> bool:
    bridge = modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(bridge.backends_are_initialized())
