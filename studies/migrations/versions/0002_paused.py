"""Trainings that wait at a rung; who proposed a network, and its zero-cost scores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("automl_evaluations") as table:
        table.add_column(sa.Column("origin", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("scores", sa.JSON(), nullable=False, server_default="{}"))
    op.create_table(
        "automl_paused",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.String(128), nullable=False),
        sa.Column("fidelity", sa.String(255), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "candidate_id", "fidelity", "seed", name="pk_automl_paused"),
        sa.ForeignKeyConstraint(["study_id"], ["automl_studies.id"], name="fk_automl_paused_automl_studies", ondelete="CASCADE"),
    )
