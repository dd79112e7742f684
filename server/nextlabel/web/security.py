"""Access control: the Host header, the Origin header, and the access token.

A page of another site that is open in the same browser must not be able to control a server on
this machine, neither through a domain name that resolves to this machine (Host) nor by sending
forms (Origin).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from flask import Flask, Request, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.contracts.errors import Forbidden, Unauthorized
from nextlabel.engine.settings import Settings

COOKIE = "nextlabel"
PUBLIC = frozenset({"static", "pages.login", "pages.log_in", "api.healthz", "api.readyz", "project.readyz"})
"""Endpoints that need no token: health checks, and what the login page uses."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_NETLOC = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/\\?#\[\]]+)(?::(\d{1,5}))?", re.ASCII)
_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True)
class Guard:
    """The access rules of one server."""

    hosts: frozenset[str]
    """Host names this server responds to, besides loopback names and addresses."""
    origins: frozenset[str]
    """Host names from the settings whose pages may send requests.

    A proxy may serve pages under another host and port than those it requests from this server."""
    any_address: bool
    """Whether any literal IP address is accepted as Host, because the server listens on every address.

    A foreign page can only get in through a domain name, so this is safe."""
    token: str | None = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        """Return the rules that `settings` define."""
        allowed = frozenset(name for entry in settings.allowed_hosts.split(",") if (name := _host_name(entry.strip())))
        bound = _host_name(settings.host) or ""
        return cls(allowed | {bound}, allowed, bound in {"", "0.0.0.0", "::"}, settings.token)  # noqa: S104

    def host_is_ours(self, netloc: str) -> bool:
        """Return whether a Host header names this server. The port may differ, as with an SSH tunnel."""
        name = _host_name(netloc)
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
        """Return whether an Origin equals the requested host, including the port, or is an allowed host."""
        scheme, _, netloc = origin.lower().partition("://")
        requested, sent = _NETLOC.fullmatch(host.lower()), _NETLOC.fullmatch(netloc)
        if scheme not in _PORTS or requested is None or sent is None:
            return False
        if _host_name(netloc) in self.origins:
            return True
        default = _PORTS[scheme]
        return (sent[1], sent[2] or default) == (requested[1], requested[2] or default)

    def is_authenticated(self, request: Request) -> bool:
        """Return whether a request has the token, in its Authorization header or as the login cookie."""
        if self.token is None:
            return True
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and constant_time_equal(token.strip(), self.token):
            return True
        return constant_time_equal(request.cookies.get(COOKIE, ""), cookie_for(self.token))


def register(app: Flask, settings: Settings) -> None:
    """Check every request of `app` before it is handled: raise Forbidden or Unauthorized, or redirect to the login."""
    guard = Guard.of(settings)

    @app.before_request
    def check() -> BaseResponse | None:
        host = request.environ.get("HTTP_HOST", "")
        if not guard.host_is_ours(host):
            raise Forbidden(
                f"this server does not respond to the host {host[:100]!r}; "
                "to allow it, add it to NEXTLABEL_ALLOWED_HOSTS"
            )
        origin = request.headers.get("Origin")
        if request.method not in _SAFE_METHODS and origin is not None and not guard.origin_is_ours(origin, host):
            raise Forbidden(f"pages of {origin[:100]!r} must not change anything on this server")
        if request.endpoint in PUBLIC or guard.is_authenticated(request):
            return None
        if request.blueprint == "pages":
            return redirect(f"/login?next={quote(_requested_path())}", 303)
        raise Unauthorized("this server needs its access token: send the header `Authorization: Bearer <token>`")


def constant_time_equal(sent: str, expected: str) -> bool:
    """Compare two strings in a time that does not depend on where they differ."""
    return hmac.compare_digest(sent.encode("utf-8", "surrogateescape"), expected.encode())


def cookie_for(token: str) -> str:
    """Return the login cookie for a token. It is a digest, so that browsers do not store the token itself."""
    return hmac.new(token.encode(), b"nextlabel login", sha256).hexdigest()


def set_login_cookie(response: BaseResponse, token: str) -> None:
    """Set the login cookie on a response."""
    response.set_cookie(COOKIE, cookie_for(token), httponly=True, samesite="Strict", secure=request.is_secure)


def safe_redirect(address: str) -> str:
    """Return `address` if it is a path on this server, else the front page."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that enclose no IPv6 address
        return "/"
    if parts.scheme or parts.netloc or not address.startswith("/") or address.startswith(("//", "/\\")):
        return "/"
    return address


def _requested_path() -> str:
    query = request.query_string.decode("ascii", "replace")
    return quote(request.path) + (f"?{query}" if query else "")


def _host_name(netloc: str) -> str | None:
    """Return the host of `host:port` in lower case, without brackets or a final dot, or None if it is malformed."""
    bare = netloc.lower()
    if bare.count(":") > 1 and not bare.startswith("["):
        bare = f"[{bare}]"  # an IPv6 address as written in settings
    match = _NETLOC.fullmatch(bare)
    return match[1].strip("[]").removesuffix(".") if match else None
