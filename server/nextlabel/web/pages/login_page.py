"""GET and POST /login: log in with the access token."""

from __future__ import annotations

from flask import make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.web.request_context import settings
from nextlabel.web.security import constant_time_equal, safe_redirect, set_login_cookie


def login() -> str:
    """Show the form for the token."""
    return render_template("login.html", next=safe_redirect(request.args.get("next", "/")), wrong=False)


def log_in() -> BaseResponse:
    """Check the token and set a cookie in its place."""
    token = settings().token
    back = safe_redirect(request.form.get("next", "/"))
    if token is not None and not constant_time_equal(request.form.get("token", "").strip(), token):
        return make_response(render_template("login.html", next=back, wrong=True), 401)
    response = redirect(back, 303)
    if token is not None:
        set_login_cookie(response, token)
    return response
