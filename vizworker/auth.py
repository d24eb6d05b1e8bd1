"""Which addresses may be used, and with which keys: this machine's own always, any other by CURVE.

Keys protect `tcp://` alone: who may use an `ipc://` socket is what its file's mode says.
"""

import ipaddress
import os
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vizworker.errors import EndpointError

# bytes of a unix socket's path, without the terminating zero
MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
KEYS_VARIABLE = "VIZ_WORKER_KEYS"  # names the file of a search's key
KEY_SIZE = 40  # characters of a CURVE key in Z85


@dataclass(frozen=True)
class ClientKey:
    """What a search proves itself with, and whom it trusts; each 40 characters of Z85."""

    public: str
    secret: str
    worker: str  # the public key of the worker, which no other can pretend to be

    def __repr__(self) -> str:
        return f"ClientKey(public={self.public!r})"  # the secret goes into no log


def read_key(path: Path) -> ClientKey:
    """The key in a file that `vizworker keygen --client NAME` made.

    Raises:
        EndpointError: it cannot be read, holds no key, or others may read it.
    """
    try:
        if path.stat().st_mode & 0o077 and path.stat().st_uid == os.getuid():
            raise EndpointError(f"others can read the key {path}: chmod 600 {path}")
        values = tomllib.loads(path.read_text())
        key = ClientKey(*(values[name] for name in ("public", "secret", "worker")))
    except (OSError, ValueError, KeyError) as error:
        raise EndpointError(f"{path} holds no key of a search: {error!r}") from error
    if not all(isinstance(each, str) and len(each) == KEY_SIZE for each in vars(key).values()):
        raise EndpointError(f"{path} holds no key of a search, expected {KEY_SIZE} characters each")
    return key


def key_for(endpoint: str, path: str | Path | None = None) -> ClientKey | None:
    """The key to connect to an endpoint with; None where none is used.

    Args:
        endpoint: where to connect.
        path: the key's file; else the one that `VIZ_WORKER_KEYS` names.

    Raises:
        EndpointError: the key that is named cannot be used.
    """
    path = path or os.environ.get(KEYS_VARIABLE)
    return read_key(Path(path)) if path and endpoint.startswith("tcp://") else None


def secure(socket: Any, key: ClientKey | None) -> None:
    """Have a socket speak CURVE, before it connects; without a key it stays as it is."""
    if key is not None:
        socket.curve_publickey = key.public.encode()
        socket.curve_secretkey = key.secret.encode()
        socket.curve_serverkey = key.worker.encode()


def runtime_folder() -> Path:
    """Where running workers say that they run: a folder of this user alone, made if needed.

    Raises:
        PermissionError: the folder belongs to somebody else.
    """
    given = os.environ.get("XDG_RUNTIME_DIR")
    # not platformdirs': it warns where there is no login session, as in containers and batch jobs
    folder = (
        Path(given) / "vizworker"
        if given and os.access(given, os.W_OK)
        else Path(tempfile.gettempdir()) / f"vizworker-{os.getuid()}"
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone: remove it")
    return folder


def check_endpoint(endpoint: str, *, bind: bool = False, keys: bool = False) -> str:
    """The endpoint, if it may be bound or connected.

    Args:
        endpoint: `ipc://PATH` or `tcp://LOOPBACK:PORT`, with keys `tcp://ADDRESS:PORT`; a worker
            may bind port `*`.
        bind: the worker's side.
        keys: CURVE will be spoken there.

    Raises:
        EndpointError: naming what is wrong with it and what to use instead.
    """
    scheme, separator, address = endpoint.partition("://")
    if separator and scheme == "ipc":
        _check_path(endpoint, address)
    elif separator and scheme == "tcp":
        _check_tcp(endpoint, bind, keys)
    else:
        raise EndpointError(
            f"endpoint {endpoint!r} is not an address, expected ipc://PATH or tcp://127.0.0.1:PORT"
        )
    return endpoint


def socket_path(endpoint: str) -> str | None:
    """The path of an `ipc://` endpoint's socket file, or None for any other endpoint."""
    return endpoint.removeprefix("ipc://") if endpoint.startswith("ipc://") else None


def _check_path(endpoint: str, path: str) -> None:
    size = len(path.encode())
    if not path.startswith("/"):
        # an abstract socket (@name) is open to every user of the machine
        raise EndpointError(f"endpoint {endpoint!r} has no absolute path, expected ipc:///PATH")
    if size > MAX_SOCKET_PATH:
        raise EndpointError(
            f"the socket path of endpoint {endpoint!r} has {size} bytes, "
            f"expected at most {MAX_SOCKET_PATH}: use a shorter folder"
        )


def _check_tcp(endpoint: str, bind: bool, keys: bool) -> None:
    host, port = _host_and_port(endpoint)
    if not (port == "*" and bind) and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise EndpointError(f"endpoint {endpoint!r} has no port, expected tcp://127.0.0.1:PORT")
    if not host:
        raise EndpointError(f"endpoint {endpoint!r} has no host, expected tcp://127.0.0.1:PORT")
    if keys or _is_loopback(host):
        return
    if bind:
        what = "make them with `vizworker keygen FOLDER` and serve with `--keys FOLDER`"
    else:
        what = (
            f"name yours by --viz-keys FILE or {KEYS_VARIABLE}; who runs the worker makes it with "
            "`vizworker keygen FOLDER --client NAME`"
        )
    raise EndpointError(
        f"endpoint {endpoint!r} is not on this machine's loopback, and needs CURVE keys: {what}"
    )


def _host_and_port(endpoint: str) -> tuple[str, str]:
    try:
        host, _, port = urlsplit(endpoint).netloc.rpartition(":")
    except ValueError as error:
        raise EndpointError(f"endpoint {endpoint!r} is not an address: {error}") from error
    return host.removeprefix("[").removesuffix("]"), port


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
