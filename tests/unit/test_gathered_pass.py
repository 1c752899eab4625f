"""What several processes find when they read the rows again has the bits of one that reads all."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.gathering import gathered
from test_kept_sums import bits
from test_linear import NUMPY, job

from regressors import fitting, gathering
from regressors.arrays import CodedTexts
from regressors.file_arrays import place_of
from regressors.linear import gathered_sums, kept_sums
from regressors.linear.fitted_rows import FittedRows
from regressors.linear.kept_sums import KeptSums

ROWS = 20_000
NUMBERS = np.arange(ROWS)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 3_000)
    kept_sums._kept.drop()


def made(kind="least_squares", **changes):
    """Return a job with a number that depends on others, a category, gaps and weights."""
    rng = np.random.default_rng(34)
    x, y = rng.normal(size=(2, ROWS))
    labels = np.array([*(f"k{i}" for i in range(40)), None], dtype=object)
    columns = {
        "x": x,
        "y": y,
        "both": x + y,
        "gappy": np.where(NUMBERS % 9, rng.normal(size=ROWS), np.nan),
        "kind": CodedTexts(NUMBERS % 41 - 1, labels),
    }
    whole = job(
        kind=kind,
        columns=columns,
        target=x + rng.normal(size=ROWS),
        fold=1 + NUMBERS % 3,
        weight=1.0 + NUMBERS % 3,
        table="a night",
    )
    return replace(whole, **changes)


def reading(monkeypatch):
    """Return a list to which the number of rows is added that a fit reads again."""
    read = []
    blocks = FittedRows.blocks

    def counted(fitted):
        for block in blocks(fitted):
            read.append(len(block.residuals))
            yield block

    monkeypatch.setattr(FittedRows, "blocks", counted)
    return read


@pytest.mark.parametrize("kind", ["least_squares", "gradient_descent"])
def test_parts_give_the_bits_of_one_process_and_the_fit_reads_no_row_again(kind, monkeypatch):
    alone = fitting.validate(NUMPY, made(kind))
    kept_sums._kept.drop()
    read = reading(monkeypatch)
    ready, calls = gathered(gathering.for_validate, NUMPY, made(kind), KeptSums())
    assert calls[-1] == ("residuals", 3)
    assert sum(read) == (ROWS if kind == "least_squares" else 0)
    assert bits([fitting.validate(NUMPY, ready)]) == bits([alone])
    assert sum(read) == (ROWS if kind == "least_squares" else 0)


def test_predictions_of_parts_are_in_the_file_of_their_job(tmp_path):
    alone = fitting.validate(NUMPY, made())
    in_file = made(predictions_file=str(tmp_path / "predictions"))
    ready, _ = gathered(gathering.for_validate, NUMPY, in_file, KeptSums())
    fitted = fitting.validate(NUMPY, ready)
    assert place_of(fitted.out_of_fold)[0] == str(tmp_path / "predictions.folds")
    assert bits([fitted]) == bits([alone])


@pytest.mark.parametrize("related", ["nothing", "group_numbers", "time"])
def test_a_refit_takes_its_errors_from_parts_unless_rows_are_related(related, monkeypatch):
    changes = {} if related == "nothing" else {related: (NUMBERS // 7).astype(float)}
    one = replace(made(), columns={"x": made().columns["x"]}, **changes)  # all rows are complete
    alone = fitting.refit(NUMPY, one)
    kept_sums._kept.drop()
    ready, calls = gathered(gathering.for_refit, NUMPY, one, KeptSums())
    read = reading(monkeypatch)
    assert bits([fitting.refit(NUMPY, ready)]) == bits([alone])
    assert sum(read) == (0 if related == "nothing" else ROWS)
    assert (("residuals", 3) in calls) == (related == "nothing")
