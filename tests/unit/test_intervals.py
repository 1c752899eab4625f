"""Intervals that fit the row: how far they reach, and what they cover."""

import json
from dataclasses import replace

import numpy as np
import pytest

from regressors.arrays import CodedTexts
from regressors.intervals import residuals
from regressors.intervals.calibration import fit_intervals
from regressors.intervals.intervals import Intervals
from regressors.intervals.quantiles import interval_score, quantile, reaches
from regressors.intervals.rules import Rules
from regressors.intervals.walk import walk_intervals

NINETY = Rules((0.9,))


def rows_of(seed, rows=3000, *, sd=lambda x, region: 0.2 + x, skewed=False):
    """Return rows whose errors depend on a number and a region, and are otherwise noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 3, rows)
    region = rng.choice(np.array(["north", "south", None], dtype=object), rows)
    noise = rng.exponential(1, rows) - 1 if skewed else rng.normal(size=rows)
    columns = {"x": x, "region": region}
    predicted = rng.normal(size=rows)
    target = predicted + noise * sd(x, region)
    return {
        "columns": columns,
        "target": target,
        "predicted": predicted,
        "fold": np.arange(rows) % 5 + 1,
    }


def fitted(data, rules=NINETY, **more):
    intervals = fit_intervals(rules, **data, **more)[2]
    assert intervals is not None
    return intervals


def ends_of(intervals, data, weight=None):
    reach = intervals.reach(data["columns"], data["predicted"], weight)
    return intervals.ends(data["predicted"], reach)


def inside(ends, target):
    return (ends[0] <= target) & (target <= ends[1])


def test_intervals_are_as_wide_as_the_rows_errors_are_large():
    intervals, new = fitted(rows_of(1)), rows_of(2, 20_000)
    ((lower, upper),) = ends_of(intervals, new)
    covered = inside((lower, upper), new["target"])
    for fifth in np.array_split(np.argsort(new["columns"]["x"]), 5):
        assert covered[fifth].mean() == pytest.approx(0.9, abs=0.045)
    one_width = replace(intervals, scale=None, reaches=((3.2, 3.2),))
    assert np.mean(upper - lower) < 2 * 3.2
    ((low, high),) = ends_of(one_width, new)
    of_one = interval_score(new["target"], low, high, 0.9)
    assert interval_score(new["target"], lower, upper, 0.9).mean() < 0.9 * of_one.mean()


def test_a_scale_that_does_not_help_is_left_out():
    even = fitted(rows_of(3, sd=lambda x, region: 1.0))
    assert even.scale is None
    assert even.facts["scale"] == "none: it does not improve the interval score"
    few = fitted(rows_of(3, 60))
    assert few.scale is None
    assert few.facts["scale"] == "none: 60 residuals, 100 are needed"
    exact = rows_of(3)
    exact["target"] = exact["predicted"].copy()
    assert fitted(exact).reaches == ((0.0, 0.0),)


def test_levels_that_err_more_have_wider_intervals_and_others_those_of_a_typical_row():
    noisy = fitted(rows_of(4, sd=lambda x, region: np.where(region == "south", 3.0, 1.0)))
    regions = np.array(["north", "south", None, "unseen"], dtype=object)
    columns = {"x": np.ones(4), "region": regions}
    down = noisy.reach(columns, np.zeros(4))[:, 0, 0]
    assert down[1] > 2 * down[0]
    assert down[0] < down[3] < down[1]
    codes = CodedTexts(np.array([0, 1, -1, 2, 0]), np.array(["north", "south", "unseen", None]))
    coded = noisy.reach({"x": np.ones(5), "region": codes}, np.zeros(5))[:, 0, 0]
    np.testing.assert_array_equal(coded, down[[0, 1, 2, 3, 0]])


def test_skewed_errors_have_skewed_intervals():
    ((down, up),) = fitted(rows_of(5, sd=lambda x, region: 1.0, skewed=True)).reaches
    assert down == pytest.approx(1 - 0.05, abs=0.05)
    assert up == pytest.approx(-np.log(0.05) - 1, abs=0.25)


def rain_of(seed, rows=3000):
    """Return rows most of whose targets are zero: a wet day is rare where little is predicted."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    chance, amount = 1 / (1 + np.exp(1.5 - 1.5 * x)), np.exp(1 + 0.5 * x)
    target = np.where(rng.random(rows) < chance, amount * rng.exponential(size=rows), 0.0)
    return {
        "columns": {"x": x},
        "target": target,
        "predicted": chance * amount,
        "fold": np.arange(rows) % 5 + 1,
    }


def test_each_end_fits_the_prediction_where_most_targets_are_zero():
    intervals, new = fitted(rain_of(20), Rules((0.9, 0.5), lowest=0.0)), rain_of(21, 20_000)
    assert (new["target"] == 0).mean() > 0.7
    assert intervals.by_prediction is not None
    ends = ends_of(intervals, new)
    largest = np.argsort(new["predicted"])[-4000:]
    assert 0.86 < inside(ends[0], new["target"])[largest].mean() < 0.94
    assert 0.88 < inside(ends[0], new["target"]).mean() < 0.96  # no zero is below its interval
    assert (ends[0][0] <= ends[1][0]).all()
    assert (ends[0][1] >= ends[1][1]).all()
    alike = replace(fitted({**rain_of(20), "predicted": np.zeros(3000)}), scale=None)
    assert alike.by_prediction is None  # there is no large or small prediction
    assert fitted(rows_of(3, sd=lambda x, region: 1.0)).by_prediction is None


def test_what_a_bound_saves_at_one_end_makes_the_other_end_nearer():
    rules, new = Rules((0.9, 0.5), lowest=0.0), rain_of(25, 20_000)
    free = fitted(rain_of(24), replace(rules, lowest=None))
    ends = ends_of(fitted(rain_of(24), rules), new)
    clipped = ends_of(replace(free, rules=rules), new)
    assert inside(ends[0], new["target"])[new["target"] == 0].mean() > 0.999
    assert np.mean(ends[0][1]) < 0.85 * np.mean(clipped[0][1] - clipped[0][0])
    for fifth in np.array_split(np.argsort(new["predicted"]), 5):
        assert inside(ends[0], new["target"])[fifth].mean() > 0.86
    below = {name: new[name] for name in ("columns", "fold")}
    for name in ("target", "predicted"):
        below[name] = -new[name]
    mirrored = {**rain_of(24), **{n: -rain_of(24)[n] for n in ("target", "predicted")}}
    upwards = ends_of(fitted(mirrored, Rules((0.9, 0.5), highest=0.0)), below)
    for side in (0, 1):
        np.testing.assert_allclose(upwards[0][side], -ends[0][1 - side], rtol=0.25, atol=0.25)


def test_a_bound_that_is_out_of_reach_changes_nothing():
    data = rows_of(26, skewed=True)
    far = fitted(data, Rules((0.9, 0.5), lowest=-100.0, highest=100.0))
    assert replace(far, rules=Rules((0.9, 0.5))) == fitted(data, Rules((0.9, 0.5)))


def test_intervals_that_were_stored_without_factors_by_prediction_reach_as_far_as_then():
    intervals, new = fitted(rain_of(22)), rain_of(23, 50)
    then = replace(intervals, by_prediction=None)
    kept = json.loads(json.dumps(intervals.to_json()))
    del kept["by_prediction"]
    again = Intervals.from_json(kept)
    assert again == then
    reach = again.reach(new["columns"], new["predicted"])
    np.testing.assert_array_equal(reach, then.reach(new["columns"], new["predicted"]))


def test_no_interval_leaves_the_bounds_of_the_target():
    intervals, new = fitted(rows_of(6), Rules((0.9,), -0.5, 1.0)), rows_of(7)
    ((lower, upper),) = ends_of(intervals, new)
    assert (lower.min(), lower.max()) == (-0.5, 1.0)
    assert (upper.min(), upper.max()) == (-0.5, 1.0)


def test_narrower_levels_stay_inside_wider_ones():
    rules = Rules((0.9, 0.89, 0.5))
    for rows in (25, 300, 3000):
        data = rows_of(8, rows)
        lower, upper, intervals = fit_intervals(rules, **data)
        assert intervals is not None
        assert (np.diff(lower) >= 0).all()
        assert (np.diff(upper) <= 0).all()
    for level, ends in zip(rules.levels, ends_of(intervals, data), strict=True):
        assert inside(ends, data["target"]).mean() == pytest.approx(level, abs=0.02)


def test_groups_with_rows_enough_are_calibrated_apart():
    rng = np.random.default_rng(9)
    data = rows_of(9, sd=lambda x, region: 1.0)
    group = rng.choice(np.array(["a", "b"], dtype=object), 3000)
    group[:20], group[20:25] = "rare", None
    data["target"] += np.where(group == "b", 2.0, 0.0)
    intervals = fitted(data, Rules((0.9,), by="plant"), group=group)
    assert list(intervals.groups) == ["a", "b"]
    assert intervals.facts["groups_of_all_rows"] == ["rare"]
    plants = np.array(["a", "b", "rare", None], dtype=object)
    zeros = np.zeros(4)
    columns = {"x": zeros, "region": np.full(4, None), "plant": plants}
    reach = intervals.reach(columns, zeros)[:, 0]
    assert reach[1, 1] > reach[2, 1] > reach[0, 1]
    np.testing.assert_array_equal(reach[2], reach[3])
    del columns["plant"]
    np.testing.assert_array_equal(intervals.reach(columns, zeros)[0, 0], reach[2])


def test_a_row_of_more_weight_has_a_narrower_interval():
    data = rows_of(10, sd=lambda x, region: 1.0)
    weight = np.where(np.arange(3000) % 2, 100.0, 1.0)
    data["target"] = data["predicted"] + (data["target"] - data["predicted"]) / np.sqrt(weight)
    intervals = fitted(data, weight=weight)
    columns = {"x": np.ones(3), "region": np.full(3, None)}
    down = intervals.reach(columns, np.zeros(3), np.array([1.0, 100.0, np.nan]))[:, 0, 0]
    assert down[:2] == pytest.approx([1.645, 0.1645], rel=0.07)
    assert down[2] == pytest.approx(1.645 / np.sqrt(50.5), rel=0.07)


def test_the_coverage_of_out_of_fold_predictions_is_by_the_residuals_of_other_folds():
    data = rows_of(11, 200)
    first = data["fold"] == 1
    lower, upper, _ = fit_intervals(NINETY, **data)
    wild = {**data, "target": np.where(first, 1e6, data["target"])}
    _, by_others, _ = fit_intervals(NINETY, **wild)
    assert by_others[first].max() < 100  # the errors of a fold widen the intervals of the others
    assert by_others[~first].max() > 1e5
    assert 0.85 < inside((lower[:, 0], upper[:, 0]), data["target"]).mean() < 0.95


@pytest.mark.parametrize(("make", "rows"), [(rows_of, 40_000), (rain_of, 4_000)])
def test_neither_the_order_nor_the_company_of_rows_changes_a_digit(make, rows):
    rules = Rules((0.9, 0.5), lowest=0.0 if make is rain_of else None)
    data = make(12, rows)  # of 40,000 a part is used
    if make is rain_of:
        data["predicted"] = np.round(data["predicted"], 1)  # many of them are the same
    order = np.random.default_rng(0).permutation(rows)
    shuffled = {name: data[name][order] for name in ("target", "predicted", "fold")} | {
        "columns": {name: values[order] for name, values in data["columns"].items()}
    }
    lower, _, intervals = fit_intervals(rules, **data)
    lower_shuffled, _, again = fit_intervals(rules, **shuffled)
    np.testing.assert_array_equal(lower[order], lower_shuffled)
    assert again.reaches == intervals.reaches
    assert again.scale == intervals.scale
    assert again.by_prediction == intervals.by_prediction
    assert (make is rain_of) == (intervals.by_prediction is not None)
    reach = intervals.reach(data["columns"], data["predicted"])
    for row in (0, 1, 7, rows - 1):
        columns = {name: values[row : row + 1] for name, values in data["columns"].items()}
        alone = intervals.reach(columns, data["predicted"][row : row + 1])
        np.testing.assert_array_equal(alone[0], reach[row])


def test_intervals_are_read_as_they_were_written():
    data = rows_of(13)
    data["columns"]["x"][:100] = np.nan
    group = data["columns"]["region"]
    rules = Rules((0.9, 0.5), lowest=-3.0, by="region")
    intervals = fitted(data, rules, group=group, weight=np.ones(3000))
    assert intervals.scale is not None
    again = Intervals.from_json(json.loads(json.dumps(intervals.to_json())))
    assert again == intervals
    reach = intervals.reach(data["columns"], data["predicted"])
    np.testing.assert_array_equal(again.reach(data["columns"], data["predicted"]), reach)


def test_quantiles_are_the_order_statistics_of_split_conformal_prediction():
    ones = np.ones(99)
    assert quantile(np.arange(1.0, 100), 0.9, ones) == 90
    assert quantile(np.arange(1.0, 100), 0.5, ones) == 50
    assert np.isnan(quantile(ones[:8], 0.9, ones[:8]))
    assert quantile(ones[:8], 0.9, ones[:8], capped=True) == 1
    assert np.isnan(quantile(ones[:0], 0.9, ones[:0], capped=True))
    signed = np.array([*range(-9, 10)], dtype=float)
    np.testing.assert_array_equal(reaches(signed, [0.9, 0.5]), [[9, 9], [5, 5]])
    assert fit_intervals(NINETY, **rows_of(14, 8))[2] is None


# In order of time


def drifting(seed, blocks=60, rows=40):
    """Return rows whose errors double every twenty blocks."""
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), rows)
    time = np.arange(blocks * rows, dtype=float)
    predicted = np.where(block > 0, rng.normal(size=len(block)), np.nan)
    target = np.nan_to_num(predicted) + 2 ** (block / 20) * rng.normal(size=len(block))
    return {
        "columns": {"x": rng.normal(size=len(block))},
        "target": target,
        "predicted": predicted,
        "block": block,
        "time": time,
    }


def test_intervals_over_time_cover_their_level_though_the_errors_grow():
    data = drifting(1)
    lower, upper, intervals = walk_intervals(NINETY, **data)
    has_one = ~np.isnan(lower[:, 0])
    covered = inside((lower[:, 0], upper[:, 0]), data["target"])
    assert covered[has_one].mean() == pytest.approx(0.9, abs=0.02)
    assert intervals is not None
    assert intervals.facts["levels_adapted_to"][0] > 0.9  # because they keep growing
    still = fit_intervals(
        NINETY, **{k: v for k, v in data.items() if k not in ("block", "time")}, fold=data["block"]
    )[2]
    assert intervals.reach({"x": np.zeros(1)}, np.zeros(1)).min() > 1.3 * still.reaches[0][0]


def test_errors_that_grow_steadily_have_intervals_of_their_newest_size():
    rng, rows = np.random.default_rng(30), 3000
    block, noise = np.arange(rows) * 20 // rows + 1, rng.normal(size=rows)
    predicted = rng.normal(size=rows)
    sizes = {"growing": np.exp(1.5 * block / 20), "steady": np.ones(rows)}
    reach = {}
    for name, size in sizes.items():
        target = predicted + size * noise
        lower, upper, intervals = walk_intervals(
            NINETY, columns={}, target=target, predicted=predicted, block=block
        )
        late = block > 10
        covered = inside((lower[late, 0], upper[late, 0]), target[late])
        assert covered.mean() == pytest.approx(0.9, abs=0.02)
        assert intervals is not None
        assert (intervals.facts["scale"] == "by row, growing") == (name == "growing")
        reach[name] = intervals.reach({}, np.zeros(1))[0, 0]
        if name == "growing":
            assert intervals.facts["growth"] == pytest.approx(np.exp(1.5 * 19 / 20), rel=0.2)
    np.testing.assert_allclose(reach["growing"], reach["steady"] * np.exp(1.5), rtol=0.15)


def test_no_interval_over_time_knows_a_target_of_its_block_or_a_later_one():
    data = drifting(2, blocks=12)
    for known, first in ((None, 7), (data["block"] + 3, 9)):
        before = walk_intervals(Rules((0.9, 0.5)), **data, known=known)
        changed = {**data, "target": np.where(data["block"] >= 6, -1e3, data["target"])}
        after = walk_intervals(Rules((0.9, 0.5)), **changed, known=known)
        earlier = data["block"] < first
        for ends, others in zip(before[:2], after[:2], strict=True):
            np.testing.assert_array_equal(ends[earlier], others[earlier])
            assert (ends[data["block"] == first] != others[data["block"] == first]).any()


def test_what_a_model_does_not_know_of_a_row_widens_its_interval_over_time():
    data = drifting(4, blocks=12)
    spread = np.where(np.arange(len(data["block"])) % 9 == 0, 2.0, 0.0)
    lower, upper, _ = walk_intervals(NINETY, **data)
    low, high, _ = walk_intervals(NINETY, **data, spread=spread)
    first = data["block"] == 2  # of which nothing has changed before
    assert not np.isnan(lower[first]).any()
    for before, after in ((lower, low), (upper, high)):
        reach = np.abs(np.column_stack([before, after]) - data["predicted"][:, None])[first]
        wider = np.hypot(reach[:, 0], 1.6448536 * spread[first])
        np.testing.assert_allclose(reach[:, 1], wider, rtol=1e-7)


def test_blocks_before_which_there_are_too_few_residuals_have_no_intervals():
    data = drifting(3, blocks=12, rows=5)
    lower, _, intervals = walk_intervals(NINETY, **data)
    has_one = ~np.isnan(lower[:, 0])
    assert not has_one[data["block"] <= 2].any()
    assert has_one[data["block"] > 4].all()
    assert intervals is not None
    few = {name: values[:10] for name, values in data.items() if name != "columns"}
    few["columns"] = {"x": data["columns"]["x"][:10]}
    assert walk_intervals(NINETY, **few)[2] is None


def test_of_many_residuals_those_with_the_smallest_hash_are_taken_and_of_repeated_rows_the_first(
    monkeypatch,
):
    monkeypatch.setattr(residuals, "MAX_ROWS", 37)
    monkeypatch.setattr(residuals, "MIN_ROWS", 30)
    data = rows_of(3, rows=400)
    target, predicted = (np.round(data[name]) for name in ("target", "predicted"))
    place = np.arange(400.0)
    by_hash = np.argsort(residuals._hashes(target, predicted), kind="stable")
    found = residuals.Residuals.of(NINETY, {"place": place}, target, predicted, data["fold"])
    assert found.columns["place"].tolist() == sorted(by_hash[:37].tolist())
