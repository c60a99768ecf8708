"""Finds the rows that differ between the live tables and the shadow tables, and repairs the live ones.

Drift is reported by the names of tables, columns and keys. Values of other columns are never shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import asyncpg

from projections.rebuild.shadow_tables import LONGEST_SECONDS, Relation

EXAMPLES = 10
KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Drift:
    """`rows` rows of a table are `wrong` in these columns, `missing`, `extra`, or `kept`. `keys` are those of ten.

    A kept row is not repaired, because a month of its events was given up.
    """

    table: str
    kind: str
    columns: tuple[str, ...]
    rows: int
    keys: tuple[dict[str, str], ...]


async def find_drift(session: asyncpg.Connection, relation: Relation, *, keep: bool) -> list[Drift]:
    """Compares every column of every row, and keeps the keys of the differing rows in the session.

    With `keep`, rows whose events were given up are found apart. Both tables must be seen in one snapshot.
    """
    await session.execute(relation.statements["find_differing"], timeout=LONGEST_SECONDS)
    if keep:
        await session.execute(relation.statements["keep_given_up"], timeout=LONGEST_SECONDS)
    rows = await session.fetch(relation.statements["summary"], EXAMPLES, timeout=LONGEST_SECONDS)
    found = []
    for (kind, columns), group in groupby(rows, lambda row: (row["kind"], tuple(row["columns"]))):
        examples = list(group)
        keys = tuple(dict(zip(relation.key, row["key"], strict=True)) for row in examples)
        found.append(Drift(relation.name, kind, columns, examples[0]["rows"], keys))
    return found


async def repair(session: asyncpg.Connection, relations: Sequence[Relation]) -> None:
    """Copies the rows with the kept keys from the shadow tables, in the caller's transaction, and forgets the keys."""
    # The projectors are stopped, but a `dead-letters retry` may write the same rows in another order. A deadlock with
    # it is Unavailable, and the run tries the repair again.
    for relation in relations:
        for statement in ("remove_extra", "put_right", "forget_differing"):
            await session.execute(relation.statements[statement], timeout=LONGEST_SECONDS)
