"""Which of tonight's test rows the model that serves may be judged on."""

import json

import numpy as np
import pytest

from data.declarations.model import Declaration
from data.texts import Texts
from tasks.incumbent import declaration_obstacle, explanation, seen
from tasks.run.rows import Rows

KEYS = Texts.of(["a", "b", "c", "d"])


def declared(**more: object) -> Declaration:
    base = {"name": "shop", "source": {"path": "/rows.csv"}, "key": "id", "target": "y"}
    return Declaration.model_validate({**base, **more})


def rows(group: list[str | None] | None) -> Rows:
    groups = None if group is None else Texts.of(group)
    return Rows(KEYS, {}, np.zeros(4), group=groups)


def trained(*numbers: int) -> np.ndarray:
    return np.isin(np.arange(4), numbers)


def test_a_model_knows_the_rows_that_it_was_trained_with():
    assert seen(rows(None), trained(1)).tolist() == [False, True, False, False]


def test_a_model_that_saw_one_row_of_a_group_knows_the_group():
    grouped = rows(["x", "x", None, None])
    assert seen(grouped, trained(1)).tolist() == [True, True, False, False]
    assert seen(grouped, trained(2)).tolist() == [False, False, True, False]
    assert not seen(grouped, trained()).any()


def test_a_row_that_repeats_a_row_that_was_seen_is_known():
    rows = Rows(KEYS, {}, np.zeros(4), alike=np.array([0, -1, 0, -1]))
    assert seen(rows, trained(0)).tolist() == [True, False, True, False]
    assert seen(rows, trained(1)).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ({}, None),
        ({"features": ["a"], "time": "t"}, None),
        ({"target": "z"}, "it predicts 'z', but tonight's target is 'y'"),
        ({"key": ["shop", "day"]}, "another key, 'shop', 'day'"),
    ],
)
def test_a_model_of_another_key_or_target_cannot_be_compared(then, reason):
    before = json.loads(declared(**then).model_dump_json())
    why = declaration_obstacle(before, declared())
    assert why == reason if reason is None else reason in why


@pytest.mark.parametrize(
    ("now", "accepted_by", "reason"),
    [
        ({}, None, None),
        ({"interval": 0.8}, None, None),
        ({"types": {"b": "category"}}, None, None),
        ({"types": {"a": "category"}}, None, "the declaration of 'types' has changed"),
        ({"features": ["b"]}, None, "the declaration of 'features' has changed"),
        ({"key": ["id", "day"]}, "ann", "the declaration of 'key' has changed"),
        ({}, "ann", "ann has accepted how the source looks now"),
    ],
)
def test_a_model_need_not_fit_rows_that_are_declared_or_accepted_to_differ(
    now, accepted_by, reason
):
    before = json.loads(declared().model_dump_json())
    assert explanation(("a",), before, declared(**now), accepted_by=accepted_by) == reason
