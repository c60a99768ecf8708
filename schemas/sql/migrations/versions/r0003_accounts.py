"""The account's other things: spend limits, hosted numbers, toll-free verifications, link clicks."""

from schemas.sql.migrations.run import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql("r0003/accounts.sql")
