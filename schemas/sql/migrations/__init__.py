"""The schema's history: alembic revisions whose SQL lives in plain .sql files, so that a DBA can read what will run."""
