"""Parameters: checked, with reasons, and described."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

import pytest

from nextlabel.contracts import Bounds, NoParameters
from nextlabel.contracts.errors import PluginError, ProjectError
from nextlabel.engine.plugins.parameters import describe, validate


@dataclass(frozen=True)
class Parameters:
    needed: int
    rate: Annotated[float, Bounds(gt=0, le=1), "how fast"] = 0.5
    kind: Literal["hard", "soft"] = "hard"
    flag: bool = False
    names: tuple[str, ...] = ()
    sizes: Sequence[int] = (1, 2)
    maybe: int | None = None
    listed: Annotated[list[int], "a list"] = field(default_factory=lambda: [1])


def test_defaults_and_given_values() -> None:
    made = validate(Parameters, {"needed": 3, "rate": 1, "names": ["a", "b"], "sizes": [3]}, "[learner]")
    assert made == Parameters(3, 1.0, names=("a", "b"), sizes=made.sizes)
    assert list(made.sizes) == [3]
    assert isinstance(made.rate, float)
    assert validate(Parameters, {"needed": 3, "maybe": 4}, "x").maybe == 4


def test_what_was_stored_gives_the_same_again() -> None:
    """A query's record holds its parameters as JSON."""
    made = validate(Parameters, {"needed": 3, "names": ["a"], "sizes": [4]}, "x")
    assert validate(Parameters, json.loads(json.dumps(asdict(made))), "x") == made


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "[learner]: needed: field required"),
        ({"needed": "3"}, "needed: input should be a valid integer, not '3'"),
        ({"needed": True}, "needed: input should be a valid integer, not True"),
        ({"needed": 1.5}, "needed: input should be a valid integer"),
        ({"needed": 1, "rate": 0}, "rate: input should be greater than 0, not 0"),
        ({"needed": 1, "rate": 1.5}, "rate: input should be less than or equal to 1, not 1.5"),
        ({"needed": 1, "kind": "softt"}, "kind: input should be 'hard' or 'soft', not 'softt'"),
        ({"needed": 1, "flag": 1}, "flag: input should be a valid boolean"),
        ({"needed": 1, "nmaes": []}, "[learner] has no parameter 'nmaes'; did you mean 'names'? valid: needed, rate"),
    ],
)
def test_a_bad_value_is_refused_with_the_reason(given: dict[str, object], reason: str) -> None:
    with pytest.raises(ProjectError) as caught:
        validate(Parameters, given, "[learner]")
    assert reason in str(caught.value)


def test_every_fault_is_told() -> None:
    with pytest.raises(ProjectError) as caught:
        validate(Parameters, {"rate": 2, "what": 1}, "[learner]")
    assert len(str(caught.value).split("; ")) >= 3


def test_no_parameters() -> None:
    assert validate(NoParameters, {}, "x") == NoParameters()
    with pytest.raises(ProjectError, match="no parameter 'size'; there are none"):
        validate(NoParameters, {"size": 1}, "x")


def test_the_description_holds_defaults_bounds_and_help() -> None:
    said = describe(Parameters)
    assert said["required"] == ["needed"]
    rate = said["properties"]["rate"]
    assert (rate["default"], rate["exclusiveMinimum"], rate["maximum"], rate["description"]) == (
        0.5,
        0.0,
        1.0,
        "how fast",
    )
    assert describe(NoParameters) == {"properties": {}, "required": []}


def test_an_annotation_that_cannot_be_read_is_the_plugins_fault() -> None:
    @dataclass(frozen=True)
    class Strange:
        size: Annotated[int, 3] = 1

    @dataclass(frozen=True)
    class Stranger:
        size: NoSuchName = 1  # type: ignore[name-defined]  # noqa: F821

    for parameters in (Strange, Stranger):
        with pytest.raises(PluginError):
            validate(parameters, {}, "x")
