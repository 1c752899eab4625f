"""Predictions, the decisions about champions, and what became of both."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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
    false,
)

from data.store.column_types import UtcTime
from data.store.tables.base import KEY, metadata, one_of
from data.store.tables.models import model
from data.store.tables.runs import run

# No foreign keys: checking two of them for each of millions of rows would cost PostgreSQL more than
# the rows themselves. The only writer supplies both ids, in the transaction that made them. Rows
# are stored in the order of the primary key, so that one key of one model, and the first rows of
# one model, take a single search however many rows there are.
prediction = Table(
    "prediction",
    metadata,
    Column("model_id", Integer, nullable=False),
    Column("key", KEY, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("actual", Double),
    Column("predicted", Double),
    Column("lower", Double),
    Column("upper", Double),
    Column("role", Text, nullable=False),
    Column("note", Text),
    Column("lower_2", Double),
    Column("upper_2", Double),
    Column("lower_3", Double),
    Column("upper_3", Double),
    Column("segment", KEY),
    Column("routed", Boolean),
    PrimaryKeyConstraint("model_id", "key", "run_id"),
    CheckConstraint(  # for IN, SQLite would build a table of the words for each row
        "role = 'train' OR role = 'test' OR role = 'new' OR role = 'warmup'", name="role"
    ),
    CheckConstraint("predicted IS NOT NULL OR role = 'warmup'", name="predicted"),
    comment=(
        "One row of one run as predicted by one model; train rows are predicted out of fold. note:"
        " what makes the prediction less certain than others, for example a level never seen."
        " lower, upper: of the widest interval; lower_2 to upper_3: of the next narrower ones, NULL"
        " if the dataset declares no more levels. segment: NULL without declared segments; routed:"
        " whether the model served the segment instead of the dataset's champion after the run."
    ),
    sqlite_with_rowid=False,
)


def target_unknown(rows: FromClause) -> ColumnElement[bool]:
    """Return which rows of `prediction` still lack their target; the index below holds them."""
    return (rows.c.role == "new") & rows.c.actual.is_(None)


# Only new rows have no target, so the second condition is enough; it is the cheaper to check.
Index(
    "ix_prediction_unknown",
    prediction.c.dataset,
    prediction.c.key,
    prediction.c.run_id,
    sqlite_where=prediction.c.actual.is_(None),
    postgresql_where=prediction.c.actual.is_(None),
)

outcome = Table(
    "outcome",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("key", KEY, nullable=False),
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("model_id", ForeignKey(model.c.model_id), nullable=False),
    Column("predicted", Double, nullable=False),
    Column("lower", Double),
    Column("upper", Double),
    Column("predicted_at", UtcTime, nullable=False),
    Column("actual", Double, nullable=False),
    Column("realised_at", UtcTime, nullable=False),
    Column("realised_run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("lower_2", Double),
    Column("upper_2", Double),
    Column("lower_3", Double),
    Column("upper_3", Double),
    Column("segment", KEY),
    PrimaryKeyConstraint("dataset", "key"),
    Index(None, "key"),
    comment=(
        "One key whose target became known after it had been predicted: the last prediction"
        " before that (of run_id, by model_id), and the actual value. segment: NULL without"
        " declared segments."
    ),
)

promotion = Table(
    "promotion",
    metadata,
    Column("promotion_id", Integer, primary_key=True),
    Column("run_id", ForeignKey(run.c.run_id)),
    Column("dataset", Text, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("decision", Text, nullable=False),
    Column("model_id", ForeignKey(model.c.model_id), nullable=False),
    Column("incumbent_model_id", ForeignKey(model.c.model_id)),
    Column("challenger_model_id", ForeignKey(model.c.model_id)),
    Column("incumbent_rmse", Double),
    Column("challenger_rmse", Double),
    Column("gain", Double),
    Column("gain_low", Double),
    Column("gain_high", Double),
    Column("rule", Text),
    Column("reason", Text, nullable=False),
    Column("confidence", Double),
    Column("rows", BigInteger),
    Column("units", BigInteger),
    Column("smallest_gain", Double),
    Column("decided_by", Text),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("predictions_run_id", Integer),
    one_of("decision", "promoted", "kept", "rolled_back", "forced", "unpinned"),
    Index(None, "dataset", "promotion_id"),
    comment=(
        "One decision about a dataset's champion; model_id serves from then on. Rows are only ever"
        " added. A person's decision has decided_by instead of run_id. pinned: runs promote nobody"
        " from then on, until a person decides again. predictions_run_id: the run whose rows the"
        " champion's current predictions are of; NULL in decisions of version 0.1.0."
    ),
    sqlite_autoincrement=True,
)

# No foreign keys, for the reason given at `prediction`.
paired_error = Table(
    "paired_error",
    metadata,
    Column("run_id", Integer, nullable=False),
    Column("key", KEY, nullable=False),
    Column("model_id", Integer, nullable=False),
    Column("other_model_id", Integer, nullable=False),
    Column("error", Double, nullable=False),
    Column("other_error", Double, nullable=False),
    Column("unit", BigInteger),
    PrimaryKeyConstraint("run_id", "key"),
    comment=(
        "One test row of one run on which two models were compared that had not seen it: actual"
        " minus predicted of each. Rows of one unit depend on each other."
    ),
    sqlite_with_rowid=False,
)
