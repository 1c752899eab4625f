"""Columns of the source, acceptances, notes on predictions, standard errors, and checksums."""

import sqlalchemy as sa
from alembic import op

from data.store.migrations.views_0101 import VIEWS

revision = "0101"
down_revision = "0100"
branch_labels = None
depends_on = None

new_names = (
    "source_column",
    "acceptance",
    "coefficient_variant",
    "current_column",
    "checksum",
    "prediction_checksum",
    "database_check",
)
"""Tables and views that this migration adds to those of the version before."""

TIME = sa.DateTime(timezone=True)
JSON = sa.Text().with_variant(sa.JSON(), "postgresql")
COMMENTS = {
    "model": (
        "One candidate of one run. artifact: the model refitted on all labelled rows, as"
        " safetensors; twin: the same model fitted without the test rows; their SHA-256 also covers"
        " the dataset, the run and the candidate that they belong to."
    ),
    "run": (
        "One attempt to retrain one dataset. as_of: the past moment it was trained as of, if any;"
        " data_until, train_until: the newest time of a labelled row and of a training row, in"
        " microseconds since 1970, or the number itself; backfill: a champion trained on later data"
        " was already serving; pruned_at: when predictions that nothing shows any more were"
        " removed."
    ),
    "prediction": (
        "One row of one run as predicted by one model; train rows are predicted out of fold. note:"
        " what makes the prediction less certain than others, for example a level never seen."
    ),
    "promotion": (
        "One decision about a dataset's champion; model_id serves from then on. Rows are only ever"
        " added. A person's decision has decided_by instead of run_id. pinned: runs promote nobody"
        " from then on, until a person decides again. predictions_run_id: the run whose rows the"
        " champion's current predictions are of; NULL in decisions of version 0.1.0."
    ),
}


def upgrade() -> None:
    """Add tables and columns; nothing that is stored changes."""
    op.create_table(
        "source_column",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("kind_from", sa.Text()),
        sa.Column("missing", sa.BigInteger()),
        sa.Column("distinct_values", sa.BigInteger()),
        sa.Column("typical_size", sa.Double()),
        sa.Column("example", sa.Text()),
        sa.Column("enters", sa.Text()),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.run_id"], name=op.f("fk_source_column_run_id_run")
        ),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_source_column")),
        sa.UniqueConstraint("run_id", "name", name=op.f("uq_source_column_run_id_name")),
        comment=(
            "One column of the source of one run: its role and kind, how it was filled, and how it"
            " enters the models. The next run is compared with it."
        ),
    )
    op.create_table(
        "acceptance",
        sa.Column("acceptance_id", sa.Integer(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.Column("accepted_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_acceptance_run_id_run")),
        sa.PrimaryKeyConstraint("acceptance_id", name=op.f("pk_acceptance")),
        comment=(
            "One decision of a person that the source of a dataset may look as it did in run_id."
            " Rows are only ever added."
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_acceptance_dataset_acceptance_id"), "acceptance", ["dataset", "acceptance_id"]
    )
    op.create_table(
        "coefficient_variant",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("estimate", sa.Double(), nullable=False),
        sa.Column("standard_error", sa.Double()),
        sa.Column("t", sa.Double()),
        sa.Column("p", sa.Double()),
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        sa.Column("robust_standard_error", sa.Double()),
        sa.Column("cluster_standard_error", sa.Double()),
        sa.Column("hac_standard_error", sa.Double()),
        sa.ForeignKeyConstraint(
            ["model_id"],
            ["model.model_id"],
            name=op.f("fk_coefficient_variant_model_id_model"),
        ),
        sa.CheckConstraint(
            "variant IN ('aliases left out', 'complete cases')",
            name=op.f("ck_coefficient_variant_variant"),
        ),
        sa.PrimaryKeyConstraint(
            "model_id", "variant", "position", name=op.f("pk_coefficient_variant")
        ),
        sa.UniqueConstraint(
            "model_id", "variant", "term", name=op.f("uq_coefficient_variant_model_id_variant_term")
        ),
        comment=(
            "One term of a linear model fitted in another way, to compare: without the terms that"
            " depend on earlier ones, or only on the rows without a missing value. The model that"
            " serves is the one in coefficient."
        ),
    )
    _create_checksums()
    op.add_column("model", sa.Column("artifact_sha256", sa.Text()))
    op.add_column("model", sa.Column("twin_sha256", sa.Text()))
    op.add_column("coefficient", sa.Column("cluster_standard_error", sa.Double()))
    op.add_column("coefficient", sa.Column("hac_standard_error", sa.Double()))
    op.add_column("prediction", sa.Column("note", sa.Text()))
    op.add_column("promotion", sa.Column("predictions_run_id", sa.Integer()))
    if op.get_bind().dialect.name == "postgresql":  # SQLite has no comments
        for table, comment in COMMENTS.items():
            op.create_table_comment(table, comment)
    _replace_views()


def _create_checksums() -> None:
    """Make the tables of checksums; the upgrade fills them from the rows that there are."""
    op.create_table(
        "checksum",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.run_id"], name=op.f("fk_checksum_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "table_name", name=op.f("pk_checksum")),
        comment=(
            "One table's rows of one run as they were stored: how many, and their SHA-256. A table"
            " of which rows were pruned has none."
        ),
    )
    op.create_table(
        "prediction_checksum",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("model_id", "run_id", name=op.f("pk_prediction_checksum")),
        comment="One model's predictions of the rows of one run: how many, and their SHA-256.",
    )
    op.create_table(
        "database_check",
        sa.Column("check_id", sa.Integer(), nullable=False),
        sa.Column("checked_at", TIME, nullable=False),
        sa.Column("findings", JSON, nullable=False),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_database_check")),
        comment="One check of the whole database, and what it found wrong.",
        sqlite_autoincrement=True,
    )


def _replace_views() -> None:
    """Make the views of this version: new columns come last, so PostgreSQL can replace a view."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name, statement in VIEWS.items():
        if on_postgresql:
            op.execute(statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
        else:
            op.execute(f"DROP VIEW IF EXISTS {name}")
            op.execute(statement)
