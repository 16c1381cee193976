"""Further cost metrics of each candidate.

The column stays NULL in rows written before: exact metrics are computed from the stored network.
It is added without a copy of the table, because on SQLite a copy would drop the old table, and the
evaluations that refer to it with it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("automl_candidates", sa.Column("metrics", sa.JSON(), nullable=True))
