"""What is kept of a run for its pictures: which rows, which curves, and how they read again."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from data.declarations.model import Declaration
from data.texts import Texts
from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.linear.inference import Coefficient
from regressors.model import linear_model
from tasks.report.effects import curves, effects, importance, line_of, term_scale
from tasks.report.errors import coverage, residuals, wilson
from tasks.report.labels import distinct_labels, label, moment, number, of_feature
from tasks.report.points import drawn_rows, edges_of
from tasks.report.run_figures import DrawnModel, RunFigures, read_figures, rounded
from tasks.run.attempt import Attempt
from tasks.store import _draw

RNG = np.random.default_rng(1)


def keys_of(numbers) -> Texts:
    return Texts.of([f"k{number:07d}" for number in numbers])


def drawn_keys(numbers, *columns, most=100) -> set[str]:
    keys = keys_of(numbers)
    return set(keys[drawn_rows("shop", keys, edges_of(columns), most)].tolist())


def test_all_rows_are_drawn_if_they_are_few():
    assert drawn_rows("shop", keys_of(range(7)), [], most=7).tolist() == [*range(7)]


def test_of_many_rows_the_same_ones_are_drawn_when_a_few_are_added():
    before, after = drawn_keys(range(10_000)), drawn_keys(range(10_100))
    assert len(before) == len(after) == 100
    assert len(before & after) >= 97
    assert drawn_keys(range(10_000)) == before


def test_the_rows_at_the_edges_of_a_column_are_drawn():
    column, other = RNG.normal(size=10_000), RNG.normal(size=10_000)
    column[77] = np.nan
    drawn = drawn_rows("shop", keys_of(range(10_000)), edges_of([column, other]), most=100)
    edges = {np.nanargmin(column), np.nanargmax(column), other.argmin(), other.argmax()}
    assert edges <= set(drawn.tolist())
    assert len(drawn) == 100 and (np.diff(drawn) > 0).all()


def test_quantiles_of_normal_residuals_are_those_of_a_normal():
    errors = norm.ppf((np.arange(5000) + 0.5) / 5000) * 3
    found = residuals("torch/ann", np.append(errors, np.nan))
    assert found is not None
    assert found.rows == 5000
    assert found.sd == pytest.approx(3, rel=1e-2)
    assert len(found.normal) <= 200
    assert found.observed == pytest.approx(found.normal, abs=0.05)
    assert found.observed[0] == pytest.approx(errors.min() / found.sd, abs=1e-3)


def test_residuals_that_do_not_vary_have_no_quantiles():
    assert residuals("torch/ann", np.zeros(9)) is None
    assert residuals("torch/ann", np.full(9, np.nan)) is None


def test_coverage_counts_the_test_errors_within_what_out_of_fold_errors_suggest():
    honest, test = RNG.normal(size=2000), RNG.normal(size=500)
    found = {each.expected: each for each in coverage(honest, test, 0.85)}
    assert found[0.85].half_width == 1  # the intervals themselves
    assert found[0.9].half_width == pytest.approx(1.645 / 1.440, abs=0.05)
    assert found[0.9].share == (np.abs(test) <= found[0.9].half_width).mean()
    assert found[0.9].low < found[0.9].share < found[0.9].high
    assert coverage(honest[:4], test, 0.9)[-1].expected == 0.8  # too few rows for more
    assert coverage(honest, test[:0], 0.9) == ()


def test_coverage_of_a_narrower_level_is_that_of_its_own_intervals():
    honest, errors = RNG.normal(size=2000), np.array([0.5, -0.9, 1.0, -1.1, np.nan])
    found = coverage(honest, errors, 0.85, narrower={0.5: (errors, 7.0), 0.35: (errors, 6.0)})
    of_level = {each.expected: each for each in found}
    assert list(of_level) == sorted(of_level)
    assert (of_level[0.5].share, of_level[0.5].half_width, of_level[0.5].rows) == (0.75, 7.0, 4)
    assert (of_level[0.35].share, of_level[0.35].half_width) == (0.75, 6.0)


def test_the_interval_of_a_share_is_wilsons():
    assert wilson(0.9, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert wilson(0, 10)[0] == 0 and wilson(1, 10)[1] == 1


def linear(columns, estimates):
    encoding = Encoding.fit(columns)
    assert len(encoding.term_names()) == len(estimates)
    return linear_model(Candidate("torch", "least_squares"), encoding, np.array(estimates))


def test_the_importance_of_a_feature_is_how_far_predictions_move_without_it():
    columns = {"a": RNG.normal(size=400), "b": RNG.normal(size=400), "c": RNG.normal(size=400)}
    model = linear(columns, [1.0, 0.5, 3.0, 0.0])
    found = {each.feature: each.moves for each in importance(model, columns)}
    assert list(found) == ["b", "a", "c"]
    assert found["b"] == pytest.approx(3 * np.sqrt(2), rel=0.15)  # of two independent values
    assert found["c"] == 0


def test_of_very_many_features_those_along_which_predictions_vary_are_shuffled():
    columns = {f"f{place}": RNG.normal(size=300) for place in range(200)}
    sizes = {"f150": 5.0, "f160": 3.0}
    terms = Encoding.fit(columns).term_names()
    found = importance(linear(columns, [sizes.get(term, 0.0) for term in terms]), columns)
    assert [each.feature for each in found[:2]] == ["f150", "f160"]
    assert len(found) == 50


def test_an_effect_is_the_mean_prediction_at_each_value():
    hue = RNG.choice(np.array(["red", "blue"], dtype=object), 300)
    columns = {"a": RNG.normal(size=300), "hue": hue}
    model = linear(columns, [1.0, 2.0, 4.0])  # intercept, a, hue[red]
    numbers, levels = effects({"m": model}, columns, ["a", "hue"])
    slope = np.diff(numbers.predicted["m"]) / np.diff(numbers.values)
    assert slope == pytest.approx(np.full(len(slope), 2.0), rel=1e-2)
    by_level = dict(zip(levels.values, levels.predicted["m"], strict=True))
    assert by_level["red"] - by_level["blue"] == pytest.approx(4, rel=1e-3)


def test_effects_and_curves_are_at_values_that_there_are():
    ages = np.append(np.arange(18.0, 80.0), [18.0, 95.0] * 5)
    (curve,) = curves({"m": linear({"x": ages}, [1.0, 2.0])}, "x", ages)
    assert set(curve.x) == set(ages)
    columns = {"x": RNG.choice(ages, 500), "z": RNG.normal(size=500)}
    (effect,) = effects({"m": linear(columns, [1.0, 2.0, 0.5])}, columns, ["x"])
    assert set(effect.values) <= set(ages)
    assert 15 <= len(effect.values) <= 25


def test_a_curve_has_the_models_interval_and_the_range_of_the_feature():
    x = RNG.uniform(2, 5, 100)
    (curve,) = curves({"m": linear({"x": x}, [1.0, 2.0])}, "x", x)
    assert (min(curve.x), max(curve.x)) == pytest.approx((x.min(), x.max()))
    assert curve.predicted == pytest.approx([1 + 2 * at for at in curve.x], rel=1e-4)
    assert set(curve.lower) == {None}  # this model has no interval


def test_an_equation_with_other_terms_is_no_line():
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.5])
    terms = [Coefficient("intercept", 1.0), Coefficient("x", 2.0)]
    line = line_of(terms, "x", x, y)
    assert line is not None and line.correlation == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert line_of([*terms, Coefficient("x^2", 1.0)], "x", x, y) is None
    assert line_of(terms, "x", x, np.full(3, 5.0)).correlation is None
    assert line_of(terms, "x", x * 1e300, y).correlation == pytest.approx(line.correlation)


def test_numbers_are_compared_by_two_standard_deviations_and_levels_as_they_are():
    hue = np.array(["red", "blue"] * 50, dtype=object)
    columns = {"a": np.linspace(0, 7, 100), "hue": hue}
    scale = term_scale(linear(columns, [1.0, 2.0, 4.0]), columns)
    assert scale == {"a": pytest.approx(2 * columns["a"].std()), "hue[red]": 1.0}


def test_figures_are_read_as_they_were_written_and_others_are_not():
    figures = RunFigures(models=(DrawnModel("torch/ann", "ann", True, 1.5, (0.1, None)),))
    assert read_figures(json.loads(json.dumps(figures.plain()))) == figures
    assert read_figures({"models": 7}) is None
    assert read_figures({"unknown": 1, "models": []}) == RunFigures()


def test_a_run_that_cannot_be_drawn_is_stored_with_a_warning():
    base = {"name": "shop", "source": {"path": "x.csv"}, "key": "id", "target": "y"}
    run = Attempt(Declaration.model_validate(base))
    _draw(run, None)
    assert run.figures is None
    (warning,) = run.prediction_warnings
    assert warning.startswith("The charts of this run are missing: AttributeError")


def test_values_keep_the_digits_that_a_chart_shows():
    assert rounded([2001.123456789, 2003.5, np.nan]) == (2001.12346, 2003.5, None)
    assert rounded([0.1 + 0.2, np.inf]) == (0.3, None)
    assert rounded([1e300, -1e300]) == pytest.approx((1e300, -1e300))
    assert rounded([5e-320, 0.0])[1] == 0
    assert rounded([]) == ()


def test_labels_are_short_and_harmless():
    assert label("a\n\u202eb\0 c") == "a b c"
    assert len(label("x" * 500)) <= 40
    assert label("") == "(blank)"
    assert distinct_labels(["a\n", "a", "b"]) == ["a", "a (2)", "b"]
    assert [number(v) for v in (0.0, 1234.5678, -0.00012345, 1e300, None)] == [
        "0",
        "1,235",
        "-0.0001234",
        "1.000e+300",
        "–",
    ]
    assert moment(0) == "1970-01-01" and moment(3.6e6) == "1970-01-01 01:00"
    assert moment(1e18) == "1.000e+18"


def test_years_are_written_without_commas_and_other_numbers_with_them():
    assert of_feature((2003.0, None, 2009.0)) == ["2003", "–", "2009"]
    assert of_feature((482.0, 3049.0)) == ["482", "3,049"]
    assert of_feature(("HS Grad", "<b>")) == ["HS Grad", "<b>"]
