"""opt_out_violations by two looks at an index per delivery."""

from schemas.sql.migrations.run import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("r0007/violations.sql")
