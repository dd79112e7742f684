from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nextlabel.store import json_utils


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": math.nan, "b": [math.inf, -math.inf, 1.5]}, {"a": None, "b": [None, None, 1.5]}),
        ((1, "é", None, True), [1, "é", None, True]),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, np.nan]), [1.0, None]),
        ({1: {"x"}, "y": np.bool_(True)}, {"1": ["x"], "y": True}),
    ],
)
def test_every_json_reader_can_read_the_output(value, expected):
    text = json_utils.dumps(value)
    assert json.loads(text, parse_constant=pytest.fail) == expected
    assert json_utils.plain(value) == expected


def test_floats_keep_every_bit():
    values = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0]
    assert [v.hex() for v in json.loads(json_utils.dumps(values))] == [v.hex() for v in values]


def test_metrics_are_finite_numbers():
    assert json_utils.metrics({"loss": math.nan, "accuracy": np.float32(0.5)}) == {"accuracy": 0.5}


def test_values_outside_json_are_refused():
    with pytest.raises(TypeError):
        json_utils.dumps({"x": object()})
