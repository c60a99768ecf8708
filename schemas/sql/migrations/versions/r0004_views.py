"""The views that dashboards read, and what they need to be quick."""

from schemas.sql.migrations.run import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("classes", "deliveries", "consent", "campaigns", "events"):
        run_sql(f"r0004/{name}.sql")
