"""The pages: an index of runs, each one's latest figure, health and metrics."""

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
img {{ max-width: 100%; height: auto }}
</style>
<h1>Runs</h1>
{runs}
</html>
"""
COLUMNS = ("run", "state", "drawn", "replaced", "refused", "log likelihood")


def make_app(board: Board, rules: Rules) -> Starlette:
    """The pages of a board, for those who follow the rules."""

    async def index(_: Request) -> Response:
        runs = board.status.runs if board.status is not None else ()
        return HTMLResponse(PAGE.format(runs=_table(runs) if runs else "<p>None yet.</p>"))

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
    name = escape(run.run or run.run_id)
    if run.drawn:
        name = f'<a href="/runs/{key_of(run.run_id)}/figure.png">{name}</a>'
    best = "" if run.log_likelihood is None else f"{run.log_likelihood:.2f}"
    cells = (name, run.state, str(run.drawn), str(run.replaced), str(run.refused), best)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
