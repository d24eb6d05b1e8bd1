"""The demonstration: a simulated lens is fitted in a process of its own, and watched."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from vizworker.errors import VizError
from vizworker.sinks.record import Records
from vizworker.wire import RunStatus

NAME = "demo_lens"


def demo_script() -> Path:
    """The script of the demonstration, found without importing its package.

    Raises:
        VizError: it is not installed, or PyAutoLens is not, which fits in it.
    """
    if importlib.util.find_spec("autolens") is None:
        raise VizError("the demonstration needs PyAutoLens: pip install 'vizworker[autolens]'")
    spec = importlib.util.find_spec("search_hooks")
    for folder in (spec and spec.submodule_search_locations) or ():
        script = Path(folder) / f"{NAME}.py"
        if script.is_file():
            return script
    raise VizError("the demonstration is not installed: pip install 'vizworker[autolens]'")


def run_demo(script: Path, output: Path, arguments: Sequence[str]) -> int:
    """Fit the demonstration's lens, watched by a private worker; its exit code.

    Args:
        script: `demo_script()`.
        output: folder of the search's results.
        arguments: more flags of the script or the launcher.
    """
    launcher = [sys.executable, "-P", "-m", "search_hooks", str(script), "--viz-worker"]
    own = ["--output", str(output), "--fresh", *arguments]
    return subprocess.run([*launcher, *own], check=False).returncode


def newest_image(output: Path, since: float) -> Path | None:
    """The image that came home to the search's folder."""
    images = [
        path for path in (output / NAME).glob("**/image/fit.png") if path.stat().st_mtime >= since
    ]
    return max(images, key=lambda path: path.stat().st_mtime, default=None)


def newest_run(records: Records, since: float) -> RunStatus | None:
    """The run that was recorded last."""
    return next((each.status for each in records.runs() if each.recorded >= since), None)


def summary(output: Path, records: Records, since: float) -> str:
    """What the demonstration has shown.

    Args:
        output: folder of the search's results.
        records: the data folder.
        since: when it began, unix seconds.
    """
    run, image = newest_run(records, since), newest_image(output, since)
    if run is None or image is None:
        return f"nothing was drawn within {time.time() - since:.0f} s: see the messages above"
    cost = run.cost
    percent = 100.0 * cost.blocked / max(cost.elapsed, 1e-9)
    return (
        f"{run.drawn} updates were drawn; they blocked the search for {1e3 * cost.blocked:.1f} ms, "
        f"{percent:.3f} % of its {cost.elapsed:.0f} s\n"
        f"the image is {image}, which PyAutoFit has drawn again at its end\n"
        "(the demonstration stops its sampler early, long before the fit is good)"
    )
