"""Fits report how far they are: which share of all of their parts, and in which words."""

import numpy as np
import pytest
from test_linear import NUMPY, job

from regressors import fitting
from regressors.frameworks import reports
from regressors.frameworks.reports import ReportPipe, ReportSender
from regressors.network.recipe import Program
from regressors.progress import part, parts, report, reporting_to


@pytest.fixture
def reported():
    """Return what is reported in the test."""
    calls = []
    with reporting_to(lambda share, done: calls.append((share, done))):
        yield calls


def test_parts_are_reported_as_shares_of_the_whole_and_by_their_names(reported):
    with parts(4):
        with part("sums", 3):
            report(1 / 3, "10 of 30 rows")
        with part("twin"):
            report(0.5, "15 of 30 rows")
    assert reported == [
        (0, "sums"),
        (0.25, "sums, 10 of 30 rows"),
        (0.75, "twin"),
        (0.875, "twin, 15 of 30 rows"),
    ]


def test_parts_of_a_part_share_its_room(reported):
    with parts(2, done=1), part("fold 2 of 2"), parts(2):
        with part("one"):
            report(0.5, "half")
        with part("two"):
            report(1, "whole")
    assert [share for share, _ in reported] == [0.5, 0.5, 0.625, 0.75, 1]
    assert reported[2][1] == "fold 2 of 2, one, half"


def test_no_share_is_claimed_of_work_whose_length_is_not_known(reported):
    with parts(None), part("fold 1 of 5"):
        report(0.5, "epoch 2 of 4")
    with parts(1):
        with part("fold 1 of 1"):
            report(None, "epoch 3")
        with part("more than was said"):
            report(0.5, "half")
    shares = [share for share, _ in reported]
    assert shares == [None, None, 0, None, None, None]


def test_a_planned_training_reports_its_epochs_and_another_one_no_share(reported):
    for epoch in (0, 1):
        list(Program(100, 1, epochs=2).portions(epoch, np.float64))
    list(Program(100, 1).portions(7, np.float64))
    list(Program(100, 1, epochs=2, portion=50).portions(1, np.float64))
    assert reported == [
        (1 / 3, "epoch 1 of 2"),
        (2 / 3, "epoch 2 of 2"),
        (None, "epoch 8"),
        (2 / 3, "epoch 2 of 2, 0 of 100 rows"),
        (2.5 / 3, "epoch 2 of 2, 50 of 100 rows"),
    ]


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        (
            fitting.validate,
            {"sums, fold 2, 0 of 20 rows", "fold 3 of 3", "all folds, residuals, 0 of 60 rows"},
        ),
        (fitting.refit, {"sums, 0 of 60 rows", "complete rows, residuals, 0 of 45 rows"}),
    ],
)
def test_linear_fits_report_their_rows_and_folds_and_never_go_back(reported, fit, words):
    x = np.random.default_rng(5).normal(size=60)
    gaps = np.where(np.arange(60) % 4, x, np.nan)
    fit(NUMPY, job(columns={"x": x, "gaps": gaps}, target=1 - x, fold=1 + np.arange(60) % 3))
    shares = [share for share, _ in reported]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] < 1
    assert words <= {done for _, done in reported}


@pytest.fixture
def pipe(monkeypatch):
    monkeypatch.setattr(reports, "EVERY_SECONDS", 0)
    made = ReportPipe()
    yield made
    made.close()


def test_the_last_report_is_there_once(pipe):
    sender = ReportSender(pipe.sender)
    assert pipe.latest() is None
    sender(0.25, "fold 1 of 4")
    sender(None, "epoch 3")
    assert pipe.latest() == (None, "epoch 3")
    assert pipe.latest() is None


def test_a_process_goes_on_that_nobody_listens_to(pipe):
    sender = ReportSender(pipe.sender)
    for number in range(5_000):
        sender(0.5, f"{number:,} rows")
    assert pipe.latest()[0] == 0.5
    pipe._received.close()
    sender(0.5, "a parent that is gone")


def test_reports_are_sent_now_and_then():
    pipe = ReportPipe()
    sender = ReportSender(pipe.sender)
    for _ in range(1_000):
        sender(0.5, "half")
    assert pipe.latest() is None
    pipe.close()
