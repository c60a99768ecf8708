"""Runs a .sql file inside the migration's transaction.

By the driver's own execute, because asyncpg cannot prepare several statements at once.
"""

from pathlib import Path

from alembic import op

SQL = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Runs sql/NAME; only inside a revision."""
    driver = op.get_bind().connection.dbapi_connection
    assert driver is not None, "alembic runs revisions on an open connection"  # noqa: S101 - narrows the type
    text = (SQL / name).read_text(encoding="utf-8")
    driver.run_async(lambda connection: connection.execute(text))
