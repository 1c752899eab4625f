"""The tables of the store. The comment of each says its grain: what one row is.

People query the views in `views/`; the tables hold what the views show, and the rest. A change here
needs a migration in `migrations/versions/`. A CHECK lists the words of a column only where this
code alone decides on them: frameworks and kinds are listed in `regressors/` and nowhere else.
"""

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
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from data.store.column_types import JsonValue, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""A row's key: compared byte by byte on both databases, which is also fastest on PostgreSQL."""


def _one_of(column: str, *words: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


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
    _one_of("status", "succeeded", "failed", "rejected", "skipped"),
    _one_of("verdict", "yay", "nay", "undecided"),
    UniqueConstraint("dataset", "started_at"),
    Index(None, "dataset", "status", "run_id"),
    comment=(
        "One attempt to retrain one dataset. as_of: the past moment it was trained as of, if any;"
        " data_until, train_until: the newest time of a labelled row and of a training row, in"
        " microseconds since 1970, or the number itself; backfill: a champion trained on later data"
        " was already serving; pruned_at: when predictions that nothing shows any more were"
        " removed."
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
    _one_of("severity", "critical", "warning"),
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

model = Table(
    "model",
    metadata,
    Column("model_id", Integer, primary_key=True),
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("framework", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("rank", Integer),
    Column("chosen", Boolean, nullable=False),
    Column("no_skill", Boolean),
    Column("fit_seconds", Double),
    Column("seed", Text),
    Column("details", JsonValue, nullable=False),
    Column("artifact", LargeBinary),
    Column("twin", LargeBinary),
    Column("framework_version", Text),
    _one_of("status", "fitted", "failed"),
    UniqueConstraint("run_id", "framework", "kind"),
    comment=(
        "One candidate of one run. artifact: the model refitted on all labelled rows, as"
        " safetensors; twin: the same model fitted without the test rows."
    ),
    sqlite_autoincrement=True,
)

score = Table(
    "score",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("model_id", ForeignKey(model.c.model_id), nullable=False),
    Column("rows", Text, nullable=False),
    Column("rmse", Double, nullable=False),
    Column("rmse_low", Double),
    Column("rmse_high", Double),
    Column("rmse_se", Double),
    Column("mae", Double, nullable=False),
    Column("r2", Double),
    Column("n", BigInteger, nullable=False),
    Column("coverage", Double),
    PrimaryKeyConstraint("run_id", "model_id", "rows"),
    _one_of("rows", "validation", "test"),
    comment=(
        "One model scored on one set of rows of one run: validation (out of fold) or test."
        " The incumbent, a model of an earlier run, is scored again on the test rows of this run."
    ),
)

coefficient = Table(
    "coefficient",
    metadata,
    Column("model_id", ForeignKey(model.c.model_id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("term", Text, nullable=False),
    Column("estimate", Double, nullable=False),
    Column("standard_error", Double),
    Column("t", Double),
    Column("p", Double),
    Column("low", Double),
    Column("high", Double),
    Column("robust_standard_error", Double),
    Column("cluster_standard_error", Double),
    Column("hac_standard_error", Double),
    PrimaryKeyConstraint("model_id", "position"),
    UniqueConstraint("model_id", "term"),
    comment="One term of one linear model, in the data's own units, with its inference if any.",
)

coefficient_variant = Table(
    "coefficient_variant",
    metadata,
    Column("model_id", ForeignKey(model.c.model_id), nullable=False),
    Column("variant", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("term", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("estimate", Double, nullable=False),
    Column("standard_error", Double),
    Column("t", Double),
    Column("p", Double),
    Column("low", Double),
    Column("high", Double),
    Column("robust_standard_error", Double),
    Column("cluster_standard_error", Double),
    Column("hac_standard_error", Double),
    PrimaryKeyConstraint("model_id", "variant", "position"),
    UniqueConstraint("model_id", "variant", "term"),
    _one_of("variant", "aliases left out", "complete cases"),
    comment=(
        "One term of a linear model fitted in another way, to compare: without the terms that"
        " depend on earlier ones, or only on the rows without a missing value. The model that"
        " serves is the one in coefficient."
    ),
)

linear_fit = Table(
    "linear_fit",
    metadata,
    Column("model_id", ForeignKey(model.c.model_id), primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("rank", Integer),
    Column("degrees_of_freedom", BigInteger),
    Column("residual_sd", Double),
    Column("r2", Double),
    Column("adjusted_r2", Double),
    Column("f", Double),
    Column("f_p", Double),
    Column("condition_number", Double),
    Column("excess_loss", Double),
    Column("epochs", Integer),
    Column("epochs_to_solution", Integer),
    comment="One linear model as a whole, refitted on all labelled rows.",
)

resilience = Table(
    "resilience",
    metadata,
    Column("model_id", ForeignKey(model.c.model_id), nullable=False),
    Column("share", Double, nullable=False),
    Column("rmse", Double, nullable=False),
    Column("rmse_low", Double, nullable=False),
    Column("rmse_high", Double, nullable=False),
    Column("draws", Integer, nullable=False),
    PrimaryKeyConstraint("model_id", "share"),
    comment=(
        "One share of silenced hidden cells of one ANN: the mean, lowest and highest test error of"
        " its twin over random draws of the cells."
    ),
)

agreement_check = Table(
    "agreement_check",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("framework", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("quantity", Text, nullable=False),
    Column("compared_with", Text, nullable=False),
    Column("figure", Double),
    Column("allowed", Double, nullable=False),
    Column("agreed", Boolean, nullable=False),
    PrimaryKeyConstraint("run_id", "position"),
    _one_of("quantity", "probe", "coefficients", "excess_loss", "validation_rmse"),
    comment=(
        "One comparison of one framework in one run: how far it was from what it was compared"
        " with, and how far it may be. figure is null where there was no number to compare."
    ),
)

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
    PrimaryKeyConstraint("model_id", "key", "run_id"),
    CheckConstraint(  # for IN, SQLite would build a table of the words for each row
        "role = 'train' OR role = 'test' OR role = 'new' OR role = 'warmup'", name="role"
    ),
    CheckConstraint("predicted IS NOT NULL OR role = 'warmup'", name="predicted"),
    comment=(
        "One row of one run as predicted by one model; train rows are predicted out of fold. note:"
        " what makes the prediction less certain than others, for example a level never seen."
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
    PrimaryKeyConstraint("dataset", "key"),
    Index(None, "key"),
    comment=(
        "One key whose target became known after it had been predicted: the last prediction"
        " before that (of run_id, by model_id), and the actual value."
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
    _one_of("decision", "promoted", "kept", "rolled_back", "forced", "unpinned"),
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
