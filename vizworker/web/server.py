"""The HTTP server: uvicorn on a thread of its own, which the drawing never waits for."""

import asyncio
import socket as sockets
import threading
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from vizworker.auth import is_loopback
from vizworker.config import Config
from vizworker.errors import ConfigError, EndpointError
from vizworker.web.app import make_app
from vizworker.web.board import Board
from vizworker.web.guard import Rules

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECTIONS = 128  # at a time; more are answered 503
PATIENCE = 10.0  # seconds without a step of a client, at least
MIN_TOKEN = 16  # characters
END = 5.0  # seconds for answers to be taken at the end


class Impatient(H11Protocol):
    """Hangs up on who connects and says nothing, asks for half a page, or does not take one."""

    def connection_made(self, transport: Any) -> None:
        """Begin to look."""
        super().connection_made(transport)
        self._answered: object = None  # the last request, at the last look
        self._untaken = 0  # bytes of answers, at the last look
        self._looks = self.loop.call_later(PATIENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to look at any more."""
        self._looks.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        untaken = self.transport.get_write_buffer_size()
        stuck = bool(untaken) and untaken == self._untaken
        waits = self.cycle is None or self.cycle.response_complete
        if stuck or (waits and not untaken and self.cycle is self._answered):
            self.transport.abort()
            return
        self._answered, self._untaken = self.cycle, untaken
        self._looks = self.loop.call_later(PATIENCE, self._look)


class Web:
    """The pages of one worker."""

    def __init__(self, config: Config) -> None:
        """Read what is asked for; nothing is opened before `start`.

        Raises:
            ConfigError: an address or token that cannot be used.
        """
        self.board = Board(config.data)
        self._host, self._port = _host_and_port(config.http)
        token = "" if config.http_token is None else _token(config.http_token)
        if not (token or is_loopback(self._host)):
            raise ConfigError(
                f"http at {self._host} is beyond the loopback, and needs a token: make one with "
                "`vizworker keygen FOLDER`, and serve with `--http-token FOLDER/http.token`"
            )
        names = (*LOOPBACK, sockets.gethostname(), self._host, *config.http_hosts)
        hosts = frozenset(name.lower() for name in names)
        settings = uvicorn.Config(
            make_app(self.board, Rules(hosts, token)),
            http=Impatient,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=int(END),
            h11_max_incomplete_event_size=16 << 10,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._main, name="vizworker-http", daemon=True)

    @property
    def address(self) -> str:
        """Where the pages are, once started."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def start(self) -> None:
        """Serve.

        Raises:
            EndpointError: the address cannot be listened at.
        """
        family = sockets.AF_INET6 if ":" in self._host else sockets.AF_INET
        # by its protocol, asyncio knows to send small answers at once (TCP_NODELAY)
        self._socket = sockets.socket(family, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
        self._socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        try:
            self._socket.bind((self._host, self._port))
            self._socket.listen(CONNECTIONS)
        except OSError as error:
            self._socket.close()
            raise EndpointError(f"cannot serve HTTP at {self._host}: {error}") from error
        self._thread.start()

    def stop(self) -> None:
        """End, within a few seconds."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(2 * END)
        self._socket.close()

    def _main(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _host_and_port(given: str) -> tuple[str, int]:
    host, _, port = given.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or LOOPBACK[0]
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"http is {given!r}, expected HOST:PORT, or PORT on the loopback")
    return host, int(port)


def _token(path: Path) -> str:
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the token in {path} cannot be read: {error}") from error
    if len(token) < MIN_TOKEN:
        raise ConfigError(f"the token in {path} is too short, expected {MIN_TOKEN} characters")
    return token
