"""How predictions depend on single features: the regression line, curves, and effects."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from regressors.arrays import Array, Columns, Values
from regressors.linear.inference import Coefficient
from regressors.model import ENCODED_ROWS, LinearMember, Model
from regressors.segments.member import SegmentedMember
from tasks.report.run_figures import Curve, Effect, Importance, Line, rounded

CURVE_POINTS = 100
"""Values of a single feature at which a curve is drawn."""
GRID_POINTS = 24
"""Values of one feature of several."""
MAX_LEVELS = 12
MAX_SHUFFLED = 50
"""Features that are shuffled: of more, those along which predictions vary most."""
SHUFFLED_ROWS = 500
MAX_EFFECTS = 6
"""Features whose effect is drawn."""
MAX_TERMS = 60
"""Terms of a linear equation whose standard deviation is kept."""
EFFECT_ROWS = 60
CELLS = 120_000
"""Rows of a sample times features: fewer rows of a wide table are shuffled."""
PIECES = 8
"""Parts of a number's range within which predictions are compared."""
EDGE = 0.02
"""The share of rows at each end of a number's range that an effect leaves out: there are few."""

Models = Mapping[str, Model]
"""Models by their name."""


def line_of(
    coefficients: Sequence[Coefficient], feature: str, x: Array, target: Array
) -> Line | None:
    """Return the line of an equation; None if it has other terms than the feature.

    `x` and `target` (n,) are those of all labelled rows.
    """
    estimates = {each.term: each.estimate for each in coefficients}
    if feature not in estimates or set(estimates) - {"intercept", feature, f"{feature}[missing]"}:
        return None
    both = np.isfinite(x) & np.isfinite(target)
    return Line(
        estimates.get("intercept", 0.0),
        estimates[feature],
        _correlation(x[both], target[both]),
        int(both.sum()),
    )


def _correlation(x: Array, y: Array) -> float | None:
    """Return Pearson's correlation of finite values (n,), None where one of them is constant."""
    if len(x) < 2:
        return None
    around = []
    for values in (x, y):
        scale = float(np.abs(values).max()) or 1.0
        scaled = values / scale
        around.append(scaled - scaled.mean())
    size = np.sqrt(np.square(around[0]).sum()) * np.sqrt(np.square(around[1]).sum())
    if not size > 0:
        return None
    return float(np.clip(around[0] @ around[1] / size, -1, 1))


def curves(models: Models, feature: str, x: Array) -> tuple[Curve, ...]:
    """Return what models predict along their only feature, over the range of x (n,)."""
    present = x[np.isfinite(x)]
    if not present.size:
        return ()
    at = _spread(np.unique(present), float(present.min()), float(present.max()), CURVE_POINTS)
    found = []
    for name, model in models.items():
        if model.features == (feature,) and model.column_types[feature] == "number":
            of = model.predicted({feature: at})
            ends = (rounded(of.value), rounded(of.lower), rounded(of.upper))
            found.append(Curve(name, tuple(at.tolist()), *ends))
    return tuple(found)


def importance(model: Model, columns: Columns) -> tuple[Importance, ...]:
    """Return how far the model's predictions of a sample move when each feature is shuffled."""
    most = CELLS // max(len(model.features), 1)
    sample = _first_rows(columns, max(min(SHUFFLED_ROWS, most), 20))
    predicted = model.predict(sample)
    names = _most_telling(model.features, sample, predicted)
    order = np.random.default_rng(0).permutation(len(predicted))
    at_once = max(ENCODED_ROWS // max(len(predicted), 1), 1)
    found = []
    for start in range(0, len(names), at_once):
        some = names[start : start + at_once]
        table = {name: np.tile(values, len(some)) for name, values in sample.items()}
        for place, name in enumerate(some):
            own = slice(place * len(order), (place + 1) * len(order))
            table[name][own] = sample[name][order]
        moved = model.predict(table).reshape(len(some), len(order)) - predicted
        found += [Importance(name, _size(of)) for name, of in zip(some, moved, strict=True)]
    return tuple(sorted(found, key=lambda each: (-each.moves, each.feature)))


def _size(moved: Array) -> float:
    """Return the root mean square of differences (n,)."""
    scale = float(np.abs(moved).max(initial=0.0))
    return scale * float(np.sqrt(np.square(moved / scale).mean())) if scale > 0 else 0.0


def effects(models: Models, columns: Columns, features: Sequence[str]) -> tuple[Effect, ...]:
    """Return the effect of each of these features, of the first model on others as well."""
    main = next(iter(models.values()))
    most = max(min(EFFECT_ROWS, CELLS // (2 * max(len(main.features), 1))), 10)
    sample = _first_rows(columns, most)
    found = []
    for name in features[:MAX_EFFECTS]:
        kind = main.column_types[name]
        grid = _grid(columns[name], kind)
        if len(grid) < 2:
            continue
        rows = len(sample[name])
        table = {each: np.tile(values, len(grid)) for each, values in sample.items()}
        table[name] = np.repeat(grid, rows)
        predicted = {
            model_name: rounded(model.predict(table).reshape(len(grid), rows).mean(axis=1))
            for model_name, model in models.items()
            if name in model.features and set(model.features) <= set(table)
        }
        found.append(Effect(name, kind, _plain(grid), predicted))
    return tuple(found)


def term_scale(model: Model, columns: Columns) -> dict[str, float]:
    """Return what the coefficients of a linear model are multiplied by to be comparable.

    Only terms that vary in the sample, and of very many those with the largest effects.
    """
    (member,) = model.members
    assert isinstance(member, LinearMember | SegmentedMember)
    design = member.encoding.design_of(member.encoding.parts(columns, in_codes=True))
    with np.errstate(over="ignore", invalid="ignore"):
        spread = design.std(axis=0)
        is_either = ((design == 0) | (design == 1)).all(axis=0)
        scale = np.where(is_either & (spread > 0), 1.0, 2 * spread)
        size = np.abs(scale * member.estimates)
    names = member.encoding.term_names()
    largest = np.argsort(-np.nan_to_num(size), kind="stable")[:MAX_TERMS]
    return {
        names[term]: float(scale[term])
        for term in sorted(largest.tolist())
        if np.isfinite(scale[term]) and scale[term] > 0
    }


def _first_rows(columns: Columns, rows: int) -> dict[str, Values]:
    return {name: np.asarray(values[:rows]) for name, values in columns.items()}


def _most_telling(names: Sequence[str], sample: Columns, predicted: Array) -> Sequence[str]:
    """Return the features along which predictions (n,) vary most, all if they are few."""
    if len(names) <= MAX_SHUFFLED:
        return names
    told = {name: _share_told(sample[name], predicted) for name in names}
    return sorted(names, key=lambda name: -told[name])[:MAX_SHUFFLED]


def _share_told(values: Values, predicted: Array) -> float:
    """Return the share of the variance of predictions (n,) that lies between a feature's parts.

    These are its levels, or pieces of its range with as many rows each.
    """
    if values.dtype.kind == "O":
        texts = np.array(["" if each is None else str(each) for each in values])
        part = np.unique(texts, return_inverse=True)[1]
    else:
        order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
        part = order * PIECES // max(len(values), 1)
    sizes = np.bincount(part)
    scale = float(np.abs(predicted).max(initial=0.0)) or 1.0
    around = predicted / scale - (predicted / scale).mean()
    sums = np.bincount(part, around)
    between = float((np.square(sums) / np.maximum(sizes, 1)).sum())
    total = float(np.square(around).sum())
    # Parts of one row each tell everything and mean nothing.
    return between / total * (1 - len(sizes) / len(values)) if total > 0 else 0.0


def _grid(values: Values, kind: str) -> Values:
    """Return the values of a feature at which its effect is drawn."""
    if kind in ("category", "boolean"):
        counts = Counter(each for each in values.tolist() if each is not None)
        levels = sorted(counts, key=lambda level: (-counts[level], level))[:MAX_LEVELS]
        return np.array(levels, dtype=object)
    if kind == "time":
        moments: Values = np.unique(values[~np.isnat(values)])
        at = np.linspace(0, len(moments) - 1, min(GRID_POINTS, len(moments))).astype(int)
        chosen: Values = moments[np.unique(at)]
        return chosen
    numbers: Values = np.unique(values[np.isfinite(values)])
    if len(numbers) <= GRID_POINTS:
        return numbers
    low, high = np.quantile(values[np.isfinite(values)], [EDGE, 1 - EDGE])
    return _spread(numbers, float(low), float(high), GRID_POINTS)


def _spread(numbers: Values, low: float, high: float, most: int) -> Values:
    """Return values from low to high of those that there are (n,), sorted, evenly spread.

    Others would mislead: an ANN may have an effect of each value of a number, such as an age in
    whole years, and none of those between.
    """
    wanted = low + (high / most - low / most) * np.arange(most + 1)
    above = np.clip(np.searchsorted(numbers, wanted), 1, max(len(numbers) - 1, 1))
    if len(numbers) < 2:
        return numbers
    nearer = np.where(wanted - numbers[above - 1] < numbers[above] - wanted, above - 1, above)
    chosen: Values = numbers[np.unique(nearer)]
    return chosen


def _plain(grid: Values) -> tuple[float | str | None, ...]:
    if grid.dtype.kind == "M":
        return tuple(grid.astype("M8[ms]").astype(np.int64).tolist())
    return tuple(grid.tolist()) if grid.dtype.kind == "O" else rounded(grid)
