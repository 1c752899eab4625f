"""Models of a made table with all that an encoding knows; their weights are random."""

from dataclasses import replace
from functools import cache

import numpy as np

from regressors.candidate import Candidate
from regressors.encoding.matrices import Encoding
from regressors.intervals.calibration import fit_intervals
from regressors.intervals.intervals import Intervals
from regressors.intervals.rules import Rules
from regressors.model import LinearMember, Model, NetworkMember
from regressors.network.recipe import start_arrays
from regressors.segments.member import SegmentedMember
from regressors.segments.texts import segment_text

WEIRD = 'sa"y the "'
"""A column's name with quotes and blanks in it."""


def made_columns(rows=600, seed=3):
    """Return a table with gaps, many levels, words, times, booleans, and names that need quotes."""
    rng = np.random.default_rng(seed)
    towns = [
        f"{kind} of {place}"
        for kind in ("Port", "City", "ÉCOLE", "village's")
        for place in ("Äby", "Bad-Ort", "C. Town", "d_e", "Ely")
    ]
    town = rng.choice(np.array(towns, dtype=object), rows, p=_shares(len(towns)))
    town[rng.random(rows) < 0.02] = None
    hired = np.datetime64("1968-03-01", "us") + rng.integers(0, 5 * 365 * 24, rows).astype("m8[h]")
    hired = hired + rng.integers(0, 10**9, rows).astype("m8[us]")
    hired[rng.random(rows) < 0.05] = np.datetime64("NaT")
    size = rng.normal(3, 2, rows)
    size[rng.random(rows) < 0.1] = np.nan
    sold = rng.lognormal(8, 2, rows)
    sold[np.isnan(size)] = np.nan
    sold[:4] = np.nan
    hue = rng.choice(np.array(["o'red", 'gr"een', "bl\\ue", "Ünï ☃"], dtype=object), rows)
    hue[0] = "once"
    return {
        "order": rng.integers(1, 90, rows).astype(float),
        "size": size,
        WEIRD: sold,
        "hue": hue,
        "Town": town,
        "open": rng.choice(
            np.array(["true", "false", None], dtype=object), rows, p=[0.5, 0.4, 0.1]
        ),
        "flat": rng.choice(np.array(["a", "b"], dtype=object), rows),
        "hired": hired,
    }


def _shares(levels):
    shares = 1.5 ** -np.arange(levels)
    return shares / shares.sum()


def odd_rows(columns):
    """Return rows with a feature missing each, an unseen level each, and values far outside."""
    names = list(columns)
    rows: dict[str, list[object]] = {name: [] for name in names}

    def add(**changes):
        for name in names:
            rows[name].append(changes.get(name, columns[name][len(rows[name]) % 50]))

    for name in names:
        kind = columns[name].dtype.kind
        add(**{name: {"f": np.nan, "O": None, "M": np.datetime64("NaT")}[kind]})
        if kind == "O" and name != "open":
            add(**{name: "ecole, never_seen port OF"})
        if kind == "f":
            add(**{name: 1e5})
            add(**{name: -1e5})
    add(**{name: np.nan for name in names if columns[name].dtype.kind == "f"})
    return {name: np.array(rows[name], dtype=columns[name].dtype) for name in names}


def together(*tables):
    """Return the rows of several tables, one after the other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


PRODUCTS = (
    (("order", 2),),
    (("order", 1), ("hue", 1)),
    (("hue", 1), ("flat", 1)),
    (("size", 3), ("Town", 1), ("flat", 1)),
    (("hired[days]", 2), ("flat", 1)),
    (("order", 1), ("hired[quarter]", 1)),
)
TIMES = {"hired": ("month", "weekday", "hour")}
"""The parts that enter by themselves where products have the others."""


@cache
def made_model(
    kind, *, products=True, intercept=True, mean_weight=None, hidden=(12, 7), by_row=False
):
    """Return a model of the made table, `linear` or `ann`; its intervals are constant or by row."""
    columns = made_columns()
    rng = np.random.default_rng(9)
    if kind == "linear":
        encoding = Encoding.fit(
            columns,
            products=PRODUCTS if products else (),
            intercept=intercept,
            declared_parts=TIMES if products else None,
            pieces=False,
        )
        scales = np.abs(encoding.design(columns)).max(axis=0)
        estimates = rng.normal(size=len(scales)) / scales
        members = (LinearMember(encoding, estimates),)
        model = Model(Candidate("torch", "least_squares"), members)
    else:
        members = tuple(_network(columns, rng, number, hidden) for number in range(3))
        model = Model(Candidate("torch", "ann"), members)
    intervals = Intervals.constant(1.5, 0.9, mean_weight)
    return replace(model, intervals=_by_row(model, mean_weight) if by_row else intervals)


SHOPS = ("Bad's", 'o"d', "a\\b", "ÄÖ", "plain", "two\nlines")


def segmented_model(*columns, shops=SHOPS, **options):
    """Return a linear model with an equation for all but the first of some shops.

    With two `columns`, the second one is always `x`.
    """
    made = made_model("linear", products=False, **options)
    (member,) = made.members
    names = sorted(segment_text([shop, "x"][: len(columns)]) for shop in shops)
    rng = np.random.default_rng(66)
    own = member.estimates * rng.uniform(0.5, 1.5, (len(names), len(member.estimates)))
    own[0] = member.estimates
    texts = np.array([*names, None], dtype=object)[:-1]
    lines = SegmentedMember(member.encoding, member.estimates, columns, texts, own)
    return replace(made, candidate=Candidate("torch", "segment_least_squares"), members=(lines,))


def with_segments(columns, shops=SHOPS, second=("x", "y", None)):
    """Return a table with a shop and a kind in each row, known ones, unknown ones and none."""
    rows = len(columns["order"])
    rng = np.random.default_rng(67)
    return {
        **columns,
        "shop": rng.choice(np.array([*shops, "never", None], dtype=object), rows),
        "kind": rng.choice(np.array(second, dtype=object), rows, p=[0.8, 0.1, 0.1]),
    }


def _by_row(model, mean_weight):
    """Return intervals that depend on numbers, levels, the prediction and the group of a row."""
    columns = together(*[made_columns()] * 5)
    rng, predicted = np.random.default_rng(10), model.predict(columns)
    rows = len(predicted)
    size = np.abs(predicted) / 5 + np.where(columns["hue"] == columns["hue"][1], 3.0, 1.0)
    size *= np.where(predicted > np.median(predicted), 1, -1)
    lowest, highest = np.quantile(predicted, [0.2, 0.9]).tolist()
    rules = Rules((0.9, 0.5), by="Town")
    intervals = fit_intervals(
        rules,
        columns={n: v for n, v in columns.items() if n in model.column_types},
        target=predicted + size * rng.exponential(size=rows),
        predicted=predicted,
        fold=np.arange(rows) % 5,
        weight=None if mean_weight is None else np.full(rows, mean_weight),
        group=columns["Town"],
    )[2]
    assert intervals.scale and intervals.by_prediction and intervals.groups
    return replace(intervals, rules=replace(rules, lowest=lowest, highest=highest))


def _network(columns, rng, number, hidden):
    rows = len(columns["order"])
    train = np.arange(rows) % 3 != number
    fitted = {name: values[train] for name, values in columns.items()}
    encoding = Encoding.fit(fitted)
    size = np.nan_to_num(fitted["size"])
    of_pair = (fitted["order"] % 7) * (fitted["flat"] == "a")
    residual = of_pair + 3 * (fitted["order"] % 5) + size + (fitted["hue"] == "o'red")
    encoding, _ = encoding.with_groups(
        fitted, residual - residual.mean(), np.ones(len(residual)), [1], pairs=True
    )
    layers = start_arrays(rng, encoding.network(columns).shape[1], hidden)
    layers[-2] *= 20
    ridge = 0.3 * rng.normal(size=encoding.standardised(columns).shape[1])
    return NetworkMember(encoding, np.array([10.0, 2.0, 0.1]), ridge, tuple(layers))
