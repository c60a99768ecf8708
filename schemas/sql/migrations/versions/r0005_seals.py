"""Seals, which prove that no event was taken out."""

from schemas.sql.migrations.run import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("r0005/seals.sql")
