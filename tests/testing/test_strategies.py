"""The checks of strategies: a sound one passes, and each way of being broken is caught and named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pytest

from nextlabel.contracts import Bounds, NoParameters, Pool, Selection, Strategy, StrategyPlugin
from nextlabel.testing import check_strategy


class Sound(Strategy[Any]):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return -pool.probabilities.max(axis=1)


class OneTooMany(Sound):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size + 1) % pool.size


class Repeats(Sound):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.zeros(size, np.int64)


class Outside(Sound):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size) - 1


class Real(Sound):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size) * 1.0

    def select(self, pool: Pool, size: int, rng: np.random.Generator) -> Selection:
        size = min(size, pool.size)
        return Selection(np.arange(size) * 1.0, np.zeros(size))


class Unseeded(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.max(axis=1) + np.random.default_rng().random(pool.size)


class GlobalDraws(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.max(axis=1) + np.random.rand(pool.size)  # noqa: NPY002 - the fault


class Remembers(Sound):
    calls = 0

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        self.calls += 1
        return pool.probabilities.max(axis=1) * (-1) ** self.calls


class Writes(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        pool.probabilities.sort(axis=1)
        return pool.probabilities[:, -1]


class Logarithm(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        with np.errstate(all="ignore"):
            return -(pool.probabilities * np.log(pool.probabilities)).sum(axis=1)


class Matrix(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities

    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(size)


class Ranks(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.argmax(axis=1)


class NeedsTwoItems(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.probabilities.max(axis=1) - pool.probabilities[1, 0]


class NeedsLabels(Strategy[Any]):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        apart = ((pool.embeddings[:, None] - pool.labelled_embeddings) ** 2).sum(axis=2)
        return apart.min(axis=1)


class WantsMemory(Sound):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return np.repeat(pool.probabilities, 8, axis=1).max(axis=1)


class NotAStrategy:
    def __init__(self, parameters: object) -> None:
        self.parameters = parameters


def plugin(target: Any, needs: Iterable[Any] = ("probabilities",), **given: Any) -> StrategyPlugin:
    return StrategyPlugin(**{"name": "odd", "summary": "one line", "target": target, "needs": needs, **given})


def test_a_sound_strategy_passes() -> None:
    check_strategy(plugin(Sound), rows=10_000)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (OneTooMany, r"asked for 1 of the pool 'ordinary' \(40 items\): it chose \(2,\) items instead of 1"),
        (Repeats, "chose an item twice"),
        (Outside, r"positions \[-1\] lie outside the pool"),
        (Real, "positions must be whole numbers, not float64"),
        (Unseeded, "another instance chooses otherwise"),
        (Remembers, "the same instance again chooses otherwise"),
        (GlobalDraws, "changes the global random generator of numpy"),
        (Writes, "writes into the arrays it was given"),
        (Logarithm, r"'every item surely of one class': score\(\) gave numbers that are not finite"),
        (Matrix, r"score\(\) gave shape \(40, 4\) for 40 items"),
        (Ranks, r"score\(\) must give real numbers, not int64"),
        (NeedsTwoItems, "'one item'.*IndexError"),
        (NotAStrategy, "is not a class below Strategy"),
        ("nowhere:Nothing", "cannot be loaded"),
    ],
)
def test_what_is_broken_is_caught(target: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_strategy(plugin(target))
    assert str(error.value).startswith("odd")


def test_what_is_needed_must_be_declared_and_used() -> None:
    with pytest.raises(AssertionError, match="uses 'probabilities' and did not declare it"):
        check_strategy(plugin(Sound, needs=()))
    with pytest.raises(AssertionError, match=r"declares \['embeddings', 'samples'\] and never reads it"):
        check_strategy(plugin(Sound, needs=["samples", "probabilities", "embeddings"]))
    with pytest.raises(AssertionError, match=r"needs .'entropy'., which nothing computes; valid: probabilities"):
        check_strategy(plugin(Sound, needs=["entropy"]))
    with pytest.raises(AssertionError, match="a list of names, not one text"):
        check_strategy(plugin(Sound, needs="probabilities"))


def test_nothing_labelled_yet_must_be_coped_with() -> None:
    with pytest.raises(AssertionError, match="'nothing labelled yet'"):
        check_strategy(plugin(NeedsLabels, needs=["embeddings", "labelled_embeddings"]))


def test_memory_is_measured_on_a_large_pool() -> None:
    check_strategy(plugin(WantsMemory))
    check_strategy(plugin(Sound), rows=100_000, memory=4 << 20)
    with pytest.raises(AssertionError, match=r"on 100,000 items: it took .* bytes beside the pool; at most 4,194,304"):
        check_strategy(plugin(WantsMemory), rows=100_000, memory=4 << 20)


@dataclass(frozen=True)
class Helpful:
    share: Annotated[float, Bounds(ge=0, le=1), "how much"]


@dataclass(frozen=True)
class Grasping:
    also: Annotated[float, "how much"] = 0.5


class Opaque:
    """Nothing that TOML could say."""


@dataclass(frozen=True)
class Odd:
    share: Annotated[Opaque | None, "how much"] = None


@dataclass(frozen=True)
class Contrary:
    share: Annotated[float, "how much"] = 0.5

    def __post_init__(self) -> None:
        if self.share > 0.25:
            raise ValueError(f"a share of {self.share} is too much")


@dataclass
class Loose:
    share: Annotated[float, "how much"] = 0.5


@dataclass(frozen=True)
class Silent:
    share: float = 0.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "Not_A_Name"}, "is not a name: lower-case"),
        ({"summary": "two\nlines"}, "must be one line"),
        ({"summary": " "}, "must be one line that says something"),
        ({"parameters": Loose}, "must be a frozen dataclass"),
        ({"parameters": dict}, "must be a frozen dataclass"),
        ({"parameters": Silent()}, "must be a frozen dataclass"),
        ({"parameters": Grasping}, "odd: its parameter 'also' can never be set: 'also' is reserved"),
        ({"parameters": Odd}, "odd: its parameters cannot be used: the parameters Odd cannot be read"),
        ({"parameters": Contrary}, "Contrary refuse their own defaults: a share of 0.5 is too much"),
        ({"parameters": Silent}, "'share' has no help line"),
        ({"parameters": Helpful}, "share: field required; give the check valid `parameters`"),
    ],
)
def test_the_record_is_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_strategy(plugin(Sound, **given))


def test_parameters_are_handed_on() -> None:
    seen = []

    class Keeps(Sound):
        def __init__(self, parameters: Any) -> None:
            super().__init__(parameters)
            seen.append(parameters)

    check_strategy(plugin(Keeps, parameters=Helpful), {"share": 0.25})
    assert set(seen) == {Helpful(0.25)}
    check_strategy(plugin(Keeps, parameters=NoParameters))


def test_parameters_the_check_is_given_excuse_no_defaults() -> None:
    with pytest.raises(AssertionError, match="Contrary refuse their own defaults"):
        check_strategy(plugin(Sound, parameters=Contrary), {"share": 0.2})
