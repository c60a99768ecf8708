"""Shadow tables: the tables of projections once more, as temporary tables of one session, for the recomputed rows.

They are written by the statements of the live tables, so there is no second way to compute a row. No other session
sees them, and they end with the session: an interrupted rebuild leaves nothing behind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import asyncpg

from projections.engine.projection import Projection
from projections.engine.row_writer import in_writing_order
from projections.engine.table import Columns
from projections.rebuild.origins import ORIGINS
from projections.sql import queries

LONGEST_SECONDS = 24 * 60 * 60
FOLDED_AT_ONCE = 1000
SETTINGS = (
    "set statement_timeout = 0",
    # Enough for the rows of a million events. The rest is written to disk and read back, which slows live traffic.
    "set temp_buffers = '512MB'",
    "set work_mem = '64MB'",
    "set plan_cache_mode = force_custom_plan",  # a plan for an empty table must not outlive its emptiness
)

_SQL = queries("rebuild")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, which has the same name in both schemas, with the statements of rebuild.sql for it."""

    name: str
    key: tuple[str, ...]
    statements: dict[str, str]


class ShadowTables:
    """A session in the shape that projections use: statements about schema `telnyx` act on the temporary tables.

    With `note_written_keys` the keys of rows written from then on are kept beside those that differ, and
    `written_tables` holds the names of their tables.
    """

    def __init__(self, session: asyncpg.Connection, projections: Sequence[Projection]) -> None:
        self.session = session
        # By projection, in the order of writing: declared tables, then the tables folded from them.
        self.relations: dict[str, list[Relation]] = {}
        self.note_written_keys = False
        self.written_tables: set[str] = set()
        self._projections = projections
        # No other session folds these tables, and the real locks would stop projectors for as long as events are read.
        self._skipped_locks = {projection.refold.lock for projection in projections if projection.refold}
        self._relation_by_upsert: dict[str, Relation] = {}

    async def create(self) -> None:
        """Creates the tables, empty. To be called once."""
        for statement in SETTINGS:
            await self.session.execute(statement)
        for projection in self._projections:
            refold = projection.refold
            declared = [await self._relation(table.name, table.key) for table in projection.tables]
            folded = [await self._relation(name, {}) for name in (refold.tables if refold else ())]
            self.relations[projection.name] = [*declared, *folded]
            for relation in self.relations[projection.name]:
                await self._create(relation, "create_indexed_shadow" if refold else "create_shadow")
            for table, relation in zip(projection.tables, declared, strict=True):
                self._relation_by_upsert[table.upsert] = relation

    async def _create(self, relation: Relation, how: str) -> None:
        for statement in (how, "create_differing", "index_differing"):
            await self.session.execute(relation.statements[statement])

    async def _relation(self, name: str, key_types: Columns) -> Relation:
        columns = await self.session.fetch(_SQL["columns"], name)
        key_columns = [column for column in columns if column["nth_of_key"] is not None]
        key = tuple(column["name"] for column in sorted(key_columns, key=lambda column: column["nth_of_key"]))
        every = [column["name"] for column in columns]
        written = [column["name"] for column in columns if not column["generated"]]
        filled = {
            "table": name,
            "first_key": _quoted(key[0]),
            "key": _list(key),
            "key_types": ", ".join(f"{_quoted(column)} {kind}" for column, kind in key_types.items()),
            "key_as_text": ", ".join(f"{_quoted(column)}::text" for column in key),
            "written": _list(written),
            "shadow_written": _list(written, "shadow."),
            "assignments": ", ".join(
                f"{_quoted(column)} = excluded.{_quoted(column)}" for column in written if column not in key
            ),
            **{f"{side}_columns": _list(every, f"{side}.") for side in ("live", "shadow", "excluded")},
            **_origin_of(name),
            "live_written": _list(written, "live."),
            "live_equals_shadow": " and ".join(f"live.{_quoted(column)} = shadow.{_quoted(column)}" for column in key),
            **{f"{side}_is_differing": _key_equals_differing(key, side) for side in ("live", "shadow")},
            "names_of_different": ", ".join(
                f"case when record_image_ne(row(live.{_quoted(name)}), row(shadow.{_quoted(name)})) then '{name}' end"
                for name in every
            ),
        }
        templates = {query: text for query, text in _SQL.items() if "{table}" in text}
        return Relation(name, key, {query: text.format_map(filled) for query, text in templates.items()})

    async def keep_given_up_facts(self, projection: Projection) -> None:
        """Copies the live facts of months that were given up, and folds them. The other facts are here already."""
        refold = projection.refold
        if refold is None:
            return
        facts = next(found for found in self.relations[projection.name] if found.name == refold.facts.name)
        touched_columns = _list(refold.touched)
        await self.session.execute(facts.statements["find_kept"], timeout=LONGEST_SECONDS)
        await self.session.execute(facts.statements["copy_kept"], timeout=LONGEST_SECONDS)
        touched = await self.session.fetch(
            facts.statements["touched_by_kept"].replace("<touched>", touched_columns), timeout=LONGEST_SECONDS
        )
        await self.analyze()
        keys = in_writing_order(tuple(row) for row in touched)
        for first in range(0, len(keys), FOLDED_AT_ONCE):
            await refold.run(cast("asyncpg.Connection", self), keys[first : first + FOLDED_AT_ONCE])

    async def execute(self, query: str, *arguments: Any) -> None:
        """Like a connection's, on the temporary tables."""
        if query in self._skipped_locks:
            return
        await self.session.execute(_in_pg_temp(query), *arguments, timeout=LONGEST_SECONDS)
        if self.note_written_keys and query in self._relation_by_upsert:
            relation = self._relation_by_upsert[query]
            self.written_tables.add(relation.name)
            await self.session.execute(relation.statements["note_written"], *arguments, timeout=LONGEST_SECONDS)

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Like a connection's, from the temporary tables."""
        found: list[asyncpg.Record] = await self.session.fetch(_in_pg_temp(query), *arguments, timeout=LONGEST_SECONDS)
        return found

    def transaction(self) -> Any:
        """Like a connection's."""
        return self.session.transaction()

    async def analyze(self) -> None:
        """Autovacuum skips temporary tables. Without statistics the folds get plans made for empty tables."""
        for projection in self._projections:
            for relation in self.relations[projection.name] if projection.refold else ():
                await self.session.execute(f"analyze pg_temp.{relation.name}")


def _origin_of(name: str) -> dict[str, str]:
    """The conditions for keeping a row. A table that is folded from facts needs none: its facts are kept."""
    origin = ORIGINS.get(name)
    return {
        "live_was_given_up": origin.was_given_up if origin else "false",
        "live_event_is_stored": origin.event_is_stored if origin else "false",
        "has_several_events": str(origin is not None and origin.has_several).lower(),
    }


@cache
def _in_pg_temp(statement: str) -> str:
    """A statement of a projection, with the shadow tables in place of the live ones.

    Statements name their schema, and the name is replaced here, rather than leaving it to `search_path`: a live
    statement without a schema would depend on a setting of its session, which a connection pooler may not keep.
    """
    return statement.replace("telnyx.", "pg_temp.")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _list(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(prefix + _quoted(name) for name in names)


def _key_equals_differing(key: Iterable[str], side: str) -> str:
    return " and ".join(f"{side}.{_quoted(name)} = differing.{_quoted(name)}" for name in key)
