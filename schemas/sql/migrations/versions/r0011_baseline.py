"""The baseline: every table, with its indexes, triggers and comments."""

from schemas.sql.files import in_order
from schemas.sql.migrations.run import run

revision = "0011"
down_revision = None


def upgrade() -> None:
    run("create schema telnyx_partitions")
    for text in in_order("tables"):
        run(text)
