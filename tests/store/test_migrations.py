"""Migrations run once, completely, and create the tables of the schema."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from nextlabel.contracts.errors import SettingsError
from nextlabel.store import checkpoints, jobs, labels, migrations, projects
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
OLD_TABLES = Path(__file__).with_name("home_e294477.sql")
OLD_PARAMETER = "afr" + "esh"  # the former name of `from_scratch`
OLD_ROWS = f"""
    INSERT INTO projects VALUES ('digits', 'classification', '["0","1"]', true, false, 1.5, 'r3', 1);
    INSERT INTO items VALUES ('digits', 0, 'a', 'array', NULL, 'image/png', false, 1.5);
    INSERT INTO labels VALUES ('digits', 1, 0, 'dataset', 'candidates', '["1"]', NULL, 1.5, NULL, NULL);
    INSERT INTO labels VALUES ('digits', 2, 0, 'ann', 'candidates', '["0","1"]', NULL, 2.5, 'k', 'digits-1');
    INSERT INTO labels VALUES ('digits', 3, 0, 'bob', 'skip', NULL, NULL, 3.5, NULL, NULL);
    INSERT INTO jobs VALUES
        (7, 'digits', 'train', 'queued', 0, '{{}}', NULL, '{{"{OLD_PARAMETER}": true}}', 4.5, NULL, NULL, NULL, false)
"""
OLD_VERDICTS = {
    "first": ("ships with the product", True),
    "r1": ("the first checkpoint of this project", True),
    "r2": (
        "worse than the live checkpoint beyond chance: better on 1 and worse on 265 of 359 held-out items (p = 2e-78)",
        False,
    ),
    "r3": ("not worse than the live checkpoint: better on 128 and worse on 6 of 359 held-out items", True),
    "r4": ("there is no common hold-out to compare with the live checkpoint; promote it by hand", False),
    "r5": ("the files of the live checkpoint are gone", True),
    "second": ("ships with the product; the live checkpoint was trained here", False),
}
"""Each verdict that e294477 stored, and whether the checkpoint went live."""


def insert_old_rows(execute):
    for statement in OLD_ROWS.split(";"):
        execute(statement)
    for number, (name, (verdict, _)) in enumerate(OLD_VERDICTS.items(), 1):
        execute(
            "INSERT INTO checkpoints (project, name, number, job, created, metrics, card, verdict, folder) "
            f"VALUES ('digits', '{name}', {number}, NULL, 1.5, '{{}}', '{{}}', '{verdict}', 'folder/{name}')"
        )


def tables(database):
    with database.read() as c:
        return sorted(sa.inspect(c).get_table_names())


def test_migrate_creates_folder_file_and_tables(url, opened):
    database = opened(url)
    database.migrate()
    assert tables(database) == sorted([*metadata.tables, "alembic_version"])


def test_a_second_migration_changes_nothing(database, project):
    database.migrate()
    with database.read() as c:
        assert projects.get(c, project) is not None


@pytest.mark.slow
def test_four_processes_migrate_a_new_database(url, start, opened):
    children = [start(MIGRATE, url) for _ in range(4)]
    assert [child.line() for child in children] == ["ready"] * 4
    for child in children:
        child.say()
    for child in children:
        child.end()
    assert len(tables(opened(url))) == len(metadata.tables) + 1


def default_differs(context, inspected, column, stored, declared, rendered) -> bool | None:
    """Compare the defaults of JSON columns as text; PostgreSQL cannot compare JSON, as Alembic would."""
    if not isinstance(getattr(column.type, "impl", column.type), sa.JSON):
        return None
    return (stored or "").removesuffix("::json").strip("'") != (rendered or "")


def test_the_tables_match_the_schema(database):
    with database.read() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": default_differs})
        assert compare_metadata(context, metadata) == []


def letters(c: sa.Connection) -> list[str]:
    """Return the words of each statement that created a table or index of an SQLite file, sorted."""
    query = (
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite%'"
    )
    # neither the order of constraints nor quotes have a meaning
    return sorted(
        " ".join(sorted(sql.replace(",", " ").replace('"', "").split())) for (sql,) in c.exec_driver_sql(query)
    )


def test_the_sqlite_statements_match_the_schema(sqlite_url, opened):
    """Alembic's comparison overlooks checks, partial indexes and tables without a rowid."""
    migrated = opened(sqlite_url)
    migrated.migrate()
    created = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    metadata.create_all(created)
    with migrated.read() as first, created.connect() as second:
        assert letters(first) == letters(second)
    created.dispose()


def test_a_failed_migration_leaves_nothing_and_can_be_repeated(url, opened, monkeypatch):
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


def test_a_database_of_a_newer_version_is_rejected(database):
    with database.write() as c:
        c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="newer nextlabel"):
        database.migrate()


def test_downgrade_drops_all_tables(database):
    with database.write() as c:
        command.downgrade(upgrade.configuration(c), "base")
    assert tables(database) == ["alembic_version"]


def test_migrations_are_in_the_package_and_form_one_chain(database):
    folder = Path(migrations.__file__).parent
    with database.read() as c:
        script = ScriptDirectory.from_config(upgrade.configuration(c))
    assert Path(script.dir) == folder
    assert (folder / "env.py").is_file()
    assert len(script.get_heads()) == 1
    assert [r.revision for r in script.walk_revisions()][-1] == "0001"


def test_a_path_with_special_characters(tmp_path, opened):
    database = opened(f"sqlite:///{tmp_path / '100 % of é' / 'n.db'}")
    database.migrate()
    assert "labels" in tables(database)


# ------------------------------------------------------------------------------ old databases


def check_old_rows(database):
    with database.read() as c:
        rows = checkpoints.all(c, "digits")
        history = labels.since(c, "digits", 0)
        job = jobs.get(c, 7)
    assert {row.name: (row.verdict, row.promoted) for row in rows} == OLD_VERDICTS
    assert rows[1].folder == "folder/r1"
    assert len(history) == 3
    assert job is not None
    assert job.parameters == {"from_scratch": True}


def test_a_database_of_e294477_is_migrated(tmp_path, opened):
    path = tmp_path / "nextlabel.db"
    old = sqlite3.connect(path)
    old.executescript(OLD_TABLES.read_text("utf-8"))
    insert_old_rows(old.execute)
    old.commit()
    old.close()
    database = opened(f"sqlite:///{path}")
    database.migrate()
    check_old_rows(database)
    new = opened(f"sqlite:///{tmp_path / 'new.db'}")
    new.migrate()
    with database.read() as first, new.read() as second:
        assert letters(first) == letters(second)


def test_a_downgraded_database_is_migrated(database):
    with database.write() as c:
        command.downgrade(upgrade.configuration(c), "0001")
        insert_old_rows(c.exec_driver_sql)
    database.migrate()
    check_old_rows(database)
