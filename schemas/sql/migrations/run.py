"""Runs SQL inside the migration's transaction.

The driver's own `execute` runs it, because asyncpg cannot prepare several statements at once.
"""

from alembic import op


def run(statements: str) -> None:
    """Runs one or more statements. Works inside a revision only."""
    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None, "alembic runs revisions on an open connection"  # noqa: S101 - narrows the type
    driver.run_async(lambda connection: connection.execute(statements))
