"""Images come home: written whole, or not at all, where the search keeps its images."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from vizworker.errors import WireError

_STEM = re.compile(r"[a-z0-9_]{1,64}")
FORMATS = frozenset({"png"})


def write_image(
    folder: Path, stems: Iterable[str], suffix: str, image: bytes | memoryview
) -> list[Path]:
    """Write one image under each of its names, replacing what was there in one step.

    Args:
        folder: the search's own image folder; made if it is missing.
        stems: names without a folder or a suffix; they come from the worker, so they are checked.
        suffix: "png".
        image: the encoded image.

    Raises:
        WireError: a name or a format that a worker has no business with.
        OSError: the folder cannot be written; nothing half-written is left.
    """
    stems = list(stems)
    for stem in stems:
        if not _STEM.fullmatch(stem):
            raise WireError(f"an image named {stem!r}, expected a plain lower-case name")
    if suffix not in FORMATS:
        raise WireError(f"an image of format {suffix!r}, expected one of {sorted(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    return [_replace(folder / f"{stem}.{suffix}", image) for stem in stems]


def _replace(path: Path, image: bytes | memoryview) -> Path:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(image)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path
