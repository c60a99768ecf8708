"""10DLC: what was reported about brands, campaigns and their numbers, and what it comes to."""

from schemas.sql.migrations.run import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in ("ten_dlc_events", "ten_dlc"):
        run_sql(f"r0002/{name}.sql")
