"""Writing a run: whole or not at all, and every value as it was or refused."""

import math
from dataclasses import asdict, replace
from datetime import timedelta, timezone
from typing import Any

import numpy as np
import pytest
from helpers.store_nights import (
    NEW,
    candidate,
    change,
    counts,
    kept,
    kind_of,
    night,
    predictions,
    probe,
    promoted,
    read,
    rows,
    stored,
    write,
)
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError

from data.checks.findings import ExpectationResult, RejectedRow
from data.errors import StoreError
from data.store import tables
from data.store.read.datasets import dataset_statuses
from data.store.read.earlier_runs import last_details
from data.store.records import (
    CoefficientRecord,
    LinearFitRecord,
    ResilienceRecord,
    ScoreRecord,
)
from data.store.session import Store
from data.store.write import bulk
from data.store.write.run import write_run
from data.vocabulary import Candidate

sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
postgresql_only = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)

NUL = "nul \0 inside"
HOSTILE = [
    "quote ' and \" and `",
    "; DROP TABLE run; --",
    "line\nbreak\r\nand\ttab",
    NUL,
    "🦊 émoji",
    "שלום \u202eright to left",
    "select",
    "",
    " ",
    "%s ? :name {x}",
    "x" * 10_000,
]


def test_a_rejected_run_stores_its_checks_and_nothing_else(store: Store):
    checks = [
        ExpectationResult(
            expectation="expect_column_values_to_be_between",
            column="age",
            severity="critical",
            quarantine=False,
            success=False,
            kwargs={"min_value": 16, "max_value": np.int64(100)},
            observed=float("inf"),
            unexpected_count=2,
            examples=[float("nan"), -1.0],
        )
    ]
    bad = [RejectedRow(key=None, row_number=7, values={"age": float("-inf")}, reason="no key")]
    record = night(1, status="rejected", reason="2 ages", expectations=checks, rejected_rows=bad)
    run_id = write(store, record)
    assert {name: n for name, n in counts(store).items() if n} == {
        "run": 1,
        "expectation_result": 1,
        "rejected_row": 1,
    }
    (check,) = stored(store, tables.expectation_result)
    assert check["run_id"] == run_id
    assert check["kwargs"] == {"min_value": 16, "max_value": 100}
    assert (check["observed"], check["examples"]) == ("Infinity", ["NaN", -1.0])
    assert stored(store, tables.rejected_row)[0]["row_values"] == {"age": "-Infinity"}


def test_a_rejected_run_with_models_is_refused():
    with pytest.raises(ValueError, match="rejected has no models"):
        night(1, status="rejected", candidates=[candidate()])


def test_not_a_number_and_infinity_become_null_where_a_value_may_be_absent(store: Store):
    nan, inf = float("nan"), float("inf")
    term = CoefficientRecord(term="age", estimate=1.0, standard_error=nan, t=inf, low=-inf)
    tonight = ScoreRecord(rows="test", rmse=1.0, mae=1.0, n=3, r2=np.float64("nan"), rmse_high=inf)
    write(
        store,
        promoted(
            1,
            {"a": 1.0, "b": 2.0, "c": NEW},
            candidates=[candidate(coefficients=[term], scores=[tonight], fit_seconds=nan)],
            predictions=[
                replace(
                    predictions("torch/ann", {"a": 1.0, "b": 2.0, "c": NEW}),
                    predicted=np.array([nan, 1.5, 10.0]),
                    lower=np.array([nan, -inf, 9.0]),
                    role=np.array(["warmup", "train", "new"]),
                )
            ],
            verdict_low=-inf,
        ),
    )
    (term_row,) = stored(store, tables.coefficient)
    assert [term_row[name] for name in ("standard_error", "t", "low")] == [None, None, None]
    (score_row,) = stored(store, tables.score)
    assert (score_row["r2"], score_row["rmse_high"]) == (None, None)
    by_key = {row["key"]: row for row in stored(store, tables.prediction)}
    assert (by_key["a"]["predicted"], by_key["a"]["lower"]) == (None, None)
    assert (by_key["b"]["lower"], by_key["c"]["actual"]) == (None, None)
    assert stored(store, tables.run)[0]["verdict_low"] is None


def test_figures_of_a_fit_that_have_no_value_become_null(store: Store):
    nan, inf = float("nan"), float("inf")
    figures = {"residual_sd": nan, "r2": -inf, "adjusted_r2": np.float64("nan"), "f": inf}
    figures |= {"f_p": nan, "condition_number": inf, "excess_loss": np.float64("inf")}
    term = CoefficientRecord(term="age", estimate=1.0, robust_standard_error=nan)
    linear = candidate(
        "torch/least_squares",
        linear_fit=LinearFitRecord(rows=np.int64(3), rank=np.int64(2), **figures),
        coefficients=[term],
    )
    comparisons = [probe("torch", nan, agreed=False), probe("theano", inf, agreed=False)]
    write(store, night(1, candidates=[linear], agreement=comparisons))
    (fit,) = stored(store, tables.linear_fit)
    assert (fit["rows"], fit["rank"]) == (3, 2)
    assert {name: fit[name] for name in figures} == dict.fromkeys(figures)
    assert stored(store, tables.coefficient)[0]["robust_standard_error"] is None
    assert [row["figure"] for row in stored(store, tables.agreement_check)] == [None, None]


def test_a_bound_that_is_not_a_number_is_refused_and_leaves_nothing(store: Store):
    boundless = replace(probe("torch", 0.5), allowed=float("inf"))
    with pytest.raises(ValueError, match=r"agreement_check\.allowed cannot be inf"):
        write(store, night(1, agreement=[boundless]))
    assert not any(counts(store).values())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"predicted": np.array([1.0, np.nan])}, "prediction.predicted cannot be nan .*key 'b'"),
        ({"predicted": np.array([np.inf, 1.0])}, "prediction.predicted cannot be inf .*key 'a'"),
        ({"actual": np.array([1.0, np.nan])}, "prediction.actual cannot be nan for a train row"),
        ({"actual": np.array([1.0, -np.inf])}, "prediction.actual cannot be -inf"),
    ],
)
def test_a_prediction_that_is_not_a_number_is_refused_and_leaves_nothing(
    store: Store, broken: dict[str, np.ndarray], message: str
):
    record = promoted(1, {"a": 1.0, "b": 2.0})
    with pytest.raises(ValueError, match=message):
        write(store, replace(record, predictions=[replace(record.predictions[0], **broken)]))
    assert not any(counts(store).values())


def test_an_error_that_is_not_a_number_is_refused_and_leaves_nothing(store: Store):
    diverged = ScoreRecord(rows="validation", rmse=float("nan"), mae=1.0, n=3)
    with pytest.raises(ValueError, match=r"score\.rmse cannot be nan"):
        write(store, promoted(1, {"a": 1.0}, candidates=[candidate(scores=[diverged])]))
    assert not any(counts(store).values())


def test_a_model_that_is_not_a_candidate_is_refused_and_leaves_nothing(store: Store):
    with pytest.raises(ValueError, match="'torch/annn' is not a candidate of this run: torch/ann"):
        write(store, promoted(1, {"a": 1.0}, predictions=[predictions("torch/annn", {"a": 1.0})]))
    assert not any(counts(store).values())


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        replace(predictions(1, {"a": 1.0}), key=["a", "b"])


def test_a_key_twice_is_refused_and_leaves_nothing(store: Store):
    twice = replace(predictions("torch/ann", {"a": 1.0, "b": 2.0}), key=["a", "a"])
    with pytest.raises(IntegrityError):
        write(store, promoted(1, {}, predictions=[twice]))
    assert not any(counts(store).values())


def test_the_same_attempt_is_stored_once(store: Store):
    record = promoted(1, {"a": 1.0})
    write(store, record)
    before = counts(store)
    with pytest.raises(StoreError, match="stored already, as run 1"):
        write(store, record)
    assert counts(store) == before


def test_a_time_of_any_zone_is_kept_in_utc(store: Store):
    here = night(1).started_at.astimezone(timezone(timedelta(hours=-5)))
    write(store, replace(night(1), started_at=here))
    assert rows(store, "run_history")[0]["started_at"] == night(1).started_at


@sqlite_only
def test_a_time_is_text_that_sorts_where_there_is_no_type_for_it(store: Store):
    write(store, night(1))
    with store.reading() as connection:
        kept_as = connection.execute(text("SELECT started_at FROM run_history")).scalar()
    assert kept_as == "2026-01-02 02:00:00.000000"


@sqlite_only
def test_no_driver_is_given_a_value_that_is_not_a_number(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    values_sent: list[object] = []

    def collect(_c: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if statement.replace('"', "").startswith("INSERT INTO prediction"):
            batch = [values] if isinstance(values, tuple) else values
            values_sent.extend(value for row in batch for value in row)

    event.listen(Engine, "before_cursor_execute", collect)
    write(store, promoted(1, {"a": 1.0, "c": NEW}))
    monkeypatch.setattr(bulk, "FAST", {})
    write(store, promoted(2, {"a": 1.0, "c": NEW}))
    event.remove(Engine, "before_cursor_execute", collect)
    assert sum(value == "new" for value in values_sent) == 2
    assert not [value for value in values_sent if isinstance(value, float) and math.isnan(value)]


def test_a_time_without_a_zone_is_refused(store: Store):
    with pytest.raises(Exception, match="no time zone"):
        write(store, replace(night(1), finished_at=night(1).finished_at.replace(tzinfo=None)))
    assert not any(counts(store).values())


def test_hostile_texts_come_back_exactly(store: Store):
    keeps_nul = kind_of(store) == "sqlite"
    hostile = [value for value in HOSTILE if keeps_nul or value != NUL]
    targets = {value: float(number) for number, value in enumerate(hostile)}
    terms = [CoefficientRecord(term=value, estimate=1.0) for value in hostile]
    for number, name in enumerate(hostile):
        linear = candidate("torch/least_squares", coefficients=terms, details={name: name})
        write(
            store,
            promoted(
                number,
                targets,
                name="torch/least_squares",
                dataset=name,
                candidates=[linear],
                warnings=[name],
                reason=name,
            ),
        )
        shown = rows(store, "current_prediction", dataset=name)
        assert {row["key"]: row["actual"] for row in shown} == targets
        assert [row["term"] for row in rows(store, "current_coefficient", dataset=name)] == hostile
        details = read(store, last_details, name)
        assert details[Candidate.parse("torch/least_squares")] == {name: name}
    assert sorted(status.dataset for status in read(store, dataset_statuses)) == sorted(hostile)
    assert {status.warnings for status in read(store, dataset_statuses)} == {
        (name,) for name in hostile
    }


@postgresql_only
@pytest.mark.parametrize(
    "hostile",
    [
        {"dataset": NUL},
        {"reason": NUL},
        {"predictions": [predictions("torch/ann", {NUL: 1.0})]},
        {"candidates": [candidate(coefficients=[CoefficientRecord(term=NUL, estimate=1.0)])]},
    ],
)
def test_a_text_that_the_database_cannot_keep_is_refused_and_leaves_nothing(
    store: Store, hostile: dict
):
    with pytest.raises(StoreError, match="a text contains a NUL character, which Postgre"):
        change(store, write_run, promoted(1, {"a": 1.0}, **hostile))
    assert not any(counts(store).values())


def test_floats_come_back_to_the_last_bit(store: Store):
    draw = np.random.default_rng(3)
    values = {
        str(i): float(v)
        for i, v in enumerate(draw.normal(size=50) * 10.0 ** draw.integers(-300, 300, 50))
    }
    write(store, promoted(1, values, predictions=[predictions("torch/ann", values, by=0.0)]))
    by_key = {row["key"]: row for row in rows(store, "current_prediction")}
    assert {key: row["predicted"] for key, row in by_key.items()} == values


def test_figures_of_a_fit_come_back_to_the_last_bit(store: Store):
    draw = np.random.default_rng(5)
    names = ["residual_sd", "r2", "adjusted_r2", "f", "f_p", "condition_number", "excess_loss"]
    sizes = 10.0 ** draw.integers(-300, 300, len(names))
    figures = dict(zip(names, (draw.normal(size=len(names)) * sizes).tolist(), strict=True))
    figures["f_p"] = 5e-324
    counted = {"rows": 3_000_000_000, "rank": 7, "degrees_of_freedom": 2_999_999_993}
    counted |= {"epochs": 10_000_000, "epochs_to_solution": 0}
    term = CoefficientRecord(term="age", estimate=1.0, robust_standard_error=1.1e-308)
    linear = candidate(
        "torch/least_squares",
        linear_fit=LinearFitRecord(**figures, **counted),
        coefficients=[term],
    )
    write(store, night(1, candidates=[linear], agreement=[probe("torch", 5e-324)]))
    (fit,) = rows(store, "current_fit")
    assert {name: fit[name] for name in (*figures, *counted)} == figures | counted
    assert rows(store, "current_coefficient")[0]["robust_standard_error"] == 1.1e-308
    (comparison,) = rows(store, "agreement")
    assert (comparison["figure"], comparison["allowed"]) == (5e-324, 1e-9)
    assert comparison["agreed"] is True


def test_resilience_comes_back_to_the_last_bit_and_nan_is_refused(store: Store):
    figures = ResilienceRecord(
        share=0.1 + 0.2, rmse=1.1e-308, rmse_low=5e-324, rmse_high=1.7e308, draws=np.int64(20)
    )
    write(store, night(1, candidates=[candidate(resilience=[figures])]))
    (row,) = stored(store, tables.resilience)
    assert row == {"model_id": 1, **asdict(figures)}
    without = replace(figures, rmse=float("nan"))
    with pytest.raises(ValueError, match=r"resilience\.rmse cannot be nan"):
        write(store, night(2, candidates=[candidate(resilience=[without])]))
    assert counts(store)["run"] == 1


def test_an_earlier_run_stays_when_a_later_one_fails(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    with pytest.raises(IntegrityError):
        write(store, kept(2, 999, {"a": 1.0}))
    assert counts(store)["run"] == 1
    assert counts(store)["prediction"] == 1


def test_a_reader_sees_the_last_run_until_the_next_is_stored_whole(store: Store):
    write(store, promoted(1, {"a": 1.0}))
    with store.writing() as connection:
        connection.execute(text("DELETE FROM prediction"))
        assert len(rows(store, "current_prediction")) == 1
    assert rows(store, "current_prediction") == []
