"""An equation for each segment, with NumPy in place of a framework."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from test_linear import NUMPY

from regressors import fitting, rolling
from regressors.arrays import Coded, in_codes
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.linear.least_squares import solve
from regressors.model import LinearMember, Model
from regressors.segments.lines import MIN_SPARE_ROWS
from regressors.segments.texts import segments_of

RNG = np.random.default_rng(20)
ROWS = 300
SHOP = np.array(["b", "a", "c", "tiny"], dtype=object)[
    np.where(np.arange(ROWS) < 8, 3, np.arange(ROWS) % 3)
]
SHOP[8:12] = None
AREA = RNG.uniform(10, 50, ROWS)
PRICE = np.where(SHOP == "c", 5.0, RNG.normal(size=ROWS))
SALES = 3 + AREA * np.where(SHOP == "a", 2.0, -1.0) + PRICE + RNG.normal(size=ROWS)
COLUMNS = {"shop": SHOP, "area": AREA, "price": PRICE}
TERMS = ("intercept", "area", "price")


def job(**changes):
    made = Job(
        dataset="shops",
        candidate=Candidate("torch", "segment_least_squares"),
        columns=COLUMNS,
        target=SALES,
        fold=1 + np.arange(ROWS) % 5,
        chained=False,
        hidden=(8,),
        interval=Rules((0.9,)),
        segment=("shop",),
    )
    return replace(made, **changes)


@pytest.fixture(scope="module")
def fitted():
    return fitting.validate(NUMPY, job())


def line_of(shop, **options):
    rows = shop == SHOP
    design = np.column_stack([np.ones(rows.sum()), AREA[rows], PRICE[rows]])
    return solve(design, SALES[rows], TERMS, numpy_products, **options)


def test_segment_of_one_column_is_its_text_and_none_where_it_is_missing():
    found = segments_of({"shop": np.array(["b", None, "a", "b"], dtype=object)}, ["shop"])
    assert found.names.tolist() == ["a", "b"]
    assert found.codes.tolist() == [1, -1, 0, 1]


def test_segment_of_two_columns_is_a_json_array_as_a_key_is():
    region = np.array(["x", 'q"', "x", None], dtype=object)
    labels = np.array(["never", "2", "ä", None], dtype=object)
    columns = in_codes({"region": Coded(region), "product": Coded(np.array([1, 1, 2, 2]), labels)})
    found = segments_of(columns, ["region", "product"])
    assert found.names.tolist() == ['["q\\"","2"]', '["x","2"]', '["x","ä"]']
    assert found.codes.tolist() == [1, 0, 2, -1]


def test_texts_and_codes_of_them_are_the_same_segments():
    labels = np.array(["c", "unused", "tiny", "a", "b", None], dtype=object)
    places = {text: i for i, text in enumerate(labels)}
    codes = np.array([-1 if text is None else places[text] for text in SHOP])
    plain = segments_of(COLUMNS, ["shop"])
    coded = segments_of(in_codes({"shop": Coded(codes, labels)}), ["shop"])
    assert plain.names.tolist() == coded.names.tolist()
    assert (plain.codes == coded.codes).all()


def test_each_segment_has_the_least_squares_of_its_own_rows(fitted):
    fits = fitted.segments
    assert fits.names.tolist() == ["a", "b", "c", "tiny"]
    assert fits.terms == TERMS
    for i, shop in enumerate(["a", "b"]):
        solved = line_of(shop)
        assert fits.estimates[i].tolist() == solved.estimates.tolist()
        for values, name in [
            (fits.standard_errors, "standard_error"),
            (fits.robust_standard_errors, "robust_standard_error"),
            (fits.t, "t"),
            (fits.p_values, "p"),
            (fits.low, "low"),
            (fits.high, "high"),
        ]:
            expected = [getattr(coefficient, name) for coefficient in solved.coefficients]
            np.testing.assert_allclose(values[i], expected, rtol=1e-13)
        assert fits.rows[i] == solved.rows
        assert fits.residual_sd[i] == pytest.approx(solved.overall.residual_sd, rel=1e-14)
        assert fits.r2[i] == pytest.approx(solved.overall.r2, rel=1e-14)


def test_term_that_depends_on_earlier_ones_in_a_segment_is_left_out_there_and_named(fitted):
    estimates = fitted.segments.estimates[2]
    assert np.isnan(estimates).tolist() == [False, False, True]
    rows = SHOP == "c"
    shorter = np.column_stack([np.ones(rows.sum()), AREA[rows]])
    solved = solve(shorter, SALES[rows], TERMS[:2], numpy_products)
    assert estimates[:2].tolist() == solved.estimates.tolist()
    assert any("c (price)" in warning for warning in fitted.warnings)


def test_segment_with_few_rows_is_predicted_by_the_line_of_all_rows(fitted):
    fits = fitted.segments
    assert fits.own.tolist() == [True, True, True, False]
    assert "8 rows are too few for 3 terms: at least 13 are needed" in fits.reason[3]
    assert np.isnan(fits.estimates[3]).all()
    assert any("1 of 4 segments" in warning and "tiny" in warning for warning in fitted.warnings)
    pooled = fitting.validate(
        NUMPY,
        job(
            candidate=Candidate("torch", "least_squares"),
            segment=(),
            columns={"area": AREA, "price": PRICE},
        ),
    )
    same = (SHOP == "tiny") | (SHOP == None)  # noqa: E711
    assert (fitted.out_of_fold[same] == pooled.out_of_fold[same]).all()
    assert not (fitted.out_of_fold[~same] == pooled.out_of_fold[~same]).any()
    assert fitted.coefficients == pooled.coefficients


def test_own_line_needs_a_stated_number_of_rows_beside_its_terms():
    for rows in (MIN_SPARE_ROWS + 2, MIN_SPARE_ROWS + 3):
        kept = np.concatenate([np.flatnonzero(SHOP == "a")[:rows], np.flatnonzero(SHOP == "b")])
        columns = {name: values[kept] for name, values in COLUMNS.items()}
        some = job(columns=columns, target=SALES[kept], fold=1 + kept % 5)
        own = fitting.refit(NUMPY, some).segments.own
        assert own.tolist() == [rows == MIN_SPARE_ROWS + 3, True]


def test_unseen_segment_is_predicted_by_the_line_of_all_rows_with_a_note(fitted):
    rows = {
        "shop": np.array(["a", "new", None], dtype=object),
        "area": np.array([20.0, 20.0, 20.0]),
        "price": np.array([0.5, 0.5, 0.5]),
    }
    made = fitted.model.predicted(rows)
    (member,) = fitted.model.members
    pooled = Model(fitted.model.candidate, (LinearMember(member.encoding, member.estimates),))
    assert made.value[0] == pytest.approx(float(line_of("a").estimates @ [1, 20, 0.5]), rel=1e-14)
    assert made.value[1] == made.value[2] == pooled.predict(rows)[0]
    assert made.note[0] is None
    assert "'new', which training never had" in made.note[1]
    assert "shop is missing" in made.note[2]


def test_digits_of_a_row_depend_on_that_row_alone(fitted):
    everything = fitted.model.predict(COLUMNS)
    for rows in (slice(0, 1), slice(7, 30), np.array([250, 3, 3])):
        some = {name: values[rows] for name, values in COLUMNS.items()}
        assert (fitted.model.predict(some) == everything[rows]).all()


def test_stored_model_is_equal_to_the_last_bit(fitted):
    again = Model.from_bytes(fitted.model.to_bytes())
    assert again.features == fitted.model.features
    assert again.column_types == {"shop": "category", "area": "number", "price": "number"}
    rows = {**COLUMNS, "shop": np.where(np.arange(ROWS) % 7, SHOP, "new")}
    seen, expected = again.predicted(rows), fitted.model.predicted(rows)
    assert (seen.value == expected.value).all()
    assert (seen.lower == expected.lower).all()
    assert seen.note.tolist() == expected.note.tolist()


def test_held_out_targets_leave_their_own_predictions_as_they_are(fitted):
    held = job().fold == 2
    moved = fitting.validate(NUMPY, job(target=np.where(held, SALES * 3 - 40, SALES)))
    assert (moved.out_of_fold[held] == fitted.out_of_fold[held]).all()
    assert not (moved.out_of_fold[~held] == fitted.out_of_fold[~held]).any()


def test_order_of_the_rows_changes_no_digit(fitted):
    order = RNG.permutation(ROWS)
    columns = {name: values[order] for name, values in COLUMNS.items()}
    moved = fitting.validate(
        NUMPY, job(columns=columns, target=SALES[order], fold=job().fold[order])
    )
    assert (moved.out_of_fold == fitted.out_of_fold[order]).all()
    assert moved.model.members[0].own.tobytes() == fitted.model.members[0].own.tobytes()


def test_weights_count_in_the_lines_of_segments():
    weight = RNG.uniform(0.5, 2, ROWS)
    fits = fitting.refit(NUMPY, job(weight=weight)).segments
    solved = line_of("b", weight=weight[SHOP == "b"])
    assert fits.estimates[1].tolist() == solved.estimates.tolist()
    np.testing.assert_allclose(
        fits.standard_errors[1], [c.standard_error for c in solved.coefficients], rtol=1e-13
    )


def test_lines_without_an_intercept():
    fits = fitting.refit(NUMPY, job(intercept=False)).segments
    rows = SHOP == "a"
    design = np.column_stack([AREA[rows], PRICE[rows]])
    solved = solve(design, SALES[rows], TERMS[1:], numpy_products)
    assert fits.terms == TERMS[1:]
    assert fits.estimates[0].tolist() == solved.estimates.tolist()


def test_rows_that_count_less_for_their_age_have_robust_errors():
    time = np.arange(ROWS, dtype=float)
    ages = {"time": time, "half_life": 90.0, "newest": float(ROWS - 1)}
    made = job(**ages)
    fits = fitting.refit(NUMPY, made).segments
    rows = SHOP == "a"
    solved = line_of("a", weight=made.recency(rows), recency=float(made.recency(rows).mean()))
    assert fits.estimates[0].tolist() == solved.estimates.tolist()
    np.testing.assert_allclose(
        fits.standard_errors[0], [c.robust_standard_error for c in solved.coefficients], rtol=1e-12
    )
    assert fits.residual_sd[0] == pytest.approx(solved.overall.residual_sd, rel=1e-13)


def test_blocks_of_time_are_predicted_by_lines_of_what_was_known():
    block = np.arange(ROWS) // 50
    chained = job(fold=block, chained=True, time=np.arange(ROWS, dtype=float), time_column="t")
    training = block < 5
    known = replace(
        chained,
        columns={name: values[training] for name, values in COLUMNS.items()},
        target=SALES[training],
        fold=block[training],
        time=chained.time[training],
    )
    fitted = fitting.validate(NUMPY, known)
    rolled = rolling.roll(NUMPY, replace(chained, is_test=~training), fitted)
    (member,) = fitted.model.members
    assert np.isnan(fitted.out_of_fold[:50]).all()
    assert (
        rolled.predicted
        == fitted.model.predict({name: values[~training] for name, values in COLUMNS.items()})
    ).all()
    assert member.names.tolist() == ["a", "b", "c", "tiny"]
