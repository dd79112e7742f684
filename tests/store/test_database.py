"""Transactions: durable, one writer at a time, across threads, forks and crashes."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import warnings
from contextlib import nullcontext

import psutil
import pytest
import sqlalchemy as sa

from nextlabel.contracts.errors import NotReady, SettingsError
from nextlabel.store import connections, labels, projects, queries, write_lock
from nextlabel.store.database import Database
from nextlabel.store.labels import Label, LabelEvent

COUNT_TO = """
    import sys
    from nextlabel.store import projects
    from nextlabel.store.database import Database

    database = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        with database.write() as c:
            number = projects.get(c, "p").queries
            projects.set_live(c, "p", f"seen {number}")
            projects.next_query_number(c, "p")
    database.dispose()
"""
ASK = """
    import sys
    from nextlabel.store import queries
    from nextlabel.store.database import Database

    database = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    for position in range(8):
        with database.write() as c:
            if position not in {lease.position for lease in queries.leases(c, "p", now=0.0)}:
                queries.grant(c, [queries.Lease("p", position, sys.argv[2], "p-1", 9.0, 0.5, "strategy")])
                print(position)
    database.dispose()
"""
HOLD = """
    import sys
    from nextlabel.store import projects
    from nextlabel.store.database import Database

    database = Database(sys.argv[1])
    with database.write() as c:
        projects.next_query_number(c, "p")
        print("holding", flush=True)
        sys.stdin.readline()
    database.dispose()
"""


def number(database: Database) -> int:
    with database.read() as c:
        row = projects.get(c, "p")
    assert row is not None
    return row.queries


def test_a_write_is_visible_to_others_when_it_ends(url, database, project, opened):
    with database.write() as c:
        projects.next_query_number(c, project)
        assert number(opened(url)) == 0
    assert number(opened(url)) == 1


def test_a_write_that_raises_changes_nothing(database, project):
    with pytest.raises(ZeroDivisionError), database.write() as c:
        _ = 1 / (projects.next_query_number(c, project) - 1)
    assert number(database) == 0


def test_a_read_sees_one_state_from_its_first_query_on(database, project):
    with database.read() as c:
        assert projects.get(c, project).queries == 0
        with database.write() as other:
            projects.next_query_number(other, project)
        assert projects.get(c, project).queries == 0
    assert number(database) == 1


def test_a_read_cannot_write(database, project):
    with database.read() as c, pytest.raises(sa.exc.DBAPIError, match=r"readonly|read-only"):
        projects.next_query_number(c, project)
    assert number(database) == 0


def test_a_write_inside_a_write_is_refused_at_once(database, project):
    with database.write(), pytest.raises(RuntimeError, match="inside"), database.write():
        pass
    with database.write() as c:
        projects.next_query_number(c, project)


def test_sqlite_settings_are_durable(sqlite_url, opened):
    database = opened(sqlite_url)
    database.migrate()
    for transaction in (database.read, database.write):
        with transaction() as c:
            assert c.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert c.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert c.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert c.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


@pytest.mark.slow
def test_transactions_of_processes_do_not_interleave(url, database, project, start):
    children = [start(COUNT_TO, url, 20) for _ in range(3)]
    assert [child.line() for child in children] == ["ready"] * 3
    for child in children:
        child.say()
    for child in children:
        child.end()
    with database.read() as c:
        row = projects.get(c, project)
    assert row.queries == 60
    assert row.live == "seen 59"


@pytest.mark.slow
def test_two_processes_never_lease_the_same_item(url, database, project, start):
    children = [start(ASK, url, who) for who in ("ann", "bob")]
    assert [child.line() for child in children] == ["ready"] * 2
    for child in children:
        child.say()
    got = [int(line) for child in children for line in child.end()]
    assert sorted(got) == list(range(8))
    with database.read() as c:
        assert len(queries.leases(c, project, now=0.0)) == 8


def test_threads_share_a_database_and_lose_nothing(database, project):
    def append(name: str) -> None:
        for i in range(15):
            with database.write() as c:
                labels.append(c, project, [LabelEvent(f"item{i % 8}", name, Label(skip=True), 1.0)])
            with database.read() as c:
                assert labels.last(c, project) > 0

    threads = [threading.Thread(target=append, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as c:
        rows = labels.since(c, project, 0)
    assert [row.id for row in rows] == list(range(1, 91))
    assert {row.event.annotator for row in rows} == {f"t{i}" for i in range(6)}


@pytest.mark.slow
def test_a_writer_gives_up_on_a_foreign_programs_lock(url, database, project, start, monkeypatch):
    monkeypatch.setattr(write_lock, "WRITE_TIMEOUT", 0.3)
    monkeypatch.setattr(connections, "WRITE_TIMEOUT", 0.3)
    # like a foreign program, without the lock of the file: only the database's own lock is in the way
    monkeypatch.setattr(write_lock, "file_lock", lambda _: nullcontext())
    child = start(HOLD, url)
    assert child.line() == "holding"
    impatient = Database(url)
    with pytest.raises(NotReady, match="busy") as caught, impatient.write():
        pass
    assert caught.value.retry_after > 0
    assert number(impatient) == 0  # readers never wait
    child.say()
    child.end()
    with impatient.write() as c:
        assert projects.next_query_number(c, project) == 2
    impatient.dispose()


@pytest.mark.slow
def test_one_thread_waits_for_another_process_and_others_give_up(url, database, project, start, monkeypatch):
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL has a queue of its own")
    child = start(HOLD, url)
    assert child.line() == "holding"
    numbers = []

    def write():
        with database.write() as c:
            numbers.append(projects.next_query_number(c, project))

    first = threading.Thread(target=write)
    first.start()
    time.sleep(0.3)
    monkeypatch.setattr(write_lock, "WRITE_TIMEOUT", 0.2)
    for _ in range(3):
        with pytest.raises(NotReady, match="busy"), database.write():
            pass
    assert number(database) == 0  # readers never wait
    monkeypatch.setattr(write_lock, "WRITE_TIMEOUT", 20.0)
    child.say()
    child.end()
    first.join()
    write()
    assert numbers == [2, 3]


def test_a_thread_that_waits_too_long_gives_up(database, project, monkeypatch):
    monkeypatch.setattr(write_lock, "WRITE_TIMEOUT", 0.1)
    caught: list[Exception] = []

    def impatient() -> None:
        try:
            with database.write():
                pass
        except NotReady as error:
            caught.append(error)

    with database.write():
        thread = threading.Thread(target=impatient)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_a_poll_sees_every_commit_and_holds_no_transaction(url, database, project, opened):
    query = "SELECT queries FROM projects"
    assert database.poll(query) == [(0,)]
    other = opened(url)
    for expected in (1, 2):
        with other.write() as c:
            projects.next_query_number(c, project)
        assert database.poll(query) == [(expected,)]
    database.dispose()
    assert database.poll(query) == [(2,)]


@pytest.mark.slow
def test_a_killed_writer_frees_the_lock_and_changes_nothing(url, database, project, start):
    child = start(HOLD, url)
    assert child.line() == "holding"
    child.kill()
    begin = time.monotonic()
    with database.write() as c:
        assert projects.next_query_number(c, project) == 1
    assert time.monotonic() - begin < 5


def test_parent_and_child_both_write_after_a_fork(url, database, project):
    assert number(database) == 0  # a connection is open, and idle
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about a fork beside threads
        child = os.fork()
    if child == 0:
        try:
            for _ in range(5):
                with database.write() as c:
                    projects.next_query_number(c, project)
            os.write(write, str(number(database)).encode())
        finally:
            os._exit(0)
    for _ in range(5):
        with database.write() as c:
            projects.next_query_number(c, project)
    os.waitpid(child, 0)
    assert int(os.read(read, 100)) >= 5
    os.close(read)
    os.close(write)
    assert number(database) == 10


def test_a_fork_inherits_no_idle_connection(sqlite_url, opened):
    database = opened(sqlite_url)
    database.migrate()

    def opened_files() -> int:
        return sum("nextlabel.db" in file.path for file in psutil.Process().open_files())

    with database.read() as c:
        projects.all(c)
    assert opened_files() > 0
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.write(write, str(opened_files()).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"0"
    os.close(read)
    os.close(write)


def test_after_dispose_a_later_use_reconnects(sqlite_url, opened):
    database = opened(sqlite_url)
    database.migrate()
    with database.read() as first, database.read() as second:
        assert projects.all(first) == projects.all(second) == []
    database.dispose()
    assert not [file for file in psutil.Process().open_files() if "nextlabel.db" in file.path]
    with database.read() as c:
        assert projects.all(c) == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "cannot be parsed"),
        ("mysql://localhost/x", "valid: sqlite, postgresql"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
    ],
)
def test_an_unusable_url_is_refused_with_the_reason(url, reason):
    with pytest.raises(SettingsError, match=reason):
        Database(url)


def test_the_time_of_every_write_is_logged(database, project, caplog):
    with caplog.at_level(logging.DEBUG, "nextlabel.store.connections"):
        with database.write() as c:
            projects.set_live(c, project, None)
        with pytest.raises(OSError, match="disk"), database.write():
            raise OSError("disk")
        with database.read():
            pass
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert all(re.fullmatch(r"write transaction: [0-9.]+ ms, [0-9.]+ ms of CPU", line) for line in lines)
