"""The OpenAPI document, built from the tables of routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

from flask import Flask, current_app
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from nextlabel.engine.settings import Settings
from nextlabel.web.problems import MEDIA_TYPE
from nextlabel.web.routing import Fragment, Route, json_response
from nextlabel.web.schemas.base import Problem, ProjectPath
from nextlabel.web.security import PUBLIC

PROJECT_PREFIX = "/projects/<project>"
_KEY = "nextlabel.openapi"
_REFERENCE = "#/components/schemas/{model}"
_DESCRIPTION = (
    "Predict, choose what to label next, store labels, train. Routes at the root use the default project. "
    "Every error is application/problem+json; 400 means the request cannot be parsed, "
    "422 that it can be parsed but is not valid."
)
ERRORS: Mapping[int, str] = {
    400: "cannot be parsed, or is empty",
    401: "the access token is missing or wrong",
    403: "a foreign Host or Origin",
    404: "not found",
    409: "conflicts with the current state",
    410: "no longer available",
    413: "more bytes, pixels or rows than allowed; the detail names the limit",
    415: "a media type that is not supported here",
    422: "not valid; every error is listed in `faults`",
    500: "an error in the server, or a project that cannot run here; never a traceback",
    503: "not computed yet",
}
"""Description of each error status."""
_ANY_ROUTE = (403, 500)
"""Error statuses that every route may respond with."""


def attach(app: Flask, project_routes: Sequence[Route], server_routes: Sequence[Route], settings: Settings) -> None:
    """Build the document and store it on `app`."""
    app.extensions[_KEY] = build_document(project_routes, server_routes, settings)


def current_document() -> dict[str, Any]:
    """Return the document of the current app."""
    document: dict[str, Any] = current_app.extensions[_KEY]
    return document


def build_document(
    project_routes: Sequence[Route], server_routes: Sequence[Route], settings: Settings
) -> dict[str, Any]:
    """Return the document. Routes of a project are listed twice: at the root and under `PROJECT_PREFIX`."""
    paths: dict[str, dict[str, Any]] = {}
    for prefix, routes in (("", project_routes), (PROJECT_PREFIX, project_routes), ("", server_routes)):
        for route in routes:
            methods = paths.setdefault(_template(prefix + route.path), {})
            methods[route.method.lower()] = _operation(route, prefix, settings)
    models: set[type[BaseModel]] = set()
    document = {
        "openapi": "3.1.0",
        "info": {"title": "nextlabel", "version": version("nextlabel"), "description": _DESCRIPTION},
        "paths": _with_references(paths, models),
        "components": {"schemas": _schemas(models, settings)},
    }
    if settings.token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _operation(route: Route, prefix: str, settings: Settings) -> dict[str, Any]:
    name = route.view.__name__
    summary, _, description = cleandoc(route.view.__doc__ or "").partition("\n\n")
    models = route.models
    parameters = [
        *(_parameters(ProjectPath, "path") if prefix else ()),
        *(_parameters(models["path"], "path") if "path" in models else ()),
        *(_parameters(models["query"], "query") if "query" in models else ()),
    ]
    if route.path == "/query":
        next(entry for entry in parameters if entry["name"] == "size")["schema"]["maximum"] = settings.max_query
    body = route.body
    if "body" in models:
        body = {"required": True, "content": {"application/json": {"schema": models["body"]}}}
    secured = bool(settings.token) and f"api.{name}" not in PUBLIC
    success = route.response if isinstance(route.response, Mapping) else json_response(route.response)
    errors = {*route.errors, *_ANY_ROUTE, *([401] if secured else [])}
    responses = {route.status: success, **route.other_responses, **{status: _error(status) for status in errors}}
    return {
        "operationId": f"project_{name}" if prefix else name,
        "summary": summary,
        **({"description": description} if description else {}),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body else {}),
        "responses": {str(status): responses[status] for status in sorted(responses)},
        **({"security": [{"token": []}]} if secured else {}),
    }


def _parameters(model: type[BaseModel], location: str) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    return [
        {
            "name": name,
            "in": location,
            "required": name in schema.get("required", ()),
            "description": field.get("description", ""),
            "schema": field,
        }
        for name, field in schema["properties"].items()
    ]


def _error(status: int) -> Fragment:
    response: dict[str, Any] = {"description": ERRORS[status], "content": {MEDIA_TYPE: {"schema": Problem}}}
    if status == 503:  # noqa: PLR2004
        response["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    if status == 401:  # noqa: PLR2004
        response["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return response


def _template(rule: str) -> str:
    """Return a URL rule of Flask as a path template: `/items/<path:item>` as `/items/{item}`."""
    return rule.replace("<path:", "{").replace("<", "{").replace(">", "}")


def _with_references(value: Any, models: set[type[BaseModel]]) -> Any:
    """Return a fragment with references in place of models, and add these models to `models`."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        models.add(value)
        return {"$ref": _REFERENCE.format(model=value.__name__)}
    if isinstance(value, Mapping):
        return {key: _with_references(entry, models) for key, entry in value.items()}
    return [_with_references(entry, models) for entry in value] if isinstance(value, list) else value


def _schemas(models: set[type[BaseModel]], settings: Settings) -> dict[str, Any]:
    """Return the schemas of `models` and of the models inside them, by name, with the limits of the settings."""
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REFERENCE)
    schemas: dict[str, Any] = definitions["$defs"]
    schemas["Labels"]["properties"]["labels"]["maxItems"] = settings.max_labels
    schemas["PredictIds"]["properties"]["ids"]["maxItems"] = settings.max_batch
    schemas["PredictVectors"]["properties"]["vectors"]["maxItems"] = settings.max_batch
    return schemas
