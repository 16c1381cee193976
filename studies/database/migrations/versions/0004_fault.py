"""What was at fault when an evaluation failed: the network, its memory, the machine, or the time.

The column stays NULL in rows written before, whose reason alone is known. It is added without a
copy of the table, as in 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("automl_evaluations", sa.Column("fault", sa.String(16), nullable=True))
