"""The models of a run, and their figures."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from data.store.column_types import JsonValue, ModelBytes
from data.store.tables.base import metadata, one_of
from data.store.tables.runs import run

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
    Column("artifact", ModelBytes),
    Column("twin", ModelBytes),
    Column("framework_version", Text),
    Column("artifact_sha256", Text),
    Column("twin_sha256", Text),
    one_of("status", "fitted", "failed"),
    UniqueConstraint("run_id", "framework", "kind"),
    comment=(
        "One candidate of one run. artifact: the model refitted on all labelled rows, as"
        " safetensors; twin: the same model fitted without the test rows; their SHA-256 also covers"
        " the dataset, the run and the candidate that they belong to."
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
    one_of("rows", "validation", "test"),
    comment=(
        "One model scored on one set of rows of one run: validation (out of fold) or test."
        " The incumbent, a model of an earlier run, is scored again on the test rows of this run."
    ),
)

naive = Table(
    "naive",
    metadata,
    Column("run_id", ForeignKey(run.c.run_id), nullable=False),
    Column("name", Text, nullable=False),
    Column("rows", Text, nullable=False),
    Column("rmse", Double, nullable=False),
    Column("mae", Double, nullable=False),
    Column("r2", Double),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("run_id", "name", "rows"),
    one_of("rows", "validation", "test"),
    comment=(
        "One naive prediction scored on one set of rows of one run, as far as it predicts them:"
        " what the candidates should be better than."
    ),
)

INFERENCE = (
    "standard_error",
    "t",
    "p",
    "low",
    "high",
    "robust_standard_error",
    "cluster_standard_error",
    "hac_standard_error",
)


def _estimate() -> tuple[Column[float], ...]:
    """Return the columns of a term's estimate and its inference, new for each table."""
    optional = (Column(name, Double) for name in INFERENCE)
    return (Column("estimate", Double, nullable=False), *optional)


coefficient = Table(
    "coefficient",
    metadata,
    Column("model_id", ForeignKey(model.c.model_id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("term", Text, nullable=False),
    *_estimate(),
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
    *_estimate(),
    PrimaryKeyConstraint("model_id", "variant", "position"),
    UniqueConstraint("model_id", "variant", "term"),
    one_of("variant", "aliases left out", "complete cases"),
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
    one_of("quantity", "probe", "coefficients", "excess_loss", "validation_rmse"),
    comment=(
        "One comparison of one framework in one run: how far it was from what it was compared"
        " with, and how far it may be. figure is null where there was no number to compare."
    ),
)
