"""How the live tables differ from those that were computed anew, by names only; and the live ones put right.

Named are tables, columns and keys, never what stands in another column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import asyncpg

from projections.rebuild.shadow_tables import LONGEST_SECONDS, Relation

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Drift:
    """`rows` rows of a table that are `wrong` in these columns, `missing` or `extra`; the keys of the first ten."""

    table: str
    kind: str
    columns: tuple[str, ...]
    rows: int
    keys: tuple[dict[str, str], ...]


async def find_drift(session: asyncpg.Connection, relation: Relation) -> list[Drift]:
    """Compares every column of every row, and keeps the keys of those that differ. One snapshot must see both."""
    await session.execute(relation.statements["find_differing"], timeout=LONGEST_SECONDS)
    rows = await session.fetch(relation.statements["summary"], EXAMPLES, timeout=LONGEST_SECONDS)
    found = []
    for (kind, columns), alike in groupby(rows, lambda row: (row["kind"], tuple(row["columns"]))):
        examples = list(alike)
        keys = tuple(dict(zip(relation.key, row["key"], strict=True)) for row in examples)
        found.append(Drift(relation.name, kind, columns, examples[0]["rows"], keys))
    return found


async def repair(session: asyncpg.Connection, relations: Sequence[Relation]) -> None:
    """Makes the rows whose keys were kept what they should be, in the caller's transaction; then forgets the keys.

    In the order of primary keys, as everybody writes: but for projectors, who are held back, an operator's
    `dead-letters retry` may be at work.
    """
    for relation in relations:
        for statement in ("remove_extra", "put_right", "forget_differing"):
            await session.execute(relation.statements[statement], timeout=LONGEST_SECONDS)
