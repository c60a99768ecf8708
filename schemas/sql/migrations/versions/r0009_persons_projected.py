"""person_events filled by batches; conflicts of event ids in a window of time."""

from schemas.sql.migrations.run import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for name in ("persons", "conflicts"):
        run_sql(f"r0009/{name}.sql")
