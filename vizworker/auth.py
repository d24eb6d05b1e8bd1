"""Which addresses may be used, and with which keys: this machine's own always, any other by CURVE.

Keys protect `tcp://` alone: who may use an `ipc://` socket is what its file's mode says.
"""

import ipaddress
import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vizworker.errors import EndpointError

# bytes of a unix socket's path, without the terminating zero
MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107
KEYS_VARIABLE = "VIZ_WORKER_KEYS"  # names the file of a search's key
KEY_SIZE = 40  # characters of a CURVE key in Z85
ENTRY = "worker.json"  # in a folder of each running worker, in the runtime folder
LOCAL = "local.key"  # in the runtime folder: this user's own, to workers on this machine


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

    A worker of this user on this machine is met with the user's own key.

    Args:
        endpoint: where to connect.
        path: the key's file; else the one that `VIZ_WORKER_KEYS` names.

    Raises:
        EndpointError: the key that is named cannot be used.
    """
    if not endpoint.startswith("tcp://"):
        return None
    for entry in _announced():
        if entry.get("curve") and to_connect(str(entry.get("endpoint"))) == endpoint:
            return _local_key(str(entry["curve"]))
    path = path or os.environ.get(KEYS_VARIABLE)
    return read_key(Path(path)) if path else None


def find_worker() -> str | None:
    """The endpoint of a running worker of this user that serves any search; the newest."""
    entries = [entry for entry in _announced() if entry.get("parent") is None and _runs(entry)]
    newest = max(entries, key=lambda entry: float(entry.get("started", 0.0)), default=None)
    return None if newest is None else to_connect(str(newest["endpoint"]))


def to_connect(endpoint: str) -> str:
    """Where to connect on this machine to what is bound there."""
    for every in ("tcp://0.0.0.0:", "tcp://*:"):
        if endpoint.startswith(every):
            return f"tcp://127.0.0.1:{endpoint.removeprefix(every)}"
    return endpoint


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


def is_loopback(host: str) -> bool:
    """An address by which only this machine can be reached."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
    if keys or is_loopback(host):
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


def _announced() -> Iterator[dict[str, Any]]:
    """What workers of this user say of themselves; some may be gone."""
    try:
        paths = list(runtime_folder().glob(f"*/{ENTRY}"))
    except OSError:
        return
    for path in paths:
        try:
            entry = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(entry, dict) and {"pid", "endpoint", "created"} <= entry.keys():
            yield entry


def _runs(entry: dict[str, Any]) -> bool:
    import psutil

    try:
        return bool(abs(psutil.Process(entry["pid"]).create_time() - entry["created"]) < 1.0)
    except psutil.Error:
        return False


def _local_key(worker: str) -> ClientKey | None:
    try:
        values = tomllib.loads((runtime_folder() / LOCAL).read_text())
        return ClientKey(values["public"], values["secret"], worker)
    except (OSError, ValueError, KeyError):
        return None
