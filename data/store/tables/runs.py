"""Runs, and what each of them read and checked."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from data.store.column_types import JsonValue, UtcTime
from data.store.tables.base import KEY, metadata, one_of

run = Table(
    "run",
    metadata,
    Column("run_id", Integer, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, nullable=False),
    Column("rows_read", BigInteger),
    Column("rows_rejected", BigInteger),
    Column("rows_labelled", BigInteger),
    Column("rows_test", BigInteger),
    Column("rows_new", BigInteger),
    Column("fingerprint", Text),
    Column("setup_fingerprint", Text),
    Column("declaration", Text),
    Column("library_versions", JsonValue),
    Column("verdict", Text),
    Column("verdict_difference", Double),
    Column("verdict_low", Double),
    Column("verdict_high", Double),
    Column("reason", Text),
    Column("change", Text),
    Column("warnings", JsonValue, nullable=False),
    Column("snapshot", Text),
    Column("flow_run_id", Text),
    Column("as_of", Text),
    Column("data_until", Double),
    Column("train_until", Double),
    Column("backfill", Boolean, nullable=False, server_default=false()),
    Column("pruned_at", UtcTime),
    Column("target", Text),
    Column("features", Text),
    Column("hidden_layers", Text),
    Column("interval_level", Double),
    Column("period_from", Text),
    Column("period_until", Text),
    Column("nightfit_version", Text),
    Column("python_version", Text),
    Column("numpy_version", Text),
    Column("key_columns", JsonValue),
    Column("interval_levels", Text),
    Column("scheme", Text),
    one_of("status", "succeeded", "failed", "rejected", "skipped"),
    one_of("verdict", "yay", "nay", "undecided"),
    UniqueConstraint("dataset", "started_at"),
    Index(None, "dataset", "status", "run_id"),
    comment=(
        "One attempt to retrain one dataset. as_of: the past moment it was trained as of, if any;"
        " data_until, train_until: the newest time of a labelled row and of a training row, in"
        " microseconds since 1970, or the number itself; backfill: a champion trained on later data"
        " was already serving; pruned_at: when predictions that nothing shows any more were"
        " removed; key_columns: the columns of the key as [name, type]; interval_levels: the shares"
        " that intervals should cover, the widest first; scheme: by which split of the rows errors"
        " are measured."
    ),
    sqlite_autoincrement=True,  # an id is never used twice
)


def is_good(runs: FromClause) -> ColumnElement[bool]:
    """Return which rows of `run` succeeded and are no backfills."""
    return (runs.c.status == "succeeded") & (runs.c.backfill == false())


expectation_result = Table(
    "expectation_result",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("expectation", Text, nullable=False),
    Column("column_name", Text),
    Column("severity", Text, nullable=False),
    Column("quarantine", Boolean, nullable=False),
    Column("success", Boolean, nullable=False),
    Column("kwargs", JsonValue, nullable=False),
    Column("observed", JsonValue),
    Column("unexpected_count", BigInteger),
    Column("examples", JsonValue, nullable=False),
    PrimaryKeyConstraint("run_id", "position"),
    one_of("severity", "critical", "warning"),
    comment="One expectation checked in one run.",
)

source_column = Table(
    "source_column",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("kind", Text),
    Column("kind_from", Text),
    Column("missing", BigInteger),
    Column("distinct_values", BigInteger),
    Column("typical_size", Double),
    Column("example", Text),
    Column("enters", Text),
    PrimaryKeyConstraint("run_id", "position"),
    UniqueConstraint("run_id", "name"),
    comment=(
        "One column of the source of one run: its role and kind, how it was filled, and how it"
        " enters the models. The next run is compared with it."
    ),
)

run_figures = Table(
    "run_figures",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), primary_key=True),
    Column("figures", JsonValue, nullable=False),
    comment=(
        "One run as figures that its charts are drawn from, as JSON: some of its rows with their"
        " predictions, curves, and times."
    ),
)

acceptance = Table(
    "acceptance",
    metadata,
    Column("acceptance_id", Integer, primary_key=True),
    Column("dataset", Text, nullable=False),
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("accepted_at", UtcTime, nullable=False),
    Column("accepted_by", Text, nullable=False),
    Column("reason", Text),
    Index(None, "dataset", "acceptance_id"),
    comment=(
        "One decision of a person that the source of a dataset may look as it did in run_id. Rows"
        " are only ever added."
    ),
    sqlite_autoincrement=True,
)

rejected_row = Table(
    "rejected_row",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("row_number", BigInteger, nullable=False),
    Column("key", KEY),
    Column("row_values", JsonValue, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "row_number"),
    comment="One quarantined row of one run; row_number counts the rows of the source from 1.",
)
