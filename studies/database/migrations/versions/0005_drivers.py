"""The processes that run a study, and the evaluations that each of them has begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "automl_drivers",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.String(255), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_automl_drivers"),
        sa.ForeignKeyConstraint(
            ["study_id"], ["automl_studies.id"], name="fk_automl_drivers_automl_studies", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "automl_claims",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.String(128), nullable=False),
        sa.Column("fidelity", sa.String(255), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("driver_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "candidate_id", "fidelity", "seed", name="pk_automl_claims"),
        sa.ForeignKeyConstraint(
            ["driver_id"], ["automl_drivers.id"], name="fk_automl_claims_automl_drivers", ondelete="CASCADE"
        ),
    )
