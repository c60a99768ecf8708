"""The runner: alembic, whose revisions run plain SQL."""
