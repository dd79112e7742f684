"""Whether this run tested PostgreSQL too: every test of `database` or `url` does where a server is named."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa

POSTGRES = "TEST_POSTGRES_URL"


@pytest.mark.skipif(not os.environ.get(POSTGRES), reason=f"{POSTGRES} names no server, such as postgresql://me@/test")
def test_the_server_answers():
    engine = sa.create_engine(sa.make_url(os.environ[POSTGRES]).set(drivername="postgresql+psycopg"))
    with engine.connect() as c:
        assert c.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()
