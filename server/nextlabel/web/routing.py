"""Routes as tables: one row per route, used to register it with Flask and to describe it in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import wraps
from typing import Any, Literal, get_type_hints

from flask import Blueprint, Flask, Response, request
from pydantic import BaseModel

from nextlabel.web.request_context import take_project
from nextlabel.web.request_parsing import json_body, parse_path, validated

Fragment = Mapping[str, Any]
"""Part of the OpenAPI document. A pydantic model in it stands for a reference to the model's schema."""


@dataclass(frozen=True)
class Route:
    """A route of the API."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """URL rule of Flask, without the project prefix."""
    view: Callable[..., Response]
    """Its arguments `path`, `query` and `body` are annotated with the models that these parts of a request must fit.
    Its docstring is the route's description, its name the operation id."""
    response: type[BaseModel] | Fragment
    """Body of the success response."""
    errors: Sequence[int] = ()
    """Error statuses the route may respond with, besides those that any route may respond with."""
    _: KW_ONLY
    status: int = 200
    """Status of the success response."""
    body: Fragment | None = None
    """Description of a body that the view reads itself."""
    other_responses: Mapping[int, Fragment] = field(default_factory=dict)
    """More success responses by status."""

    @property
    def models(self) -> Mapping[str, type[BaseModel]]:
        """The models of the view's arguments `path`, `query` and `body`."""
        annotations = get_type_hints(self.view)
        return {name: annotations[name] for name in _READERS if name in annotations}


def json_response(model: type[BaseModel], *text_types: str, **headers: str) -> Fragment:
    """Describe a JSON response.

    `text_types` are other media types the client can choose. `headers` are descriptions of response
    headers by name, with underscores for hyphens.
    """
    content: dict[str, Any] = {"application/json": {"schema": model}}
    content.update({media_type: {"schema": {"type": "string"}} for media_type in text_types})
    described = {
        name.replace("_", "-"): {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
    }
    summary = (model.__doc__ or "").splitlines()[0]
    return {"description": summary, "content": content, **({"headers": described} if described else {})}


def content_response(description: str, *media_types: str) -> Fragment:
    """Describe a response that has no schema."""
    return {"description": description, "content": {media_type: {"schema": {}} for media_type in media_types}}


def image_body(json_model: type[BaseModel] | None = None) -> Fragment:
    """Describe a body of one or several images, or alternatively JSON of `json_model`."""
    form = {
        "type": "object",
        "properties": {"image": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
        "required": ["image"],
    }
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}, "image/*": {"schema": {}}}
    if json_model is not None:
        content["application/json"] = {"schema": json_model}
    return {"required": True, "content": content}


def add_routes(app: Flask, blueprint: str, routes: Sequence[Route], prefix: str | None = None) -> None:
    """Register `routes` on `app` as endpoints `<blueprint>.<name of the view>`."""
    api = Blueprint(blueprint, __name__, url_prefix=prefix)
    api.url_value_preprocessor(take_project)
    for route in routes:
        api.add_url_rule(route.path, view_func=_with_models(route), methods=[route.method])
    app.register_blueprint(api)


def _with_models(route: Route) -> Callable[..., Response]:
    """Return a view for Flask that calls the route's view with validated models."""
    models = route.models

    @wraps(route.view)
    def view(**path_values: Any) -> Response:
        return route.view(**{name: _READERS[name](model, path_values) for name, model in models.items()})

    return view


_READERS: Mapping[str, Callable[[type[BaseModel], Mapping[str, Any]], BaseModel]] = {
    "path": parse_path,
    "query": lambda model, _path_values: validated(model, request.args.to_dict()),
    "body": lambda model, _path_values: json_body(model),
}
"""How each argument of a view is read, in this order."""
