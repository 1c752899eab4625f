"""One finished run as plain values: what `write_run` puts down in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from data.vocabulary import Candidate

if TYPE_CHECKING:  # importing it at run time would load Great Expectations to store a row
    from data.checks.findings import ExpectationResult, RejectedRow

ModelRef = str | int
"""A candidate of this run by its name (`torch/ann`), or a model of an earlier run by its id."""


@dataclass(frozen=True, kw_only=True)
class ScoreRecord:
    """Errors of one model on one set of rows, in the target's units; `coverage` is a share."""

    rows: str  # "validation" or "test"
    rmse: float
    mae: float
    n: int
    rmse_low: float | None = None
    rmse_high: float | None = None
    rmse_se: float | None = None
    r2: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, kw_only=True)
class CoefficientRecord:
    """One term of a linear equation in original units; gradient descent has no inference.

    `robust_standard_error` (HC3) holds where the variances of the errors differ; the rest belongs
    to the classical one.
    """

    term: str
    estimate: float
    standard_error: float | None = None
    robust_standard_error: float | None = None
    t: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class LinearFitRecord:
    """A linear model's fit as a whole, of its refit; None where a figure has no value.

    `residual_sd` is in the target's units, `f` tests all terms but the constant, `excess_loss` is
    gradient descent's training loss over the least-squares one, less 1.
    """

    rows: int
    rank: int | None = None
    degrees_of_freedom: int | None = None
    residual_sd: float | None = None
    r2: float | None = None
    adjusted_r2: float | None = None
    f: float | None = None
    f_p: float | None = None
    condition_number: float | None = None  # of the design's columns at unit norm; None if infinite
    excess_loss: float | None = None
    epochs: int | None = None
    epochs_to_solution: int | None = None


@dataclass(frozen=True, kw_only=True)
class ResilienceRecord:
    """The test RMSE of an ANN's twin with a share of its hidden cells silenced, over some draws."""

    share: float
    rmse: float  # the mean over the draws
    rmse_low: float
    rmse_high: float
    draws: int


@dataclass(frozen=True, kw_only=True)
class CandidateRecord:
    """One framework and kind tonight: what became of it, how well it did, and the model itself.

    `artifact` was refitted on all labelled rows; `twin` never saw the test rows. `coefficients` and
    `linear_fit` are those of a linear kind's `artifact`; `resilience` is of the winner's `twin`.
    """

    framework: str
    kind: str
    status: str  # "fitted" or "failed"
    reason: str | None = None
    rank: int | None = None
    chosen: bool = False
    no_skill: bool | None = None
    fit_seconds: float | None = None
    seed: str | int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    artifact: bytes | None = field(default=None, repr=False)
    twin: bytes | None = field(default=None, repr=False)
    scores: Sequence[ScoreRecord] = ()
    coefficients: Sequence[CoefficientRecord] = ()
    linear_fit: LinearFitRecord | None = None
    resilience: Sequence[ResilienceRecord] = ()
    framework_version: str | None = None

    @property
    def name(self) -> str:
        """The candidate's name, `framework/kind`."""
        return str(Candidate(self.framework, self.kind))


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """What one model says of the rows, one array a column, n long.

    NaN is "none": in `actual` for new rows, in `predicted` for warm-up rows, in `lower` and
    `upper` where there is no interval.
    """

    model: ModelRef
    key: Sequence[str]
    actual: np.ndarray
    predicted: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    role: np.ndarray  # of "train", "test", "new", "warmup"

    def __post_init__(self) -> None:
        names = ("key", "actual", "predicted", "lower", "upper", "role")
        _refuse_unequal("predictions", self, names)


def _refuse_unequal(of: str, columns: object, names: Sequence[str]) -> None:
    given = {name: getattr(columns, name) for name in names}
    lengths = {name: len(values) for name, values in given.items() if values is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of {of} differ in length: {lengths}")


@dataclass(frozen=True, kw_only=True)
class AgreementRecord:
    """One comparison of one framework tonight; `figure` is None where there was no number."""

    framework: str
    kind: str
    quantity: str  # "probe", "coefficients", "excess_loss" or "validation_rmse"
    compared_with: str
    figure: float | None
    allowed: float  # the greatest figure that agrees
    agreed: bool


@dataclass(frozen=True, kw_only=True)
class PromotionRecord:
    """One decision of a night about the champion: `model` serves from now on.

    The two were compared on `rows` test rows in `units` that are independent of each other; the
    smallest gain is the one that a switch would have found four times of five.
    """

    decision: str  # "promoted" or "kept"
    model: ModelRef
    reason: str
    incumbent: ModelRef | None = None
    challenger: ModelRef | None = None
    incumbent_rmse: float | None = None
    challenger_rmse: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    confidence: float | None = None
    rows: int | None = None
    units: int | None = None
    smallest_gain: float | None = None
    rule: str | None = None
    decided_at: datetime | None = None  # when the run finished, if not given


@dataclass(frozen=True, kw_only=True)
class PairedErrors:
    """Errors (actual less predicted) of two models on the same test rows, n long each.

    Rows of one `unit` depend on each other; None where each row stands for itself.
    """

    model: ModelRef
    other: ModelRef
    key: Sequence[str]
    error: np.ndarray
    other_error: np.ndarray
    unit: np.ndarray | None = None

    def __post_init__(self) -> None:
        _refuse_unequal("paired errors", self, ("key", "error", "other_error", "unit"))


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One attempt to retrain one dataset, finished; times carry their zone.

    `verdict_difference` is RMSE of the best ANN less RMSE of the best linear model on the test
    rows, with its interval. `rescored` holds tonight's scores of models of earlier runs, by id.
    `promotions` stand in order: the model of the last one serves. They were decided `against` the
    dataset's latest decision then, by its promotion_id; None where there was none. `data_until` and
    `train_until` are the newest time of a labelled row and of a training row, in microseconds since
    1970 or as the number it is. A `backfill` met a champion that had seen later data. `pruned_at`
    is when a stored run lost predictions of models that never served. `features` are names for
    people, `period_from` and `period_until` the oldest and the newest time of a labelled row.
    """

    dataset: str
    status: str  # "succeeded", "failed", "rejected" or "skipped"
    started_at: datetime
    finished_at: datetime
    rows_read: int | None = None
    rows_rejected: int | None = None
    rows_labelled: int | None = None
    rows_test: int | None = None
    rows_new: int | None = None
    fingerprint: str | None = None
    setup_fingerprint: str | None = None
    declaration: str | None = None  # JSON text
    library_versions: Mapping[str, str] | None = None
    verdict: str | None = None
    verdict_difference: float | None = None
    verdict_low: float | None = None
    verdict_high: float | None = None
    reason: str | None = None
    change: str | None = None
    warnings: Sequence[str] = ()
    snapshot: str | None = None
    flow_run_id: str | None = None
    expectations: Sequence[ExpectationResult] = ()
    rejected_rows: Sequence[RejectedRow] = ()
    agreement: Sequence[AgreementRecord] = ()
    candidates: Sequence[CandidateRecord] = ()
    rescored: Mapping[int, Sequence[ScoreRecord]] = field(default_factory=dict)
    predictions: Sequence[PredictionColumns] = ()
    promotions: Sequence[PromotionRecord] = ()
    paired_errors: PairedErrors | None = None
    against: int | None = None
    as_of: str | None = None
    data_until: float | None = None
    train_until: float | None = None
    backfill: bool = False
    pruned_at: datetime | None = None
    features: str | None = None
    period_from: str | None = None
    period_until: str | None = None
    python_version: str | None = None

    def __post_init__(self) -> None:
        trained = self.candidates or self.rescored or self.predictions or self.promotions
        if self.status in ("rejected", "skipped") and (trained or self.paired_errors):
            raise ValueError(f"a run that was {self.status} has no models and no predictions")
        if self.backfill and any(isinstance(rows.model, int) for rows in self.predictions):
            raise ValueError("a backfill stores no predictions of a model that has seen later data")

    @property
    def target(self) -> str | None:
        """The declared target."""
        return self._declared.get("target")

    @property
    def interval_level(self) -> float | None:
        """The declared share of rows that a prediction interval should hold."""
        return self._declared.get("interval")

    @property
    def hidden_layers(self) -> str | None:
        """The declared cells of each hidden layer, None where a network has none."""
        cells = self._declared.get("ann", {}).get("hidden", ())
        return ", ".join(map(str, cells)) or None

    @property
    def nightfit_version(self) -> str | None:
        """The version of nightfit, from the library versions."""
        return (self.library_versions or {}).get("nightfit")

    @property
    def numpy_version(self) -> str | None:
        """The version of NumPy, from the library versions."""
        return (self.library_versions or {}).get("numpy")

    @property
    def _declared(self) -> dict[str, Any]:
        return json.loads(self.declaration) if self.declaration else {}
