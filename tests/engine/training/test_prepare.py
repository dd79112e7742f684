"""What strategies prepare in the worker: what they receive, what is stored, and what is computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.engine import MODULES, SQUARES, ToyProject, candidates, full, ids
from support.toy_learners import Linear
from support.toy_plugins import First, PreparedParameters, Summarized, nearest

from nextlabel.contracts import NumberArray, Pool, Strategy
from nextlabel.contracts.errors import NotReady, Unprocessable
from nextlabel.engine.plugins.registry import Offer, Registry, load
from nextlabel.engine.prepared import PreparedArrays, stored_prepared
from nextlabel.engine.project_files import PluginChoice
from nextlabel.engine.scores import open_scores
from nextlabel.engine.strategies import ChosenStrategy
from nextlabel.engine.training import cleanup
from nextlabel.store import checkpoints
from nextlabel.store.checkpoints import ScoringRow
from nextlabel.store.labels import Label

Make = Callable[..., ToyProject]


def newest(project: ToyProject) -> ScoringRow:
    with project.services.database.read() as connection:
        return checkpoints.scorings(connection, project.name)[-1]


def folder(project: ToyProject, strategy: str, **parameters: Any) -> str:
    return chosen(project.services.registry, strategy, **parameters).folder


def chosen(registry: Registry, strategy: str, **parameters: Any) -> ChosenStrategy:
    return ChosenStrategy.of(registry, PluginChoice.model_validate({"plugin": strategy, **parameters}))


def prepared(project: ToyProject, strategy: str, **parameters: Any) -> PreparedArrays:
    arrays = stored_prepared(project.services.home, newest(project), folder(project, strategy, **parameters))
    assert arrays is not None
    return arrays


def scores(project: ToyProject) -> Mapping[str, np.ndarray[Any, Any]]:
    return open_scores(project.services.home.at(newest(project).folder))


def with_strategy(name: str, target: Any, **changes: Any) -> Registry:
    """The plugins with another class for a strategy."""
    registry = load(candidates(*MODULES))
    offer = registry.strategies[name]
    registry.strategies[name] = Offer(replace(offer.record, target=target, **changes), offer.source)
    return registry


# ------------------------------------------------------------------------- prepare


def test_a_training_prepares_every_strategy_of_the_project(make: Make) -> None:
    table = {
        "plugin": "toy-prepared",
        "until": [{"plugin": "toy-prepared", "scale": 2.0, "labels": 3}],
        "also": ["toy-summarized", "margin"],
    }
    project = make(strategy=table).import_dataset().train()
    row, state = newest(project), project.services.state(project.services.row("toy"))
    once, twice = folder(project, "toy-prepared"), folder(project, "toy-prepared", scale=2.0)
    assert row.prepared == {
        once: ["distance", "position"],
        twice: ["distance", "position"],
        folder(project, "toy-summarized"): ["spread"],
    }
    assert once != twice
    assert row.arrays == ("embeddings", "probabilities")
    arrays = prepared(project, "toy-prepared")
    np.testing.assert_array_equal(arrays.covered, np.flatnonzero(state.labelled & ~state.holdout))
    assert arrays.arrays["distance"].dtype == np.float32
    embeddings = scores(project)["embeddings"]
    expected = np.where(state.holdout, 0, nearest(embeddings, embeddings[arrays.covered]))
    np.testing.assert_allclose(arrays.arrays["distance"], expected, atol=1e-6)
    np.testing.assert_array_equal(arrays.arrays["position"], np.where(state.holdout, 0, np.arange(60)))
    assert isinstance(arrays.arrays["distance"], np.memmap)


def test_a_prepared_strategy_chooses_as_the_plain_one(make: Make) -> None:
    """Labels and leases since the scoring count in both."""
    also = {"plugin": "toy-farthest", "also": ["toy-prepared"]}
    project = make(dataset={"size": 200}, strategy=also).import_dataset().train()

    def picks(strategy: str) -> list[tuple[str, float]]:
        query = project.project.queries.create(5, strategy)
        assert project.project.queries.replay(query.query) == query
        return [(item.id, pytest.approx(item.score, abs=1e-6)) for item in query.items]

    assert picks("toy-farthest") == picks("toy-prepared")
    project.answer(project.project.queries.create(5, "toy-farthest", "ann"), "ann")
    project.project.queries.create(5, "margin", "bob")
    assert picks("toy-farthest") == picks("toy-prepared")


def test_a_retracted_label_covers_its_item_until_the_next_scoring(make: Make) -> None:
    project = make(strategy={"plugin": "toy-farthest", "also": ["toy-prepared"]}).import_dataset()
    (item,) = ids(project.project.queries.create(1, "random", "ann"))
    project.project.labels.submit("ann", [full(item, project.truth(item))])
    project.train().project.labels.submit("ann", [(item, Label(retract=True))])

    def score(strategy: str) -> float:
        return next(i.score for i in project.project.queries.create(60, strategy).items if i.id == item)

    assert score("toy-farthest") > 0
    assert score("toy-prepared") == 0
    project.train()
    assert score("toy-prepared") == pytest.approx(score("toy-farthest"))


def test_prepare_receives_all_items_outside_the_hold_out(make: Make) -> None:
    seen: dict[str, Any] = {}

    class Curious(Strategy[PreparedParameters]):
        def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, NumberArray]:
            seen.update(
                size=pool.size, positions=pool.positions, candidates=pool.candidates, draw=rng.random(),
                needs=set(pool.arrays), embeddings=pool.embeddings, covered=pool.covered_embeddings,
                labelled=pool.labelled_candidates, prepared=dict(pool.prepared),
            )  # fmt: skip
            return {}

        def score(self, pool: Pool, rng: np.random.Generator) -> np.ndarray[Any, Any]:
            return np.zeros(pool.size)

    plugins = with_strategy("toy-prepared", Curious)
    project = make(plugins=plugins, strategy={"plugin": "toy-prepared"}).import_dataset()
    closed, partial, leased = ids(project.project.queries.create(3, "random", "ann"))
    project.project.labels.submit("ann", [full(closed, "red"), full(partial, "red", "blue")])
    project.train()
    state = project.services.state(project.services.row("toy"))
    inside = np.flatnonzero(~state.holdout)
    assert seen["size"] == len(inside) == 48
    np.testing.assert_array_equal(seen["positions"], inside)
    np.testing.assert_array_equal(seen["candidates"], state.labels.candidates[inside])  # type: ignore[index]
    np.testing.assert_array_equal(seen["embeddings"], scores(project)["embeddings"][inside])
    assert len(seen["covered"]) == 6 + 1  # neither the partial label nor the leases
    assert len(seen["labelled"]) == 6 + 2
    assert (seen["needs"], seen["prepared"]) == ({"embeddings", "covered_embeddings"}, {})
    assert leased
    assert newest(project).prepared == {folder(project, "toy-prepared"): []}
    draw = seen["draw"]
    with pytest.raises(NotReady):
        project.project.queries.create(1, "toy-sampled")
    assert [job.state for job in project.work()] == ["succeeded"]
    assert seen["draw"] == draw


def test_a_strategy_outside_the_project_file_is_prepared_on_request(make: Make) -> None:
    project = make().import_dataset().train()
    assert newest(project).prepared == {}
    for _ in range(2):
        with pytest.raises(NotReady, match=r"'toy-prepared' needs embeddings, what 'toy-prepared' prepares \(job 3\)"):
            project.project.queries.create(2, "toy-prepared")
    with pytest.raises(NotReady, match=r"'toy-summarized' needs what 'toy-summarized' prepares \(job 4\)"):
        project.project.queries.create(2, "toy-summarized")
    assert [(job.kind, job.state) for job in project.work()] == [("score", "succeeded")] * 2
    for strategy in ("toy-prepared", "toy-summarized"):
        assert len(ids(project.project.queries.create(2, strategy))) == 2
    assert newest(project).arrays == ("embeddings", "probabilities")
    assert set(newest(project).prepared) == {folder(project, name) for name in ("toy-prepared", "toy-summarized")}


def test_each_strategy_of_a_composition_has_what_it_prepared(make: Make) -> None:
    table = {"plugin": "toy-summarized", "keep": 4, "then": {"plugin": "toy-prepared", "scale": 2.0}}
    project = make(strategy=table).import_dataset().train()
    query = project.project.queries.create(3)
    spread = prepared(project, "toy-summarized").arrays["spread"]
    open_items = [int(item.id[1:]) for item in project.project.queries.create(60, "random").items]
    best = sorted(open_items, key=lambda position: -spread[position])[:12]
    positions = [int(name[1:]) for name in ids(query)]
    assert set(positions) <= set(best)
    distances = prepared(project, "toy-prepared", scale=2.0).arrays["distance"]
    assert positions[0] == max(best, key=lambda position: distances[position])
    assert project.project.queries.replay(query.query) == query


def test_before_the_first_model_nothing_is_prepared(make: Make) -> None:
    project = make(strategy={"plugin": "toy-summarized"}).import_dataset()
    query = project.project.queries.create(3)
    project.train()
    assert project.project.queries.replay(query.query) == query


def test_other_parameters_or_another_version_have_another_folder(registry: Registry) -> None:
    plain = chosen(registry, "toy-prepared")
    assert plain.folder == chosen(registry, "toy-prepared", scale=1.0).folder
    assert plain.folder != chosen(registry, "toy-prepared", scale=2.0).folder
    offer = registry.strategies["toy-prepared"]
    newer = Registry(strategies=[Offer(offer.record, replace(offer.source, version="2"))])
    assert plain.folder != chosen(newer, "toy-prepared").folder
    assert (plain.prepares, chosen(registry, "margin").prepares) == (True, False)
    assert chosen(registry, "toy-summarized").prepares


def test_the_class_of_a_strategy_for_the_worker_is_not_imported_by_a_query(make: Make) -> None:
    """Only the worker knows whether such a strategy prepares anything, so each has a folder, perhaps an empty one."""
    broken = chosen(with_strategy("toy-prepared", "nowhere:Nothing", in_worker=True), "toy-prepared")
    assert broken.prepares
    plugins = with_strategy("toy-first", First, in_worker=True)
    project = make(plugins=plugins, strategy={"plugin": "toy-first"}).import_dataset().train()
    assert newest(project).prepared == {folder(project, "toy-first"): []}
    assert prepared(project, "toy-first").arrays == {}


# ----------------------------------------------------------------------------- failures


def test_a_strategy_that_fails_does_not_stop_a_training(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    project = make(strategy={"plugin": "margin", "also": ["toy-unprepared"]}).import_dataset().train()
    assert project.project.status().live == "r1"
    assert newest(project).prepared == {}
    reason = "strategy 'toy-unprepared' could not be prepared: ZeroDivisionError: no neighbours"
    assert reason in capsys.readouterr().out.splitlines()
    assert len(ids(project.project.queries.create(2))) == 2
    with pytest.raises(NotReady):
        project.project.queries.create(2, "toy-unprepared")
    (job,) = project.work()
    assert (job.state, job.error) == ("failed", reason)
    with pytest.raises(Unprocessable, match="cannot be computed: strategy 'toy-unprepared' could not be prepared"):
        project.project.queries.create(2, "toy-unprepared")
    assert not list(project.services.home.root.glob("scores/toy/*/prepared/toy-unprepared-*"))


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ([1], r"prepare\(\) returned list, not arrays by name"),
        ({"x": np.zeros(3)}, r"prepare\(\) returned 'x' as float64 \(3,\), not numbers \(48, \.\.\.\)"),
        ({"x": np.float64(3)}, r"prepare\(\) returned 'x' as float64 \(\)"),
        ({"x": np.array(["a"] * 48)}, r"prepare\(\) returned 'x' as <U1 \(48,\)"),
        ({"../x": np.zeros(48)}, r"an array called '../x'; use letters, digits"),
        ({"spread": np.zeros(48)}, r"prepare\(\) and summarize\(\) both returned spread"),
    ],
)  # fmt: skip
def test_wrong_arrays_are_reported(make: Make, returned: Any, reason: str) -> None:
    class Wrong(Summarized):
        def prepare(self, pool: Pool, rng: np.random.Generator) -> Any:
            return returned

    project = make(plugins=with_strategy("toy-summarized", Wrong)).import_dataset().train()
    with pytest.raises(NotReady):
        project.project.queries.create(1, "toy-summarized")
    (job,) = project.work()
    assert job.state == "failed"
    with pytest.raises(Unprocessable, match=reason):
        project.project.queries.create(1, "toy-summarized")


# --------------------------------------------------------------------------- summarize


def test_summaries_come_from_outputs_that_are_not_stored(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nextlabel.engine.scores.BATCH", 16)
    parts: list[Pool] = []

    class Recorded(Summarized):
        def summarize(self, pool: Pool) -> dict[str, Any]:
            parts.append(pool)
            assert pool.samples.shape == (3, pool.size, 3)
            return {**super().summarize(pool), "top": pool.samples.argmax(axis=2).T.astype(np.uint8)}

    plugins = with_strategy("toy-summarized", Recorded)
    project = make(plugins=plugins, strategy={"plugin": "toy-summarized"}).import_dataset()
    (item,) = ids(project.project.queries.create(1))
    project.project.labels.submit("ann", [full(item, "red", "blue")])
    project.train()
    state = project.services.state(project.services.row("toy"))
    assert newest(project).arrays == ("probabilities",)
    positions = np.concatenate([part.positions for part in parts])
    np.testing.assert_array_equal(positions, np.flatnonzero(~state.holdout))
    assert len(parts) == 4
    assert {frozenset(part.arrays) for part in parts} == {frozenset({"samples"})}
    samples = np.concatenate([part.samples for part in parts], axis=1)
    narrowed = positions.tolist().index(int(item[1:]))
    np.testing.assert_allclose(samples[:, narrowed].sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(samples[:, narrowed, 1], 0)
    arrays = prepared(project, "toy-summarized").arrays
    np.testing.assert_array_equal(arrays["spread"][positions], samples.std(axis=0).sum(axis=1))
    assert (arrays["top"].shape, arrays["top"].dtype) == ((60, 3), np.uint8)
    assert not arrays["spread"][state.holdout].any()
    best = project.project.queries.create(1)
    assert best.items[0].score == pytest.approx(arrays["spread"][int(ids(best)[0][1:])])


def test_only_new_items_are_summarized_again(make: Make, image: Callable[[int], bytes]) -> None:
    sizes: list[int] = []

    class Counting(Summarized):
        def summarize(self, pool: Pool) -> dict[str, Any]:
            sizes.append(pool.size)
            return super().summarize(pool)

        def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, Any]:
            return {"position": pool.positions}

    plugins = with_strategy("toy-summarized", Counting)
    strategy = {"plugin": "toy-summarized"}
    project = make(SQUARES, plugins=plugins, strategy=strategy, labels={"initial": 6, "holdout": 0.0})
    project.import_dataset().train()
    first = prepared(project, "toy-summarized").arrays["spread"].copy()
    project.add_images([image(1), image(2)])
    project.work()
    arrays = prepared(project, "toy-summarized").arrays
    np.testing.assert_array_equal(arrays["spread"][:30], first)
    assert (arrays["spread"][30:] > 0).all()
    np.testing.assert_array_equal(arrays["position"], np.arange(32))
    with pytest.raises(NotReady):
        project.project.queries.create(1, "toy-embedded")
    project.work()
    np.testing.assert_array_equal(prepared(project, "toy-summarized").arrays["spread"], arrays["spread"])
    assert sizes == [30, 2]


def test_an_array_that_prepare_no_longer_returns_is_dropped(make: Make) -> None:
    names = ["distance"]

    class Changing(Summarized):
        def prepare(self, pool: Pool, rng: np.random.Generator) -> dict[str, Any]:
            return {name: np.ones(pool.size) for name in names}

    project = make(plugins=with_strategy("toy-summarized", Changing), strategy={"plugin": "toy-summarized"})
    project.import_dataset().train()
    assert set(prepared(project, "toy-summarized").arrays) == {"distance", "spread"}
    names.clear()
    for strategy in ("toy-embedded", "toy-sampled"):  # each scores again, the second time from what the first reused
        with pytest.raises(NotReady):
            project.project.queries.create(1, strategy)
        project.work()
        assert set(prepared(project, "toy-summarized").arrays) == {"spread"}


# ------------------------------------------------------------------------------ reuse


def test_a_rescoring_computes_only_the_missing_needs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make().import_dataset().train()
    before = Path(project.services.home.at(newest(project).folder)) / "probabilities.npy"
    inode, requested = before.stat().st_ino, []
    predict = Linear.predict

    def recording(self: Linear, items: Any, needs: frozenset[str], rng: np.random.Generator) -> Any:
        requested.append((len(items), set(needs)))
        return predict(self, items, needs, rng)

    monkeypatch.setattr(Linear, "predict", recording)
    with pytest.raises(NotReady):
        project.project.queries.create(1, "toy-embedded")
    project.work()
    assert requested == [(60, {"embeddings"})]
    with pytest.raises(NotReady):
        project.project.queries.create(1, "toy-prepared")
    project.work()
    assert requested == [(60, {"embeddings"})]  # its arrays are there; only `prepare` has to run
    assert newest(project).arrays == ("embeddings", "probabilities")
    after = Path(project.services.home.at(newest(project).folder)) / "probabilities.npy"
    assert after != before
    assert after.stat().st_ino == inode


def test_without_hard_links_arrays_are_copied(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    project = make().import_dataset().train()
    before = scores(project)["probabilities"].copy()
    with pytest.raises(NotReady):
        project.project.queries.create(1, "toy-embedded")
    project.work()
    np.testing.assert_array_equal(scores(project)["probabilities"], before)


# ------------------------------------------------------------------------------ retention


def test_the_newest_prepared_arrays_of_a_project_stay(
    make: Make, monkeypatch: pytest.MonkeyPatch, image: Callable[[int], bytes]
) -> None:
    monkeypatch.setattr(cleanup, "_PREPARED", 3)
    project = make(SQUARES, strategy={"plugin": "toy-prepared"}).import_dataset()

    def stored() -> list[str]:
        with project.services.database.read() as connection:
            scorings = checkpoints.scorings(connection, "toy")
        named = {project.services.home.at(scoring.folder) for scoring in scorings}
        folders = project.services.home.root.glob("scores/toy/*")
        assert named == {path for path in folders if list(path.glob("prepared/*/distance.npy"))}
        return [str(scoring.checkpoint) for scoring in scorings]

    for number in range(8):
        if number in {0, 4}:
            project.train()
        project.add_images([image(number)])
        project.work()
        expected = [["r1"] * 2, ["r1"] * 3, ["r1"] * 3, ["r1"] * 3, ["r1", "r2", "r2"], ["r1", *["r2"] * 3]]
        assert stored() == expected[min(number, 5)]
