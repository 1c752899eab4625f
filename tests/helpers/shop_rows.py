"""Shops with what checks tell of, and what a night finds in all of their rows."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.declarations.model import Declaration
from data.sources.read import read
from data.sources.snapshot import Snapshot
from data.split import TEST, TRAIN
from regressors.arrays import CodedTexts
from regressors.candidate import Candidate
from regressors.job import Fitted
from regressors.rolling import Rolled
from tasks.check import check
from tasks.choose import choose
from tasks.rank import rank
from tasks.report.errors import PredictedRows, coverage_figures, residual_figures
from tasks.report.points import drawn_rows
from tasks.run.prediction_columns import Made, in_files, prediction_columns
from tasks.split import split

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def shops_in(folder: Path) -> tuple[Declaration, Snapshot]:
    """The snapshot of a source with what checks tell of, whose keys are not in order."""
    keys = np.random.default_rng(35).permutation(70_000)
    numbers = keys % 65_000  # so that some rows repeat others
    table = pa.table(
        {
            "name": [f"shop {key}" for key in keys],
            "size": np.where(numbers % 50 == 3, -1, numbers % 997) * 1.5,
            "kind": pa.array(
                np.char.add("kind ", (numbers % 7).astype(str)), mask=numbers % 11 == 0
            ),
            "open": pa.array(numbers % 3 > 0, mask=numbers % 13 == 0),
            "since": np.datetime64("2020-01-01") + numbers % 900,
            "empty": np.zeros(len(keys)),
            "price": pa.array(np.where(numbers % 5, numbers % 31, 7.0), mask=numbers % 17 == 0),
        }
    )
    pq.write_table(table, folder / "shops.parquet")
    positive = {"column": "size", "min_value": 0}
    known = {"column": "open"}
    declaration = Declaration.model_validate(
        {
            "name": "shops",
            "source": {"path": str(folder / "shops.parquet")},
            "key": "name",
            "target": "price",
            "expectations": [
                {
                    "type": "expect_column_values_to_be_between",
                    "kwargs": positive,
                    "quarantine": True,
                },
                {
                    "type": "expect_column_values_to_not_be_null",
                    "kwargs": known,
                    "severity": "warning",
                },
            ],
        }
    )
    return declaration, read(declaration, folder=folder / "snapshots")


def found(shops, work=None):
    """Return what a night finds in all rows: plain values, and arrays."""
    declaration, snapshot = shops
    checked = check.fn(declaration, snapshot, now=NOW, work=work)
    rows = split.fn(declaration, snapshot, checked, work)
    arrays: list[Any] = [
        checked.kept,
        checked.label,
        checked.together,
        rows.split.code,
        rows.split.fold,
    ]
    kept, order = rows.source.arrangement
    arrays += [rows.rows.target, np.flatnonzero(kept)[order]]
    for part in (rows.rows, rows.train, rows.labelled, rows.test, rows.new):
        columns: Any = part.columns
        for values in columns.in_codes().values():
            arrays += [values.codes, values.labels] if isinstance(values, CodedTexts) else [values]
    arrays = [values.tolist() if values.dtype == object else values.tobytes() for values in arrays]
    plain = replace(checked, kept=None, label=None, together=None)
    keys = rows.rows.keys.tolist(), rows.train.keys.tolist()
    fits, rolled = fits_of(rows), rolled_of(rows)
    ranking = rank.fn(rows, fits)
    choice = choose.fn(rows, ranking, rolled, None)
    winner = choice.winner
    drawn, columns = drawn_of(rows, fits[winner], rolled[winner])
    return plain, arrays, keys, ranking, plainly(choice), drawn, columns


def fits_of(rows):
    """Return fits of training rows, one with larger errors than the other, and one that failed."""
    fits: dict[Candidate, Any] = {Candidate("theano", "ann"): "it failed"}
    target = rows.train.target
    errors = np.random.default_rng(64).normal(size=len(target))
    for kind, error in (("least_squares", errors), ("ann", 0.9 * errors)):
        made = [rows.train.stored(target + error + end) for end in (0, -1, 1)]
        fits[Candidate("torch", kind)] = Fitted(None, made[0], (), {}, ends=(tuple(made[1:]),))
    return fits


def rolled_of(rows):
    """Return predictions of the test rows, two of which have a note."""
    target, rolled = rows.test.target, {}
    errors = np.random.default_rng(65).normal(size=len(target))
    for kind, error in (("least_squares", errors), ("ann", 0.9 * errors)):
        made = [rows.test.stored(target + error + end) for end in (0, -1, 1)]
        notes = np.array([3, 5]), np.array(["a", "b"], dtype=object)
        rolled[Candidate("torch", kind)] = Rolled(made[0], (tuple(made[1:]),), None, *notes)
    return rolled


def plainly(choice):
    """Return a choice, whose paired errors can be compared."""
    pairs = vars(choice.paired)
    arrays = {name: v.tolist() for name, v in pairs.items() if isinstance(v, np.ndarray)}
    return replace(choice, paired=None), pairs | arrays


def drawn_of(rows, fit, rolled):
    """Return what is drawn of all rows, and what is stored of those that are labelled."""
    train = PredictedRows(rows.train.target, None, fit.out_of_fold, fit.ends)
    test = PredictedRows(rows.test.target, None, rolled.predicted, rolled.ends)
    made = {
        TEST: Made(rolled.predicted, rolled.ends, rolled.noted, rolled.note),
        TRAIN: Made(fit.out_of_fold, fit.ends),
    }
    of_rows = "torch/ann", rows.rows.without_columns(), rows.split, made, 1, None, None
    calls = [
        (residual_figures, ("torch/ann", (train, test))),
        (coverage_figures, (train, test, [0.9], True)),
        (prediction_columns, of_rows),
    ]
    *drawn, columns = rows.source.do("drawing", calls)
    drawn.append(drawn_rows("shops", rows.train.keys, [2], do=rows.source.do).tolist())
    columns = in_files(columns, rows.rows)
    numbers = [column.tobytes() for column in columns.numbers.values()]
    return drawn, ([*columns.key], columns.role.tolist(), [*columns.note], numbers)
