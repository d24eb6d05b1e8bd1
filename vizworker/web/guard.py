"""Who may ask for a page: by a name of ours, from a page of ours, beyond loopback by a token."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = frozenset({"/healthz", "/readyz"})  # say nothing but yes or no, and need no token
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


@dataclass(frozen=True)
class Rules:
    """What is asked of a request."""

    hosts: frozenset[str]  # names, without port, by which the pages may be asked for
    token: str = ""  # what must be shown, if anything


class Guard:
    """Lets requests through that follow the rules; an ASGI middleware."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        """Stand before an app."""
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = refuse(scope["method"], scope["path"], Headers(scope=scope), self._rules)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await (refusal or self._app)(scope, receive, send_guarded)


def refuse(method: str, path: str, headers: Headers, rules: Rules) -> PlainTextResponse | None:
    """Why a request is not answered, or None if it is."""
    if method not in ("GET", "HEAD"):
        return PlainTextResponse("these pages are only read", 405, {"allow": "GET, HEAD"})
    # a page elsewhere must not reach us under a name of its own (DNS rebinding)
    if _host(headers.get("host", "")) not in rules.hosts:
        return PlainTextResponse("not a name of this worker: see --http-hosts", 421)
    origin = headers.get("origin")
    if origin is not None and _host(origin.partition("://")[2]) not in rules.hosts:
        return PlainTextResponse("not for pages from elsewhere", 403)
    if path in OPEN or not rules.token or _shown(headers, rules.token):
        return None
    # the second lets a browser ask: any name, and the token as password
    challenge = 'Bearer realm="vizworker", Basic realm="vizworker"'
    return PlainTextResponse("a token is needed", 401, {"www-authenticate": challenge})


def _host(given: str) -> str:
    try:
        return (urlsplit(f"//{given}").hostname or "").lower()
    except ValueError:
        return ""


def _shown(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())
