"""GET and POST /login: the access token, for a browser."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.web.request_context import settings
from nextlabel.web.security import admit, local, same


def login() -> str:
    """Ask for the token."""
    return render_template("login.html", next=local(request.args.get("next", "/")), wrong=False)


def enter() -> BaseResponse:
    """Take the token, and leave a cookie that stands for it."""
    token = settings().token
    back = local(request.form.get("next", "/"))
    if token is not None and not same(request.form.get("token", "").strip(), token):
        return make_response(render_template("login.html", next=back, wrong=True), 401)
    response = redirect(back, 303)
    if token is not None:
        admit(response, token)
    return response


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/login", view_func=login)
    pages.add_url_rule("/login", view_func=enter, methods=["POST"])
