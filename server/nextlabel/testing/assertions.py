"""Assertions that all checks share, and the check of a plugin's record."""

from __future__ import annotations

import pickle
import random
import re
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
_OF_LIBRARY = re.compile(r"(?!checkpoint:)[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9_.-]{0,62}")
"""A name such as torchvision:resnet18; "checkpoint:<project>" is a source of features that is no plugin."""


def require(condition: object, message: str) -> None:
    """Raise AssertionError with `message` unless `condition` holds, also with `python -O`."""
    if not condition:
        raise AssertionError(message)


@contextmanager
def errors_prefixed(name: str) -> Iterator[None]:
    """Turn any exception raised in the block into an AssertionError whose message begins with `name`."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{name}: {error}") from error
    except Exception as error:
        raise AssertionError(f"{name}: raised {type(error).__name__}: {error}") from error


@contextmanager
def no_global_randomness() -> Iterator[None]:
    """Raise AssertionError if the block draws from, seeds or changes global random or torch state."""
    _advance()  # so that seeding as in an earlier call is a change too
    before = _global_state()
    yield
    for name, state in _global_state().items():
        require(
            before.get(name, state) == state,
            f"it changes the global {name}; use only the seed or generator that is passed",
        )


def check_record(record: Record[R], parameters: Mapping[str, Any] | None, role: type) -> Callable[[], Any]:
    """Check the fields that all records have, and return a function that creates the plugin."""
    name = record.name
    require(
        isinstance(name, str) and (NAME.fullmatch(name) or _OF_LIBRARY.fullmatch(name)),
        f"{name!r} is not a valid name: use lower-case letters, digits and hyphens, at most 63, "
        "or for a library's own network library:name",
    )
    require(
        isinstance(record.summary, str) and record.summary.strip() and "\n" not in record.summary,
        f"{name}: its summary must be one non-empty line, not {record.summary!r}",
    )
    declared = record.parameters
    frozen = isinstance(declared, type) and is_dataclass(declared) and declared.__dataclass_params__.frozen  # type: ignore[attr-defined]
    require(frozen, f"{name}: its parameters must be a frozen dataclass, not {record.parameters!r}")
    reserved_name = reserved_name_error(record)
    require(reserved_name is None, f"{name}: its {reserved_name}")
    try:
        described = describe(record.parameters)
        if not described["required"]:  # a project file may set none of them
            validate(record.parameters, {}, name)
        instance = validate(record.parameters, parameters or {}, name)
    except ProjectError as error:
        raise AssertionError(f"{error}; pass valid `parameters` to the check") from error
    except Exception as error:
        raise AssertionError(f"{name}: its parameters cannot be used: {error}") from error
    for field, schema in described["properties"].items():
        require(schema.get("description"), f"{name}: its parameter {field!r} has no help line")
    with errors_prefixed(name):
        target = resolve(record.target)
    require(
        isinstance(target, type) and issubclass(target, role),
        f"{name}: its target {target!r} is not a subclass of {role.__name__}",
    )
    return lambda: target(instance)


def _advance() -> None:
    random.random()  # noqa: S311 - not for secrets
    np.random.random()  # noqa: NPY002 - observed, not used
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "random"):
        torch.rand(1)


def _global_state() -> dict[str, bytes]:
    state = {
        "random generator of Python": pickle.dumps(random.getstate()),
        "random generator of numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002 - observed, not used
    }
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "random"):
        state["random generator of torch"] = torch.random.get_rng_state().numpy().tobytes()
        state["thread count of torch"] = pickle.dumps(torch.get_num_threads())
        state["default type of torch"] = pickle.dumps(str(torch.get_default_dtype()))
        state["gradient mode of torch"] = pickle.dumps(torch.is_grad_enabled())
    return state


def read_only(array: Any) -> Any:
    """Return a read-only copy of `array`."""
    copy = np.array(array)
    copy.setflags(write=False)
    return copy
