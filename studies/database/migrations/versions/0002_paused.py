"""Trainings that wait at a rung; what proposed a network, and its zero-cost scores.

MySQL takes no default for TEXT and JSON: the columns are added empty, filled, and only then
required. (This migration once gave them a default, which databases made then still have; nothing
rests on it, as every row is written with both.)
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("automl_evaluations", sa.Column("origin", sa.Text(), nullable=True))
    op.add_column("automl_evaluations", sa.Column("scores", sa.JSON(), nullable=True))
    op.execute("UPDATE automl_evaluations SET origin = '', scores = '{}'")
    with op.batch_alter_table("automl_evaluations", copy_from=_evaluations()) as table:
        table.alter_column("origin", existing_type=sa.Text(), nullable=False)
        table.alter_column("scores", existing_type=sa.JSON(), nullable=False)
    op.create_table(
        "automl_paused",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.String(128), nullable=False),
        sa.Column("fidelity", sa.String(255), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "candidate_id", "fidelity", "seed", name="pk_automl_paused"),
        sa.ForeignKeyConstraint(
            ["study_id"], ["automl_studies.id"], name="fk_automl_paused_automl_studies", ondelete="CASCADE"
        ),
    )


def _evaluations() -> sa.Table:
    """The table as it stands in between. SQLite cannot alter a column: Alembic makes the table anew
    from this, and copies the rows."""
    metadata = sa.MetaData()
    sa.Table(
        "automl_candidates",
        metadata,
        sa.Column("study_id", sa.Integer(), primary_key=True),
        sa.Column("id", sa.String(128), primary_key=True),
    )
    return sa.Table(
        "automl_evaluations",
        metadata,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.String(128), nullable=False),
        sa.Column("fidelity", sa.String(255), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("curve", sa.JSON(), nullable=False),
        sa.Column("accuracy", sa.Double(), nullable=True),
        sa.Column("test_accuracy", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("checkpoint", sa.Text(), nullable=True),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("scores", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_automl_evaluations"),
        sa.UniqueConstraint(
            "study_id",
            "candidate_id",
            "fidelity",
            "seed",
            name="uq_automl_evaluations_study_id_candidate_id_fidelity_seed",
        ),
        sa.UniqueConstraint("study_id", "trial", name="uq_automl_evaluations_study_id_trial"),
        sa.ForeignKeyConstraint(
            ["study_id", "candidate_id"],
            ["automl_candidates.study_id", "automl_candidates.id"],
            name="fk_automl_evaluations_automl_candidates",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("state IN ('COMPLETE', 'PRUNED', 'FAIL')", name="ck_automl_evaluations_state"),
        sa.CheckConstraint("state <> 'COMPLETE' OR accuracy IS NOT NULL", name="ck_automl_evaluations_accuracy"),
        sa.CheckConstraint(
            "(purpose = 'search' AND trial IS NOT NULL) OR (purpose = 'final' AND trial IS NULL)",
            name="ck_automl_evaluations_purpose",
        ),
    )
