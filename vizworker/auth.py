"""Which addresses may be used: this machine's own always, any other only with keys."""

import ipaddress
import sys
from urllib.parse import urlsplit

from vizworker.errors import EndpointError

# bytes of a unix socket's path, without the terminating zero
MAX_SOCKET_PATH = 103 if sys.platform == "darwin" else 107


def check_endpoint(endpoint: str, *, bind: bool = False) -> str:
    """The endpoint, if it may be bound or connected without keys.

    Args:
        endpoint: `ipc://PATH` or `tcp://LOOPBACK:PORT`; a worker may bind port `*`.
        bind: the worker's side.

    Raises:
        EndpointError: naming what is wrong with it and what to use instead.
    """
    scheme, separator, address = endpoint.partition("://")
    if separator and scheme == "ipc":
        _check_path(endpoint, address)
    elif separator and scheme == "tcp":
        _check_tcp(endpoint, bind)
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


def _check_tcp(endpoint: str, bind: bool) -> None:
    host, port = _host_and_port(endpoint)
    if not (port == "*" and bind) and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise EndpointError(f"endpoint {endpoint!r} has no port, expected tcp://127.0.0.1:PORT")
    if not _is_loopback(host):
        raise EndpointError(
            f"endpoint {endpoint!r} is not on this machine's loopback; other addresses need CURVE "
            "keys, which this version does not make: use ipc:// or tcp://127.0.0.1 "
            "through an ssh tunnel"
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
