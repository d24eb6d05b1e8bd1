"""The best fit outlives its process: written beside the search's checkpoint, read on resume."""

import json
import logging
import os
from contextlib import suppress
from pathlib import Path

import numpy as np

from search_hooks.best import Best, update

logger = logging.getLogger(__name__)


def remember(path: Path, best: Best) -> None:
    """Write the best fit, whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    assert best.parameters is not None
    text = json.dumps(
        {"parameters": best.parameters.tolist(), "log_likelihood": best.log_likelihood}
    )
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text)
        os.replace(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def recall(path: Path, n_parameters: int) -> Best:
    """The best fit that an earlier process of this search wrote, or none."""
    try:
        written = json.loads(path.read_text())
        parameters = np.asarray(written["parameters"], dtype=np.float64)
        log_likelihood = float(written["log_likelihood"])
    except FileNotFoundError:
        return Best()
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.debug("the best fit in %s cannot be used: %s", path, error)
        return Best()
    if parameters.shape != (n_parameters,):
        return Best()
    return update(Best(), parameters, log_likelihood)
