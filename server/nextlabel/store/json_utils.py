"""JSON as the store writes it: compact, and only with values that every JSON reader knows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def dumps(value: Any, indent: int | None = None) -> str:
    """Return `value` as JSON; NaN and infinities become null, numpy scalars and arrays plain numbers."""
    separators = (",", ":") if indent is None else None
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=separators, indent=indent)


def plain(value: Any) -> Any:
    """Return `value` made of dicts, lists, strings, finite numbers, booleans and None only."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def metrics(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` without those that are not finite, so that metrics are numbers only."""
    return {name: value for name, value in plain(values).items() if value is not None}
