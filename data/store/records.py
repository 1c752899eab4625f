"""Finished runs and decisions as plain values: what the store's writers are given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from data.store.row_columns import ModelRef, PairedErrors, PredictionColumns, Targets
from data.store.segment_columns import SegmentCoefficientColumns, SegmentColumns
from data.vocabulary import Candidate

if TYPE_CHECKING:  # importing it would load Arrow for commands that only query the store
    from data.checks.findings import ExpectationResult, RejectedRow

MANUAL_DECISIONS = ("rolled_back", "forced", "unpinned")
"""What a person may decide about a champion."""


@dataclass(frozen=True, kw_only=True)
class ScoreRecord:
    """Errors of one model on one set of rows, in the target's units."""

    rows: str  # "validation" or "test"
    rmse: float
    mae: float
    n: int
    rmse_low: float | None = None
    rmse_high: float | None = None
    rmse_se: float | None = None
    r2: float | None = None
    coverage: float | None = None  # share of the rows inside their prediction interval


@dataclass(frozen=True, kw_only=True)
class NaiveRecord:
    """Errors of one naive prediction on those of one set of rows that it predicts."""

    name: str  # such as "last value" or "mean"
    rows: str  # "validation" or "test"
    rmse: float
    mae: float
    n: int
    r2: float | None = None


@dataclass(frozen=True, kw_only=True)
class CoefficientRecord:
    """One term of a linear equation in original units; gradient descent has no inference.

    `robust_standard_error` (HC3) also holds where the variance of the errors is not constant. `t`,
    `p` and the interval belong to the classical standard error.
    """

    term: str
    estimate: float
    standard_error: float | None = None
    robust_standard_error: float | None = None
    t: float | None = None
    p: float | None = None
    low: float | None = None
    high: float | None = None
    cluster_standard_error: float | None = None  # with a declared group
    hac_standard_error: float | None = None  # with a time column
    variant: str | None = None  # "aliases left out" or "complete cases"; else what predicts
    rows: int | None = None  # of a variant; else those of the linear fit


@dataclass(frozen=True, kw_only=True)
class SourceColumnRecord:
    """One column of the source: what the next run is compared with, and what people look up."""

    name: str
    role: str  # "key", "target", ..., "feature", "unused", or several: `current_column` has all
    kind: str | None = None  # None: of no kind, so it is left out
    kind_from: str | None = None  # "declared", "remembered" or "values"
    missing: int | None = None  # rows without a value
    distinct_values: int | None = None
    typical_size: float | None = None  # the median absolute value of a number, zeros aside
    example: str | None = None
    enters: str | None = None  # how it enters the models, or why it does not


@dataclass(frozen=True, kw_only=True)
class LinearFitRecord:
    """A linear model as a whole, as refitted; None where a figure has no value."""

    rows: int
    rank: int | None = None
    degrees_of_freedom: int | None = None
    residual_sd: float | None = None  # in the target's units
    r2: float | None = None
    adjusted_r2: float | None = None
    f: float | None = None  # tests all terms except the intercept
    f_p: float | None = None
    condition_number: float | None = None  # of the design's columns at unit norm; None if infinite
    excess_loss: float | None = None  # training loss over that of least squares, minus 1
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
    """One candidate of a run: what became of it, how well it did, and the model itself."""

    framework: str
    kind: str
    status: str  # "fitted" or "failed"
    reason: str | None = None  # why it failed, or why it was chosen or not
    rank: int | None = None  # 1 is the best
    chosen: bool = False
    no_skill: bool | None = None  # no better than predicting the mean
    fit_seconds: float | None = None
    seed: str | int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    artifact: bytes | None = field(default=None, repr=False)  # refitted on all labelled rows
    twin: bytes | None = field(default=None, repr=False)  # fitted without the test rows
    scores: Sequence[ScoreRecord] = ()
    coefficients: Sequence[CoefficientRecord] = ()  # of a linear kind's artifact
    variants: Sequence[CoefficientRecord] = ()  # fitted in other ways, to compare
    linear_fit: LinearFitRecord | None = None  # of a linear kind's artifact
    segment_coefficients: SegmentCoefficientColumns | None = field(default=None, repr=False)
    resilience: Sequence[ResilienceRecord] = ()  # of the twin, if it is the winner's and an ANN
    framework_version: str | None = None

    @property
    def name(self) -> str:
        """The candidate as text, `framework/kind`."""
        return str(Candidate(self.framework, self.kind))


@dataclass(frozen=True, kw_only=True)
class AgreementRecord:
    """One comparison of one framework in a run."""

    framework: str
    kind: str
    quantity: str  # "probe", "coefficients", "excess_loss" or "validation_rmse"
    compared_with: str
    figure: float | None  # None where there was no number to compare
    allowed: float  # the largest figure that agrees
    agreed: bool


@dataclass(frozen=True, kw_only=True)
class PromotionRecord:
    """One decision of a run about the champion: `model` serves from now on."""

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
    rows: int | None = None  # test rows that the two were compared on
    units: int | None = None  # independent units that those rows form
    smallest_gain: float | None = None  # the gain that a switch finds four times out of five
    rule: str | None = None
    decided_at: datetime | None = None  # None: when the run finished


@dataclass(frozen=True, kw_only=True)
class SegmentDecisionRecord:
    """One decision of a run about a segment: another model than before serves it from now on.

    A newer fit of the same group of kinds is no decision. None as a model is the dataset's
    champion.
    """

    segment: str
    decision: str  # "promoted" to a model of its own, or "returned" to the champion
    model: ModelRef | None
    reason: str
    gain: float | None = None  # in mean squared error, over what served before
    gain_low: float | None = None
    gain_high: float | None = None
    confidence: float | None = None
    rows: int | None = None  # rows that the two were compared on
    rule: str | None = None

    def __post_init__(self) -> None:
        if (self.decision == "returned") != (self.model is None):
            raise ValueError(f"a segment that is {self.decision} is not served by {self.model}")


@dataclass(frozen=True, kw_only=True)
class ManualDecision:
    """What a person decided about a dataset's champion: `model_id` serves from now on.

    `predictions` are those of this model that are not stored yet, by the id of the run whose rows
    they are of; `predictions_run_id` is the run whose rows are shown from then on, None for those
    that are shown now. Raises ValueError where it does not make sense.
    """

    dataset: str
    decision: str  # one of MANUAL_DECISIONS
    model_id: int
    reason: str
    decided_by: str
    pinned: bool = False  # runs promote nobody until a person decides again
    predictions: Mapping[int, PredictionColumns] = field(default_factory=dict)
    predictions_run_id: int | None = None
    artifact: bytes | None = field(default=None, repr=False)  # where the model's is not stored yet

    def __post_init__(self) -> None:
        if self.decision not in MANUAL_DECISIONS:
            raise ValueError(
                f"{self.decision!r} is not something a person decides: "
                f"{', '.join(MANUAL_DECISIONS)}"
            )
        if any(rows.model != self.model_id for rows in self.predictions.values()):
            raise ValueError("the predictions are not those of the model that serves")


@dataclass(frozen=True, kw_only=True)
class ManualSegmentDecision:
    """What a person decided about a segment: models of a kind serve it, None: the champion does.

    With `at_once`, from now on: the model `model_id`, or the champion where that is None. Otherwise
    from the next night on.
    """

    dataset: str
    segment: str
    decision: str  # one of MANUAL_DECISIONS
    kind: str | None
    at_once: bool
    model_id: int | None
    reason: str
    decided_by: str
    pinned: bool = False  # runs do not decide about it until a person decides again


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One attempt to retrain one dataset, finished. Times carry their time zone.

    Raises ValueError where the parts contradict each other.
    """

    # What it was
    dataset: str
    status: str  # "succeeded", "failed", "rejected" or "skipped"
    started_at: datetime
    finished_at: datetime
    reason: str | None = None  # why it did not succeed, or what it decided
    warnings: Sequence[str] = ()
    flow_run_id: str | None = None  # Prefect's id
    as_of: str | None = None  # the past moment it was trained as of, as it was given
    backfill: bool = False  # a champion trained on later data was already serving

    # What it read
    rows_read: int | None = None  # rows in the source
    rows_rejected: int | None = None  # rows quarantined
    rows_labelled: int | None = None  # rows with a target
    rows_test: int | None = None  # labelled rows held out for the test
    rows_new: int | None = None  # rows without a target
    snapshot: str | None = None  # its file, relative to the home
    fingerprint: str | None = None  # SHA-256 of the rows
    period_from: str | None = None  # the oldest time of a labelled row
    period_until: str | None = None  # the newest time of a labelled row
    data_until: float | None = None  # the same, in microseconds since 1970 or the number itself
    train_until: float | None = None  # the newest time of a training row, likewise
    key_columns: Sequence[tuple[str, str]] | None = None  # name and type, as in `results.columns`
    columns: Sequence[SourceColumnRecord] = ()
    expectations: Sequence[ExpectationResult] = ()
    rejected_rows: Sequence[RejectedRow] = ()

    # How it was set up
    declaration: str | None = None  # as JSON
    features: str | None = None  # the columns used, as people read them
    setup_fingerprint: str | None = None  # SHA-256 of declaration, code and library versions
    library_versions: Mapping[str, str] | None = None
    python_version: str | None = None

    # What came of it
    candidates: Sequence[CandidateRecord] = ()
    naive: Sequence[NaiveRecord] = ()
    agreement: Sequence[AgreementRecord] = ()
    rescored: Mapping[int, Sequence[ScoreRecord]] = field(default_factory=dict)
    """Scores of models of earlier runs on this run's test rows, by model id."""
    predictions: Sequence[PredictionColumns] = ()
    unstored_targets: Targets | None = None
    """Those of the training rows, where their predictions are not stored."""
    verdict: str | None = None  # is the best ANN better than the best linear model?
    verdict_difference: float | None = None  # RMSE of the ANN minus RMSE of the linear model
    verdict_low: float | None = None
    verdict_high: float | None = None
    scheme: str | None = None  # by which split of the rows errors are measured

    # Who serves
    promotions: Sequence[PromotionRecord] = ()  # in order: the model of the last one serves
    against: int | None = None
    """The latest promotion_id of the dataset when this run decided; None if there was none."""
    segments: SegmentColumns | None = None  # None: no segments are declared
    segment_decisions: Sequence[SegmentDecisionRecord] = ()
    segments_against: int | None = None
    """The latest decision about a segment of the dataset when this run decided, None of none."""
    change: str | None = None  # what became of the champion, in a word or two
    paired_errors: PairedErrors | None = None

    # What it is drawn from
    figures: Mapping[str, Any] | None = field(default=None, repr=False)

    # Later
    pruned_at: datetime | None = None  # when predictions that nothing shows any more were removed

    def __post_init__(self) -> None:
        trained = self.candidates or self.rescored or self.predictions or self.promotions
        if self.status in ("rejected", "skipped") and (trained or self.paired_errors):
            raise ValueError(f"a run that was {self.status} has no models and no predictions")
        if self.segment_decisions and self.segments is None:
            raise ValueError("decisions about segments go with what serves each segment")
        if self.segments is not None and (self.status != "succeeded" or self.backfill):
            raise ValueError("only a run that may promote a model decides what serves a segment")
        if self.unstored_targets and (
            not self.predictions or self.predictions[0].is_training.any()
        ):
            raise ValueError("targets without predictions go with predictions of other rows")
        if self.backfill and any(isinstance(rows.model, int) for rows in self.predictions):
            raise ValueError("a backfill stores no predictions of a model that has seen later data")

    @property
    def target(self) -> str | None:
        """The declared target."""
        return self._declared.get("target")

    @property
    def interval_level(self) -> float | None:
        """The declared share of rows that a prediction interval should cover; the widest's."""
        return next(iter(self.levels), None)

    @property
    def interval_levels(self) -> str | None:
        """The declared shares of all intervals, the widest first, for example `0.9, 0.5`."""
        return ", ".join(map(repr, self.levels)) or None

    @property
    def levels(self) -> Sequence[float]:
        """The declared shares of all intervals, the widest first."""
        interval = self._declared.get("interval")
        shares = interval.get("level") if isinstance(interval, dict) else interval
        return sorted(shares if isinstance(shares, list) else filter(None, [shares]), reverse=True)

    @property
    def hidden_layers(self) -> str | None:
        """The declared number of cells in each hidden layer, None if a network has none."""
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
