"""The tables of projections a second time, in the temporary tables of one session: what is computed anew goes there.

The statements are those of the live tables with another schema in them, so that there is no second way to compute a
row. Nobody else sees these tables, and they end with the session: an interrupted rebuild leaves nothing behind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import asyncpg

from projections.engine.projection import Projection
from projections.engine.table import Columns
from projections.sql import queries

LONGEST_SECONDS = 24 * 60 * 60
SETTINGS = (
    "set statement_timeout = 0",
    # What a million events come to. What does not fit is written to disk and read back, beside the live traffic.
    "set temp_buffers = '512MB'",
    "set work_mem = '64MB'",
    "set search_path = pg_catalog, pg_temp",  # so that definitions are told with the schemas in them
    "set plan_cache_mode = force_custom_plan",  # a plan for an empty table must not outlive its emptiness
)
FUNCTIONS = {"opt_outs": "opt_outs_as_of"}  # what is folded by a function of schema telnyx

_SQL = queries("rebuild")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table by its name in both schemas; `statements` are those of rebuild.sql for it."""

    name: str
    key: tuple[str, ...]
    statements: dict[str, str]


class ShadowTables:
    """The session as projections take it: what they say of schema `telnyx` happens in the temporary tables.

    `noting` keeps the keys of the rows that are written from then on beside those that differ, and `noted` the names of
    their tables.
    """

    def __init__(self, session: asyncpg.Connection, projections: Sequence[Projection]) -> None:
        self.session = session
        self.relations: dict[
            str, list[Relation]
        ] = {}  # by projection, in the order of writing: facts, then what is folded
        self.noting = False
        self.noted: set[str] = set()
        self._projections = projections
        # Nobody else folds here. The real locks would hold back projectors for as long as we read.
        self._locks = {one.refold.lock for one in projections if one.refold}
        self._relations: dict[str, Relation] = {}  # by the statement that writes

    async def create(self) -> None:
        """Makes the tables, empty. Once."""
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
                self._relations[table.upsert] = relation

    async def _create(self, relation: Relation, how: str) -> None:
        for statement in (how, "create_differing", "index_differing"):
            await self.session.execute(relation.statements[statement])
        if relation.name in FUNCTIONS:
            definition = await self.session.fetchval(_SQL["function"], FUNCTIONS[relation.name])
            await self.session.execute(_in_pg_temp(definition))

    async def _relation(self, name: str, key_types: Columns) -> Relation:
        columns = await self.session.fetch(_SQL["columns"], name)
        keyed = sorted((one for one in columns if one["nth_of_key"] is not None), key=lambda one: one["nth_of_key"])
        key = tuple(one["name"] for one in keyed)
        every = [one["name"] for one in columns]
        written = [one["name"] for one in columns if not one["generated"]]
        filled = {
            "table": name,
            "first_key": _quoted(key[0]),
            "key": _list(key),
            "key_types": ", ".join(f"{_quoted(column)} {kind}" for column, kind in key_types.items()),
            "key_as_text": ", ".join(f"{_quoted(column)}::text" for column in key),
            "written": _list(written),
            "shadow_written": _list(written, "shadow."),
            "assignments": ", ".join(f"{_quoted(one)} = excluded.{_quoted(one)}" for one in written if one not in key),
            **{f"{side}_columns": _list(every, f"{side}.") for side in ("live", "shadow", "excluded")},
            **{f"{side}_is_differing": _joined(key, side) for side in ("live", "shadow")},
            "names_of_different": ", ".join(
                f"case when record_image_ne(row(live.{_quoted(one)}), row(shadow.{_quoted(one)})) then '{one}' end"
                for one in every
            ),
        }
        fitting = [query for query in _SQL if "{table}" in _SQL[query]]
        return Relation(name, key, {query: _SQL[query].format_map(filled) for query in fitting})

    async def execute(self, query: str, *arguments: Any) -> None:
        """As a connection's, in the temporary tables."""
        if query in self._locks:
            return
        await self.session.execute(_in_pg_temp(query), *arguments, timeout=LONGEST_SECONDS)
        if self.noting and query in self._relations:
            relation = self._relations[query]
            self.noted.add(relation.name)
            await self.session.execute(relation.statements["note_written"], *arguments, timeout=LONGEST_SECONDS)

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """As a connection's, from the temporary tables."""
        found: list[asyncpg.Record] = await self.session.fetch(_in_pg_temp(query), *arguments, timeout=LONGEST_SECONDS)
        return found

    def transaction(self) -> Any:
        """As a connection's."""
        return self.session.transaction()

    async def analyze(self) -> None:
        """What folds read back grows from nothing, and no autovacuum sees a temporary table."""
        for projection in self._projections:
            for relation in self.relations[projection.name] if projection.refold else ():
                await self.session.execute(f"analyze pg_temp.{relation.name}")


@cache
def _in_pg_temp(statement: str) -> str:
    return statement.replace("telnyx.", "pg_temp.")


def _quoted(name: str) -> str:
    return f'"{name}"'


def _list(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(prefix + _quoted(name) for name in names)


def _joined(key: Iterable[str], side: str) -> str:
    return " and ".join(f"{side}.{_quoted(name)} = differing.{_quoted(name)}" for name in key)
