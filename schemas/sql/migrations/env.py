"""Runs revisions on the connection that migrate hands over: one transaction, alembic's table inside schema telnyx."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_revision",
    version_table_schema="telnyx",
)
context.run_migrations()
