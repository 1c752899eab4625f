"""Predictions of rows that training does not cover: what is noted, and how wide the interval is."""

import json

import numpy as np
import pytest

from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.intervals.intervals import Intervals
from regressors.model import Model, NetworkMember, linear_model
from regressors.network.recipe import start_arrays

LINEAR, ANN = Candidate("torch", "least_squares"), Candidate("torch", "ann")
Z90 = 1.6448536269514722
RNG = np.random.default_rng(3)


def texts(*levels):
    return np.array(levels, dtype=object)


TRAINED = {
    "area": np.linspace(30.0, 400.0, 60),
    "animal": texts(*["aardvark"] * 12, *["lion"] * 24, *["zebra"] * 24),
    "day": np.datetime64("2024-01-01", "us") + np.arange(60) * np.timedelta64(1, "D"),
}
"""Terms: intercept, area, day[days], animal[lion], animal[zebra], and six weekdays."""
ROW = {"area": np.array([100.0]), "animal": texts("lion"), "day": TRAINED["day"][:1]}


def line(columns=None, estimates=None, **fit):
    encoding = Encoding.fit(TRAINED if columns is None else columns, **fit)
    if estimates is None:
        by_term = {"intercept": 5.0, "area": 0.1, "animal[lion]": 100.0, "animal[zebra]": 110.0}
        estimates = [by_term.get(term, 0.0) for term in encoding.term_names()]
    model = linear_model(LINEAR, encoding, np.array(estimates))
    return Model(model.candidate, model.members, intervals=Intervals.constant(2.0, 0.9))


def predicted(model=None, **changed):
    result = (model or line()).predicted({**ROW, **changed})
    return result.value[0], (result.upper[0] - result.lower[0]) / 2, result.note[0]


def test_a_row_like_those_of_training_has_the_models_interval_and_no_note():
    assert predicted() == (115.0, 2.0, None)


def test_an_unseen_level_is_the_mean_of_the_levels_and_widens_the_interval_by_their_spread():
    value, reach, note = predicted(animal=texts("okapi"))
    shares, effects = np.array([0.2, 0.4, 0.4]), np.array([0.0, 100.0, 110.0])
    mean = shares @ effects
    spread = np.sqrt(shares @ np.square(effects - mean) / (1 - shares @ shares))
    assert value == pytest.approx(15.0 + mean)
    assert reach == pytest.approx(np.hypot(2.0, Z90 * spread))
    assert note == "unseen level 'okapi' of animal"


def test_the_spread_of_the_levels_is_that_of_the_declared_coverage():
    wide = Model(LINEAR, line().members, intervals=Intervals.constant(2.0, 0.99))
    assert predicted(wide, animal=texts("okapi"))[1] > 1.5 * predicted(animal=texts("okapi"))[1]


def test_a_blank_that_training_never_had_is_noted_and_widens_the_interval():
    value, reach, note = predicted(animal=texts(None))
    assert (round(value), note) == (99, "animal is missing, which training never had")
    assert reach > 70
    value, reach, note = predicted(area=np.array([np.nan]))
    assert value == pytest.approx(5 + 100 + 21.5)  # at the median
    assert reach == pytest.approx(np.hypot(2.0, Z90 * 0.1 * TRAINED["area"].std()))
    assert note == "area is missing, which training never had"


def test_several_doubts_are_joined_and_their_spreads_add_up_in_squares():
    both = predicted(animal=texts("okapi"), area=np.array([np.nan]))
    animal, area = predicted(animal=texts("okapi")), predicted(area=np.array([np.nan]))
    assert both[1] ** 2 == pytest.approx(animal[1] ** 2 + area[1] ** 2 - 2.0**2)
    assert both[2] == ("unseen level 'okapi' of animal; area is missing, which training never had")


def test_gaps_that_training_knows_are_neither_noted_nor_wider():
    columns = {**TRAINED, "area": np.where(np.arange(60) % 6 == 0, np.nan, TRAINED["area"])}
    model = line(columns)
    assert predicted(model, area=np.array([np.nan]))[1:] == (pytest.approx(2.0), None)


def test_a_known_gap_is_unknown_in_another_pattern():
    blank = np.arange(60) % 6 == 0
    columns = {name: np.where(blank, np.nan, RNG.normal(size=60)) for name in "ab"}
    columns["kind"] = texts(*["x", "y", "z"] * 20)
    columns["c"] = np.where(columns["kind"] == "x", np.nan, RNG.normal(size=60))
    model = line(columns, [1.0, 2.0, 4.0, 3.0, 5.0, 0.0, 0.0])
    known = {"a": [np.nan, np.nan, 0, 0], "b": [np.nan, 0, 0, 0], "c": [0, 0, np.nan, np.nan]}
    rows = {name: np.array(values, dtype=float) for name, values in known.items()}
    result = model.predicted({**rows, "kind": texts("y", "y", "x", "y")})
    assert result.note.tolist() == [None, "a is missing", None, "c is missing"]
    assert ((result.upper - result.lower) > 4.1).tolist() == [False, True, False, True]


def test_a_number_or_a_day_far_outside_the_training_range_is_noted():
    note = predicted(area=np.array([47_000.0]))[2]
    assert note == "area is 47,000, far outside the 30 to 400 that it was trained on"
    assert predicted(area=np.array([700.0]))[2] is None
    assert predicted(area=np.array([-500.0]))[2].startswith("area is -500, far outside the 30 to")
    note = predicted(day=np.array(["2025-01-01"], dtype="M8[us]"))[2]
    assert (
        note == "day is 2025-01-01, far outside the 2024-01-01 to 2024-02-29 that it was trained on"
    )


def test_an_unseen_part_of_a_time_is_noted():
    time = np.concatenate([TRAINED["day"] + np.timedelta64(365 * i, "D") for i in range(3)])
    model = line({"day": time}, np.zeros(10))
    note = model.predicted({"day": np.array(["2024-08-05"], dtype="M8[us]")}).note[0]
    assert note == "unseen level '08' of day[month]"
    missing = model.predicted({"day": np.array(["NaT"], dtype="M8[us]")}).note[0]
    assert missing == "day is missing, which training never had"


def test_a_level_of_one_training_row_is_noted():
    columns = {"animal": texts(*["lion"] * 20, *["zebra"] * 20, "okapi")}
    result = line(columns, [5.0, 10.0]).predicted({"animal": texts("okapi", "lion")})
    assert result.note.tolist() == ["level 'okapi' of animal was in one row of training", None]
    assert result.value.tolist() == [10.0, 5.0]


def test_levels_in_products_spread_as_far_as_the_row_lets_them():
    columns = {"x": np.linspace(0, 1, 40), "c": texts(*["a"] * 20, *["b"] * 20)}
    model = line(columns, [0.0, 0.0, 0.0, 10.0], products=[(("x", 1), ("c", 1))])
    result = model.predicted({"x": np.array([0.0, 1.0, 2.0]), "c": texts("?", "?", "?")})
    expected = np.hypot(2.0, Z90 * np.array([0.0, 10.0, 20.0]) / np.sqrt(2))
    assert ((result.upper - result.lower) / 2).tolist() == pytest.approx(expected.tolist())


def network(columns, seed=0):
    rng = np.random.default_rng(seed)
    encoding = Encoding.fit(columns)
    layers = start_arrays(rng, encoding.network(columns).shape[1], (16, 8))
    layers[-2] = rng.normal(size=layers[-2].shape).astype(np.float32)
    ridge = rng.normal(size=encoding.standardised(columns).shape[1])
    return NetworkMember(encoding, np.array([10.0, 2.0, 0.1]), ridge, tuple(layers))


def test_an_ann_notes_and_widens_as_well():
    model = Model(
        ANN, (network(TRAINED), network(TRAINED, 1)), intervals=Intervals.constant(0.1, 0.9)
    )
    value, reach, note = predicted(model, animal=texts("okapi"))
    levels = [predicted(model, animal=texts(level))[0] for level in ("aardvark", "lion", "zebra")]
    assert min(levels) - 1 < value < max(levels) + 1
    assert reach > 0.2
    assert note == "unseen level 'okapi' of animal"
    assert predicted(model)[1] == pytest.approx(0.1)
    assert predicted(model, area=np.array([np.nan]))[1] > 0.15


def test_a_level_that_one_member_of_an_ann_was_fitted_on_is_not_unseen():
    fewer = {name: values[12:] for name, values in TRAINED.items()}
    model = Model(ANN, (network(fewer), network(TRAINED)), intervals=Intervals.constant(0.1, 0.9))
    assert predicted(model, animal=texts("aardvark"))[2] is None


def test_a_model_of_the_first_version_loads_and_predicts_as_it_did():
    """Its description lacks what later versions keep."""
    model = line()
    artifact = model.to_bytes()
    length = int.from_bytes(artifact[:8], "little")
    header = json.loads(artifact[8 : 8 + length])
    description = json.loads(header["__metadata__"]["nightfit"])
    description["half_width"] = 2.0
    del description["intervals"]
    (encoding,) = description["encodings"]
    encoding["categories"] = [
        {field: c[field] for field in ("name", "levels", "other")}
        for c in encoding["design_categories"]
    ]
    for number in encoding["numbers"]:
        del number["low"], number["high"], number["missing_share"]
    del encoding["design_categories"], encoding["gaps"], encoding["entered"]
    header["__metadata__"]["nightfit"] = json.dumps(description)
    changed = json.dumps(header).encode()
    earlier = Model.from_bytes(
        len(changed).to_bytes(8, "little") + changed + artifact[8 + length :]
    )
    assert earlier.intervals.levels == (0.9,)
    assert predicted(earlier) == predicted()
    assert predicted(earlier, animal=texts("okapi")) == (15.0, 2.0, None)


def test_an_unseen_level_of_a_group_is_noted():
    person = texts(*(f"p{i // 3}" for i in range(1200)))
    columns = {"person": person, "x": RNG.normal(size=1200)}
    residual = np.repeat(RNG.normal(size=400), 3)
    encoding, _ = Encoding.fit(columns).with_groups(columns, residual, np.ones(1200), 3, pairs=True)
    layers = start_arrays(RNG, encoding.network(columns).shape[1], (8,))
    ridge = np.ones(encoding.standardised(columns).shape[1])
    member = NetworkMember(encoding, np.array([0.0, 1.0, 0.0]), ridge, tuple(layers))
    model = Model(ANN, (member,), intervals=Intervals.constant(0.1, 0.9))
    result = model.predicted({"person": texts("p1", "p400", None), "x": np.zeros(3)})
    assert result.note.tolist() == [
        None,
        "unseen level 'p400' of person",
        "person is missing, which training never had",
    ]
    assert ((result.upper - result.lower) > 0.3).tolist() == [False, True, True]


def test_a_text_of_an_open_tail_is_other_without_a_note():
    """Of more rare levels than a model keeps, none is known by name."""
    tail = [f"name {i}" for i in range(1500)]
    columns = {"who": texts(*["a"] * 60, *["b"] * 60, *tail)}
    result = line(columns, [0.0, 1.0, 5.0]).predicted({"who": texts("name 7", "somebody", None)})
    assert result.value.tolist()[:2] == [5.0, 5.0]
    assert result.note.tolist() == [None, None, "who is missing, which training never had"]


def test_many_different_unseen_levels_take_no_time():
    rows = 50_000
    columns = {"animal": texts(*(f"new {i}" for i in range(rows)))}
    model = line({"animal": TRAINED["animal"]}, [0.0, 100.0, 110.0])
    assert model.predicted(columns).note[-1] == "unseen level 'new 49999' of animal"
