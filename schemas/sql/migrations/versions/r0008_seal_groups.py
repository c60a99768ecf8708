"""Short ways to the root of a seal, for evidence."""

from schemas.sql.migrations.run import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("r0008/seal_groups.sql")
