from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from nextlabel.store import queries
from nextlabel.store.queries import Chosen, Lease, QueryRow

ROW = QueryRow(
    id="p-7",
    project="p",
    number=7,
    time=1.5,
    annotator="ann",
    strategy="margin",
    parameters={"beta": 0.1, "names": ["é"], "nested": {"on": True}},
    seed=2**63 - 1,
    checkpoint="p-2",
    scoring=3,
    rows=8,
    last_label=12,
    size=2,
    excluded=(1, 5),
    leased=(1, 2, 5),
    chosen=(Chosen(4, 0.1 + 0.2, "strategy"), Chosen(0, -1e-300, "control")),
    probabilities="efficientnet-lite0",
)


def lease(position: int, annotator: str = "ann", query: str = "p-1", expires: float = 10.0) -> Lease:
    return Lease("p", position, annotator, query, expires, 0.25, "holdout")


def test_a_query_is_read_exactly_as_stored(database, project):
    bare = replace(ROW, id="p-8", number=8, annotator=None, checkpoint=None, scoring=None, excluded=(), chosen=())
    bare = replace(bare, probabilities=None)
    with database.write() as c:
        queries.insert(c, ROW)
        queries.insert(c, bare)
    with database.read() as c:
        assert queries.get(c, "p-7") == ROW
        assert queries.get(c, "p-8") == bare
        assert queries.get(c, "p-9") is None


def test_numpy_numbers_are_stored_as_plain_ones(database, project):
    chosen = (Chosen(np.int64(3), np.float32(0.5), "strategy"), Chosen(1, math.nan, "control"))
    row = replace(ROW, seed=np.int64(7), parameters={"k": np.int32(5)}, excluded=tuple(np.arange(3)), chosen=chosen)
    with database.write() as c:
        queries.insert(c, row)
        back = queries.get(c, "p-7")
        queries.grant(c, [Lease("p", np.int64(3), "ann", "p-7", 9.0, np.float32(0.5), "strategy")])
        assert queries.leases(c, project, 0.0) == [Lease("p", 3, "ann", "p-7", 9.0, 0.5, "strategy")]
    assert back.parameters == {"k": 5}
    assert back.excluded == (0, 1, 2)
    assert back.chosen[0] == Chosen(3, 0.5, "strategy")
    assert math.isnan(back.chosen[1].score)


def test_an_id_and_a_number_are_unique(database, project):
    with database.write() as c:
        queries.insert(c, ROW)
    for clash in (ROW, replace(ROW, id="p-x")):
        with pytest.raises(sa.exc.IntegrityError), database.write() as c:
            queries.insert(c, clash)


def test_leases_live_until_they_expire(database, project):
    with database.write() as c:
        queries.grant(c, [lease(3, expires=20.0), lease(1), lease(3, "bob")])
        queries.grant(c, [])
    with database.read() as c:
        assert queries.leases(c, project, 9.9) == [lease(1), lease(3, expires=20.0), lease(3, "bob")]
        assert queries.leases(c, project, 10.0) == [lease(3, expires=20.0)]
        assert queries.leases(c, "other", 0.0) == []


def test_a_lease_granted_again_is_replaced(database, project):
    renewed = Lease("p", 1, "ann", "p-2", 99.0, 0.75, "strategy")
    with database.write() as c:
        queries.grant(c, [lease(1)])
        queries.grant(c, [renewed])
        assert queries.leases(c, project, 0.0) == [renewed]


def test_leases_are_released_by_query_annotator_and_time(database, project):
    with database.write() as c:
        queries.grant(c, [lease(i, query=f"p-{i // 2}", expires=i) for i in range(8)])
        queries.grant(c, [lease(0, "bob", "p-9", 99.0)])
        assert queries.release_query(c, "p-3") == 2
        assert queries.release_query(c, "p-3") == 0
        assert queries.release(c, project, "ann", [0, 1, 7]) == 2
        assert queries.release(c, project, "ann", []) == 0
        assert queries.drop_expired(c, "other", 99.0) == 0
        assert queries.drop_expired(c, project, 3.0) == 2
        assert [(row.position, row.annotator) for row in queries.leases(c, project, 0.0)] == [
            (0, "bob"),
            (4, "ann"),
            (5, "ann"),
        ]


def test_only_existing_items_are_leased(database, project):
    with pytest.raises(sa.exc.IntegrityError), database.write() as c:
        queries.grant(c, [lease(8)])
