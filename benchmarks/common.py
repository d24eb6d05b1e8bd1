"""What the benchmarks share: the HST-like lens and its two models, medians, tables, JSON."""

import argparse
import compileall
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

# before JAX starts: its CPU backend can hang in an FFT inside its own thread pool
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ["JAX_ENABLE_X64"] = "True"

# as pip leaves a package: where Python writes no bytecode, each process would compile ours anew
for _package in ("search_hooks", "vizworker"):
    compileall.compile_dir(Path(__file__).parents[1] / _package, quiet=1)

MODELS = ("sersic", "mge")


def lens(name: str) -> tuple[Any, Any]:
    """The analysis and the model of a benchmark: 15,361 pixels, `name` one of `MODELS`."""
    import autofit as af
    import autolens as al

    from search_hooks.demo_lens import lens_model, simulated_imaging

    model = lens_model()
    if name == "mge":
        for galaxy, radius in ((model.galaxies.lens, 3.5), (model.galaxies.source, 1.0)):
            galaxy.bulge = al.model_util.mge_model_from(
                mask_radius=radius, total_gaussians=20, centre_prior_is_uniform=False
            )
        model = af.Collection(galaxies=model.galaxies)
    return al.AnalysisImaging(dataset=simulated_imaging(), use_jax=True), model


def vectors(model: Any, n: int, seed: int = 0) -> list[Any]:
    """`n` parameter vectors around the prior medians, the same each time."""
    import numpy as np

    rng = np.random.default_rng(seed)
    units = 0.5 + rng.uniform(-0.05, 0.05, (n, model.prior_count))
    return [np.asarray(model.vector_from_unit_vector(unit_vector=list(unit))) for unit in units]


def seconds(act: Callable[[], Any], repeats: int) -> list[float]:
    """Wall seconds of each call, after one that is not counted."""
    act()
    return [timed(act) for _ in range(repeats)]


def timed(act: Callable[[], Any]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def child(program: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """What a fresh process of a benchmark measured: the JSON of its last line."""
    ended = subprocess.run(
        [sys.executable, program, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{program} {' '.join(arguments)} failed:\n{ended.stderr}")
    measured: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return measured


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def parser(description: str | None) -> argparse.ArgumentParser:
    """The flags of every benchmark."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    made.add_argument("--quick", action="store_true", help="fewer repeats")
    return made


def report(title: str, rows: list[dict[str, Any]], path: Path | None, **more: Any) -> None:
    """Print a table, one row a measurement, and keep it as JSON beside the machine it is of.

    Args:
        title: what was measured.
        rows: of the table; a key is a column.
        path: of the JSON; None keeps none.
        more: what else the JSON holds.
    """
    print(f"\n{title}  ({machine()})")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(text) for text in each) for each in zip(columns, *cells, strict=True)]
    for line in [columns, *cells]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"title": title, "machine": machine(), "versions": versions(), "rows": rows}
        document |= more
        path.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.flush()


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def machine() -> str:
    """The processor's kind and number of cores, and the Python."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    return {name: version(name) for name in ("vizworker", "autolens", "jax", "matplotlib", "numpy")}
