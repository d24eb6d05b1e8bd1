"""The pages: the runs with their latest figures, health and metrics."""

from html import escape

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from vizworker.web.board import Board, key_of
from vizworker.web.guard import Guard, Rules
from vizworker.wire import RunStatus

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<title>vizworker</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }}
th, td {{ text-align: left; padding-right: 2rem }}
figure {{ margin: 2rem 0 }}
img {{ max-width: 100%; height: auto }}
</style>
<h1>Runs</h1>
{runs}
{figures}
</html>
"""
COLUMNS = ("run", "state", "last figure", "drawn", "replaced", "refused", "log likelihood")
FIGURES = 4  # on the page: those of the runs drawn last, live ones first


def make_app(board: Board, rules: Rules) -> Starlette:
    """The pages of a board, for those who follow the rules."""

    async def index(_: Request) -> Response:
        runs = board.status.runs if board.status is not None else ()
        table = _table(runs) if runs else "<p>None yet.</p>"
        return HTMLResponse(PAGE.format(runs=table, figures=_figures(runs)))

    async def figure(request: Request) -> Response:
        run = board.run(request.path_params["key"])
        image = None if run is None else await run_in_threadpool(board.figure, run.run_id)
        if image is None:
            return PlainTextResponse("no figure of such a run", 404)
        return Response(image, media_type="image/png")

    async def healthz(_: Request) -> Response:
        return _yes_or_no(board.healthy)

    async def readyz(_: Request) -> Response:
        return _yes_or_no(board.ready)

    async def metrics(_: Request) -> Response:
        text, kind = board.metrics.text()
        return Response(text, headers={"content-type": kind})

    return Starlette(
        routes=[
            Route("/", index),
            Route("/runs/{key}/figure.png", figure),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
        middleware=[Middleware(Guard, rules)],
    )


def _yes_or_no(yes: bool) -> Response:
    return PlainTextResponse("ok\n" if yes else "no\n", 200 if yes else 503)


def _table(runs: tuple[RunStatus, ...]) -> str:
    head = "".join(f"<th>{column}</th>" for column in COLUMNS)
    return f"<table><tr>{head}</tr>{''.join(map(_row, runs))}</table>"


def _row(run: RunStatus) -> str:
    name = _name(run)
    if run.drawn:
        name = f'<a href="{_address(run)}">{name}</a>'
    age = "" if run.age is None else f"{run.age:.0f} s ago"
    best = "" if run.log_likelihood is None else f"{run.log_likelihood:.2f}"
    cells = (name, run.state, age, str(run.drawn), str(run.replaced), str(run.refused), best)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _figures(runs: tuple[RunStatus, ...]) -> str:
    drawn = [run for run in runs if run.drawn and run.age is not None]
    drawn.sort(key=lambda run: (run.state != "live", run.age))
    return "".join(
        f'<figure><figcaption>{_name(run)}</figcaption><img src="{_address(run)}" alt=""></figure>'
        for run in drawn[:FIGURES]
    )


def _name(run: RunStatus) -> str:
    return escape(run.run or run.run_id)


def _address(run: RunStatus) -> str:
    return f"/runs/{key_of(run.run_id)}/figure.png"
