"""Plugin parameters: a frozen dataclass, checked by pydantic, described for `/info`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, create_model

from nextlabel.contracts.errors import PluginError, ProjectError, suggest
from nextlabel.contracts.records import Bounds, Record
from nextlabel.engine.plugins.registry import Offer, Registry, resolve


def validate(parameters: type, given: Mapping[str, Any], where: str) -> Any:
    """Return an instance of the dataclass made from `given`; ProjectError lists every fault."""
    names = [field.name for field in fields(parameters)]
    faults = [f"{where} has no parameter {name!r}; {suggest(name, names)}" for name in given if name not in names]
    try:
        # as JSON, where a list is as good as a tuple: TOML and the store have no other
        text = json.dumps({name: value for name, value in given.items() if name in names}, default=str)
        checked = _model(parameters).model_validate_json(text)
    except ValidationError as error:
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"])
            got = f", not {fault['input']!r}" if name in given else ""
            faults.append(f"{where}: {name}: {fault['msg'][0].lower()}{fault['msg'][1:]}{got}")
    if faults:
        raise ProjectError("; ".join(faults))
    return parameters(**{name: getattr(checked, name) for name in names})


def build(record: Record[Any], given: Mapping[str, Any], where: str) -> Any:
    """Return the plugin behind `record`, made with validated parameters."""
    return resolve(record.target)(validate(record.parameters, given, where))


def describe(parameters: type) -> dict[str, Any]:
    """Return the JSON schema of the parameters, with defaults, bounds and help."""
    schema = TypeAdapter(_model(parameters)).json_schema()
    return {"properties": schema.get("properties", {}), "required": schema.get("required", [])}


def describe_plugins(registry: Registry) -> dict[str, list[dict[str, Any]]]:
    """Return every strategy, learner and data set with version and parameters."""
    return {
        "strategies": [_offer(o, needs=sorted(o.record.needs)) for o in registry.strategies.values()],
        "learners": [_offer(o, transductive=o.record.transductive) for o in registry.learners.values()],
        "datasets": [_offer(o) for o in registry.datasets.values()],
    }


def _offer(offer: Offer[Any], **more: Any) -> dict[str, Any]:
    try:
        parameters = describe(offer.record.parameters)
    except PluginError as error:  # one plugin's fault is not to hide the others
        parameters = {"properties": {}, "required": [], "error": str(error)}
    return {
        "name": offer.record.name,
        "summary": offer.record.summary,
        "distribution": offer.source.distribution,
        "version": offer.source.version,
        "parameters": parameters,
        **more,
    }


def _model(parameters: type) -> Any:
    try:
        hints = get_type_hints(parameters, include_extras=True)
    except Exception as error:  # a stranger's annotations may name anything
        raise PluginError(f"the parameters {parameters.__name__} cannot be read: {error}") from error
    shape: dict[str, Any] = {}
    for field in fields(parameters):
        hint, limits, help_line = hints[field.name], {}, None
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            for extra in extras:
                if isinstance(extra, Bounds):
                    limits = {name: limit for name, limit in vars(extra).items() if limit is not None}
                elif isinstance(extra, str):
                    help_line = extra
                else:
                    raise PluginError(
                        f"{parameters.__name__}.{field.name}: {extra!r} is neither Bounds nor a help line"
                    )
        if field.default_factory is not MISSING:
            default: Any = field.default_factory()
        else:
            default = ... if field.default is MISSING else field.default
        shape[field.name] = (hint, Field(default, description=help_line, **limits))
    # strict: "3" or True is not a number of epochs; TOML has real types
    return create_model(parameters.__name__, __config__=ConfigDict(strict=True, extra="forbid"), **shape)
