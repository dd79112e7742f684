"""GET and POST /projects/<p>/pool/<id>: an item with its labels, its prediction, its history and a form to label it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

from flask import Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from nextlabel.contracts.errors import BadRequest, NextlabelError, Unprocessable
from nextlabel.engine.predict.uncertainty import uncertainty
from nextlabel.engine.records import ItemDetail
from nextlabel.store.labels import Label
from nextlabel.web import formatting
from nextlabel.web.pages.item_lists import is_small_image
from nextlabel.web.problems import log_fault, status_of
from nextlabel.web.request_context import current_project
from nextlabel.web.request_parsing import parse_path, validated
from nextlabel.web.schemas.item_schemas import ItemPath
from nextlabel.web.schemas.pool_schemas import AnnotatorForm, PoolQuery
from nextlabel.web.urls import image_address, item_address

_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True)
class LabelForm:
    """The form's content: as the user submitted it, or the annotator's current label."""

    who: str = ""
    candidates: tuple[str, ...] = ()
    value: str = ""
    errors: tuple[str, ...] = ()


def item(item: str) -> Response:
    """Show one item of the pool."""
    return _page(item, 200)


def submit_label(item: str) -> BaseResponse:
    """Store the form's label; if it is not valid, show the form again with the errors."""
    query = validated(PoolQuery, request.args.to_dict())
    fields = request.form
    form = LabelForm(fields.get("who", "").strip(), tuple(fields.getlist("candidate")), fields.get("value", "").strip())
    try:
        label = (_checked_id(item), _label(fields.get("action", ""), form))
        current_project().labels.submit(_annotator(form.who), [label])
    except NextlabelError as error:
        log_fault(error)
        faults = error.faults if isinstance(error, Unprocessable) else ()
        errors = tuple(fault.removeprefix("labels[0]: ") for fault in faults) or (str(error),)
        return _page(item, status_of(error), replace(form, errors=errors))
    return redirect(_address(item, **query.terms(who=form.who)), 303)


def _page(item: str, status: int, form: LabelForm | None = None) -> Response:
    item_id = _checked_id(item)
    query = validated(PoolQuery, request.args.to_dict())
    detail = current_project().items.get(item_id)
    project = current_project().status()
    prediction = detail.prediction
    is_image = detail.item.media_type is not None
    terms: dict[str, Any] = query.terms("after", "before")
    page = render_template(
        "item.html",
        project=project,
        detail=detail,
        query=query,
        form=form or _current_label(detail, query.who or ""),
        neighbours=current_project().items.gallery().neighbours(query.filter, item_id, newest=query.order is not None),
        back=url_for("pages.pool", project=project.name, **terms),
        here=_address(item_id, **terms),
        at=lambda other: _address(other, **terms),
        address=item_address(project.name)(item_id),
        image=image_address(project.name)(item_id) if is_image else None,
        small=is_image and is_small_image(item_id),
        uncertainty=formatting.uncertainty_text(uncertainty(prediction.probabilities or {})) if prediction else "",
    )
    return make_response(page, status)


def _checked_id(item: str) -> str:
    return parse_path(ItemPath, {"item": item}).item


def _address(item: str, **terms: Any) -> str:
    return url_for("pages.item", project=current_project().config.name, item=item, **terms)


def _current_label(detail: ItemDetail, who: str) -> LabelForm:
    """Return a form filled with the annotator's current label, so that saving it unchanged changes nothing."""
    label = detail.current_labels.get(who)
    if label is None:
        return LabelForm(who)
    # repr has every digit of the value
    return LabelForm(who, label.candidates or (), "" if label.value is None else repr(label.value).removesuffix(".0"))


def _annotator(who: str) -> str:
    if not who:
        raise Unprocessable("enter your name: every label has an annotator")
    return validated(AnnotatorForm, {"who": who}).who


def _label(action: str, form: LabelForm) -> Label:
    if action == "skip":
        return Label(skip=True)
    if action == "retract":
        return Label(retract=True)
    if action != "label":
        raise BadRequest("the form has no valid action; valid: label, skip, retract")
    if form.value:
        return Label(value=_number(form.value))
    if not form.candidates and current_project().status().task == "regression":
        raise Unprocessable("enter a value, or skip the item")
    if not form.candidates:
        raise Unprocessable("choose at least one class, or skip the item")
    return Label(candidates=form.candidates)


def _number(text: str) -> float:
    """Parse a value as the labelling page does: the decimal separator may be a comma."""
    plain = text.strip().replace(",", ".", 1).replace("\N{MINUS SIGN}", "-")
    if not _DECIMAL.fullmatch(plain):
        raise Unprocessable(f"{text[:40]!r} is not a number")
    value = float(plain)
    if not math.isfinite(value):
        raise Unprocessable("a value must be finite")
    return value
