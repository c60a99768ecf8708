"""The table of epochs. Changes nothing in a new database: the baseline has it."""

from schemas.sql.files import text_of
from schemas.sql.migrations.run import run

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run(text_of("functions/refuse_change_of_epochs.sql"))
    run(text_of("tables/store_epochs.sql"))
