"""What watching costs a whole search: Nautilus on the HST-like lens, drawn in each way there is.

Each row is a search in a fresh process: same data, model and seed. Rows:

bare         no figure while it samples, and without the warm-up of figure code that PyAutoFit runs
             before it samples; this is what a search costs by itself
off          no figure, as a user has it today: with that warm-up
foreground   upstream's quick updates, every 500 evaluations
background   the same on upstream's thread
watched N s  by vizworker, a figure at most every N seconds

All of them find JAX's compilation cache, and vizworker its graph, as an earlier search has left
them; only "first run" finds none, and compiles the likelihood too.

Columns: figures while it sampled; the whole `search.fit` and the likelihood calls in it (results
waited for), seconds, the median and its lowest and highest; their ratios to `off` and `bare` of the
same repeat, medians; CPU seconds of the process with its worker; and CPU seconds for each figure:
those of upstream beyond `off` and ours beyond `bare`, as ours runs without the warm-up.
"""

import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import MODELS, median, parser, report

from vizworker.sinks.record import Records

ONE_SEARCH = Path(__file__).parent / "_one_search.py"
TIMEOUT = 1800.0  # seconds for one search
FILLING = {"off": 101, "foreground": 501, "watched": 101}  # evaluations

Measured = dict[str, float]


@dataclass(frozen=True)
class Mode:
    """One row of the table."""

    name: str
    mode: str  # of `_one_search.py`
    beyond: str  # whose CPU seconds are not those of figures
    every: float = 5.0  # seconds
    first_run: bool = False  # finds no cache


def modes(every: list[float]) -> list[Mode]:
    """The rows of the table."""
    return [
        Mode("bare", "bare", beyond="bare"),
        Mode("off", "off", beyond="off"),
        Mode("foreground", "foreground", beyond="off"),
        Mode("background", "background", beyond="off"),
        *(Mode(f"watched {seconds:g} s", "watched", "bare", seconds) for seconds in every),
        Mode(f"watched {every[0]:g} s, first run", "watched", "bare", every[0], first_run=True),
    ]


def main() -> None:
    made = parser(__doc__.split("\n", 1)[0])
    made.add_argument("--model", choices=MODELS, default="sersic")
    made.add_argument("--every", type=float, nargs="+", default=[5.0, 1.0], metavar="SECONDS")
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--without", nargs="*", default=[], metavar="ROW", help="rows to leave out")
    made.add_argument("--evaluations", type=int, default=3001)
    options = made.parse_args()
    if options.quick:
        options.repeats, options.evaluations = 1, min(options.evaluations, 1001)
    rows = modes(options.every)
    if unknown := set(options.without) - {mode.name for mode in rows}:
        made.error(f"there is no row {', '.join(sorted(unknown))}")
    rows = [mode for mode in rows if mode.name not in options.without]
    with tempfile.TemporaryDirectory() as cache:
        fill(Path(cache), options.model)
        runs: dict[str, list[Measured]] = {mode.name: [] for mode in rows}
        for repeat, mode in itertools.product(range(options.repeats), rows):
            measured = one_search(mode, Path(cache), options.model, options.evaluations)
            runs[mode.name].append(measured)
            print(f"{repeat + 1}/{options.repeats} {mode.name}: {told(measured)}", flush=True)
    warn_of_different_work(runs)
    title = f"Nautilus, {options.model}, {options.evaluations} evaluations, {options.repeats} runs"
    report(title, [row(mode, runs) for mode in rows], options.json)


def fill(cache: Path, model: str) -> None:
    """Short searches that leave what they compile to those that are counted."""
    for name, evaluations in FILLING.items():
        print(f"filling the caches: {name}", flush=True)
        one_search(Mode(name, name, beyond=name), cache, model, evaluations)


def one_search(mode: Mode, cache: Path, model: str, evaluations: int) -> Measured:
    """Run it, and add its figures and CPU seconds to what it measured itself."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, str(ONE_SEARCH), mode.mode, name, "--model", model]
        command += ["--evaluations", str(evaluations), "--every", str(mode.every)]
        before = cpu_of_children()
        run(command, folder, cache=folder / "cache" if mode.first_run else cache)
        measured: Measured = json.loads((folder / "measured.json").read_text())
        ours = sum(each.status.drawn for each in Records(folder / "data").runs())
        measured["figures"] = ours + measured.pop("upstream_figures")
        measured["cpu_s"] = cpu_of_children() - before
        return measured


def run(command: list[str], folder: Path, cache: Path) -> None:
    """Run a search with folders of its own; its log is shown only if it fails."""
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(cache / "programs"),
        "VIZWORKER_CACHE": str(cache),
        "VIZWORKER_DATA": str(folder / "data"),
        "MPLBACKEND": "Agg",
    }
    with (folder / "log").open("w") as log:
        ended = subprocess.run(
            command, env=environment, stdout=log, stderr=log, timeout=TIMEOUT, check=False
        )
    if ended.returncode:
        print((folder / "log").read_text(), file=sys.stderr)
        sys.exit(f"{' '.join(command)} ended with code {ended.returncode}")


def cpu_of_children() -> float:
    """CPU seconds of ended children and theirs: a search waits for its worker's end."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def row(mode: Mode, runs: dict[str, list[Measured]]) -> dict[str, Any]:
    """The line of one mode."""
    own = runs[mode.name]

    def ratio(key: str, to: str) -> str:
        if to not in runs:
            return "-"
        return f"{median([a[key] / b[key] for a, b in zip(own, runs[to], strict=True)]):.3f}"

    figures = median([each["figures"] for each in own])
    per_figure = [
        (each["cpu_s"] - base["cpu_s"]) / each["figures"]
        for each, base in zip(own, runs.get(mode.beyond, ()), strict=False)
        if each["figures"]
    ]
    return {
        "mode": mode.name,
        "figures": int(figures),
        "fit s": spread([each["fit_s"] for each in own]),
        "fit/off": ratio("fit_s", "off"),
        "fit/bare": ratio("fit_s", "bare"),
        "likelihood s": spread([each["likelihood_s"] for each in own]),
        "lh/off": ratio("likelihood_s", "off"),
        "lh/bare": ratio("likelihood_s", "bare"),
        "CPU s": median([each["cpu_s"] for each in own]),
        "CPU s/figure": f"{median(per_figure):.2f}" if per_figure else "-",
    }


def told(measured: Measured) -> str:
    """One search in a line."""
    return ", ".join(f"{name} {value:.6g}" for name, value in measured.items())


def spread(values: list[float]) -> str:
    """Median, lowest and highest."""
    return f"{median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def warn_of_different_work(runs: dict[str, list[Measured]]) -> None:
    """The rows compare only if each search took the same path."""
    for key in ("evaluations", "log_likelihood"):
        seen = {f"{each[key]:.8g}" for each in itertools.chain(*runs.values())}
        if len(seen) > 1:
            print(f"NOTE: the searches differ in their {key}: {', '.join(sorted(seen))}")


if __name__ == "__main__":
    main()
