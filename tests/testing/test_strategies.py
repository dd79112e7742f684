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


class GlobalSeed(Valid):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        np.random.seed(0)  # noqa: NPY002 - the fault
        return super().score(pool, rng)


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


class Farthest(Strategy[Any]):
    """The items farthest from the covered ones, whose distances to the earlier ones are prepared."""

    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"distance": distances(pool.embeddings, pool.covered_embeddings)}

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        apart = distances(pool.embeddings, pool.new_embeddings)
        return np.minimum(pool.prepared.get("distance", np.float32(9e9)), apart)


class PreparesNothing(Farthest):
    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {}


class ForgetsNew(Farthest):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.prepared.get("distance", distances(pool.embeddings, pool.covered_embeddings))


class Reverses(Farthest):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return super().score(pool, rng) * (-1 if pool.prepared else 1)


class PreparesOnly(Farthest):
    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return np.minimum(pool.prepared["distance"], distances(pool.embeddings, pool.new_embeddings))


class HidesArrays(Farthest):
    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        self.distance = distances(pool.embeddings, pool.covered_embeddings)
        return super().prepare(pool, rng)

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return self.distance[: pool.size] if pool.prepared else super().score(pool, rng)


class MixesIndices(Farthest):
    """Takes positions in the whole pool for positions in this pool."""

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return super().score(pool, rng)[pool.positions]


class PreparesOpenOnly(Farthest):
    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"distance": super().prepare(pool, rng)["distance"][1:]}


class PreparesList(Farthest):
    def prepare(self, pool: Pool, rng: np.random.Generator) -> Any:
        return [super().prepare(pool, rng)]


class PreparesPath(Farthest):
    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"../distance": np.zeros(pool.size)}


class PreparesAtRandom(Farthest):
    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"distance": np.random.default_rng().random(pool.size)}


class Disagreement(Strategy[Any]):
    """How much the samples vary, which is computed for each item when the pool is scored."""

    def summarize(self, pool: Pool) -> dict[str, np.ndarray]:
        return {"spread": pool.samples.std(axis=0).sum(axis=1)}

    def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        return pool.prepared.get("spread", np.zeros(pool.size, np.float32))


class DependsOnPart(Disagreement):
    def summarize(self, pool: Pool) -> dict[str, np.ndarray]:
        spread = super().summarize(pool)["spread"]
        return {"spread": spread - spread.mean()}


class SummarizesTwice(Disagreement):
    def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"spread": np.zeros(pool.size)}


class ReadsRows(Valid):
    """Reads all probabilities, and the embeddings of the chosen items."""

    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> Selection:
        chosen = super().choose(pool, scores, size, rng)
        return Selection(chosen, np.linalg.norm(pool.rows("embeddings", chosen), axis=1))


class ReadsAll(Valid):
    def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        chosen = super().choose(pool, scores, size, rng)
        return chosen[np.argsort(pool.embeddings[chosen].sum(axis=1))]


class NotAStrategy:
    def __init__(self, parameters: object) -> None:
        self.parameters = parameters


def distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return each point's distance to the nearest of the others, or a large number if there are none."""
    apart = np.linalg.norm(points[:, None] - others, axis=2)
    return apart.min(axis=1, initial=1e9)


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
        (GlobalSeed, "changes the global random generator of numpy"),
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


COVERED = ("embeddings", "covered_embeddings")


def test_a_valid_strategy_with_prepared_arrays_passes() -> None:
    check_strategy(plugin(Farthest, needs=COVERED))
    check_strategy(plugin(PreparesNothing, needs=COVERED))
    check_strategy(plugin(Disagreement, needs=(), summary_needs=["samples"]), rows=10_000)


def test_a_choice_may_have_scores_of_its_own() -> None:
    check_strategy(plugin(ReadsRows, needs=["probabilities", "embeddings"]))


@pytest.mark.parametrize(
    ("target", "fields", "message"),
    [
        (ForgetsNew, {"needs": COVERED}, "with prepared arrays and without"),
        (Reverses, {"needs": COVERED}, r"and \[.*\] without; .* pass approximate=\['odd'\] to check_plugin"),
        (PreparesOnly, {"needs": COVERED}, "on the pool 'ordinary': raised KeyError: 'distance'"),
        (HidesArrays, {"needs": COVERED}, "with prepared arrays: raised AttributeError"),
        (MixesIndices, {"needs": COVERED}, "on the pool 'ordinary': raised IndexError"),
        (
            PreparesOpenOnly,
            {"needs": COVERED},
            r"prepare\(\) must return arrays of numbers with 47 rows, not 'distance'",
        ),
        (PreparesList, {"needs": COVERED}, r"prepare\(\) returned list, not a mapping of arrays by name"),
        (PreparesPath, {"needs": COVERED}, "an array called '../distance'; use letters"),
        (PreparesAtRandom, {"needs": COVERED}, r"prepare\(\) returns other arrays for the same pool and seed"),
        (Farthest, {"needs": ["embeddings"]}, "uses 'covered_embeddings' without declaring it"),
        (DependsOnPart, {"needs": (), "summary_needs": ["samples"]}, "returns other rows for 1 items at a time"),
        (SummarizesTwice, {"needs": (), "summary_needs": ["samples"]}, r"both return \['spread'\]"),
        (Disagreement, {"needs": ["samples"]}, "uses 'samples' without declaring it"),
        (Disagreement, {"needs": (), "summary_needs": ["samples", "std"]}, "no model provides both"),
        (Disagreement, {"needs": (), "summary_needs": ["samples", "embeddings"]}, "remove it from summary_needs"),
    ],
)
def test_faults_of_prepared_arrays_are_reported(target: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message) as error:
        check_strategy(plugin(target, **fields))
    assert str(error.value).startswith("odd")


def test_prepared_arrays_may_be_approximate_if_that_is_declared() -> None:
    check_strategy(plugin(ForgetsNew, needs=COVERED), approximate=True)


def test_an_import_that_draws_random_numbers_is_not_blamed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "draws_when_imported.py").write_text("import random\nrandom.random()\n")
    monkeypatch.syspath_prepend(tmp_path)

    class Imports(Valid):
        def choose(self, pool: Pool, scores: np.ndarray, size: int, rng: np.random.Generator) -> Any:
            import draws_when_imported  # noqa: F401

            return super().choose(pool, scores, size, rng)

    check_strategy(plugin(Imports))


def test_reading_a_whole_array_is_reported_on_request() -> None:
    needs = ["probabilities", "embeddings"]
    check_strategy(plugin(ReadsAll, needs=needs), rows=5_000)
    check_strategy(plugin(ReadsRows, needs=needs), rows=5_000, few_rows=["embeddings"])
    with pytest.raises(AssertionError, match="a query for 100 items read 5,000 rows of embeddings"):
        check_strategy(plugin(ReadsAll, needs=needs), rows=5_000, few_rows=["embeddings"])


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
