"""Which webhooks name a person, for evidence."""

from schemas.sql.migrations.run import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("r0006/persons.sql")
