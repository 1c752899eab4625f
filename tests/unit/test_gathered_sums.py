"""Sums that several processes gather give the digits of sums that one process makes."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.gathering import gathered
from test_kept_sums import NUMBERS, PRODUCTS, ROWS, SHARED, TABLES, bits, counting, night
from test_linear import NUMPY, job

from regressors import fitting, gathering, rolling
from regressors.arrays import CodedTexts
from regressors.linear import gathered_columns, gathered_sums, kept_sums
from regressors.linear.kept_sums import KeptSums

GATHER = {fitting.validate: gathering.for_validate, fitting.refit: gathering.for_refit}
KINDS = ("least_squares", "gradient_descent")


def in_parts(kept, numbers=None):
    def do(run, framework, made):
        made, calls = gathered(GATHER[run], framework, made, kept)
        assert made.sums is not None
        if numbers is not None:
            numbers.append(calls)
        kept_sums._kept.drop()  # as if each job were of another process
        return run(framework, made)

    return do


@pytest.mark.parametrize("rows", [29, 100])
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    ("chained", "weight"),
    [(False, None), (True, 0.5 + NUMBERS % 4 / 3)],
    ids=["by hash", "by time with weights"],
)
def test_parts_of_any_length_give_the_bits_of_one(name, chained, weight, rows, monkeypatch):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", rows)
    monkeypatch.setattr(gathered_sums, "is_large", lambda _: True)
    monkeypatch.setattr(gathering, "is_large", lambda _: True)
    monkeypatch.setattr(gathered_sums, "MAX_LABELS", 3)
    if rows == 29:  # else figures of categories are of other processes, too
        monkeypatch.setattr(gathered_columns, "MAX_LABELS", 3)
    changes = {"chained": chained, "weight": weight, "codes": True}
    if name in {*SHARED, "levels that become a long tail"} and "level" in TABLES[name]:
        changes["products"] = PRODUCTS
    wanted = night(name, table="", **changes)
    kept = KeptSums()
    assert bits(night(name, table="a night", do=in_parts(kept), **changes)) == bits(wanted)


def test_folds_that_need_the_rows_themselves_have_them_read_in_parts(monkeypatch):
    """Of a product of a number whose gaps have another median in each fold."""
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 70)
    seen: list[int] = []

    def do(run, framework, made):
        made, _ = gathered(GATHER[run], framework, made, KeptSums())
        assert len(made.sums.of_fits) == 6  # of five folds and the twin
        seen.clear()
        return run(framework, made)

    changes = {"products": PRODUCTS, "runs": (fitting.validate,)}
    fits = night("gaps", table="a night", framework=counting(seen), do=do, **changes)
    assert not seen  # nothing is left to be read for sums
    assert bits(fits) == bits(night("gaps", table="", **changes))


def test_both_kinds_and_their_refits_share_what_was_gathered(monkeypatch):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 60)
    seen: list[int] = []
    numbers: list[list[tuple[str, int]]] = []
    night(
        "gaps",
        table="a night",
        framework=counting(seen),
        kinds=KINDS,
        epochs=5,
        do=in_parts(KeptSums(), numbers),
    )
    of_sums = [
        [what for what, _ in calls if what.startswith(("encoding", "sums"))] for calls in numbers
    ]
    assert [len(calls) for calls in of_sums] == [2, 0, 2, 0]
    complete = int((~np.isnan(TABLES["gaps"]["x"])).sum())
    assert sum(seen) == ROWS + complete  # each row once, and those of the complete cases again


def test_blocks_of_test_rows_are_predicted_from_what_was_gathered(monkeypatch):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 50)
    is_test = np.arange(ROWS) >= 180
    made = job(
        columns={"x": TABLES["gaps"]["x"], "level": TABLES["rare levels"]["level"].astype(object)},
        target=np.arange(ROWS) % 7 + TABLES["gaps"]["z"],
        fold=np.arange(ROWS) // 30,
        chained=True,
        table="a night",
    )
    train = {name: values[~is_test] for name, values in made.columns.items()}
    of_training = replace(
        made, columns=train, target=made.target[~is_test], fold=made.fold[~is_test]
    )
    fitted = fitting.validate(NUMPY, of_training)
    made, kept = replace(made, is_test=is_test), KeptSums()
    wanted = rolling.roll(NUMPY, made, fitted), fitting.refit(NUMPY, made)
    kept_sums._kept.drop()
    shared, calls = gathered(gathering.for_roll, NUMPY, made, kept)
    assert calls == [("columns", 1), ("encodings", 1), ("sums", 5)]
    rolled = rolling.roll(NUMPY, shared, fitted)
    assert rolled.predicted.tobytes() == wanted[0].predicted.tobytes()
    assert repr(rolled.intervals) == repr(wanted[0].intervals)
    shared, _ = gathered(gathering.for_refit, NUMPY, made, kept)
    kept_sums._kept.drop()
    assert bits([fitting.refit(NUMPY, shared)]) == bits([wanted[1]])


def test_a_small_table_is_a_job_of_one_process():
    made, calls = gathered(gathering.for_validate, NUMPY, job(), KeptSums())
    assert made.sums is None and not calls


def test_parts_of_a_category_of_many_levels_have_the_labels_of_their_rows(monkeypatch):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 100)
    monkeypatch.setattr(gathered_sums, "MAX_LABELS", 5)
    labels = np.array([*(f"l{i}" for i in range(ROWS)), None], dtype=object)
    codes = np.arange(ROWS, dtype=np.int32)
    codes[3] = -1
    made = job(
        columns={"level": CodedTexts(codes, labels)},
        target=np.zeros(ROWS),
        fold=1 + np.arange(ROWS) % 5,
    )
    parts: list[CodedTexts] = []
    for rows in gathered_sums.ranges(made):
        part = rows.job.columns["level"]
        assert isinstance(part, CodedTexts)
        parts.append(part)
    assert [len(part.labels) for part in parts] == [100, 101, ROWS - 200 + 1]
    assert [text for part in parts for text in part.tolist()] == labels[codes].tolist()
