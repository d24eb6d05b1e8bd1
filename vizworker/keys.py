"""CURVE keys on the worker's side: who made them, who may connect, and who may not any more.

A folder of keys holds `worker.key`, the worker's own; `clients/NAME.pub`, one file for each
search that may connect, whose removal revokes it; `issued/NAME.key`, to be given to who searches.
"""

import logging
import os
import re
import secrets
import socket as sockets
import threading
import time
import tomllib
from pathlib import Path

import zmq
from zmq.utils import z85

from vizworker.auth import KEY_SIZE, LOCAL, runtime_folder
from vizworker.errors import ConfigError

logger = logging.getLogger(__name__)

WORKER, CLIENTS, ISSUED, TOKEN = "worker.key", "clients", "issued", "http.token"
LOOK = 0.5  # seconds between two looks at the folder
ZAP = "inproc://zeromq.zap.01"  # where libzmq asks who may connect (RFC 27)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Keyring:
    """The worker's key and the clients that are authorised now; any thread may ask."""

    def __init__(self, folder: Path) -> None:
        """Read the folder.

        Raises:
            ConfigError: it holds no key of a worker, or others can read it.
        """
        self._folder = folder
        self._own = _read(folder / WORKER)
        self._local = local_key()  # always authorised
        self._looked = float("-inf")
        self._known: frozenset[str] = frozenset()

    @property
    def public(self) -> str:
        """What searches know this worker by."""
        return self._own["public"]

    def knows(self, public: str) -> bool:
        """A client's key is authorised, as of half a second ago."""
        now = time.monotonic()
        if now - self._looked > LOOK:
            self._known, self._looked = self._look(), now
        return public == self._local or public in self._known

    def secure(self, socket: zmq.Socket[bytes]) -> None:
        """Have a socket speak CURVE, before it is bound."""
        socket.curve_server = True
        socket.curve_secretkey = self._own["secret"].encode()
        socket.zap_domain = b"vizworker"

    def _look(self) -> frozenset[str]:
        found = set()
        for path in (self._folder / CLIENTS).glob("*.pub"):
            try:
                found.add(path.read_text().strip())
            except (OSError, UnicodeDecodeError) as error:
                logger.warning("the key %s cannot be read: %s", path, error)
        return frozenset(key for key in found if len(key) == KEY_SIZE)


class Doorkeeper:
    """Answers libzmq, on a thread of its own, whether a key may connect."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], keyring: Keyring) -> None:
        """Stand at the door, before the socket is bound."""
        self.turned_away = 0  # connections of keys that are not authorised
        self._keyring = keyring
        self._said: set[str] = set()
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind(ZAP)
        self._waker, self._woken = sockets.socketpair()
        self._thread = threading.Thread(target=self._main, name="vizworker-door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave, before the context is destroyed."""
        self._waker.send(b"!")
        self._thread.join()
        self._waker.close()
        self._woken.close()

    def _main(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._woken, zmq.POLLIN)
        while self._woken.fileno() not in (ready := dict(poller.poll())):
            if self._socket in ready:
                self._socket.send_multipart(self._answer(self._socket.recv_multipart()))
        self._socket.close()

    def _answer(self, question: list[bytes]) -> list[bytes]:
        version, request, _, address, _, mechanism, *credentials = question
        public = z85.encode(credentials[0]).decode() if mechanism == b"CURVE" else ""
        if public and self._keyring.knows(public):
            return [version, request, b"200", b"OK", public.encode(), b""]
        self.turned_away += 1
        self._say(f"a key that is not authorised was turned away: {public} from {address!r}")
        return [version, request, b"400", b"key not authorised", b"", b""]

    def _say(self, message: str) -> None:
        """Log a message the first time: who is turned away comes back every second."""
        if message not in self._said and len(self._said) < 1000:
            self._said.add(message)
            logger.warning("%s", message)


def make_worker(folder: Path) -> bool:
    """Make a folder of keys with the worker's own and a token for HTTP; what is there stays.

    Returns:
        Whether a key was made.

    Raises:
        OSError: the folder cannot be written.
    """
    for each in (folder, folder / CLIENTS, folder / ISSUED):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / TOKEN).exists():
        _write(folder / TOKEN, f"{secrets.token_urlsafe(32)}\n")
    if (folder / WORKER).exists():
        return False
    public, secret = _pair()
    about = "The worker's key: it stays here."
    _write(folder / WORKER, _lines(about, public=public, secret=secret))
    return True


def make_client(folder: Path, name: str) -> Path:
    """Make and authorise the key of a search; the file to give to it.

    Raises:
        ConfigError: not a name, or one that is taken; no key of a worker.
        OSError: the folder cannot be written.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name of a client, expected letters, digits and _.-")
    authorised, issued = folder / CLIENTS / f"{name}.pub", folder / ISSUED / f"{name}.key"
    if authorised.exists() or issued.exists():
        raise ConfigError(f"there is a key {name!r} in {folder} already: remove it, or use another")
    worker = _read(folder / WORKER)["public"]
    public, secret = _pair()
    about = f"The key of {name}: keep it where others cannot read it."
    _write(issued, _lines(about, public=public, secret=secret, worker=worker))
    _write(authorised, f"{public}\n")
    return issued


def revoke_client(folder: Path, name: str) -> None:
    """Take a client's authorisation back; a running worker notices within a second.

    Raises:
        ConfigError: there is no such client.
    """
    if not NAME.fullmatch(name) or not (folder / CLIENTS / f"{name}.pub").exists():
        raise ConfigError(f"no client {name!r} is authorised in {folder}")
    (folder / CLIENTS / f"{name}.pub").unlink()


def local_key() -> str:
    """The public half of this user's own key to workers of this machine, made if needed."""
    path = runtime_folder() / LOCAL
    if not path.exists():
        public, secret = _pair()
        about = "This user's key to workers on this machine."
        _write(path, _lines(about, public=public, secret=secret))
    return _read(path)["public"]


def _pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def _lines(about: str, **values: str) -> str:
    return "".join([f"# {about}\n", *(f'{name} = "{value}"\n' for name, value in values.items())])


def _write(path: Path, content: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    beside.replace(path)


def _read(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_mode & 0o077 and path.stat().st_uid == os.getuid():
            raise ConfigError(f"others can read the key {path}: chmod 600 {path}")
        values = tomllib.loads(path.read_text())
        return {name: str(values[name]) for name in ("public", "secret")}
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{path} holds no key ({error}): make it with `vizworker keygen {path.parent}`"
        ) from error
