"""The first product of a network is looked up, and its digits are those of the whole product."""

import numpy as np
import pytest

from regressors.arrays import CodedTexts
from regressors.encoding.lookups import in_pieces, put_together, weighted_blocks
from regressors.encoding.matrices import Encoding
from regressors.network.looked_up import LookedUp
from regressors.network.recipe import start_arrays
from regressors.network.rowwise import ExactNetwork

ROWS = 700
RNG = np.random.default_rng(3)
COLUMNS = {
    "x": RNG.normal(size=ROWS),
    "skewed": RNG.lognormal(sigma=3, size=ROWS),
    "gappy": np.where(RNG.random(ROWS) < 0.1, np.nan, RNG.normal(size=ROWS)),
    "c": RNG.choice([*"abcdefgh", None], ROWS).astype(object),
    "two": RNG.choice(["yes", "no"], ROWS).astype(object),
}
UNSEEN = {**COLUMNS, "c": np.where(RNG.random(ROWS) < 0.1, "z", COLUMNS["c"])}
ENCODING = Encoding.fit(COLUMNS)


def network(dtype):
    return ExactNetwork(
        start_arrays(np.random.default_rng(4), ENCODING.network(COLUMNS).shape[1], (16, 8), dtype)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("columns", [COLUMNS, UNSEEN], ids=["known", "unseen"])
def test_the_output_has_the_digits_of_the_whole_matrix(columns, dtype):
    blocks = ENCODING.network_blocks(columns)
    exact = network(dtype)
    matrix = put_together(blocks, ROWS, dtype)
    assert exact.output_of(blocks, ROWS).tobytes() == exact.output(matrix).tobytes()


def test_most_rows_are_looked_up_and_those_with_unknown_levels_are_not():
    blocks = ENCODING.network_blocks(UNSEEN)
    exact = network(np.float32)
    first = LookedUp(blocks, exact._weights[0].columns, exact._weights[0].row_bits)
    unknown = np.flatnonzero(UNSEEN["c"] == "z")
    others = np.flatnonzero(first.product(blocks, np.float32).others)
    assert set(unknown) <= set(others) < set(range(ROWS))


@pytest.mark.parametrize("rows", [700, 1500, 5000])
def test_a_number_is_in_the_piece_above_the_last_edge_that_is_not_above_it(rows):
    edges = np.sort(np.random.default_rng(6).normal(size=29)).tolist()
    values = np.concatenate([edges, [-9.0, 9.0, -0.0], RNG.normal(size=rows)])
    within = np.clip((values[:, None] - edges[:-1]) / np.diff(edges), 0, 1) - 0.5
    assert np.array_equal(put_together([in_pieces(values, edges)], len(values)), within)


def test_values_that_are_too_large_to_round_exactly_are_multiplied_as_a_matrix():
    far = {**COLUMNS, "x": COLUMNS["x"] * 1e140}
    blocks = ENCODING.network_blocks(far)
    exact = network(np.float64)
    whole = exact.output(put_together(blocks, ROWS, np.float64))
    assert exact.output_of(blocks, ROWS).tobytes() == whole.tobytes()


@pytest.mark.parametrize("columns", [COLUMNS, UNSEEN], ids=["known", "unseen"])
def test_a_weighted_sum_of_blocks_adds_as_one_of_columns_does(columns):
    blocks = ENCODING.blocks(columns)[0]
    matrix = put_together(blocks, ROWS)
    weights = np.random.default_rng(5).normal(size=(matrix.shape[1],))
    total = np.zeros(ROWS)
    for number in range(matrix.shape[1]):
        total += matrix[:, number] * weights[number]
    assert weighted_blocks(blocks, ROWS, weights).tobytes() == total.tobytes()


def test_categories_in_codes_are_encoded_as_their_texts_are():
    labels = np.array([*"abcdefgh", "z", None], dtype=object)
    place = {label: number for number, label in enumerate(labels[:-1])} | {None: -1}
    codes = np.array([place[text] for text in UNSEEN["c"]])
    coded = {**UNSEEN, "c": CodedTexts(codes, labels)}
    assert ENCODING.network(coded).tobytes() == ENCODING.network(UNSEEN).tobytes()
