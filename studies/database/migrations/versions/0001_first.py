"""The first tables: studies, candidates, evaluations, notes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "automl_studies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("optuna_study_id", sa.Integer(), nullable=False),
        sa.Column("space", sa.JSON(), nullable=False),
        sa.Column("budget", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_automl_studies"),
        sa.UniqueConstraint("name", name="uq_automl_studies_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "automl_candidates",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("macs", sa.BigInteger(), nullable=False),
        sa.Column("params", sa.BigInteger(), nullable=False),
        sa.Column("activations", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "id", name="pk_automl_candidates"),
        sa.ForeignKeyConstraint(
            ["study_id"], ["automl_studies.id"], name="fk_automl_candidates_automl_studies", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "automl_evaluations",
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
    op.create_table(
        "automl_notes",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "key", name="pk_automl_notes"),
        sa.ForeignKeyConstraint(
            ["study_id"], ["automl_studies.id"], name="fk_automl_notes_automl_studies", ondelete="CASCADE"
        ),
    )
