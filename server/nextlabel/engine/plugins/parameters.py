"""Plugin parameters: a frozen dataclass, checked by pydantic, described for `/info`.

The dataclass is a stranger's: whatever reading, describing or making it raises becomes a
PluginError or a ProjectError here, because one plugin's fault must not stop the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from dataclasses import Field as Parameter
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, create_model

from nextlabel.contracts.errors import PluginError, ProjectError, suggest
from nextlabel.contracts.plugin_records import Bounds, Record
from nextlabel.engine.plugins.registry import Offer, Registry, resolve


def validate(parameters: type, given: Mapping[str, Any], where: str) -> Any:
    """Return an instance of the dataclass made from `given`.

    ProjectError lists every fault of `given`; PluginError where the dataclass itself is at fault.
    """
    names = [parameter.name for parameter in _settable(parameters)]
    renamed = _renamed(parameters)
    faults = [
        f"{where} {name}: renamed to {renamed[name]}"
        if name in renamed
        else f"{where} has no parameter {name!r}; {suggest(name, names)}"
        for name in given
        if name not in names
    ]
    model = _model(parameters)
    # as JSON, where a list is as good as a tuple: TOML and the store have no other
    text = json.dumps({name: value for name, value in given.items() if name in names}, default=str)
    try:
        checked = model.model_validate_json(text)
    except ValidationError as error:
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"])
            got = f", not {fault['input']!r}" if name in given else ""
            faults.append(f"{where}: {name}: {fault['msg'][0].lower()}{fault['msg'][1:]}{got}")
    except Exception as error:  # Bounds on what has no order, say, are found out only with a value
        raise PluginError(f"the parameters {parameters.__name__} cannot be checked: {_sentence(error)}") from error
    if faults:
        raise ProjectError("; ".join(faults))
    return _make(parameters, {name: getattr(checked, name) for name in names}, where)


def with_current_names(parameters: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored `values` with former parameter names replaced by the current ones."""
    renamed = _renamed(parameters)
    return {renamed.get(name, name): value for name, value in values.items()}


def as_given(parameters: Any) -> dict[str, Any]:
    """Return what an instance was made with, as plain values: what `validate` takes."""
    plain = asdict(parameters)
    return {parameter.name: plain[parameter.name] for parameter in _settable(type(parameters))}


def build(record: Record[Any], given: Mapping[str, Any], where: str) -> Any:
    """Return the plugin behind `record`, made with validated parameters."""
    return resolve(record.target)(validate(record.parameters, given, where))


def describe(parameters: type) -> dict[str, Any]:
    """Return the JSON schema of the parameters, with defaults, bounds and help."""
    model = _model(parameters)
    try:
        schema = TypeAdapter(model).json_schema()
    except Exception as error:  # a type that can be checked, and not said in JSON
        raise PluginError(f"the parameters {parameters.__name__} cannot be described: {_sentence(error)}") from error
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


def _settable(parameters: type) -> list[Parameter[Any]]:
    return [parameter for parameter in fields(parameters) if parameter.init]


def _renamed(parameters: type) -> Mapping[str, str]:
    """Return the current name of each former parameter name, as the dataclass declares them."""
    former_names: Mapping[str, str] = getattr(parameters, "former_names", {})
    return former_names


def _model(parameters: type) -> Any:
    try:
        hints = get_type_hints(parameters, include_extras=True)
    except Exception as error:  # a stranger's annotations may name anything
        raise PluginError(f"the parameters {parameters.__name__} cannot be read: {error}") from error
    shape: dict[str, Any] = {}
    for parameter in _settable(parameters):
        who = f"{parameters.__name__}.{parameter.name}"
        hint, limits, help_line = hints[parameter.name], {}, None
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
            for extra in extras:
                if isinstance(extra, Bounds):
                    limits = {name: limit for name, limit in vars(extra).items() if limit is not None}
                elif isinstance(extra, str):
                    help_line = extra
                else:
                    raise PluginError(f"{who}: {extra!r} is neither Bounds nor a help line")
        shape[parameter.name] = (hint, Field(_default(parameter, who), description=help_line, **limits))
    try:
        # strict: "3" or True is not a number of epochs; TOML has real types
        return create_model(
            parameters.__name__, __config__=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False), **shape
        )
    except Exception as error:  # pydantic has many, for a type it cannot check or a name it does not allow
        raise PluginError(
            f"the parameters {parameters.__name__} cannot be read: {_sentence(error)}; "
            "a parameter is an int, float, bool, str or Literal, or a list, tuple or dict of them"
        ) from error


def _default(parameter: Parameter[Any], who: str) -> Any:
    if parameter.default_factory is MISSING:
        return ... if parameter.default is MISSING else parameter.default
    try:
        return parameter.default_factory()
    except Exception as error:
        raise PluginError(f"{who}: its default cannot be made: {_text(error)}") from error


def _make(parameters: type, values: Mapping[str, Any], where: str) -> Any:
    try:
        return parameters(**values)
    except Exception as error:  # its own __post_init__ refuses values that do not go together
        _check_defaults(parameters)
        raise ProjectError(f"{where}: {_text(error)}") from error


def _check_defaults(parameters: type) -> None:
    """Raise PluginError where the defaults alone are refused: no project is to blame then."""
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
    """Return the first sentence: pydantic goes on with advice for those who use it themselves."""
    return _text(error).partition(". ")[0].rstrip(".")
