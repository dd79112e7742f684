"""Many clients at a real server: a slow strategy delays no other project, nothing is handed out twice or lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from contention import POSTGRES, Crowd, check, contended, databases, run_crowd, while_sleeping
from serving import Server, until


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with databases() as urls:
        if request.param not in urls:
            pytest.skip(f"{POSTGRES} names no server")
        with contended(tmp_path_factory.mktemp("home"), urls[request.param], size=3000, sleep=2.0) as server:
            yield server


def test_labels_are_stored_while_a_strategy_of_another_project_sleeps(server: Server) -> None:
    items = iter([f"point-{number}" for number in range(2999, 0, -1)])
    assert len(while_sleeping(server, items)) > 1


def test_no_item_is_handed_out_twice_no_label_is_lost_and_every_query_replays(server: Server) -> None:
    crowd: Crowd = run_crowd(server, clients=12, seconds=4.0, pause=0.0)
    assert len(crowd.queries) > 20
    check(server, crowd)


def test_a_strategy_runs_in_the_worker(server: Server) -> None:
    client = server.client()
    path = "/projects/sleepy/query?strategy=sleeping-worker&size=5"
    first = client("GET", f"{path}&annotator=ann")
    assert (first.status, first.headers["Retry-After"]) == (503, "2")
    assert "its choice is not there yet" in first.json()["detail"]

    def answer(path: str) -> Any:
        return until(lambda: (reply := client("GET", path)).status == 200 and reply.json())

    leased = answer(f"{path}&annotator=ann")
    assert len(leased["items"]) == 5
    stored = answer(path)
    assert stored["strategy"] == "sleeping-worker"
    assert not {item["id"] for item in leased["items"]} & {item["id"] for item in stored["items"]}
    assert answer(f"/projects/sleepy/queries/{stored['query']}/replay")["items"] == stored["items"]
