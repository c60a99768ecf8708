"""`migrate` advises on settings of the server that are too small for the schema."""

import asyncpg

from deploy.commands.migrate import LOCKS, _advice


class WithLocks:
    """A connection to a server with so many locks per transaction: the setting needs a restart."""

    def __init__(self, connection: asyncpg.Connection, locks: int) -> None:
        self._connection = connection
        self._locks = locks

    async def fetchrow(self, query: str) -> tuple[object, ...]:
        row = await self._connection.fetchrow(query)
        assert row is not None
        return (row[0], 1.1, self._locks)


async def test_a_small_table_of_locks_is_named(connection: asyncpg.Connection) -> None:
    [line] = await _advice(WithLocks(connection, 64))
    assert line.startswith("advice: max_locks_per_transaction is 64; set it to 256 and restart Postgres")
    assert await _advice(WithLocks(connection, LOCKS)) == []
