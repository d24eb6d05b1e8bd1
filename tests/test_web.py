"""The HTTP pages over real sockets: what they show, whom they refuse, and that drawing goes on."""

import json
import os
import re
import socket as sockets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from running import (
    PATIENCE,
    PIXEL,
    Home,
    Picture,
    PixelDrawer,
    Rendered,
    publishing,
    small_frame,
    wait_until,
)

from search_hooks.spawn import socket_folder
from vizworker.config import Config
from vizworker.errors import ConfigError, EndpointError
from vizworker.frame import Frame
from vizworker.service import Service
from vizworker.web import server
from vizworker.web.app import FIGURES
from vizworker.web.board import key_of
from vizworker.web.server import Web
from vizworker.worker import Drawer

TOKEN = "a-token-of-some-length"


@contextmanager
def pages(
    tmp_path: Path, drawer: Callable[[], Drawer] = PixelDrawer, **settings: object
) -> Iterator[tuple[Service, httpx.Client]]:
    """A worker with pages, on a thread; and a client that asks for them."""
    folder = socket_folder()
    config = Config(
        f"ipc://{folder}/socket",
        data=tmp_path / "data",
        processes=0,
        **{"http": "127.0.0.1:0", **settings},  # type: ignore[arg-type]
    )
    service = Service(config, drawer)
    service.start()
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        port = httpx.URL(service.http).port
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            wait_until(lambda: client.get("/readyz").status_code == 200, "the worker is ready")
            yield service, client
    finally:
        service.worker.stop()
        thread.join(PATIENCE)
        folder.rmdir()
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Pages that are only asked for, and have one more name."""
    with pages(tmp_path_factory.mktemp("pages"), http_hosts=("viz.example",)) as (_, client):
        yield client


def draw(service: Service, run_id: str = "run", **fields: object) -> None:
    """Have a frame drawn."""
    with publishing(service.worker.endpoint, Home(), run_id) as publisher:
        publisher.publish(small_frame(run_id=run_id, **fields))
        assert publisher.close(PATIENCE)


def value(metrics: str, name: str) -> float:
    [found] = re.findall(rf"^{re.escape(name)} (\S+)$", metrics, re.MULTILINE)
    return float(found)


def test_page_lists_runs_and_shows_the_latest_figure_of_each(tmp_path: Path) -> None:
    with pages(tmp_path) as (service, client):
        assert "None yet" in client.get("/").text
        draw(service, run="<b>lens</b> one")
        wait_until(lambda: "lens" in client.get("/").text, "the run is listed")
        page = client.get("/").text
        assert "&lt;b&gt;lens&lt;/b&gt; one" in page
        assert "<b>" not in page
        [link], [shown] = re.findall(r'href="([^"]+)"', page), re.findall(r'src="([^"]+)"', page)
        assert shown == link
        image = client.get(link)
        assert (image.content, image.headers["content-type"]) == (PIXEL, "image/png")
        assert image.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in image.headers["content-security-policy"]


def test_page_shows_the_figures_of_a_few_runs_the_freshest_first(tmp_path: Path) -> None:
    with pages(tmp_path) as (service, client):
        for i in range(FIGURES + 2):
            draw(service, f"run {i}")
        wait_until(lambda: client.get("/").text.count("<tr>") == FIGURES + 3, "all are listed")
        shown = re.findall(r"/runs/(\w+)/figure.png\" alt", client.get("/").text)
        newest = [f"run {i}" for i in range(FIGURES + 1, 1, -1)]
        assert shown == [key_of(run_id) for run_id in newest]


@pytest.mark.parametrize("path", ["/runs/../../etc/passwd/figure.png", "/runs/x/figure.png", "/no"])
def test_page_that_is_not_there_is_not_found(path: str, asked: httpx.Client) -> None:
    assert asked.get(path).status_code == 404


def test_run_whose_name_is_a_path_is_shown_under_its_key(tmp_path: Path) -> None:
    with pages(tmp_path) as (service, client):
        draw(service, run_id="../../evil{0}")
        path = f"/runs/{key_of('../../evil{0}')}/figure.png"
        wait_until(lambda: client.get(path).status_code == 200, "its figure is there")
    assert {path.name for path in (tmp_path / "data" / "runs").iterdir()} == {
        key_of("../../evil{0}")
    }


def test_metrics_count_frames_and_time_them(tmp_path: Path) -> None:
    with pages(tmp_path) as (service, client):
        for run_id in ("a", "b"):
            times = type(small_frame().times)(triggered=time.time() - 0.3)
            draw(service, run_id, times=times)

        def metrics() -> str:
            return client.get("/metrics").text

        wait_until(lambda: value(metrics(), "vizworker_frames_received_total") == 2, "the count")
        text = metrics()
        assert value(text, "vizworker_frames_drawn_total") == 2
        assert value(text, "vizworker_trigger_to_pixel_seconds_count") == 2
        assert value(text, 'vizworker_trigger_to_pixel_seconds_bucket{le="0.2"}') == 0
        assert value(text, "vizworker_trigger_to_pixel_seconds_sum") >= 0.6
        assert value(text, "vizworker_frames_waiting") == 0
        assert value(text, "vizworker_memory_bytes") > 1e6
        assert value(text, 'vizworker_runs{state="ended"}') == 2
        assert value(text, "vizworker_processes") >= 0
        draw_refused(service)
        wait_until(lambda: 'reason="ValueError"' in metrics(), "the refusal is counted")
        assert value(metrics(), 'vizworker_messages_refused_total{reason="ValueError"}') == 1


def draw_refused(service: Service) -> None:
    with publishing(service.worker.endpoint, Home(), "bad") as publisher:
        publisher.publish(small_frame(run_id="bad", layout="broken"))
        wait_until(lambda: publisher.refused, "the refusal")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost:99"}, 200),
        ({"host": "[::1]"}, 200),
        ({"host": "viz.example:80"}, 200),
        ({"host": f"{sockets.gethostname()}:80"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:8080"}, 200),
    ],
)
def test_pages_are_shown_under_names_of_ours_alone(
    headers: dict[str, str], code: int, asked: httpx.Client
) -> None:
    assert asked.get("/metrics", headers=headers).status_code == code


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "FROB"])
def test_pages_are_only_read(method: str, asked: httpx.Client) -> None:
    assert asked.request(method, "/").status_code == 405
    assert asked.head("/healthz").status_code == 200


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def test_pages_beyond_loopback_need_a_token(token: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a token: make one with `vizworker keygen"):
        Web(Config("ipc:///tmp/s", http="0.0.0.0:0"))
    with pages(tmp_path, http="0.0.0.0:0", http_token=token) as (_, client):
        assert client.get("/healthz").status_code == 200
        for path in ("/", "/metrics", "/no", "/runs/x/figure.png"):
            assert client.get(path).status_code == 401
        for wrong in ("Bearer wrong", "Basic !", "Digest x", f"Basic {TOKEN}", "Bearer"):
            assert client.get("/", headers={"authorization": wrong}).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert client.get("/", headers=bearer).status_code == 200
        assert client.get("/", auth=("anybody", TOKEN)).status_code == 200


@pytest.mark.parametrize(
    ("content", "said"), [("short", "too short"), (None, "cannot be read"), (b"\xff", "cannot be")]
)
def test_token_that_is_none_is_refused(content, said: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=said):
        Web(Config("ipc:///tmp/s", http="0.0.0.0:0", http_token=path))


@pytest.mark.parametrize("address", ["here", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:99999"])
def test_address_of_pages_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        Web(Config("ipc:///tmp/s", http=address))


def test_port_that_is_taken_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    with sockets.create_server(("127.0.0.1", 0)) as taken:
        config = Config(
            f"ipc://{tmp_path}/s", http=f"127.0.0.1:{taken.getsockname()[1]}", data=tmp_path
        )
        with pytest.raises(EndpointError, match="cannot serve HTTP"):
            Service(config, PixelDrawer).start()
    assert not (tmp_path / "s").exists()


def test_clients_that_stall_stop_neither_drawing_nor_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    with pages(tmp_path) as (service, client):
        port = httpx.URL(service.http).port
        stalled = [sockets.create_connection(("127.0.0.1", port)) for _ in range(50)]
        for each in stalled[:25]:
            each.sendall(b"GET / HTTP/1.1\r\nhost: loc")
        draw(service)
        assert client.get("/healthz").status_code == 200
        for each in stalled:
            each.settimeout(PATIENCE)
            # the server hangs up on all of them
            with pytest.raises(ConnectionResetError) if _hung_up(each) else _nothing():
                assert each.recv(1) == b""
            each.close()


class Generous(PixelDrawer):
    """Draws more than any socket's buffers hold."""

    def render(self, frame: Frame) -> Rendered:
        return Rendered((Picture(("fit",), bytes(32 << 20)),), time.time(), time.time())


def test_client_that_does_not_take_its_figure_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    with pages(tmp_path, Generous) as (service, client):
        draw(service)
        path = f"/runs/{key_of('run')}/figure.png"
        wait_until(lambda: key_of("run") in client.get("/").text, "the run is listed")
        request = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
        with sockets.create_connection(("127.0.0.1", httpx.URL(service.http).port)) as lazy:
            lazy.sendall(request)
            time.sleep(4.0)  # taking nothing is what it does
            assert client.get("/healthz").status_code == 200
            lazy.settimeout(PATIENCE)
            taken = 0
            with suppress(ConnectionResetError):
                while more := lazy.recv(1 << 20):
                    taken += len(more)
            assert taken < 32 << 20


def test_pages_without_their_packages_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "vizworker.web.server")
    with pytest.raises(ConfigError, match=r"pip install 'vizworker\[web\]'"):
        Service(Config("ipc:///tmp/s", http="0"), PixelDrawer)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _hung_up(connection: sockets.socket) -> bool:
    try:
        connection.recv(1, sockets.MSG_PEEK)
    except ConnectionResetError:
        return True
    return False


def test_pages_that_are_asked_for_all_the_time_do_not_hold_up_the_drawing(tmp_path: Path) -> None:
    with pages(tmp_path) as (service, client):
        asking = threading.Event()
        asked = []

        def ask() -> None:
            with httpx.Client(base_url=client.base_url, timeout=PATIENCE) as mine:
                while not asking.is_set():
                    asked.append(mine.get("/metrics").status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(asked) > 10, "pages are asked for")
        started = time.monotonic()
        for sequence in range(10):
            draw(service, f"run {sequence}")
        took = time.monotonic() - started
        asking.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert set(asked) == {200}
        assert took < 20.0


def test_log_lines_are_json_and_their_file_is_rotated(tmp_path: Path) -> None:
    import logging

    from vizworker.logs import set_up

    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        config = Config("ipc:///tmp/s", log_format="json", log_size=400, log_keep=2)
        set_up(config, str(tmp_path / "log"))
        for number in range(20):
            logging.getLogger("here").warning("line %d\nforged", number)
        lines = (tmp_path / "log.1").read_text().splitlines()
        assert json.loads(lines[-1])["message"].endswith("\nforged")
        assert json.loads(lines[-1])["level"] == "warning"
        assert sorted(os.listdir(tmp_path)) == ["log", "log.1", "log.2"]
        set_up(Config("ipc:///tmp/s"), str(tmp_path / "text"))
        logging.getLogger("here").warning("line\nforged \x1b[2J\u2028")
        [line] = (tmp_path / "text").read_text().splitlines()
        assert line.endswith("line\\nforged \\x1b[2J\\u2028")
    finally:
        root = logging.getLogger()
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            handler.close()
        for handler in before[0]:
            root.addHandler(handler)
        root.setLevel(before[1])
