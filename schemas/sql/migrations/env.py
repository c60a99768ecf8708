"""Runs the revisions on migrate's connection, in its transaction. Alembic's version table is in schema telnyx."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_revision",
    version_table_schema="telnyx",
)
context.run_migrations()
