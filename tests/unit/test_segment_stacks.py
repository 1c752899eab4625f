"""Segments that are solved at once have the digits of those that are solved one by one."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.numpy_products import numpy_products
from test_linear import NUMPY

from regressors import fitting
from regressors.arrays import Array
from regressors.candidate import Candidate
from regressors.intervals.rules import Rules
from regressors.job import Job
from regressors.linear.gram import Gram
from regressors.segments import equations
from regressors.segments.digits import Digits, digits_of, product, product_with
from regressors.segments.gram_stacks import MAX_ROWS, GramStack, SegmentRows, gram_stacks
from regressors.segments.lines import own_line
from regressors.segments.solve_stacks import solve_stack

RNG = np.random.default_rng(48)
ROWS = 480
CODES = RNG.integers(-1, 12, ROWS)
SHOP = np.array([*"abcdefghijkl", None], dtype=object)[CODES]
X, Z, NOISE = RNG.normal(size=(3, ROWS))
WHOLE = RNG.integers(0, 9, ROWS).astype(float)
LEVEL = np.array(["r", "s", "t"], dtype=object)[RNG.integers(0, 3, ROWS)]
TARGET = X * (1 + CODES) + WHOLE + (LEVEL == "s") + NOISE
IN_A = SHOP == "a"
TABLES = {
    "numbers": {"x": X, "z": Z},
    "whole numbers and levels": {"whole": WHOLE, "level": LEVEL},
    "gaps around medians of each fold": {"x": np.where(RNG.random(ROWS) < 0.2, np.nan, X)},
    "rare levels in one column": {"level": np.where(np.arange(ROWS) % 40 == 0, "odd", LEVEL)},
    "a long tail of levels": {"x": X, "level": np.array([f"t{v}" for v in RNG.zipf(1.6, ROWS)])},
    "a level that a segment has not": {"x": X, "level": np.where(IN_A, "t", LEVEL)},
    "no row of the reference level in a segment": {
        "x": X,
        "level": np.where(IN_A & (LEVEL == "r"), "s", LEVEL),
    },
    "a constant in a segment": {"x": np.where(IN_A, 0.1, X), "z": Z},
    "a column that is twice another in a segment": {"x": X, "z": np.where(IN_A, 2 * X, Z)},
    "far from zero": {"x": X + 1e5, "z": Z},
    "a column that is a third of another in a segment": {
        "x": X,
        "whole": np.where(IN_A, WHOLE, 3 * WHOLE),
        "z": np.where(IN_A, 3 * WHOLE, Z),
    },
    "nearly the same": {"x": X, "z": X + 1e-7 * Z},
    "sizes far apart": {"x": X * 10.0 ** RNG.integers(-30, 30, ROWS), "z": Z},
    "a segment of large values": {"x": np.where(IN_A, X * 1e150, X), "z": Z},
    "values too small for digits": {"x": np.where(IN_A & (X > 1), 5e-324, X), "z": Z},
}


def job(columns, **changes):
    return Job(
        **{
            "dataset": "stacks",
            "candidate": Candidate("torch", "segment_least_squares"),
            "columns": {**columns, "shop": SHOP},
            "target": TARGET,
            "fold": 1 + np.arange(ROWS) % 3,
            "chained": False,
            "hidden": (8,),
            "interval": Rules((0.9,)),
            "segment": ("shop",),
            **changes,
        }
    )


def one_by_one(made, encoding, rows):
    """Return the lines of all segments by the solver of a line of all rows."""
    features = {name: made.columns[name] for name in made.columns if name != "shop"}
    for shop in sorted({text for text in SHOP[rows] if text is not None}):
        own = rows & (shop == SHOP)
        design = encoding.design({name: values[own] for name, values in features.items()})
        weight = None if made.weight is None else made.weight[own]
        terms = encoding.term_names()
        yield own_line(
            design, made.target[own], weight, terms, numpy_products, recency=None, robust=True
        )


def close(seen, expected, rtol=1e-13):
    np.testing.assert_allclose(seen, expected, rtol=rtol, equal_nan=True)


def test_errors_of_coefficients_do_not_depend_on_how_a_framework_rounds_inverses():
    rng = np.random.default_rng(56)
    rows = rng.normal(size=(300, 6, 40))
    planes = np.rint(rows @ rows.transpose(0, 2, 1) * 2.0**20).astype(np.int64)
    matrices = digits_of(planes * 2.0**-20, -1, 4)
    present = np.ones((300, 5), dtype=bool)

    def rounded_otherwise(matrices):
        return np.linalg.inv(matrices) * (1 + 2.0**-44 * rng.normal(size=matrices.shape))

    one, other = (
        solve_stack(matrices, present, inverses, with_inverse=True)
        for inverses in (np.linalg.inv, rounded_otherwise)
    )
    assert not one.hard.any()
    assert one.coefficients.tobytes() == other.coefficients.tobytes()
    assert one.left.tobytes() == other.left.tobytes()
    assert one.inverse_diagonals.tobytes() == other.inverse_diagonals.tobytes()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", TABLES)
def test_lines_that_are_solved_at_once_are_those_of_each_segment_alone(name, weighted):
    made = job(TABLES[name], weight=RNG.uniform(0.5, 3, ROWS) if weighted else None)
    fitted = fitting.validate(NUMPY, made)
    (member,) = fitted.model.members
    lines = [*one_by_one(made, member.encoding, np.ones(ROWS, dtype=bool))]
    fits = fitted.segments
    assert fits.own.any()
    assert [line.reason for line in lines] == fits.reason.tolist()
    assert np.array([line.estimates for line in lines]).tobytes() == fits.estimates.tobytes()
    close(fits.standard_errors, [line.standard_errors for line in lines], 1e-9)
    robust = np.array([line.robust_standard_errors for line in lines])
    exact = np.array([line.exact for line in lines])
    close(fits.robust_standard_errors[~exact], robust[~exact], 1e-9)
    assert (np.isnan(fits.robust_standard_errors) == np.isnan(robust)).all()
    close(fits.residual_sd, [line.residual_sd for line in lines])
    close(fits.r2, [line.r2 for line in lines], 1e-11)
    assert np.isnan(fits.p_values).tolist() == [
        [line.exact or value for value in np.isnan(line.standard_errors).tolist()] for line in lines
    ]


@pytest.mark.parametrize("name", ["numbers", "rare levels in one column", "far from zero"])
def test_each_fold_has_the_lines_of_its_own_rows(name):
    made = job(TABLES[name])
    fitted = fitting.validate(NUMPY, made)
    for fold in (1, 2, 3):
        train = made.fold != fold
        alone = fitting.refit(
            NUMPY,
            replace(
                made,
                columns={n: v[train] for n, v in made.columns.items()},
                target=TARGET[train],
                fold=made.fold[train],
            ),
        )
        held = {n: v[~train] for n, v in made.columns.items()}
        assert (fitted.out_of_fold[~train] == alone.model.predict(held)).all()


def test_hardly_any_segment_of_plain_numbers_is_solved_alone(monkeypatch):
    alone = []

    def counted(*args, **options):
        alone.append(args)
        return own_line(*args, **options)

    monkeypatch.setattr(equations, "own_line", counted)
    for name in ("numbers", "rare levels in one column", "a constant in a segment"):
        fitting.validate(NUMPY, job(TABLES[name]))
    fitting.validate(NUMPY, job(TABLES["a column that is twice another in a segment"]))
    fitting.validate(NUMPY, job(TABLES["no row of the reference level in a segment"]))
    assert not alone
    fitting.validate(NUMPY, job(TABLES["nearly the same"]))
    assert alone


@pytest.mark.parametrize("columns", [3, 127])  # sums that a double holds, and that it does not
def test_product_with_a_vector_is_that_with_a_matrix_of_one_column(columns):
    whole = 2**23 - np.random.default_rng(7).integers(0, 2, (5, 2, columns, columns))
    matrices, vectors = Digits(whole, 0), Digits(whole[:4, :, 0] * 1, -1)
    seen = product_with(matrices, vectors)
    expected = product(matrices, vectors.of(..., None))
    assert seen.first == expected.first
    assert (seen.planes == expected.planes[..., 0]).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_of_segments_have_no_error(weighted):
    columns = np.vstack([X, np.exp2(RNG.integers(-40, 40, ROWS)) * Z, np.ones(ROWS), TARGET])
    weight = RNG.uniform(0.1, 3, ROWS) if weighted else None
    part = RNG.integers(0, 3, ROWS)
    rows = SegmentRows.of(np.where(CODES < 0, 0, CODES), part, 12, 3)

    def read(positions):
        return columns[:, positions], None if weight is None else weight[positions]

    seen = 0
    for stack in gram_stacks(rows, 4, 3, read, numpy_products):
        if isinstance(stack, GramStack):
            for at, segment in enumerate(stack.segments):
                for number in range(3):
                    seen += 1
                    own = (np.where(CODES < 0, 0, CODES) == segment) & (part == number)
                    few = Gram.of_few(columns[:, own], None if weight is None else weight[own])
                    assert not (_gram(stack, at, number) - few).values.any()
        else:
            assert not stack.size
    assert seen == 36


def _gram(stack: GramStack, at: int, part: int) -> Gram:
    """Return the sums of one cell of a stack as Python's integers."""
    planes = stack.planes[:, at, part]
    values = np.zeros(planes.shape[1:], dtype=object)
    for plane in planes:
        values = (values << 24) + plane.astype(object)
    last = -24 * (stack.first + len(planes) - 1) + int(stack.of_weight[at])
    half = last // 2
    units = [int(exponent) + half for exponent in stack.exponents[at]]
    return Gram(values << last % 2, tuple(units), int(stack.rows[at, part]))


def test_segment_of_very_many_rows_is_summed_alone():
    rows = SegmentRows.of(
        np.repeat([0, 1], [MAX_ROWS + 1, 20]), np.zeros(MAX_ROWS + 21, dtype=np.int64), 2, 1
    )

    def read(positions: np.ndarray) -> tuple[Array, None]:
        return np.ones((2, len(positions))), None

    seen = [*gram_stacks(rows, 2, 1, read, numpy_products)]
    assert next(each.tolist() for each in seen if not isinstance(each, GramStack)) == [0]
    assert [each.segments.tolist() for each in seen if isinstance(each, GramStack)] == [[1]]
