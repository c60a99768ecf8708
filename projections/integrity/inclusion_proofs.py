"""Proofs that an event was stored when a seal was made: its path to the root of the seal, without other events.

Only the group of 64 leaves around an event is computed. The roots of the groups were stored with the seal, and are
trusted only if they lead to its root.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from projections.integrity.merkle import GROUP, group_roots, inclusion_path, tree_hash
from projections.integrity.sealing import Seal, leaves_after
from projections.sql import queries

GROUPS_AT_ONCE = 50  # bodies may be large, and a statement may take 30 s

Leaves = dict[int, bytes]  # by position, in order


@dataclass(frozen=True, slots=True)
class Proof:
    """The event is leaf `index` (from 0) of seal `seq`. `path` is that of RFC 9162, with hashes of 32 bytes."""

    seq: int
    index: int
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a seal: the position at which each begins, and its tree hash."""

    seal: Seal
    first_positions: Sequence[int]
    roots: Sequence[bytes]

    def number_of(self, position: int) -> int:
        """The number (from 0) of the group that holds the position."""
        return bisect_right(self.first_positions, position) - 1

    def bounds(self, number: int) -> tuple[int, int]:
        """The first and last position of a group."""
        ends = [*self.first_positions[1:], self.seal.last_position + 1]
        return self.first_positions[number], ends[number] - 1


async def seals_from(connection: asyncpg.Connection, positions: Sequence[int]) -> list[Seal]:
    """The seals from the one before the lowest position to the newest, in order."""
    rows = await connection.fetch(queries("evidence")["seals_from"], min(positions, default=1))
    return [Seal(**row) for row in rows]


async def proofs(
    connection: asyncpg.Connection, seals: Sequence[Seal], positions: Mapping[str, int]
) -> tuple[dict[str, Proof], list[int]]:
    """(proofs by event_key of the events that a seal covers, numbers of the seals that do not fit their events)."""
    covering = {key: seal for key, at in positions.items() if (seal := _covering(seals, at))}
    groups = await _groups(connection, {seal.seq: seal for seal in covering.values()})
    wanted = {key: (seal.seq, groups[seal.seq].number_of(positions[key])) for key, seal in covering.items()}
    leaves = await _leaves(connection, groups, sorted(set(wanted.values())))
    broken = {seq for seq, seal_groups in groups.items() if tree_hash(seal_groups.roots) != seal_groups.seal.root}
    broken |= {
        seq for (seq, number), found in leaves.items() if tree_hash([*found.values()]) != groups[seq].roots[number]
    }
    found = {
        key: _proof(groups[seq], number, leaves[seq, number], positions[key])
        for key, (seq, number) in wanted.items()
        if seq not in broken
    }
    return found, sorted(broken)


def _covering(seals: Sequence[Seal], position: int) -> Seal | None:
    nth = bisect_right(seals, position, key=lambda seal: seal.first_position) - 1
    return seals[nth] if nth >= 0 and position <= seals[nth].last_position else None


async def _groups(connection: asyncpg.Connection, seals: Mapping[int, Seal]) -> dict[int, Groups]:
    """The stored groups. Those of a seal from before groups were stored are computed from all its events."""
    rows = {row["seq"]: row for row in await connection.fetch(queries("seals")["groups"], [*seals])}
    found = {}
    for seq, seal in seals.items():
        if seq in rows:
            joined = rows[seq]["roots"]
            roots = [joined[start : start + 32] for start in range(0, len(joined), 32)]
            found[seq] = Groups(seal, rows[seq]["first_positions"], roots)
        else:
            leaves = await leaves_after(connection, seal.first_position - 1, seal.events)
            roots = group_roots([leaf for _, leaf in leaves])
            found[seq] = Groups(seal, [position for position, _ in leaves[::GROUP]], roots)
    return found


async def _leaves(
    connection: asyncpg.Connection, groups: Mapping[int, Groups], wanted: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Leaves]:
    """The leaves of these groups, by (seq, number)."""
    found: dict[tuple[int, int], Leaves] = {group: {} for group in wanted}
    for start in range(0, len(wanted), GROUPS_AT_ONCE):
        some = wanted[start : start + GROUPS_AT_ONCE]
        bounds = [groups[seq].bounds(number) for seq, number in some]
        firsts, lasts = zip(*bounds, strict=True)
        for row in await connection.fetch(queries("seals")["leaves_between"], firsts, lasts):
            found[some[row["nth"] - 1]][row["position"]] = row["leaf"]
    return found


def _proof(groups: Groups, number: int, leaves: Leaves, position: int) -> Proof:
    index = list(leaves).index(position)
    path = [*inclusion_path([*leaves.values()], index), *inclusion_path(groups.roots, number)]
    return Proof(groups.seal.seq, number * GROUP + index, path)
