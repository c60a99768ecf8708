"""Turns, indexes and room in pages for the folds. Changes nothing in a new database: the baseline has them."""

from pathlib import Path

from schemas.sql.files import text_of
from schemas.sql.migrations.run import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run(text_of("tables/turns.sql"))
    run(Path(__file__).with_suffix(".sql").read_text("utf-8"))
