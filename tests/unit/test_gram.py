"""The exact Gram matrix against rational arithmetic, for values and weights of any size."""

import errno
from fractions import Fraction

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from hypothesis import given, settings
from hypothesis import strategies as st

from regressors.linear import gram, gram_sums, unit_sums
from regressors.linear.digits import Digits
from regressors.linear.slices import cut, grid_of

SCALES = {
    "ordinary": (-3, 3, False),
    "huge and tiny columns": (-300, 300, False),
    "huge and tiny values": (-323, 308, True),
}


@pytest.fixture(scope="module", params=["integers", "digits"], autouse=True)
def _numbers(request):
    """Let all matrices have their numbers in digits, as those of many columns have."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "digits":
            for module in (gram, gram_sums):
                patch.setattr(module, "MIN_WIDE", 1)
        yield


def made(seed, scale):
    """Return rows (n, m) of which some values and columns are 0 or 1."""
    rng = np.random.default_rng(seed)
    low, high, by_value = SCALES[scale]
    rows, columns = int(rng.integers(2, 30)), int(rng.integers(1, 5))
    size = rng.uniform(low, high, (rows if by_value else 1, columns))
    matrix = np.clip(rng.normal(size=(rows, columns)), -1, 1) * 10.0**size
    matrix[rng.random(matrix.shape) < 0.1] = 0
    matrix[:, 0] = rng.integers(0, 2, rows)
    return matrix


def weights(seed, count, kind):
    if kind == "equal":
        return None
    powers = np.random.default_rng(seed).uniform(-1, 1, count)
    return 10.0 ** (powers * (300 if kind == "extreme" else 1))


def gram_of(matrix, weight=None, cuts=()):
    parts = np.split(np.arange(len(matrix)), sorted(cuts))
    blocks = [(matrix[rows], None if weight is None else weight[rows]) for rows in parts]
    return gram_sums.gram_of(blocks, matrix.shape[1], numpy_products)


def as_fractions(matrix):
    units = [Fraction(2) ** exponent for exponent in matrix.exponents]
    count = range(len(units))
    whole = matrix.integers
    return [[int(whole[i, j]) * units[i] * units[j] for j in count] for i in count]


def full_disk(whole):
    raise OSError(errno.ENOSPC, "No space left on device")


def by_fractions(matrix, weight):
    rows = [[Fraction(float(value)) for value in row] for row in matrix]
    weight = [1] * len(rows) if weight is None else [Fraction(float(w)) for w in weight]
    count = range(matrix.shape[1])
    pairs = list(zip(weight, rows, strict=True))
    return [[sum(w * row[i] * row[j] for w, row in pairs) for j in count] for i in count]


seeds, scales = st.integers(0, 10**6), st.sampled_from(list(SCALES))
kinds = st.sampled_from(["equal", "weights", "extreme"])


@given(seed=seeds, scale=scales, kind=kinds)
@settings(max_examples=60, deadline=None)
def test_sums_are_those_of_rational_arithmetic(seed, scale, kind):
    matrix = made(seed, scale)
    weight = weights(seed, len(matrix), kind)
    assert as_fractions(gram_of(matrix, weight)) == by_fractions(matrix, weight)


@given(seed=seeds, scale=scales, kind=kinds, cuts=st.sets(st.integers(0, 30), max_size=4))
@settings(max_examples=60, deadline=None)
def test_order_of_rows_and_cutting_into_blocks_change_nothing(seed, scale, kind, cuts):
    matrix = made(seed, scale)
    weight = weights(seed, len(matrix), kind)
    mixed = np.random.default_rng(seed + 1).permutation(len(matrix))
    whole = gram_of(matrix, weight)
    other = gram_of(matrix[mixed], None if weight is None else weight[mixed], cuts)
    assert as_fractions(other) == as_fractions(whole)
    assert other.rows == whole.rows == len(matrix)


@given(seed=seeds, scale=scales, kind=kinds)
@settings(max_examples=30, deadline=None)
def test_matrices_of_parts_add_up_and_subtract(seed, scale, kind):
    matrix = made(seed, scale)
    weight = weights(seed, len(matrix), kind)
    fold = np.arange(len(matrix)) % 3
    folds = [
        gram_of(matrix[fold == i], None if weight is None else weight[fold == i]) for i in range(3)
    ]
    whole = gram_of(matrix, weight)
    assert as_fractions(folds[0] + folds[1] + folds[2]) == as_fractions(whole)
    assert as_fractions(whole - folds[1]) == as_fractions(folds[0] + folds[2])
    assert (whole - folds[1]).rows == np.sum(fold != 1)


@pytest.mark.parametrize("scale", SCALES)
def test_packed_matrix_is_the_same_and_takes_little_memory(scale, monkeypatch):
    matrix = gram_of(made(2, scale))
    packed = matrix.packed()
    assert as_fractions(packed.whole()) == as_fractions(matrix)
    assert packed.whole().rows == matrix.rows
    wide = gram_of(np.random.default_rng(0).normal(size=(20, 200)))
    assert len(wide.packed().upper) < 200 * 200 / 2 * 27
    filed = wide.packed().in_file()
    assert filed.bytes_in_memory == len(wide.packed().upper)
    monkeypatch.setattr(gram, "MAX_BYTES_IN_MEMORY", 1000)
    filed = wide.packed().in_file()
    assert filed.bytes_in_memory == 0
    assert not (filed.whole() - wide).integers.any()
    monkeypatch.setattr(gram, "on_disk", full_disk)
    assert wide.packed().in_file() == wide.packed()


def test_columns_that_are_taken_are_those_of_the_matrix():
    matrix = made(1, "ordinary")[:, :3]
    taken = gram_of(matrix).take([2, 0])
    assert as_fractions(taken) == as_fractions(gram_of(matrix[:, [2, 0]]))


def test_sums_of_many_blocks_are_emptied_before_they_overflow(monkeypatch):
    """At the bound, 8,192 rows of 1 - 2^-20 make products of nearly 2^53."""
    monkeypatch.setattr(gram_sums, "MAX_SUMMED_BLOCKS", 2)
    monkeypatch.setattr(gram_sums, "MAX_SUMMED_ROWS", 2 * 8192)
    column = np.full((3 * 8192, 1), 1 - 2.0**-20)
    assert as_fractions(gram_of(column)) == [[len(column) * Fraction(1 - 2.0**-20) ** 2]]
    assert 2**53 * 512 < 2**63
    assert 2**40 * (unit_sums.MAX_SUMMED_ROWS + unit_sums.MAX_UNITS * 8192) < 2**63


def test_wide_matrix_is_multiplied_in_panels(monkeypatch):
    monkeypatch.setattr(gram_sums, "_PANEL", 3)
    matrix = made(5, "huge and tiny columns")
    assert as_fractions(gram_of(matrix)) == by_fractions(matrix, None)


@pytest.mark.parametrize("weighted", [False, True])
def test_ordinary_columns_are_summed_in_digits_and_those_of_many_sizes_in_integers(weighted):
    """Both are the same, whichever of them comes first, and they add up."""
    rng = np.random.default_rng(3)
    ordinary = rng.normal(size=(60, 4)) * 10.0 ** rng.integers(-50, 50, 4)
    steep = ordinary * 10.0 ** rng.integers(-200, 1, ordinary.shape)
    weight = rng.uniform(0.1, 10, 60) if weighted else None
    matrices = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gram_sums, "MIN_WIDE", 1)
        for name, rows in (("ordinary", ordinary), ("steep", steep)):
            matrices[name] = gram_of(rows, weight)
            assert as_fractions(matrices[name]) == by_fractions(rows, weight)
    assert isinstance(matrices["ordinary"].values, Digits)
    assert not isinstance(matrices["steep"].values, Digits)
    both = np.concatenate([ordinary, steep])
    twice = None if weight is None else np.concatenate([weight, weight])
    for blocks in (matrices["ordinary"] + matrices["steep"], gram_of(both, twice, [60])):
        assert as_fractions(blocks) == by_fractions(both, twice)


def test_columns_are_combined_alike_in_digits_and_integers():
    columns = np.random.default_rng(4).normal(size=(30, 5))
    matrix = gram_of(columns)
    sums = [{3: 1.0}, {0: 1.0, 1: 0.37}, {}, {2: -2.5e-5, 4: 1.0}]
    dense = np.array([[own.get(i, 0.0) for i in range(5)] for own in sums])
    factors = [[Fraction(float(each)) for each in row] for row in dense]
    whole = by_fractions(columns, None)
    wanted = [
        [
            sum(a * whole[i][j] * b for i, a in enumerate(own) for j, b in enumerate(other))
            for other in factors
        ]
        for own in factors
    ]
    assert as_fractions(matrix.combined(sums)) == wanted


@given(seed=seeds, scale=scales)
@settings(max_examples=40, deadline=None)
def test_digits_are_whole_and_at_most_two_to_the_twenty(seed, scale):
    columns = np.where(np.abs(made(seed, scale)) < 2.0**900, made(seed, scale), 1.0).T
    slices = cut(columns.copy(), grid_of(columns[:, :1]))
    assert np.array_equal(slices.digits, np.rint(slices.digits))
    assert np.abs(slices.digits).max(initial=0) <= 2**20


@pytest.mark.parametrize(
    ("column", "count"), [(np.arange(50) % 2, 1), (np.arange(50), 1), (np.arange(50) / 10, 3)]
)
def test_column_has_no_more_slices_than_it_needs(column, count):
    columns = column[None, :].astype(float)
    assert len(cut(columns, grid_of(columns)).digits) == count


@settings(max_examples=25, deadline=None)
@given(seeds, scales, st.sampled_from(["equal", "ordinary", "extreme"]))
def test_sums_by_level_are_those_of_columns_of_zeros_and_ones(seed, scale, kind):
    matrix = made(seed, scale)
    matrix = np.column_stack([matrix, np.ones(len(matrix)), matrix[:, 0]])
    rng, weight = np.random.default_rng(seed), weights(seed, len(matrix), kind)
    sizes = [3, 1, 4]
    codes = [rng.integers(-1, size, len(matrix)) for size in sizes]
    levels = [own[:, None] == np.arange(size) for own, size in zip(codes, sizes, strict=True)]
    parts = np.array_split(np.arange(len(matrix)), 3)
    blocks = [
        (matrix[rows], None if weight is None else weight[rows], [own[rows] for own in codes])
        for rows in parts
    ]
    seen = gram_sums.gram_with_levels(blocks, matrix.shape[1], sizes, numpy_products)
    dense = np.column_stack([matrix, *levels]).astype(float)
    assert as_fractions(seen) == by_fractions(dense, weight)
    assert seen.rows == len(matrix)
