"""The OpenAPI document, generated from the views by flask-openapi3, and how views are called.

The library collects what the document says from each view's annotations. Its own reading of
requests is lenient (a body that does not parse counts as empty), so the same models are read
strictly here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from flask import request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_openapi3.utils import parse_body
from pydantic import BaseModel, ValidationError

from nextlabel.contracts.errors import NotFound
from nextlabel.engine.settings import Settings
from nextlabel.web.openapi_responses import EVERYWHERE, ref, refusal
from nextlabel.web.request_context import product_version
from nextlabel.web.request_parsing import Request, faults, json_body, validated
from nextlabel.web.schemas.path_parameters import ProjectPath
from nextlabel.web.schemas.response_base import Problem

PROJECT = "/projects/<project>"
OPEN = "x-open"
"""Marks an operation that needs no token; it does not stand in the document."""

M = TypeVar("M", bound=BaseModel)

_DESCRIPTION = (
    "Predict, ask for the labels that matter, take answers, train. Routes at the root address the default project. "
    "Every error is application/problem+json; 400 is what cannot be parsed, 422 what parses and makes no sense."
)


class Routes(APIBlueprint):
    """A blueprint whose views get validated `path`, `query` and `body` by their annotations."""

    @staticmethod
    def create_view_func(
        func: Callable[..., Any],
        header: Any,
        cookie: Any,
        path: type[BaseModel] | None,
        query: type[BaseModel] | None,
        form: Any,
        body: type[BaseModel] | None,
        raw: Any,
        view_class: Any = None,
        view_kwargs: Any = None,
        responses: Any = None,
        validate_response: Any = None,
    ) -> Callable[..., Any]:
        """Return what Flask calls for `func`; the library's signature."""
        del header, cookie, form, raw, view_class, view_kwargs, responses, validate_response

        @wraps(func)
        def view(**named: Any) -> Any:
            arguments: dict[str, BaseModel] = {}
            if path is not None:
                arguments["path"] = address_of(path, named)
            if query is not None:
                arguments["query"] = validated(query, request.args.to_dict())
            if body is not None:
                arguments["body"] = json_body(body)
            return func(**arguments)

        return view

    def says(self, good: Mapping[int, dict[str, Any]], *refusals: int) -> dict[Any, Any]:
        """Return every answer of a route: the good ones, its refusals, and what any route may answer."""
        return {**good, **{status: refusal(status) for status in (*refusals, *EVERYWHERE)}}

    def json(self, model: type[BaseModel], *other_kinds: str, **headers: str) -> dict[str, Any]:
        """Return an answer of `model`; `headers`, with underscores, are those it brings."""
        schemas = parse_body(model)[1]
        self.components_schemas.update(schemas)
        description = (model.__doc__ or "").splitlines()[0]
        kinds: dict[str, Any] = {"application/json": {"schema": ref(model)}}
        kinds.update({kind: {"schema": {"type": "string"}} for kind in other_kinds})
        named = {
            name.replace("_", "-"): {"description": what, "schema": {"type": "string"}}
            for name, what in headers.items()
        }
        return {"description": description, "content": kinds, **({"headers": named} if named else {})}

    def takes_images(self, model: type[BaseModel] | None = None) -> dict[str, Any]:
        """Return the extension that describes a body the library cannot: images, or JSON of `model`."""
        image = {"type": "string", "contentMediaType": "application/octet-stream"}
        form = {
            "type": "object",
            "properties": {"image": {"type": "array", "items": image, "minItems": 1}},
            "required": ["image"],
        }
        content: dict[str, Any] = {"multipart/form-data": {"schema": form}, "image/*": {"schema": {}}}
        if model is not None:
            self.components_schemas.update(parse_body(model)[1])
            content["application/json"] = {"schema": ref(model)}
        return {"requestBody": {"required": True, "content": content}}


def address_of(model: type[M], named: Mapping[str, Any]) -> M:
    """Return what an address names as `model`; NotFound where it cannot name anything."""
    try:
        return model.model_validate(named)
    except ValidationError as error:
        raise NotFound(f"nothing has such an address: {faults(error)[0]}") from None


class Application(OpenAPI):
    """A Flask app that knows its own document."""

    request_class = Request

    def __init__(self, import_name: str, limits: Settings) -> None:
        super().__init__(
            import_name,
            info=Info(title="nextlabel", version=product_version(), description=_DESCRIPTION),
            security_schemes={"token": {"type": "http", "scheme": "bearer"}} if limits.token else {},
            validation_error_model=Problem,
            doc_ui=False,
        )
        self._limits = limits

    def generate_spec_json(self) -> None:
        """Generate the document, and complete what the library cannot say."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        schemas = self.spec_json["components"]["schemas"]
        schemas["Labels"]["properties"]["labels"]["maxItems"] = self._limits.max_labels
        schemas["PredictIds"]["properties"]["ids"]["maxItems"] = self._limits.max_batch
        schemas["PredictVectors"]["properties"]["vectors"]["maxItems"] = self._limits.max_batch
        for address, methods in self.spec_json["paths"].items():
            for operation in methods.values():
                self._complete(address, operation)

    def _complete(self, address: str, operation: dict[str, Any]) -> None:
        if "{project}" in address:
            named = {"name": "project", "in": "path", "required": True}
            schema = ProjectPath.model_json_schema()["properties"]["project"]
            operation["parameters"] = [{**named, "schema": schema}, *operation.get("parameters", [])]
        for parameter in operation.get("parameters", []):
            if parameter["name"] == "size" and address.endswith("/query"):
                parameter["schema"]["maximum"] = self._limits.max_query
        responses = operation["responses"]
        if "application/json" in responses["422"].get("content", {}):
            del responses["422"]  # added by the library to what takes nothing that could be wrong
        is_open = operation.pop(OPEN, False)
        if self._limits.token and not is_open:
            operation["security"] = [{"token": []}]
            responses["401"] = refusal(401)
        operation["responses"] = dict(sorted(responses.items()))


def routes(name: str, *, of_project: bool = False) -> Routes:
    """Return an empty blueprint; `of_project`: under /projects/<project>."""

    def operation(*, name: str, path: str, method: str) -> str:
        del path, method
        return f"project_{name}" if of_project else name

    prefix = PROJECT if of_project else None
    return Routes(
        f"project-{name}" if of_project else name, __name__, url_prefix=prefix, operation_id_callback=operation
    )
