"""What serves each segment of a dataset, the decisions behind it, and the equations of segments."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
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

segment_serving = Table(
    "segment_serving",
    metadata,
    Column("dataset", Text, nullable=False),
    Column("segment", KEY, nullable=False),
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("model_id", ForeignKey(model.c.model_id)),
    Column("since", UtcTime, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("rows_test", BigInteger, nullable=False),
    Column("validation_rmse", Double),
    Column("champion_validation_rmse", Double),
    Column("test_rmse", Double),
    Column("champion_test_rmse", Double),
    Column("reason", Text),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("dataset", "segment"),
    Index(None, "dataset", "model_id"),
    Index(None, "run_id"),
    comment=(
        "One segment of one dataset as it is served now, of which the latest good run replaces all."
        " model_id: the model of its own that serves it, NULL for the dataset's champion, whichever"
        " that is; its predictions are of the rows of run_id."
    ),
    sqlite_with_rowid=False,
)

segment_decision = Table(
    "segment_decision",
    metadata,
    Column("segment_decision_id", Integer, primary_key=True),
    Column("run_id", ForeignKey(run.c.run_id)),
    Column("dataset", Text, nullable=False),
    Column("segment", KEY, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("decision", Text, nullable=False),
    Column("kind", Text),
    Column("model_id", ForeignKey(model.c.model_id)),
    Column("previous_model_id", ForeignKey(model.c.model_id)),
    Column("gain", Double),
    Column("gain_low", Double),
    Column("gain_high", Double),
    Column("confidence", Double),
    Column("rows", BigInteger),
    Column("rule", Text),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    one_of("decision", "promoted", "returned", "rolled_back", "forced", "unpinned"),
    Index(None, "dataset", "segment", "segment_decision_id"),
    Index(None, "run_id"),
    comment=(
        "One decision about one segment of one dataset: models of this kind serve it from then"
        " on, each night's own; NULL for the dataset's champion. Rows are only ever added."
        " model_id: the one that served first; NULL for the champion, or where it was to serve"
        " from the next night on. A person's decision has decided_by instead of run_id. pinned:"
        " no run decides about the segment from then on, until a person decides again."
    ),
    sqlite_autoincrement=True,
)

# No foreign keys in these two, for the reason given at `prediction`.
segment_fit = Table(
    "segment_fit",
    metadata,
    Column("model_id", Integer, nullable=False),
    Column("segment", KEY, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("residual_sd", Double),
    Column("r2", Double),
    Column("reason", Text),
    PrimaryKeyConstraint("model_id", "segment"),
    comment=(
        "One segment's equation as a whole, of one linear model of the latest good run of its"
        " dataset. reason: why the segment has no equation of its own."
    ),
    sqlite_with_rowid=False,
)

segment_coefficient_value = Table(
    "segment_coefficient_value",
    metadata,
    Column("model_id", Integer, nullable=False),
    Column("segment", KEY, nullable=False),
    Column("position", Integer, nullable=False),
    Column("term", Text, nullable=False),
    Column("estimate", Double, nullable=False),
    Column("standard_error", Double),
    Column("robust_standard_error", Double),
    Column("t", Double),
    Column("p", Double),
    Column("low", Double),
    Column("high", Double),
    PrimaryKeyConstraint("model_id", "segment", "position"),
    comment=(
        "One term of one segment's equation in segment_fit, in the data's own units, with its"
        " inference if any. Those of earlier runs are in the artifacts of their models alone."
    ),
    sqlite_with_rowid=False,
)
