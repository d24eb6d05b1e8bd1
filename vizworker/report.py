"""What workers and the data folder know of every run, as one value, a table or JSON."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from vizworker import ask, discovery
from vizworker.daemon import Daemon, find
from vizworker.errors import VizError
from vizworker.logs import printable
from vizworker.sinks.record import Recorded, Records
from vizworker.wire import RunStatus, Status

COLUMNS = "{:<28} {:<8} {:>6} {:>8} {:>8} {:>8} {:>10} {:>10}  {:>14}  {}"
HEADINGS = (
    "run", "state", "drawn", "age", "replaced", "refused", "latency", "blocked",
    "log likelihood", "id",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """The workers of this user, and the runs of which only records are left."""

    workers: tuple[Status, ...]
    silent: tuple[discovery.Entry, ...]  # workers that run and do not answer
    recorded: tuple[Recorded, ...]  # the most recent first
    daemon: Daemon | None = None


def gather(records: Records, endpoint: str | None = None, timeout: float = 5.0) -> Report:
    """Ask every running worker, or the one at an endpoint, and read the data folder.

    Raises:
        VizError: an endpoint was named and no worker answers there.
    """
    if endpoint is not None:
        return Report((ask.status(endpoint, timeout),), (), ())
    workers, silent = _ask_all(timeout)
    live = {run.run_id for worker in workers for run in worker.runs}
    recorded = (each for each in records.runs() if each.status.run_id not in live)
    return Report(workers, silent, tuple(_without_worker(each) for each in recorded), find())


def as_table(report: Report) -> str:
    """The report for people."""
    lines: list[str] = []
    if (daemon := report.daemon) is not None:
        lines.append(f"daemon: pid {daemon.pid}, log {daemon.log}")
    for worker in report.workers:
        lines.append(
            f"worker {worker.pid} at {worker.endpoint}: up {_span(worker.uptime)}, "
            f"{worker.memory / 1e6:.0f} MB, version {worker.version}"
        )
        if worker.refusals:
            counts = (f"{count} by {name}" for name, count in sorted(worker.refusals.items()))
            lines.append(f"refused: {', '.join(counts)}")
        lines += _rows(worker.runs)
    lines += [f"worker {entry.pid} at {entry.endpoint} does not answer" for entry in report.silent]
    if report.recorded:
        lines.append("recorded:")
        lines += _rows(tuple(each.status for each in report.recorded))
    return "\n".join(lines) or "no worker runs, and no run is recorded"


def as_json(report: Report, records: Records) -> dict[str, Any]:
    """The report for programs; `docs/commands.md` names its fields."""
    return {
        "daemon": None if report.daemon is None else _plain(report.daemon),
        "workers": [_plain(worker) for worker in report.workers],
        "silent": [_plain(entry) for entry in report.silent],
        "recorded": [
            {
                **_plain(each.status),
                "recorded": each.recorded,
                "image": str(records.image(each.status.run_id)),
            }
            for each in report.recorded
        ],
    }


def _ask_all(timeout: float) -> tuple[tuple[Status, ...], tuple[discovery.Entry, ...]]:
    answers, silent = [], []
    for entry in discovery.workers():
        try:
            answers.append(ask.status(entry.address, timeout))
        except VizError:
            silent.append(entry)
    return tuple(answers), tuple(silent)


def _without_worker(recorded: Recorded) -> Recorded:
    """A record whose worker is gone: as old as it is now, and not live any more."""
    status = recorded.status
    since = time.time() - recorded.recorded
    state = "ended" if status.state == "ended" else "silent"
    age = None if status.age is None else status.age + since
    return Recorded(msgspec.structs.replace(status, state=state, age=age), recorded.recorded)


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(struct)
    return {key: value for key, value in plain.items() if key not in ("type", "schema")}


def _rows(runs: tuple[RunStatus, ...]) -> Iterator[str]:
    if runs:
        yield COLUMNS.format(*HEADINGS)
    for run in runs:
        latency = (run.latency.written or run.latency.encoded) - run.latency.triggered
        yield COLUMNS.format(
            printable(run.run[:28]),
            run.state,
            run.drawn,
            "-" if run.age is None else _span(run.age),
            run.replaced,
            run.refused,
            f"{1e3 * latency:.0f} ms" if run.latency.triggered else "-",
            f"{1e3 * run.cost.blocked:.1f} ms",
            "-" if run.log_likelihood is None else f"{run.log_likelihood:.2f}",
            printable(run.run_id),
        )


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
