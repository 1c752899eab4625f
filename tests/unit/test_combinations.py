"""Rows that break a dependence that every training row met: they are noted, and no others."""

import numpy as np
import pytest
from test_linear import NUMPY, job

from regressors import fitting
from regressors.model import Model

ROWS = 240
RNG = np.random.default_rng(50)
ARTIST = RNG.integers(0, 4, ROWS)
MEDIUM = np.where(ARTIST == 0, 2, RNG.integers(0, 2, ROWS))
CELSIUS = RNG.normal(15, 8, ROWS).round(1)
TRAINED = {
    "artist": np.array([*"ABCD"], dtype=object)[ARTIST],
    "medium": np.array(["ink", "paper", "wood"], dtype=object)[MEDIUM],
    "celsius": CELSIUS,
    "fahrenheit": CELSIUS * 1.8 + 32,
}
TARGET = 2000 + np.array([0, 3, -4, 1])[ARTIST] + 0.1 * CELSIUS + RNG.normal(size=ROWS)


@pytest.fixture(scope="module")
def model():
    """The model as stored, fitted on rows in which only artist A uses wood, and nothing else."""
    fold = 1 + np.arange(ROWS) % 5
    fitted = fitting.refit(NUMPY, job(columns=TRAINED, target=TARGET, fold=fold))
    return Model.from_bytes(fitted.model.to_bytes())


def note(model, artist, medium, celsius, fahrenheit):
    row = {"artist": [artist], "medium": [medium]}
    texts = {name: np.array(values, dtype=object) for name, values in row.items()}
    numbers = {"celsius": np.array([celsius]), "fahrenheit": np.array([fahrenheit])}
    return model.predicted({**texts, **numbers}).note[0]


def test_row_that_combines_columns_as_training_never_did_has_a_note(model):
    unseen = note(model, "B", "wood", 10.0, 50.0)
    assert unseen == (
        "training never had this combination of artist and medium, "
        "and cannot tell their effects apart"
    )
    assert "combination of celsius and fahrenheit" in note(model, "A", "wood", 10.0, 10.0)
    both = note(model, "A", "ink", 10.0, 10.0)
    assert "artist, celsius, fahrenheit and medium" in both


def test_rows_of_training_and_what_differs_by_rounding_have_none(model):
    assert set(model.predicted(TRAINED).note) == {None}
    assert note(model, "B", "paper", 10.0, 50.1) is None


def test_row_with_an_unseen_level_is_noted_for_that_alone(model):
    assert note(model, "Z", "wood", 10.0, 50.0) == "unseen level 'Z' of artist"


def test_model_whose_terms_are_independent_keeps_nothing_for_it():
    fitted = fitting.refit(NUMPY, job())
    assert set(fitted.model.members[0].arrays()) == {"estimates"}
