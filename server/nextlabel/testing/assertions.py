"""What all checks share: one way to fail, and what every record must be."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any, TypeVar

import numpy as np

from nextlabel.contracts.errors import ProjectError
from nextlabel.contracts.plugin_records import Record
from nextlabel.engine.plugins.parameters import describe, validate
from nextlabel.engine.plugins.registry import resolve
from nextlabel.engine.plugins.validate_records import reserved_name_error
from nextlabel.engine.project_files import NAME

R = TypeVar("R")


def require(condition: object, message: str) -> None:
    """Raise AssertionError with `message` unless `condition` holds; `python -O` changes nothing."""
    if not condition:
        raise AssertionError(message)


@contextmanager
def blamed(who: str) -> Iterator[None]:
    """Turn whatever is raised within into an AssertionError that names `who`."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{who}: {error}") from error
    except Exception as error:
        raise AssertionError(f"{who}: raised {type(error).__name__}: {error}") from error


@contextmanager
def no_global_randomness() -> Iterator[None]:
    """Fail where what runs within draws from, seeds or sets anything global."""
    before = _global_state()
    yield
    for name, state in _global_state().items():
        require(
            before.get(name, state) == state,
            f"it changes the global {name}; all randomness comes from what it is given",
        )


def check_record(record: Record[R], parameters: Mapping[str, Any] | None, role: type) -> Callable[[], Any]:
    """Check what every record says, and return what makes the plugin."""
    name = record.name
    require(
        isinstance(name, str) and NAME.fullmatch(name),
        f"{name!r} is not a name: lower-case letters, digits and hyphens, 63 at most",
    )
    require(
        isinstance(record.summary, str) and record.summary.strip() and "\n" not in record.summary,
        f"{name}: its summary must be one line that says something, not {record.summary!r}",
    )
    kind = record.parameters
    frozen = isinstance(kind, type) and is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    require(frozen, f"{name}: its parameters must be a frozen dataclass, not {record.parameters!r}")
    reserved = reserved_name_error(record)
    require(reserved is None, f"{name}: its {reserved}")
    try:
        described = describe(record.parameters)
        if not described["required"]:  # a project may set nothing
            validate(record.parameters, {}, name)
        made = validate(record.parameters, parameters or {}, name)
    except ProjectError as error:
        raise AssertionError(f"{error}; give the check valid `parameters`") from error
    except Exception as error:
        raise AssertionError(f"{name}: its parameters cannot be used: {error}") from error
    for field, schema in described["properties"].items():
        require(schema.get("description"), f"{name}: its parameter {field!r} has no help line")
    with blamed(name):
        target = resolve(record.target)
    require(
        isinstance(target, type) and issubclass(target, role),
        f"{name}: its target {target!r} is not a class below {role.__name__}",
    )
    return lambda: target(made)


def _global_state() -> dict[str, bytes]:
    state = {
        "random generator of Python": pickle.dumps(random.getstate()),
        "random generator of numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002 - watched, not used
    }
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "random"):
        state["random generator of torch"] = torch.random.get_rng_state().numpy().tobytes()
        state["thread count of torch"] = pickle.dumps(torch.get_num_threads())
        state["default type of torch"] = pickle.dumps(str(torch.get_default_dtype()))
        state["gradient mode of torch"] = pickle.dumps(torch.is_grad_enabled())
    return state


def read_only(array: Any) -> Any:
    """Return a copy of `array` that refuses to be written to."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy
