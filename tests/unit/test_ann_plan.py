"""The plan of an ANN on a large table: what it depends on and costs, and which rows it draws."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.network.plan import (
    BUDGET,
    FEW_NETWORKS,
    FIT_PRODUCTS,
    LEAST_EPOCHS,
    LEAST_ROWS,
    MANY_ROWS,
    MOST_EPOCHS,
    REFIT_ROWS,
    SMALL_TABLE,
    affordable,
    drawn,
    joined,
    networks_of,
    plan_of,
    products_of,
    spaced,
)
from regressors.network.training import planned

rows_of_folds = st.lists(st.integers(2_000, 10**8), min_size=2, max_size=10)
row_products = st.integers(1, 10**7)
budgets = st.floats(1e6, 1e18)


@given(rows_of_folds, row_products, budgets)
def test_plan_keeps_its_budget_unless_it_is_as_short_as_a_plan_can_be(rows, products, budget):
    plan = plan_of(rows, products, budget)
    assert LEAST_EPOCHS <= plan.epochs <= MOST_EPOCHS
    assert min(LEAST_ROWS, max(rows)) <= plan.rows <= max(rows)
    shortest = plan.rows == LEAST_ROWS and plan.epochs == LEAST_EPOCHS
    assert plan.products <= budget * (1 + 1e-9) or shortest


@given(rows_of_folds, row_products, budgets, st.floats(1, 1e3))
def test_larger_budget_never_means_fewer_epochs_or_fewer_rows(rows, products, budget, times):
    small, large = (plan_of(rows, products, each) for each in (budget, budget * times))
    assert large.epochs >= small.epochs
    assert large.rows >= small.rows


@given(rows_of_folds, row_products, budgets)
def test_rows_are_left_out_only_after_all_epochs_that_can_be(rows, products, budget):
    plan = plan_of(rows, products, budget)
    if plan.rows < max(rows):
        assert plan.epochs == LEAST_EPOCHS


def test_million_rows_of_ten_numbers_are_trained_on_in_full_and_ten_million_on_a_draw():
    products = products_of(490, (128, 128))
    million = plan_of([480_000, 480_000, 640_000], products)
    assert (million.rows, million.share, million.epochs) == (640_000, 1, 4)
    more = plan_of([4_800_000, 4_800_000, 6_400_000], products)
    assert LEAST_ROWS < more.rows < 6_400_000
    assert more.share == more.rows / 6_400_000
    assert more.products <= BUDGET


def test_refit_that_begins_with_the_twin_takes_a_quarter_of_its_epochs_but_two_at_least():
    taken = {}
    for rows in (20_000, 50_000, 500_000):
        plan = plan_of([rows] * 3, products_of(100, (128, 128)))
        taken[plan.epochs] = plan.refit_epochs
    assert taken == {15: 4, 10: 2, 4: 2}


@given(st.integers(2, 20), st.integers(1, 20))
def test_joined_folds_are_neighbours_of_about_the_same_number(folds, networks):
    fold = np.arange(1, folds + 1, dtype=np.int16).repeat(3)
    parts = joined(fold, networks)
    assert parts.dtype == fold.dtype
    assert (np.diff(parts) >= 0).all()
    numbers, sizes = np.unique(parts, return_counts=True)
    assert numbers.tolist() == list(range(1, min(folds, networks) + 1))
    assert sizes.max() - sizes.min() <= 3
    assert all(len(set(parts[fold == number])) == 1 for number in range(1, folds + 1))


def test_folds_are_joined_where_rows_are_many():
    assert networks_of(MANY_ROWS, 5) == 5
    assert networks_of(MANY_ROWS + 1, 5) == FEW_NETWORKS
    assert networks_of(MANY_ROWS + 1, 2) == 2


@given(st.integers(1, 60), st.integers(1, 60))
def test_origins_are_spaced_evenly_from_the_first_one_on(number, most):
    chosen = spaced(number, most)
    assert chosen[0] == 0
    assert len(chosen) == min(number, most)
    gaps = np.diff([*chosen, number])
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1


@given(st.integers(1, 24), st.integers(1, 10**6), st.integers(1, 24), st.floats(1e6, 1e12))
def test_ann_is_fitted_at_as_many_origins_as_are_within_the_budget(number, rows, least, budget):
    rows_at = [rows + 10 * i for i in range(number)]
    chosen = affordable(rows_at, 1_000, least, budget)
    assert len(chosen) >= min(least, number)
    cost = sum(FIT_PRODUCTS + rows_at[i] * 1_000 for i in chosen)
    assert cost <= budget or len(chosen) == min(least, number)
    if number > len(chosen):
        more = spaced(number, len(chosen) + 1)
        assert sum(FIT_PRODUCTS + rows_at[i] * 1_000 for i in more) > budget


@given(rows_of_folds, row_products, st.integers(2_000, 10**8))
def test_plan_of_chained_folds_counts_the_network_on_all_rows(rows, products, more):
    whole = max(rows) + more
    plan = plan_of(rows, products, 1e30, whole=whole)
    assert plan.rows == whole
    assert plan.products >= whole * (1 + REFIT_ROWS) * products * plan.epochs


def test_layers_of_a_network_take_a_product_for_each_of_their_weights():
    assert products_of(10, (128, 64)) == 10 * 128 + 128 * 64 + 64
    assert products_of(10, ()) == 10
    assert products_of(0, (3,)) > 0


def job_of(rows):
    rng = np.random.default_rng(rows)
    return Job(
        dataset="planned",
        candidate=Candidate("torch", "ann"),
        columns={"x": rng.normal(size=rows), "y": rng.normal(size=rows)},
        target=rng.normal(size=rows),
        fold=1 + np.arange(rows) % 5,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
    )


def test_small_table_has_no_plan_and_a_larger_one_has_the_same_plan_each_time():
    assert planned(job_of(SMALL_TABLE)) is None
    plan = planned(job_of(SMALL_TABLE + 5))
    assert plan == planned(job_of(SMALL_TABLE + 5))
    assert plan.rows == (SMALL_TABLE + 5) * 4 // 5


def test_small_table_has_a_plan_only_where_a_declared_budget_might_not_be_enough():
    job = job_of(2_000)
    assert planned(replace(job, budget=1e15)) is None
    plan = planned(replace(job, budget=1e8))
    assert plan.products <= plan.budget == 1e8
    assert plan.epochs <= MOST_EPOCHS


def test_declared_budget_of_a_large_table_is_kept_instead_of_the_default():
    job = job_of(SMALL_TABLE + 5)
    assert planned(job).budget == BUDGET
    small = planned(replace(job, budget=1e8))
    assert small.products <= 1e8
    assert small.rows < planned(job).rows


@pytest.mark.parametrize("rows", [1, 30, 59])
def test_draw_has_so_many_of_the_training_rows_and_differs_by_seed_alone(rows):
    train = np.arange(100) % 5 != 0
    chosen = drawn(train, rows, seed=7)
    assert chosen.sum() == rows
    assert not chosen[~train].any()
    assert np.array_equal(chosen, drawn(train, rows, seed=7))
    assert not np.array_equal(chosen, drawn(train, rows, seed=8))


def test_nothing_is_drawn_where_all_training_rows_fit():
    train = np.arange(100) % 5 != 0
    assert np.array_equal(drawn(train, 80, seed=7), train)
