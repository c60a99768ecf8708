"""A released revision never changes, because databases that have run it would differ from new ones."""

import hashlib
import shutil
from pathlib import Path

import asyncpg

from schemas.sql.files import FOLDER
from schemas.sql.migrate import CURRENT_REVISION, migrate, revision_of
from tests.contract.tables import REVISIONS

BASELINE = "0011"


def files_of(folder: Path, revision: str) -> list[Path]:
    """The module of a revision, SQL of the same name, and for the baseline every table."""
    files = sorted((folder / "migrations" / "versions").glob(f"r{revision}_*"))
    return files + sorted((folder / "tables").glob("*.sql")) if revision == BASELINE else files


def digests(folder: Path) -> dict[str, str]:
    revisions = {path.name[1:5] for path in (folder / "migrations" / "versions").glob("r*_*.py")}
    found = {}
    for revision in sorted(revisions):
        digest = hashlib.sha256()
        for path in files_of(folder, revision):
            digest.update(f"{path.name}\n{path.read_text('utf-8')}".encode())
        found[revision] = digest.hexdigest()
    return found


def test_no_revision_has_changed() -> None:
    assert digests(FOLDER) == REVISIONS


def test_a_change_of_any_file_of_a_revision_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    files = files_of(folder, BASELINE)
    assert len(files) > 25
    for path in files:
        text = path.read_text("utf-8")
        path.write_text(text.replace("e", "E", 1))
        assert digests(folder) != digests(FOLDER), path.name
        path.write_text(text)
    assert digests(folder) == digests(FOLDER)


SHAPE = """
    select string_agg(line, e'\n' order by line) from (
      select format('%s %s %s', c.oid::regclass, c.relkind, c.reloptions) as line from pg_class c
      where c.relnamespace::regnamespace::text like 'telnyx%'
      union all
      select format('%s %s %s %s %s', attrelid::regclass, attname, atttypid::regtype, attnotnull, attcollation)
      from pg_attribute join pg_class c on c.oid = attrelid
      where c.relnamespace::regnamespace::text like 'telnyx%' and attnum > 0 and not attisdropped
      union all
      select pg_get_indexdef(indexrelid) from pg_index join pg_class c on c.oid = indexrelid
      where c.relnamespace::regnamespace::text like 'telnyx%'
      union all
      select format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
      where connamespace::regnamespace::text like 'telnyx%'
      union all
      select format('%s %s %s', objoid::regclass, attname, description) from pg_description
      join pg_class c on c.oid = objoid and classoid = 'pg_class'::regclass
      left join pg_attribute on attrelid = objoid and attnum = objsubid
      where c.relnamespace::regnamespace::text like 'telnyx%'
    ) as lines
"""
# Takes back what each revision made, newest first.
UNDONE = """
    drop table telnyx.turns;
    drop index telnyx.opt_out_events_opt_in_idx, telnyx.opt_out_events_opt_out_idx, telnyx.opt_out_events_block_idx,
      telnyx.message_deliveries_recipient_idx;
    alter table telnyx.message_deliveries set (fillfactor = 80);
    alter table telnyx.dead_letters drop column retention_class, drop column occurred_at;
"""


async def test_a_database_at_the_baseline_becomes_like_a_new_one(
    database_url: str, connection: asyncpg.Connection
) -> None:
    new = await connection.fetchval(SHAPE)
    turns = await connection.fetch("select turn from telnyx.turns order by turn")
    await connection.execute(UNDONE)
    await connection.execute("update telnyx.schema_revision set version_num = $1", BASELINE)
    assert await connection.fetchval(SHAPE) != new
    await migrate(database_url, lambda _: None)
    assert await connection.fetchval(SHAPE) == new
    assert await connection.fetch("select turn from telnyx.turns order by turn") == turns
    assert await revision_of(connection) == CURRENT_REVISION
