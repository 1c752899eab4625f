"""One finished run as plain values: what `write_run` puts down in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # importing it at run time would load Great Expectations to store a row
    from data.expectations import ExpectationResult, RejectedRow

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

    @property
    def name(self) -> str:
        """The candidate's name, `framework/kind`."""
        return f"{self.framework}/{self.kind}"


@dataclass(frozen=True, kw_only=True)
class PredictionColumns:
    """What the model that serves after this run says of the rows, one array a column, n long.

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
        lengths = {
            name: len(getattr(self, name))
            for name in ("key", "actual", "predicted", "lower", "upper", "role")
        }
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of predictions differ in length: {lengths}")


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
    """One decision about the champion: `model` serves from now on."""

    decision: str  # "promoted", "kept", "rolled_back" or "forced"
    model: ModelRef
    reason: str
    incumbent: ModelRef | None = None
    challenger: ModelRef | None = None
    incumbent_rmse: float | None = None
    challenger_rmse: float | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    rule: str | None = None
    decided_at: datetime | None = None  # when the run finished, if not given


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One attempt to retrain one dataset, finished; times carry their zone.

    `verdict_difference` is RMSE of the best ANN less RMSE of the best linear model on the test
    rows, with its interval. `rescored` holds tonight's scores of models of earlier runs, by id.
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
    predictions: PredictionColumns | None = None
    promotion: PromotionRecord | None = None

    def __post_init__(self) -> None:
        trained = self.candidates or self.rescored or self.predictions or self.promotion
        if self.status in ("rejected", "skipped") and trained:
            raise ValueError(f"a run that was {self.status} has no models and no predictions")
