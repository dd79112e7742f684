"""Validates plugin parameters, which a plugin declares as a frozen dataclass, and describes them for `/info`.

The dataclass is third-party code. Any exception raised while it is read, described or
instantiated becomes a PluginError or a ProjectError here, so that one faulty plugin does not
stop the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from dataclasses import Field as Parameter
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from nextlabel.contracts.errors import PluginError, ProjectError, suggest
from nextlabel.contracts.plugin_records import Bounds, Record
from nextlabel.engine.plugins.registry import Offer, Registry, resolve
from nextlabel.store import json_utils


def validate(parameters: type, values: Mapping[str, Any], where: str) -> Any:
    """Return an instance of the dataclass with `values`; `where` begins the error messages.

    Raises ProjectError that lists every fault of `values`, or PluginError if the dataclass
    itself is faulty.
    """
    names = [parameter.name for parameter in _settable(parameters)]
    former = _former_names(parameters)
    faults = []
    for name in values:
        if name in former and name not in names:
            faults.append(f"{where} {name}: renamed to {former[name]}")
        elif name not in names:
            faults.append(f"{where} has no parameter {name!r}; {suggest(name, names)}")
    model = _model(parameters)
    # validated as JSON, where a list is accepted for a tuple: TOML and the database have only lists
    text = json.dumps({name: value for name, value in values.items() if name in names}, default=str)
    try:
        checked = model.model_validate_json(text)
    except ValidationError as error:
        faults += [_fault(fault, values, where) for fault in error.errors()]
    except Exception as error:  # Bounds on a type without an order, for example, fail only with a value
        raise PluginError(f"the parameters {parameters.__name__} cannot be checked: {_sentence(error)}") from error
    if faults:
        raise ProjectError("; ".join(faults))
    return _instantiate(parameters, {name: getattr(checked, name) for name in names}, where)


def with_current_names(parameters: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored `values` with former parameter names replaced by the current ones."""
    former = _former_names(parameters)
    return {former.get(name, name): value for name, value in values.items()}


def as_given(parameters: Any) -> dict[str, Any]:
    """Return the values an instance was created with, as JSON has them: a tuple is a list. `validate` accepts them."""
    values = asdict(parameters)
    return {parameter.name: json_utils.plain(values[parameter.name]) for parameter in _settable(type(parameters))}


def build(record: Record[Any], values: Mapping[str, Any], where: str) -> Any:
    """Return the plugin of `record`, created with validated parameters."""
    return resolve(record.target)(validate(record.parameters, values, where))


def describe(parameters: type) -> dict[str, Any]:
    """Return the JSON schema of the parameters, with defaults, bounds and help lines."""
    model = _model(parameters)
    try:
        schema = model.model_json_schema()
    except Exception as error:  # a type that can be checked but not described in JSON
        raise PluginError(f"the parameters {parameters.__name__} cannot be described: {_sentence(error)}") from error
    return {"properties": schema.get("properties", {}), "required": schema.get("required", [])}


def describe_plugins(registry: Registry) -> dict[str, list[dict[str, Any]]]:
    """Return every strategy, learner, backbone and data set with its version and parameters."""
    return {
        "strategies": [_offer(o, needs=sorted(o.record.needs)) for o in registry.strategies.values()],
        "learners": [_offer(o, transductive=o.record.transductive) for o in registry.learners.values()],
        "backbones": [_offer(o) for o in registry.backbones.values()],
        "datasets": [_offer(o) for o in registry.datasets.values()],
    }


def _offer(offer: Offer[Any], **more: Any) -> dict[str, Any]:
    try:
        parameters = describe(offer.record.parameters)
    except PluginError as error:  # a faulty plugin does not hide the others
        parameters = {"properties": {}, "required": [], "error": str(error)}
    return {
        "name": offer.record.name,
        "summary": offer.record.summary,
        "distribution": offer.source.distribution,
        "version": offer.source.version,
        "parameters": parameters,
        **more,
    }


def _settable(parameters: type) -> list[Parameter[Any]]:
    return [parameter for parameter in fields(parameters) if parameter.init]


def _former_names(parameters: type) -> Mapping[str, str]:
    """Return the current name of each former parameter name, as the dataclass declares them."""
    former_names: Mapping[str, str] = getattr(parameters, "former_names", {})
    return former_names


def _model(parameters: type) -> type[BaseModel]:
    """Return a pydantic model with the settable fields of the dataclass.

    A model and not `pydantic.dataclasses.dataclass`, which returns instances of a subclass and
    knows neither `Bounds` nor help lines.
    """
    try:
        hints = get_type_hints(parameters, include_extras=True)
    except Exception as error:  # third-party annotations may raise anything
        raise PluginError(f"the parameters {parameters.__name__} cannot be read: {error}") from error
    shape: dict[str, Any] = {
        parameter.name: _field(parameter, hints[parameter.name], f"{parameters.__name__}.{parameter.name}")
        for parameter in _settable(parameters)
    }
    # strict: "3" or True is no number of epochs; TOML has proper types
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    try:
        return create_model(parameters.__name__, __config__=config, **shape)
    except Exception as error:  # pydantic raises many types, for a type it cannot check or a forbidden name
        raise PluginError(
            f"the parameters {parameters.__name__} cannot be read: {_sentence(error)}; "
            "a parameter is an int, float, bool, str or Literal, or a list, tuple or dict of them"
        ) from error


def _field(parameter: Parameter[Any], hint: Any, name: str) -> tuple[Any, Any]:
    """Return the type of a parameter, and its default, bounds and help line, for pydantic."""
    bounds, help_line = {}, None
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        for extra in extras:
            if isinstance(extra, Bounds):
                bounds = {bound: limit for bound, limit in vars(extra).items() if limit is not None}
            elif isinstance(extra, str):
                help_line = extra
            else:
                raise PluginError(f"{name}: {extra!r} is neither Bounds nor a help line")
    return hint, Field(_default(parameter, name), description=help_line, **bounds)


def _default(parameter: Parameter[Any], name: str) -> Any:
    if parameter.default_factory is MISSING:
        return ... if parameter.default is MISSING else parameter.default
    try:
        return parameter.default_factory()
    except Exception as error:
        raise PluginError(f"{name}: its default cannot be created: {_text(error)}") from error


def _fault(fault: Any, values: Mapping[str, Any], where: str) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    actual = f", not {fault['input']!r}" if name in values else ""
    return f"{where}: {name}: {fault['msg'][0].lower()}{fault['msg'][1:]}{actual}"


def _instantiate(parameters: type, values: Mapping[str, Any], where: str) -> Any:
    try:
        return parameters(**values)
    except Exception as error:  # its __post_init__ refuses values that do not fit together
        _check_defaults(parameters)
        raise ProjectError(f"{where}: {_text(error)}") from error


def _check_defaults(parameters: type) -> None:
    """Raise PluginError if the defaults alone are refused, which is no fault of the project."""
    if any(
        parameter.default is MISSING and parameter.default_factory is MISSING for parameter in _settable(parameters)
    ):
        return
    try:
        parameters()
    except Exception as error:
        raise PluginError(f"the parameters {parameters.__name__} refuse their own defaults: {_text(error)}") from error


def _text(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _sentence(error: Exception) -> str:
    """Return the first sentence; pydantic continues with advice for its direct users."""
    return _text(error).partition(". ")[0].rstrip(".")
