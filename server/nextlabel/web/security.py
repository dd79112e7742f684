"""Who may ask: no foreign Host, no foreign Origin on what changes anything, the access token.

A page of another site, open in the same browser, must not be able to drive a server on
this machine: neither by a name it made point here (Host) nor by sending forms (Origin).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from flask import Flask, Request, redirect, request

from nextlabel.contracts.errors import Forbidden, Unauthorized

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from nextlabel.engine.settings import Settings

COOKIE = "nextlabel"
OPEN = frozenset({"static", "pages.login", "pages.enter", "server.healthz", "ready.readyz", "project-ready.readyz"})
"""Endpoints that answer without the token: whether it lives, and the way in."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_NETLOC = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/\\?#\[\]]+)(?::(\d{1,5}))?", re.ASCII)
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True)
class Guard:
    """The rules of one server."""

    hosts: frozenset[str]
    """Names this server answers to, beside the loopback's."""
    origins: frozenset[str]
    """The ones settings name: a proxy may show them to browsers under another Host and port."""
    any_address: bool
    """Listening on every address: the machine's own addresses are not known, any literal one will do.

    A foreign page can only come in by a name, so this gives nothing away."""
    token: str | None = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        """Return the rules the settings ask for."""
        allowed = frozenset(name for entry in settings.allowed_hosts.split(",") if (name := _name(entry.strip())))
        bound = _name(settings.host) or ""
        return cls(allowed | {bound}, allowed, bound in {"", "0.0.0.0", "::"}, settings.token)  # noqa: S104

    def host_is_ours(self, netloc: str) -> bool:
        """Tell whether a Host header names this server; its port is the tunnel's business."""
        name = _name(netloc)
        if name is None:
            return False
        if name in self.hosts or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self.any_address

    def origin_is_ours(self, origin: str, host: str) -> bool:
        """Tell whether an Origin is the very host asked, port included, or one of the allowed hosts."""
        scheme, _, netloc = origin.lower().partition("://")
        asked, sent = _NETLOC.fullmatch(host.lower()), _NETLOC.fullmatch(netloc)
        if scheme not in _PORTS or asked is None or sent is None:
            return False
        if _name(netloc) in self.origins:
            return True
        default = _PORTS[scheme]
        return (sent[1], sent[2] or default) == (asked[1], asked[2] or default)

    def bears_token(self, sent: Request) -> bool:
        """Tell whether a request bears the token, in its header or as the cookie of the login page."""
        if self.token is None:
            return True
        scheme, _, given = sent.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(given.strip(), self.token):
            return True
        return same(sent.cookies.get(COOKIE, ""), cookie_for(self.token))


def register(app: Flask, settings: Settings) -> None:
    """Refuse what may not ask, before anything else is done with it."""
    app.before_request(checker(Guard.of(settings)))


def checker(guard: Guard) -> Callable[[], BaseResponse | None]:
    """Return what Flask calls before each request."""

    def check() -> BaseResponse | None:
        host = request.environ.get("HTTP_HOST", "")
        if not guard.host_is_ours(host):
            raise Forbidden(
                f"this server does not answer to the host {host[:100]!r}; "
                "if it should, add it to NEXTLABEL_ALLOWED_HOSTS"
            )
        origin = request.headers.get("Origin")
        if request.method not in _SAFE and origin is not None and not guard.origin_is_ours(origin, host):
            raise Forbidden(f"a page of {origin[:100]!r} may not change anything here")
        if request.endpoint in OPEN or guard.bears_token(request):
            return None
        if request.blueprint == "pages":
            return redirect(f"/login?next={quote(_asked_for())}", 303)
        raise Unauthorized("this server needs its access token: send the header `Authorization: Bearer <token>`")

    return check


def same(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def cookie_for(token: str) -> str:
    """Return the cookie that stands for a token, so that the token itself is kept nowhere."""
    return hmac.new(token.encode(), b"nextlabel login", sha256).hexdigest()


def admit(response: BaseResponse, token: str) -> None:
    """Put the cookie on a response."""
    response.set_cookie(COOKIE, cookie_for(token), httponly=True, samesite="Strict", secure=request.is_secure)


def local(address: str) -> str:
    """Return `address` if it is a path of this server, else the front page."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets without an address in them
        return "/"
    if parts.scheme or parts.netloc or not address.startswith("/") or address.startswith(("//", "/\\")):
        return "/"
    return address


def _asked_for() -> str:
    """Return the path that is asked for, as an address writes it, with its query: whose page it is, what it shows."""
    query = request.query_string.decode("ascii", "replace")
    return quote(request.path) + (f"?{query}" if query else "")


def _name(netloc: str) -> str | None:
    """Return the host of `host:port`, lower case, without brackets or a final dot; None if it is none."""
    bare = netloc.lower()
    if bare.count(":") > 1 and not bare.startswith("["):
        bare = f"[{bare}]"  # an IPv6 address as a setting writes it
    found = _NETLOC.fullmatch(bare)
    return found[1].strip("[]").removesuffix(".") if found else None
