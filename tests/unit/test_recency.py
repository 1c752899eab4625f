"""Rows that count less for their age: the fits, their inference, and how a half-life is chosen."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products

from data.declarations.model import Declaration
from regressors import fitting
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import MAX_HALF_LIVES, Job
from regressors.linear.kept_sums import drop_others
from regressors.linear.least_squares import solve
from regressors.network.linear_start import linear_start
from regressors.recency import choose_half_life, half_lives
from tasks.check import check
from tasks.read import read
from tasks.recency import recency, recency_needs_fits
from tasks.run.recency import Recency, in_words
from tasks.split import split

NUMPY = SimpleNamespace(row_products=numpy_products)
TWO_HALF_LIVES = ("half_life", "half_lives")
ROWS, FOLDS = 240, 5
RNG = np.random.default_rng(17)
TIME = np.arange(ROWS) * 10.0
SIZE = RNG.normal(size=ROWS)
NOISE = RNG.normal(size=ROWS)
STEADY = 3 + 2 * SIZE + NOISE
MOVING = 3 + (2 + TIME / 300) * SIZE + 0.5 * NOISE


def job(target, **changes):
    made = Job(
        dataset="made",
        candidate=Candidate("torch", "least_squares"),
        columns={"size": SIZE},
        target=target,
        fold=np.arange(ROWS) * (FOLDS + 1) // ROWS,
        chained=True,
        hidden=(8,),
        interval=Rules((0.9,)),
        time=TIME,
        newest=TIME[-1],
    )
    return replace(made, **changes)


def taken(made, order):
    return replace(
        made,
        columns={name: values[order] for name, values in made.columns.items()},
        target=made.target[order],
        fold=made.fold[order],
        time=made.time[order],
    )


def test_a_row_counts_half_as_much_for_each_half_life_and_a_very_old_one_no_less_than_a_double():
    weighed = job(STEADY, half_life=20.0, weight=np.full(ROWS, 3.0))
    np.testing.assert_array_equal(
        weighed.fit_weight(slice(-5, None)) / 3, [*2.0 ** -np.r_[2, 1.5, 1, 0.5, 0]]
    )
    np.testing.assert_array_equal(weighed.weights(TIME > 0), 1.0)
    old = replace(weighed, half_life=1e-3)
    assert old.fit_weight()[0] == 3 * 2.0**-MAX_HALF_LIVES
    assert np.isfinite(fitting.validate(NUMPY, old).model.members[0].estimates).all()


@pytest.mark.parametrize("kind", ["folds", "twin"])
def test_fits_are_those_with_the_same_weights_declared_and_scores_know_only_declared_ones(kind):
    weighed = fitting.validate(NUMPY, job(MOVING, half_life=500.0))
    declared = fitting.validate(NUMPY, job(MOVING, weight=2 ** ((TIME - TIME[-1]) / 500)))
    if kind == "folds":
        np.testing.assert_array_equal(weighed.out_of_fold, declared.out_of_fold)
    else:
        estimates = [fit.model.members[0].estimates for fit in (weighed, declared)]
        np.testing.assert_array_equal(*estimates)
    assert (weighed.half_life, weighed.details["half_life"]) == (500.0, 500.0)
    intervals = [fit.model.intervals for fit in (weighed, declared)]
    assert [each and each.mean_weight is None for each in intervals] == [True, False]


def test_digits_are_the_same_in_every_order_of_the_rows_and_from_kept_sums():
    weighed = job(MOVING, half_life=500.0, table="rows of this test", is_test=TIME > 1900)
    train = replace(taken(weighed, TIME <= 1900), is_test=None)
    fresh = fitting.refit(NUMPY, replace(weighed, table=""))
    fitting.validate(NUMPY, train)
    kept = fitting.refit(NUMPY, weighed)
    turned = fitting.refit(
        NUMPY, replace(taken(weighed, RNG.permutation(ROWS)), table="", is_test=None)
    )
    fitting.validate(NUMPY, replace(train, half_life=None))
    other = fitting.refit(NUMPY, weighed)
    drop_others(job(STEADY))
    for again in (kept, turned, other):
        np.testing.assert_array_equal(
            again.model.members[0].estimates, fresh.model.members[0].estimates
        )


def test_inference_of_rows_that_count_by_age_is_the_robust_one_and_the_sd_that_of_a_row():
    from statsmodels.api import WLS

    weighed = job(STEADY, half_life=400.0)
    weight = weighed.fit_weight()
    design = np.column_stack([np.ones(ROWS), SIZE])
    fit = fitting.validate(NUMPY, weighed)
    reference = WLS(STEADY, design, weights=weight).fit(cov_type="HC3", use_t=True)
    solved = fit.solved
    for name, wanted in (
        ("estimate", reference.params),
        ("standard_error", reference.bse),
        ("robust_standard_error", reference.bse),
        ("p", reference.pvalues),
        ("low", reference.conf_int()[:, 0]),
    ):
        seen = [getattr(coefficient, name) for coefficient in solved.coefficients]
        np.testing.assert_allclose(seen, wanted, rtol=1e-8)
    hac = WLS(STEADY, design, weights=weight).fit(
        cov_type="HAC", cov_kwds={"maxlags": 4, "use_correction": True}
    )
    seen = [coefficient.hac_standard_error for coefficient in solved.coefficients]
    np.testing.assert_allclose(seen, hac.bse, rtol=1e-8)
    assert solved.overall.residual_sd == pytest.approx(1.0, abs=0.15)
    assert (solved.overall.f, solved.overall.f_p) == (None, None)
    assert "robust ones (HC3)" in fit.details["twin"]["notes"][0]
    few = solve(design[:2], STEADY[:2], ["intercept", "size"], numpy_products, recency=0.5)
    assert few.overall.residual_sd is None


def test_network_starts_from_rows_that_count_by_their_age():
    weighed = job(STEADY, half_life=500.0, candidate=Candidate("torch", "ann"))
    start = linear_start(weighed, TIME >= 0, "none", 1)
    np.testing.assert_allclose(start.weight[1:] / start.weight[:-1], 2 ** (10 / 500))
    assert start.weight.mean() == pytest.approx(1)


def test_half_life_is_chosen_where_a_relation_moves_and_none_where_it_does_not():
    moving, steady = choose_half_life(NUMPY, job(MOVING)), choose_half_life(NUMPY, job(STEADY))
    assert moving.tried == half_lives(TIME) == tuple(2390 / parts for parts in (16, 8, 4, 2))
    assert moving.chosen == moving.best == moving.tried[0]
    assert moving.gain.low > 0.3
    assert moving.rmses[1] == min(moving.rmses)
    assert steady.chosen is None
    assert steady.best in steady.tried
    turned = choose_half_life(NUMPY, taken(job(MOVING), RNG.permutation(ROWS)))
    assert turned.chosen == moving.chosen
    assert turned.rmses == pytest.approx(moving.rmses, rel=1e-12)
    alike = choose_half_life(NUMPY, job(STEADY, time=np.zeros(ROWS)))
    assert (alike.tried, alike.chosen) == ((), None)


def test_what_a_fold_would_have_chosen_depends_on_no_later_target():
    before = job(MOVING)
    later = before.known_from > 3
    after = job(np.where(later, 40 - 7 * STEADY[::-1], MOVING))
    made, predicted = [], []
    for each in (before, after):
        made.append(choose_half_life(NUMPY, each))
        weighed = replace(each, half_life=made[-1].chosen, half_lives=made[-1].by_fold)
        predicted.append(fitting.validate(NUMPY, weighed).out_of_fold)
    assert made[0].chosen != made[1].chosen
    assert [made[0].by_fold[n] for n in (1, 3)] == [None, made[0].tried[0]]
    first, second = ([each.by_fold[n] for n in (1, 2, 3)] for each in made)
    assert first == second
    earlier = (before.fold > 0) & (before.fold <= 3)
    np.testing.assert_array_equal(predicted[0][earlier], predicted[1][earlier])
    alike = fitting.validate(NUMPY, before).out_of_fold
    for number, is_weighed in ((1, False), (3, True)):
        rows = before.fold == number
        assert (not np.array_equal(alike[rows], predicted[0][rows])) == is_weighed


def test_fits_of_folds_with_another_half_life_are_stored_and_read_again():
    weighed = job(MOVING, half_life=500.0, half_lives={1: None, 2: 300.0})
    fit = fitting.validate(NUMPY, weighed)
    assert list(fit.details) == [*(f"fold {n}" for n in range(1, 6)), "twin", *TWO_HALF_LIVES]
    stored = Recency.stored({LINEAR[0]: json.loads(json.dumps(fit.details))})
    assert stored.by_fold(LINEAR[0]) == weighed.half_lives
    assert stored.of(LINEAR[0]) == 500.0
    second = weighed.fold == 2
    alone = fitting.validate(NUMPY, job(MOVING, half_life=300.0))
    np.testing.assert_array_equal(fit.out_of_fold[second], alone.out_of_fold[second])


@pytest.fixture
def prepared(tmp_path):
    """Return what prepares the rows of a source, with other targets in its newest rows."""

    def made(shift=0.0, **changes):
        target = MOVING + shift * (np.arange(ROWS) > 0.8 * ROWS)
        days = np.datetime64("2020-01-01") + np.arange(ROWS)
        lines = [
            f"{d},{x!r},{y!r}" for d, x, y in zip(days, SIZE.tolist(), target.tolist(), strict=True)
        ]
        source = tmp_path / "rows.csv"
        source.write_text("\n".join(["day,size,sold", *lines]), encoding="utf-8")
        declaration = Declaration.model_validate(
            {
                "name": "shop",
                "source": {"path": source},
                "key": "day",
                "target": "sold",
                "time": "day",
                "features": ["size"],
                **changes,
            }
        )
        snapshot = read.fn(declaration, tmp_path)
        return split.fn(declaration, snapshot, check.fn(declaration, snapshot))

    return made


class InThisProcess:
    """Runs jobs with NumPy in place of a framework, but for frameworks that are broken."""

    def __init__(self, *broken):
        self.broken, self.asked = broken, []

    def run(self, function, job, _work):
        self.asked.append(str(job.candidate))
        return "it broke." if job.candidate.framework in self.broken else function(NUMPY, job)


LINEAR = (Candidate("theano", "least_squares"), Candidate("torch", "least_squares"))


def test_choice_knows_nothing_of_the_targets_of_test_rows(prepared):
    before, after = (recency.fn(LINEAR, prepared(shift), InThisProcess()) for shift in (0.0, 1e3))
    assert before == after
    assert before.linear == 191 / 16 * 86_400e6
    assert before.sentence.startswith(
        "rows count half as much for every 12 days of age, chosen among none, 12 days, 24 days,"
        " 48 days and 3.1 months: least squares has a squared error that is "
    )


def test_first_framework_decides_another_one_if_it_fails_and_if_all_fail_a_warning_says_so(
    prepared,
):
    rows, workers = prepared(), InThisProcess("torch")
    assert recency.fn(LINEAR, rows, workers).linear is not None
    assert workers.asked == ["torch/least_squares", "theano/least_squares"]
    none = recency.fn(LINEAR, rows, InThisProcess("torch", "theano"))
    assert (none.linear, none.ann) == (None, None)
    assert none.warning == (
        "All rows count the same, since no half-life could be chosen: torch: it broke. theano: it"
        " broke."
    )


def test_nothing_is_chosen_without_a_time_or_where_it_is_declared_or_stored(prepared):
    workers = InThisProcess()
    assert recency.fn(LINEAR, prepared(time=None), workers) == Recency()
    declared = recency.fn(LINEAR, prepared(recency="none"), workers)
    assert declared == Recency(sentence="all rows count the same, as declared")
    details = {
        Candidate("torch", "least_squares"): {"recency": "as before", "half_life": 5.0},
        Candidate("torch", "ann"): {"recency": "as before"},
    }
    stored = Recency.stored(details)
    assert stored == Recency(5.0, None, "as before")
    assert recency.fn(LINEAR, prepared(), workers, earlier=stored) is stored
    assert [stored.of(candidate) for candidate in details] == [5.0, None]
    assert Recency.stored({LINEAR[0]: {}}) == Recency()
    assert workers.asked == []


@pytest.mark.parametrize(
    "changes", [{}, {"time": None}, {"recency": "none"}, {"recency": "1 year"}]
)
@pytest.mark.parametrize("earlier", [None, Recency()])
def test_frameworks_are_waited_for_where_they_are_asked(prepared, changes, earlier):
    rows, workers = prepared(**changes), InThisProcess()
    recency.fn(LINEAR, rows, workers, earlier=earlier)
    assert recency_needs_fits(rows.declaration, earlier) == bool(workers.asked)


def test_declared_half_life_is_that_of_every_kind_and_a_very_short_one_is_warned_of(prepared):
    workers = InThisProcess()
    declared = recency.fn(LINEAR, prepared(recency="1 month"), workers)
    assert declared.linear == declared.ann == pytest.approx(30.436875 * 86_400e6, rel=1e-12)
    assert declared.sentence == "rows count half as much for every 1 month of age, as declared"
    assert declared.warning is None
    short = recency.fn(LINEAR, prepared(recency="10 hours"), workers)
    assert short.warning.startswith("Some rows are more than 500 half-lives of 10 hours old")
    assert workers.asked == []


@pytest.mark.parametrize(
    ("half_life", "column", "words"),
    [
        (2 * 365.2425 * 86_400e6, None, "2 years"),
        (1.99 * 365.2425 * 86_400e6, None, "24 months"),
        (36 * 3_600e6, None, "36 hours"),
        (250e6, None, "4.2 minutes"),
        (1e5, None, "0.1 seconds"),
        (2.6875, "quarter", "2.69 of quarter"),
    ],
)
def test_half_lives_in_words(half_life, column, words):
    assert in_words(half_life, column=column) == words
