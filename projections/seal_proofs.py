"""That an event was stored when a seal was made: its path to the root of the seal, without other people's events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from projections.queries import queries
from projections.sealing import Seal
from schemas.merkle import inclusion_paths, tree_hash


@dataclass(frozen=True, slots=True)
class Proof:
    """The event is the leaf `index` (from 0) of seal `seq`; `path` as RFC 9162 has it, 32 bytes each."""

    seq: int
    index: int
    path: Sequence[bytes]


async def seals_from(connection: asyncpg.Connection, positions: Sequence[int]) -> list[Seal]:
    """The seals from the one before the first of the positions to the newest, in order; none where there is none."""
    rows = await connection.fetch(queries("evidence")["seals_from"], min(positions, default=1))
    return [Seal(**row) for row in rows]


async def proofs(
    connection: asyncpg.Connection, seals: Sequence[Seal], positions: Mapping[str, int]
) -> tuple[dict[str, Proof], list[int]]:
    """Proofs by event_key, of those that a seal covers; and the seals over them that do not fit their events."""
    found: dict[str, Proof] = {}
    broken = []
    for seal in seals:
        covered = {key: at for key, at in positions.items() if seal.first_position <= at <= seal.last_position}
        if not covered:
            continue
        rows = await connection.fetch(queries("seals")["leaves"], seal.first_position - 1, seal.events)
        leaves = [row["leaf"] for row in rows]
        if tree_hash(leaves) != seal.root:
            broken.append(seal.seq)
            continue
        index_of = {row["position"]: index for index, row in enumerate(rows)}
        indexes = [index_of[at] for at in covered.values()]
        paths = inclusion_paths(leaves, indexes)
        found |= {
            key: Proof(seal.seq, *proof) for key, proof in zip(covered, zip(indexes, paths, strict=True), strict=True)
        }
    return found, broken
