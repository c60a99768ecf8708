"""A month of events is filled only after every session knows it."""

from schemas.sql.migrations.run import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("r0011/partitions.sql")
