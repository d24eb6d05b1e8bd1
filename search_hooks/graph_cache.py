"""Exported graphs on disk: a search that is repeated or resumed does not trace again.

The key of a graph is a digest of everything that enters it. Should a key ever match a graph of
something else, the hook finds out: the log likelihood of the first figure is not the search's.
"""

import hashlib
import logging
import os
import pickle
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

KEPT = 64  # graphs; a few MB each

# distributions whose code is traced, or does the tracing
PACKAGES = (
    "vizworker",
    "jax",
    "jaxlib",
    "numpy",
    "autonerves",
    "autofit",
    "autoarray",
    "autogalaxy",
    "autolens",
    "jaxnnls",
    "nufftax",
)


def key_of(*parts: Any, modules: Iterable[str] = ()) -> str | None:
    """The digest of a graph's ingredients.

    Args:
        parts: objects whose values enter the graph: data, model, settings.
        modules: modules whose source enters it, by name.

    Returns:
        A hexadecimal digest, or None if a part cannot be pickled: such a graph is not kept.
    """
    digest = hashlib.blake2b(digest_size=20)
    for fact in (*_environment(), *(_source(name) for name in sorted(set(modules)))):
        digest.update(repr(fact).encode())
    try:
        for part in parts:
            digest.update(_pickled(part))
    except Exception as error:
        logger.debug("this graph cannot be kept: %s", error)
        return None
    return digest.hexdigest()


def _pickled(part: Any) -> bytes:
    """The value of an object; what a script defines itself is in it by value too."""
    try:
        plain = pickle.dumps(part)
    except Exception:
        plain = b""
    if plain and b"__main__" not in plain:
        return plain
    import dill  # ten times slower

    by_value: bytes = dill.dumps(part)
    return by_value


def _environment() -> list[object]:
    import jax

    devices = [(device.platform, device.device_kind) for device in jax.devices()[:1]]
    return [
        [(name, _version(name)) for name in PACKAGES],
        sys.version_info[:3],
        devices,
        bool(jax.config.jax_enable_x64),
        str(jax.config.jax_default_matmul_precision),
        os.environ.get("XLA_FLAGS", ""),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _source(name: str) -> tuple[str, bytes]:
    path = getattr(sys.modules.get(name), "__file__", None)
    try:
        return name, hashlib.blake2b(Path(path).read_bytes()).digest() if path else b""
    except OSError:
        return name, b""


def load(folder: Path, key: str) -> Any | None:
    """The exported graph of this key, or None."""
    from jax import export

    path = folder / f"{key}.jaxexport"
    try:
        graph = export.deserialize(bytearray(path.read_bytes()))
        os.utime(path)
    except FileNotFoundError:
        return None
    except Exception as error:  # truncated, of another version, unreadable
        logger.debug("the kept graph %s cannot be used: %s", path, error)
        return None
    return graph


def remove(folder: Path, key: str) -> None:
    """Forget the graph of this key."""
    try:
        (folder / f"{key}.jaxexport").unlink(missing_ok=True)
    except OSError as error:
        logger.debug("the kept graph stays: %s", error)


def save(folder: Path, key: str, exported: Any) -> None:
    """Keep an exported graph, and no more than the newest few; a full disk is no fault."""
    path = folder / f"{key}.jaxexport"
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(exported.serialize())
        os.replace(part, path)
        kept = sorted(folder.glob("*.jaxexport"), key=lambda each: each.stat().st_mtime)
        for old in kept[:-KEPT]:
            old.unlink(missing_ok=True)
    except Exception as error:
        logger.debug("the graph is not kept: %s", error)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
