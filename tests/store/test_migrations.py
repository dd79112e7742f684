"""Migrations: once, whole, and the same as the tables the code believes in."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from nextlabel.contracts.errors import SettingsError
from nextlabel.store import migrations, projects
from nextlabel.store.migrations import upgrade
from nextlabel.store.schema import metadata

MIGRATE = """
    import sys
    from nextlabel.store.database import Database

    database = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    database.migrate()
    database.dispose()
"""


def tables(database):
    with database.read() as c:
        return sorted(sa.inspect(c).get_table_names())


def test_migrate_creates_the_folder_the_file_and_the_tables(url, opened):
    database = opened(url)
    database.migrate()
    assert tables(database) == sorted([*metadata.tables, "alembic_version"])


def test_a_second_time_changes_nothing(database, project):
    database.migrate()
    with database.read() as c:
        assert projects.get(c, project) is not None


def test_four_processes_at_once_on_a_new_database(url, start, opened):
    children = [start(MIGRATE, url) for _ in range(4)]
    assert [child.line() for child in children] == ["ready"] * 4
    for child in children:
        child.say()
    for child in children:
        child.end()
    assert len(tables(opened(url))) == len(metadata.tables) + 1


def test_the_tables_are_those_of_the_schema(database):
    with database.read() as c:
        services = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(services, metadata) == []


def test_the_sqlite_tables_match_exactly(sqlite_url, opened):
    """Alembic's comparison overlooks checks, partial indexes and tables without a rowid."""
    migrated = opened(sqlite_url)
    migrated.migrate()
    made = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(made)
    query = (
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite%'"
    )

    def letters(c: sa.Connection) -> list[str]:
        # the order of constraints does not matter
        return sorted(" ".join(sorted(sql.replace(",", " ").split())) for (sql,) in c.exec_driver_sql(query))

    with migrated.read() as one, made.connect() as two:
        assert letters(one) == letters(two)
    made.dispose()


def test_a_failed_migration_changes_nothing_and_can_be_repeated(url, opened, monkeypatch):
    database = opened(url)

    def fail(connection: sa.Connection) -> None:
        run(connection)
        raise ZeroDivisionError

    run = upgrade.run
    monkeypatch.setattr(upgrade, "run", fail)
    with pytest.raises(ZeroDivisionError):
        database.migrate()
    assert tables(database) == []
    monkeypatch.setattr(upgrade, "run", run)
    database.migrate()
    assert "labels" in tables(database)


def test_a_database_of_a_newer_version_is_refused(database):
    with database.write() as c:
        c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="newer nextlabel"):
        database.migrate()


def test_it_can_be_taken_back(database):
    with database.write() as c:
        command.downgrade(upgrade.configuration(c), "base")
    assert tables(database) == ["alembic_version"]


def test_migrations_are_packaged_and_form_one_line(database):
    folder = Path(migrations.__file__).parent
    with database.read() as c:
        script = ScriptDirectory.from_config(upgrade.configuration(c))
    assert Path(script.dir) == folder
    assert (folder / "env.py").is_file()
    assert len(script.get_heads()) == 1
    assert [r.revision for r in script.walk_revisions()][-1] == "0001"


def test_a_path_with_odd_letters(tmp_path, opened):
    database = opened(f"sqlite:///{tmp_path / '100 % of é' / 'n.db'}")
    database.migrate()
    assert "labels" in tables(database)
