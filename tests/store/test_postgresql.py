"""Whether this run tested PostgreSQL too: every test of `database` or `url` does where a server is named."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa

from nextlabel.contracts.errors import NotReady
from nextlabel.store.database import Database

POSTGRES = "TEST_POSTGRES_URL"


server = pytest.mark.skipif(
    not os.environ.get(POSTGRES), reason=f"{POSTGRES} names no server, such as postgresql://me@/test"
)


@server
def test_the_server_answers():
    engine = sa.create_engine(sa.make_url(os.environ[POSTGRES]).set(drivername="postgresql+psycopg"))
    with engine.connect() as c:
        assert c.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


END = "SELECT pg_terminate_backend(pg_backend_pid())"


@server
def test_a_lost_server_is_not_ready(url, database):
    if url.startswith("sqlite"):
        pytest.skip("no server")
    for transaction in (database.read, database.write):
        with pytest.raises(NotReady, match="does not answer") as caught, transaction() as c:
            c.exec_driver_sql(END)
        assert caught.value.retry_after > 0
        with transaction() as c:
            assert c.exec_driver_sql("SELECT 1").scalar() == 1


@server
def test_no_server_at_all(url):
    if url.startswith("sqlite"):
        pytest.skip("no server")
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    for transaction in (nowhere.read, nowhere.write):
        with pytest.raises(NotReady, match="does not answer"), transaction():
            pass
