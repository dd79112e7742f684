"""GET and POST /projects/<p>/pool/<id>: an item, what it is taken for, who said what, and a form to say otherwise."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.contracts.errors import BadRequest, NextlabelError, Unprocessable
from nextlabel.engine.predict.uncertainty import doubt
from nextlabel.engine.records import ItemDetail
from nextlabel.store.labels import Label
from nextlabel.web import text_format
from nextlabel.web.pixels import small
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project
from nextlabel.web.request_parsing import parse_path, validated
from nextlabel.web.schemas.item_schemas import ItemPath
from nextlabel.web.schemas.pool_schemas import AnnotatorForm, PoolQuery
from nextlabel.web.urls import image_address, item_address

_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """What the form holds: as somebody filled it in, or what stands."""

    who: str = ""
    candidates: tuple[str, ...] = ()
    value: str = ""
    faults: tuple[str, ...] = ()


def item(item: str) -> Response:
    """Show one item of the pool."""
    return _page(item, 200)


def say(item: str) -> BaseResponse:
    """Store what the page's form says of the item; what is wrong with it is told on the page, and nothing is lost."""
    query = validated(PoolQuery, request.args.to_dict())
    form = request.form
    said = Said(form.get("who", "").strip(), tuple(form.getlist("candidate")), form.get("value", "").strip())
    try:
        current_project().labels.submit(_name(said.who), [(_named(item), _label(form.get("say", ""), said))])
    except NextlabelError as error:
        log_fault(error)
        faults = error.faults if isinstance(error, Unprocessable) else ()
        told = tuple(fault.removeprefix("labels[0]: ") for fault in faults) or (str(error),)
        return _page(item, status_of(error), Said(said.who, said.candidates, said.value, told))
    return redirect(_address(item, **query.terms(who=said.who)), 303)


def add(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/projects/<project>/pool/<path:item>", view_func=item)
    pages.add_url_rule("/projects/<project>/pool/<path:item>", view_func=say, methods=["POST"])


def _page(item: str, status: int, said: Said | None = None) -> Response:
    named = _named(item)
    query = validated(PoolQuery, request.args.to_dict())
    found = current_project()
    detail = found.items.get(named)
    project = found.status()
    prediction = detail.prediction
    terms: dict[str, Any] = query.terms("after", "before")
    page = render_template(
        "item.html",
        project=project,
        detail=detail,
        query=query,
        said=said or _standing(detail, query.who or ""),
        beside=found.items.gallery().neighbours(query.filter, named, newest=query.order is not None),
        back=url_for("pages.pool", project=project.name, **terms),
        here=_address(named, **terms),
        at=lambda other: _address(other, **terms),
        address=item_address(project.name)(named),
        image=image_address(project.name)(named) if detail.item.media_type else None,
        small=detail.item.media_type is not None and small(named),
        unsure=text_format.unsure(doubt(prediction.probabilities or {})) if prediction else "",
        words=text_format,
    )
    return make_response(page, status)


def _named(item: str) -> str:
    return parse_path(ItemPath, {"item": item}).item


def _address(item: str, **terms: Any) -> str:
    return url_for("pages.item", project=current_project().config.name, item=item, **terms)


def _standing(detail: ItemDetail, who: str) -> Said:
    """Return what `who` says of the item now: a form that is sent as it is changes nothing."""
    voice = detail.current_labels.get(who)
    if voice is None:
        return Said(who)
    # every digit of it
    return Said(who, voice.candidates or (), "" if voice.value is None else repr(voice.value).removesuffix(".0"))


def _name(who: str) -> str:
    if not who:
        raise Unprocessable("say who you are: a label is somebody's")
    return validated(AnnotatorForm, {"who": who}).who


def _label(how: str, said: Said) -> Label:
    if how == "skip":
        return Label(skip=True)
    if how == "retract":
        return Label(retract=True)
    if how != "label":
        raise BadRequest("the form says one of label, skip and retract")
    if said.value:
        return Label(value=_number(said.value))
    if not said.candidates and current_project().status().task == "regression":
        raise Unprocessable("write a value, or skip the item")
    if not said.candidates:
        raise Unprocessable("choose the classes it could be, or skip the item")
    return Label(candidates=said.candidates)


def _number(text: str) -> float:
    plain = text.strip().replace(",", ".", 1).replace("\N{MINUS SIGN}", "-")  # as the labelling page reads it
    if not _DECIMAL.fullmatch(plain):
        raise Unprocessable(f"{text[:40]!r} is not a number")
    value = float(plain)
    if not math.isfinite(value):
        raise Unprocessable("a value must be finite")
    return value
