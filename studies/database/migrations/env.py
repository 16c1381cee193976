"""What Alembic runs around the migrations: on the connection, and inside the transaction, that
`studies.database.schema` hands over."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"], version_table="automl_alembic_version", render_as_batch=True
)
context.run_migrations()
