"""Target encoding of groups: what it finds, what it ignores, and what it must not use."""

import json

import numpy as np
import pytest

from regressors.encoding.groups import fit_groups
from regressors.encoding.matrices import Encoding

ROWS = 1200
RNG = np.random.default_rng(42)
SCHOOL = np.array([f"school {i}" for i in RNG.integers(0, 120, ROWS)], dtype=object)
EFFECT = dict(zip(sorted(set(SCHOOL)), RNG.normal(size=len(set(SCHOOL))), strict=True))
NOISE = RNG.normal(size=ROWS)
RESIDUAL = np.array([EFFECT[school] for school in SCHOOL]) + 0.5 * NOISE
ONES = np.ones(ROWS)


def fit(columns, residual, weight=ONES, pieces=20, seed=0, together=None):
    rng = np.random.default_rng(seed)
    return fit_groups(columns, residual, weight, rng, pieces=pieces, pairs=True, together=together)


def test_levels_with_an_effect_are_found_and_explain_it():
    groups = fit({"school": SCHOOL, "hue": np.array(["a", "b", "c"] * 400, dtype=object)}, RESIDUAL)
    assert [column.name for column in groups.columns] == ["school"]
    truth = np.array([EFFECT[school] for school in SCHOOL])
    assert np.corrcoef(groups.effects[:, 0], truth)[0, 1] > 0.9
    encoded, _ = groups.columns[0].encode(np.array(sorted(EFFECT), dtype=object))
    assert np.corrcoef(encoded, [EFFECT[school] for school in sorted(EFFECT)])[0, 1] > 0.95


def test_groups_hide_in_numbers_too():
    number = np.array([float(school.split()[1]) for school in SCHOOL])
    groups = fit({"number": number}, RESIDUAL)
    assert [column.name for column in groups.columns] == ["number"]
    assert groups.columns[0].levels == tuple(sorted(set(number)))


@pytest.mark.parametrize("seed", range(5))
def test_noise_gives_no_groups_of_numbers_and_little_effect_of_categories(seed):
    noise = np.random.default_rng(seed).normal(size=ROWS)
    groups = fit({"number": np.arange(ROWS) // 4 * 1.0, "school": SCHOOL}, noise)
    assert "number" not in [column.name for column in groups.columns]
    explained = sum((column.sd * groups.effects[:, i] for i, column in enumerate(groups.columns)))
    assert np.square(noise - explained).mean() > 0.97 * np.square(noise).mean()


def test_target_of_a_row_is_not_in_its_own_effect():
    changed = RESIDUAL.copy()
    changed[7] += 100
    before, after = (fit({"school": SCHOOL}, residual) for residual in (RESIDUAL, changed))
    raw = [groups.effects[:, 0] * groups.columns[0].sd for groups in (before, after)]
    inner = np.random.default_rng(0).permutation(ROWS) % 10
    same_fold = (SCHOOL[7] == SCHOOL) & (inner == inner[7])
    others = (SCHOOL[7] == SCHOOL) & (inner != inner[7])
    assert same_fold[7]
    ratio = raw[1][same_fold] / raw[0][same_fold]
    assert ratio == pytest.approx(ratio[0])  # the shrinkage alone has changed
    assert (np.abs(raw[1][others]) > 10 * np.abs(raw[0][others])).all()


def test_rows_that_belong_together_are_not_used_for_one_another():
    person = np.arange(ROWS) // 3
    school = SCHOOL[person * 3]  # the three rows of a person are in one school
    residual = np.array([EFFECT[name] for name in school]) + 0.5 * NOISE
    before, after = (
        groups.effects[:, 0] * groups.columns[0].sd
        for groups in (
            fit({"school": school}, targets, together=person)
            for targets in (residual, residual + 5 * (person == 7))
        )
    )
    own, mates = person == 7, (school == school[21]) & (person != 7)
    assert len(set(before[own])) == 1
    assert np.abs(after - before)[own].max() < 0.05  # the shrinkage alone has changed
    assert np.abs(after - before)[mates].max() > 0.5


def test_unseen_level_has_no_effect_and_a_count_of_zero():
    (column,) = fit({"school": SCHOOL}, RESIDUAL).columns
    effect, count = column.encode(np.array(["another", None], dtype=object))
    assert effect.tolist() == [0, 0]
    assert count == pytest.approx(np.clip(-column.count_mean / column.count_sd, -6, 6))


SHIFT = RNG.integers(0, 12, ROWS).astype(float)
LINE = np.array([f"line {i}" for i in RNG.integers(0, 10, ROWS)], dtype=object)
TOGETHER = RNG.normal(size=(12, 10))


def of_pair():
    """Return a residual that shift and line explain together but not alone; both have gaps."""
    line = np.array([int(name.split()[1]) for name in LINE])
    alone = TOGETHER - TOGETHER.mean(axis=0) - TOGETHER.mean(axis=1, keepdims=True)
    shift, name = SHIFT.copy(), LINE.copy()
    shift[SHIFT == 3] = np.nan
    name[line == 4] = None
    return {"shift": shift, "line": name}, alone[SHIFT.astype(int), line] + 0.3 * NOISE


def test_pair_of_columns_is_found_if_neither_explains_anything_alone():
    columns, residual = of_pair()
    groups = fit({**columns, "x": np.round(RNG.normal(size=ROWS), 1)}, residual)
    (column,) = groups.columns
    assert column.columns == ("line", "shift")
    left = residual - groups.effects[:, 0] * column.sd
    assert np.square(left).mean() < 0.3 * residual.var()
    effect, count = column.encode(column.values({"line": LINE[:1], "shift": np.array([99.0])}))
    assert (effect[0], count[0] < 0) == (0, True)


def test_encoding_with_a_pair_encodes_its_own_rows_alike_after_json():
    columns, residual = of_pair()
    encoding, _ = Encoding.fit(columns).with_groups(columns, residual, ONES, 3, pairs=True)
    loaded = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert [column.columns for column in loaded.groups] == [("line", "shift")]
    effect = loaded.standardised(columns)[:, -1]
    assert np.corrcoef(effect, residual)[0, 1] > 0.9
    assert np.array_equal(effect, encoding.standardised(columns)[:, -1])
    assert loaded.column_types == {"shift": "number", "line": "category"}


@pytest.mark.parametrize("seed", range(3))
def test_noise_gives_no_pairs(seed):
    noise = np.random.default_rng(seed).normal(size=ROWS)
    columns, _ = of_pair()
    names = [column.columns for column in fit(columns, noise).columns]
    assert ("line", "shift") not in names


def test_pairs_of_a_wide_table_are_of_the_columns_whose_levels_differ_most():
    rng = np.random.default_rng(3)
    wide = {f"x{i:02d}": rng.integers(0, 4, ROWS).astype(float) for i in range(60)}
    residual = 3.0 * (wide["x07"] == wide["x50"]) + NOISE + wide["x07"] + wide["x50"]
    columns = [column.columns for column in fit(wide, residual).columns]
    assert columns == [("x07", "x50")]


def test_text_group_without_a_column_of_its_own_is_still_a_category():
    person = np.array([f"p{i // 3}" for i in range(ROWS)], dtype=object)
    residual = np.repeat(RNG.normal(size=ROWS // 3), 3)
    columns = {"person": person, "x": NOISE}
    encoding, _ = Encoding.fit(columns).with_groups(columns, residual, ONES, 3, pairs=True)
    assert encoding.categories == ()
    assert encoding.column_types["person"] == "category"


def test_group_of_an_earlier_version_is_of_one_column():
    columns = {"school": SCHOOL}
    encoding, _ = Encoding.fit(columns).with_groups(columns, RESIDUAL, ONES, 3, pairs=True)
    stored = json.loads(json.dumps(encoding.to_json()))
    for group in stored["groups"]:
        del group["second"]
    assert Encoding.from_json(stored) == encoding


def test_ids_that_never_repeat_are_not_groups():
    once = np.array([f"row {i}" for i in range(ROWS)], dtype=object)
    assert fit({"id": once, "number": np.arange(ROWS) * 1.0}, RESIDUAL).columns == ()


def test_encoding_with_groups_survives_json_and_encodes_new_rows():
    columns = {"school": SCHOOL, "x": NOISE, "day": np.full(ROWS, "2024-01-01", "M8[D]")}
    plain = Encoding.fit(columns)
    encoding, fitted = plain.with_groups(columns, RESIDUAL, ONES, 3, pairs=True)
    assert [column.name for column in encoding.groups] == ["school"]
    loaded = Encoding.from_json(json.loads(json.dumps(encoding.to_json())))
    assert loaded == encoding
    new = {name: values[:5] for name, values in columns.items()}
    for matrix, more in (("standardised", 1), ("network", 2)):
        wide, narrow = getattr(loaded, matrix)(new), getattr(plain, matrix)(new)
        assert wide.shape[1] == narrow.shape[1] + more
        assert np.array_equal(wide[:, :-more], narrow)
    assert fitted.effects.shape == fitted.counts.shape == (ROWS, 1)
    assert np.array_equal(encoding.design(new), plain.design(new))


def test_one_long_level_does_not_cost_every_row_its_memory():
    school = SCHOOL.copy()
    school[0] = "x" * 50_000_000
    assert [column.name for column in fit({"school": school}, RESIDUAL).columns] == ["school"]
