"""Predictions of linear equations, and categories in codes, beside the long way round."""

from typing import Any

import numpy as np
import pytest

from regressors.arrays import CodedTexts
from regressors.encoding.columns import is_missing
from regressors.encoding.matrices import Encoding
from regressors.linear.prediction import weighted_terms

RNG = np.random.default_rng(3)
ROWS = 90
TABLE: dict[str, Any] = {
    "x": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.normal(size=ROWS)),
    "level": RNG.choice([*"abc"], ROWS).astype(object),
    "flag": RNG.choice(["true", "false"], ROWS).astype(object),
}
LABELS = np.array(["c", "new", "a", "b", None], dtype=object)
CODES = np.arange(ROWS) % 5 - 1
UNSEEN: dict[str, Any] = {**TABLE, "level": CodedTexts(CODES, LABELS)}


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("table", [TABLE, UNSEEN], ids=["texts", "codes, some of no level"])
def test_levels_that_are_looked_up_give_the_bits_of_columns_that_are_added(table, intercept):
    products = ((("flag", 1), ("x", 1)),)
    encoding = Encoding.fit(TABLE, products=products, intercept=intercept, pieces=False)
    parts = encoding.parts(table)
    design = encoding.design_of(parts)
    estimates = np.array(RNG.normal(size=design.shape[1]))
    by_column = np.zeros(ROWS)
    for column, estimate in zip(design.T, estimates, strict=True):
        by_column += column * estimate
    assert weighted_terms(encoding, parts, estimates).tobytes() == by_column.tobytes()


def test_codes_stand_for_their_texts():
    coded = UNSEEN["level"]
    texts = np.asarray(coded)
    assert texts.tolist() == coded.tolist() == [LABELS[code] for code in CODES]
    assert (coded[2], coded[0], coded[3:5].tolist()) == ("new", None, ["a", "b"])
    assert is_missing(coded).tolist() == is_missing(texts).tolist()
    encoding = Encoding.fit(TABLE, pieces=False)
    few, many = encoding.design(UNSEEN), encoding.design({**UNSEEN, "level": texts})
    assert few.tobytes() == many.tobytes()
