"""A new month of events is seen by statements that were being planned when it was made."""

from schemas.sql.migrations.run import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("r0010/partitions.sql")
