"""The event store, messages, opt-outs and what operation needs: everything but 10DLC and the account's other things."""

from schemas.sql.migrations.run import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    for name in ("events", "partitions", "event_payloads", "deliveries", "inbound", "opt_outs", "operation"):
        run_sql(f"r0001/{name}.sql")
