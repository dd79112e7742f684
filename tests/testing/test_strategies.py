"""check_strategy passes a valid strategy and reports each kind of fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pytest

from nextlabel.contracts import Bounds, NoParameters, Pool, Selection, Strategy, StrategyPlugin
from nextlabel.testing import check_strategy


class Valid(Strategy[Any]):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return -pool.probabilities.max(axis=1)


class OneTooMany(Valid):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size + 1) % pool.size


class Repeats(Valid):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(size, np.int64)


class Outside(Valid):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size) - 1


class Real(Valid):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size) * 1.0

    def select(self, pool: Pool, size: int, rng: np.random.Generator) -> Selection:
        size = min(size, pool.size)
        return Selection(np.arange(size) * 1.0, np.zeros(size))


class Unseeded(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.max(axis=1) + np.random.default_rng().random(pool.size)


class GlobalDraws(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.max(axis=1) + np.random.rand(pool.size)  # noqa: NPY002 - the fault


class HasState(Valid):
    calls = 0

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        self.calls += 1
        return pool.probabilities.max(axis=1) * (-1) ** self.calls


class Writes(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        pool.probabilities.sort(axis=1)
        return pool.probabilities[:, -1]


class Logarithm(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        with np.errstate(all="ignore"):
            return -(pool.probabilities * np.log(pool.probabilities)).sum(axis=1)


class Matrix(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities

    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size)


class Ranks(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.argmax(axis=1)


class NeedsTwoItems(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.max(axis=1) - pool.probabilities[1, 0]


class NeedsLabels(Strategy[Any]):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        distances = ((pool.embeddings[:, None] - pool.labelled_embeddings) ** 2).sum(axis=2)
        return distances.min(axis=1)


class UsesMuchMemory(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return np.repeat(pool.probabilities, 8, axis=1).max(axis=1)


class NotAStrategy:
    def __init__(self, parameters: object) -> None:
        self.parameters = parameters


def plugin(target: Any, needs: Iterable[Any] = ("probabilities",), **fields: Any) -> StrategyPlugin:
    return StrategyPlugin(**{"name": "odd", "summary": "one line", "target": target, "needs": needs, **fields})


def test_a_valid_strategy_passes() -> None:
    check_strategy(plugin(Valid), rows=10_000)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (OneTooMany, r"choosing 1 of the pool 'ordinary' \(40 items\): it chose \(2,\) items instead of 1"),
        (Repeats, "chose an item twice"),
        (Outside, r"positions \[-1\] lie outside the pool"),
        (Real, "positions must be whole numbers, not float64"),
        (Unseeded, "another instance chooses other items"),
        (HasState, "the same instance chooses other items"),
        (GlobalDraws, "changes the global random generator of numpy"),
        (Writes, "modifies the arrays that it receives"),
        (Logarithm, r"'every item certainly of one class': score\(\) returned numbers that are not finite"),
        (Matrix, r"score\(\) returned shape \(40, 4\) for 40 items"),
        (Ranks, r"score\(\) must return real numbers, not int64"),
        (NeedsTwoItems, "'one item'.*IndexError"),
        (NotAStrategy, "is not a subclass of Strategy"),
        ("nowhere:Nothing", "cannot be loaded"),
    ],
)
def test_faults_are_reported(target: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_strategy(plugin(target))
    assert str(error.value).startswith("odd")


def test_needs_must_be_declared_and_used() -> None:
    with pytest.raises(AssertionError, match="uses 'probabilities' without declaring it"):
        check_strategy(plugin(Valid, needs=()))
    with pytest.raises(AssertionError, match=r"declares \['embeddings', 'samples'\] but never reads it"):
        check_strategy(plugin(Valid, needs=["samples", "probabilities", "embeddings"]))
    with pytest.raises(AssertionError, match=r"needs .'entropy'., which do not exist; valid: probabilities"):
        check_strategy(plugin(Valid, needs=["entropy"]))
    with pytest.raises(AssertionError, match="a list of names, not a string"):
        check_strategy(plugin(Valid, needs="probabilities"))


def test_strategies_must_handle_pools_without_labels() -> None:
    with pytest.raises(AssertionError, match="'nothing labelled yet'"):
        check_strategy(plugin(NeedsLabels, needs=["embeddings", "labelled_embeddings"]))


def test_memory_is_measured_on_a_large_pool() -> None:
    check_strategy(plugin(UsesMuchMemory))
    check_strategy(plugin(Valid), rows=100_000, memory=4 << 20)
    with pytest.raises(
        AssertionError, match=r"on 100,000 items: it used .* bytes in addition to the pool; at most 4,194,304"
    ):
        check_strategy(plugin(UsesMuchMemory), rows=100_000, memory=4 << 20)


@dataclass(frozen=True)
class RequiredShare:
    share: Annotated[float, Bounds(ge=0, le=1), "how much"]


@dataclass(frozen=True)
class ReservedName:
    also: Annotated[float, "how much"] = 0.5


class UnknownType:
    """A type that TOML cannot express."""


@dataclass(frozen=True)
class UnsupportedType:
    share: Annotated[UnknownType | None, "how much"] = None


@dataclass(frozen=True)
class BadDefaults:
    share: Annotated[float, "how much"] = 0.5

    def __post_init__(self) -> None:
        if self.share > 0.25:
            raise ValueError(f"a share of {self.share} is too much")


@dataclass
class NotFrozen:
    share: Annotated[float, "how much"] = 0.5


@dataclass(frozen=True)
class NoHelp:
    share: float = 0.5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "Not_A_Name"}, "is not a valid name: use lower-case"),
        ({"summary": "two\nlines"}, "must be one non-empty line"),
        ({"summary": " "}, "must be one non-empty line"),
        ({"parameters": NotFrozen}, "must be a frozen dataclass"),
        ({"parameters": dict}, "must be a frozen dataclass"),
        ({"parameters": NoHelp()}, "must be a frozen dataclass"),
        ({"parameters": ReservedName}, "odd: its parameter 'also' can never be set: 'also' is reserved"),
        (
            {"parameters": UnsupportedType},
            "odd: its parameters cannot be used: the parameters UnsupportedType cannot be read",
        ),
        ({"parameters": BadDefaults}, "BadDefaults refuse their own defaults: a share of 0.5 is too much"),
        ({"parameters": NoHelp}, "'share' has no help line"),
        ({"parameters": RequiredShare}, "share: field required; pass valid `parameters` to the check"),
    ],
)
def test_records_are_checked(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_strategy(plugin(Valid, **fields))


def test_parameters_are_passed_to_the_strategy() -> None:
    received = []

    class Records(Valid):
        def __init__(self, parameters: Any) -> None:
            super().__init__(parameters)
            received.append(parameters)

    check_strategy(plugin(Records, parameters=RequiredShare), {"share": 0.25})
    assert set(received) == {RequiredShare(0.25)}
    check_strategy(plugin(Records, parameters=NoParameters))


def test_defaults_must_be_valid_even_with_other_parameters() -> None:
    with pytest.raises(AssertionError, match="BadDefaults refuse their own defaults"):
        check_strategy(plugin(Valid, parameters=BadDefaults), {"share": 0.2})
