"""Validation and description of plugin parameters."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, ClassVar, Literal

import pytest
from support.toy_learners import Ridge

from nextlabel.contracts import Bounds, NoParameters
from nextlabel.contracts.errors import PluginError, ProjectError
from nextlabel.engine.plugins.parameters import as_given, describe, describe_plugins, validate, with_current_names
from nextlabel.engine.plugins.registry import Registry


@dataclass(frozen=True)
class Parameters:
    needed: int
    rate: Annotated[float, Bounds(gt=0, le=1), "how fast"] = 0.5
    kind: Literal["hard", "soft"] = "hard"
    flag: bool = False
    names: tuple[str, ...] = ()
    sizes: Sequence[int] = (1, 2)
    maybe: int | None = None
    loose: float = 0.0
    listed: Annotated[list[int], "a list"] = field(default_factory=lambda: [1])


def test_defaults_and_values() -> None:
    result = validate(Parameters, {"needed": 3, "rate": 1, "names": ["a", "b"], "sizes": [3]}, "[learner]")
    assert result == Parameters(3, 1.0, names=("a", "b"), sizes=result.sizes)
    assert list(result.sizes) == [3]
    assert isinstance(result.rate, float)
    assert validate(Parameters, {"needed": 3, "maybe": 4}, "x").maybe == 4


def test_stored_parameters_give_the_same_instance() -> None:
    """A query's record stores its parameters as JSON."""
    result = validate(Parameters, {"needed": 3, "names": ["a"], "sizes": [4]}, "x")
    assert validate(Parameters, json.loads(json.dumps(asdict(result))), "x") == result


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "[learner]: needed: field required"),
        ({"needed": "3"}, "needed: input should be a valid integer, not '3'"),
        ({"needed": True}, "needed: input should be a valid integer, not True"),
        ({"needed": 1.5}, "needed: input should be a valid integer"),
        ({"needed": 1, "rate": 0}, "rate: input should be greater than 0, not 0"),
        ({"needed": 1, "rate": 1.5}, "rate: input should be less than or equal to 1, not 1.5"),
        ({"needed": 1, "loose": float("inf")}, "loose: input should be a finite number"),
        ({"needed": 1, "loose": float("nan")}, "loose: input should be a finite number"),
        ({"needed": 1, "kind": "softt"}, "kind: input should be 'hard' or 'soft', not 'softt'"),
        ({"needed": 1, "flag": 1}, "flag: input should be a valid boolean"),
        ({"needed": 1, "nmaes": []}, "[learner] has no parameter 'nmaes'; did you mean 'names'? valid: needed, rate"),
    ],
)
def test_invalid_values_are_refused_with_the_reason(values: dict[str, object], reason: str) -> None:
    with pytest.raises(ProjectError) as caught:
        validate(Parameters, values, "[learner]")
    assert reason in str(caught.value)


def test_every_fault_is_listed() -> None:
    with pytest.raises(ProjectError) as caught:
        validate(Parameters, {"rate": 2, "unknown": 1}, "[learner]")
    assert len(str(caught.value).split("; ")) >= 3


def test_no_parameters() -> None:
    assert validate(NoParameters, {}, "x") == NoParameters()
    with pytest.raises(ProjectError, match="no parameter 'size'; there are none"):
        validate(NoParameters, {"size": 1}, "x")


def test_the_description_has_defaults_bounds_and_help() -> None:
    description = describe(Parameters)
    assert description["required"] == ["needed"]
    rate = description["properties"]["rate"]
    assert (rate["default"], rate["exclusiveMinimum"], rate["maximum"], rate["description"]) == (
        0.5,
        0.0,
        1.0,
        "how fast",
    )
    assert describe(NoParameters) == {"properties": {}, "required": []}


def test_unreadable_annotations_are_the_plugins_fault() -> None:
    @dataclass(frozen=True)
    class UnknownExtra:
        size: Annotated[int, 3] = 1

    @dataclass(frozen=True)
    class UnknownType:
        size: NoSuchName = 1  # type: ignore[name-defined]  # noqa: F821

    for parameters in (UnknownExtra, UnknownType):
        with pytest.raises(PluginError):
            validate(parameters, {}, "x")


class Opaque:
    """A type that TOML cannot express."""


@dataclass(frozen=True)
class Unsupported:
    thing: Opaque | None = None


@dataclass(frozen=True)
class Underlined:
    _size: int = 1


@dataclass(frozen=True)
class BrokenDefault:
    sizes: list[int] = field(default_factory=lambda: [1 // 0])


@dataclass(frozen=True)
class Unordered:
    names: Annotated[tuple[str, ...], Bounds(ge=1)] = ()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (Unsupported, r"Unsupported cannot be read: Unable to generate .*Opaque'>; a parameter is an int, float"),
        (Underlined, "Underlined cannot be read: Fields must not use names with leading underscores"),
        (BrokenDefault, r"BrokenDefault\.sizes: its default cannot be created: integer division"),
    ],
)
def test_unsupported_fields_are_the_plugins_fault(parameters: type, reason: str) -> None:
    for use in (describe, lambda parameters: validate(parameters, {}, "x")):
        with pytest.raises(PluginError, match=reason):
            use(parameters)


def test_bounds_on_types_without_an_order_are_the_plugins_fault() -> None:
    with pytest.raises(PluginError, match="Unordered cannot be checked: Unable to apply constraint 'ge'"):
        validate(Unordered, {"names": ["a"]}, "x")


@dataclass(frozen=True)
class Nested:
    pairs: dict[str, tuple[int, ...]] = field(default_factory=lambda: {"a": (1, 2)})
    sizes: tuple[int, ...] = (3,)


@dataclass(frozen=True)
class Range:
    """Two values that must fit together."""

    low: int = 0
    high: int = 1
    width: int = field(init=False)

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        object.__setattr__(self, "width", self.high - self.low)


@dataclass(frozen=True)
class BadDefaults(Range):
    low: int = 2


def test_as_given_recreates_the_instance() -> None:
    result = validate(Range, {"high": 3}, "[learner]")
    assert as_given(result) == {"low": 0, "high": 3}  # a query's record stores it for a replay
    assert validate(Range, as_given(result), "[learner]") == result
    nested = validate(Nested, {"sizes": [4, 5]}, "[learner]")
    assert as_given(nested) == {"pairs": {"a": [1, 2]}, "sizes": [4, 5]}
    assert validate(Nested, as_given(nested), "[learner]") == nested


def test_values_that_do_not_fit_together_are_the_projects_fault() -> None:
    assert validate(Range, {"high": 3}, "[learner]").width == 3
    with pytest.raises(ProjectError, match=r"^\[learner\]: low 2 is above high 1$"):
        validate(Range, {"low": 2}, "[learner]")


def test_derived_fields_are_no_parameters() -> None:
    assert set(describe(Range)["properties"]) == {"low", "high"}
    with pytest.raises(ProjectError, match="no parameter 'width'"):
        validate(Range, {"width": 2}, "[learner]")


def test_defaults_that_do_not_fit_together_are_the_plugins_fault() -> None:
    assert validate(BadDefaults, {"high": 3}, "[learner]").width == 1
    for values in ({}, {"low": 3}):
        with pytest.raises(PluginError, match="BadDefaults refuse their own defaults: low 2 is above high 1"):
            validate(BadDefaults, values, "[learner]")


def test_a_faulty_plugin_does_not_hide_others(plugged: Callable[..., Registry]) -> None:
    descriptions = {
        offer["name"]: offer["parameters"]
        for offer in describe_plugins(plugged(Ridge, parameters=Unsupported))["learners"]
    }
    assert "Unsupported cannot be read" in descriptions["toy-ridge"]["error"]
    assert descriptions["cnn"]["properties"]


@dataclass(frozen=True)
class Renamed:
    speed: int = 1

    former_names: ClassVar[dict[str, str]] = {"pace": "speed"}


def test_a_former_name_is_refused_with_the_current_one() -> None:
    with pytest.raises(ProjectError, match=r"^\[learner\] pace: renamed to speed$"):
        validate(Renamed, {"pace": 2}, "[learner]")


def test_stored_values_get_the_current_names() -> None:
    assert with_current_names(Renamed, {"pace": 2, "other": 3}) == {"speed": 2, "other": 3}
    assert with_current_names(NoParameters, {"pace": 2}) == {"pace": 2}
