"""Columns of a table to the matrices that the regressors fit; fitted on training rows alone.

Three matrices come out of one encoding: `design` (raw units, reference coded: the linear
kinds), `standardised` (the linear start of an ANN) and `network` (what its layers see). The
fitted encoding is plain JSON, and gives the same matrices whatever the order of the columns.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
"""Feature name to values: float64 (NaN is missing), object (text, None is missing), datetime64."""

_DTYPES = {"number": "f", "category": "O", "boolean": "O", "time": "M"}
Product = tuple[tuple[str, int], ...]
"""Columns with their powers: (("age", 2), ("education", 1)) is age^2:education."""

INTERCEPT = "intercept"
RARE_ROWS = 10
INDICATOR_ROWS = 5
MISSING, OTHER = "missing", "other"


class CannotEncode(ValueError):
    """Rows that no regressor can use, with the column and the reason."""


@dataclass(frozen=True)
class NumberColumn:
    """One number: how it is filled, scaled and cut into pieces."""

    name: str
    median: float
    mean: float
    sd: float
    spread: float
    indicator: bool
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class CategoryColumn:
    """One category: the levels with a column of their own; the first one is the reference.

    A level is a text, None for missing. `other` tells that rarer levels were seen in the fit.
    """

    name: str
    levels: tuple[str | None, ...]
    other: bool

    @property
    def boolean(self) -> bool:
        """Tell whether the levels are those of a boolean column."""
        return {"true", "false"} >= {level for level in self.levels if level is not None}

    @property
    def labels(self) -> list[str]:
        """Return the names of the levels, `other` last."""
        return [MISSING if level is None else level for level in self.levels] + (
            [OTHER] if self.other else []
        )


@dataclass(frozen=True)
class Encoding:
    """A fitted encoding; `products` and `intercept` concern the design of the linear kinds."""

    times: tuple[str, ...] = ()
    numbers: tuple[NumberColumn, ...] = ()
    categories: tuple[CategoryColumn, ...] = ()
    names: tuple[str, ...] = field(default=())
    products: tuple[Product, ...] = ()
    intercept: bool = True

    @classmethod
    def fit(
        cls, columns: Columns, *, products: Sequence[Product] = (), intercept: bool = True
    ) -> "Encoding":
        """Fit on the training rows; `columns` is one array of n values per feature.

        A product is left out where one of its columns does not vary among these rows.
        """
        times = tuple(sorted(name for name in columns if columns[name].dtype.kind == "M"))
        parts = _with_time_parts(columns, times)
        names = sorted(parts)
        numeric = [name for name in names if parts[name].dtype.kind == "f"]
        filled = {name: _number_column(name, parts[name]) for name in numeric}
        pieces = _piece_limit(len(numeric))
        numbers = tuple(
            _with_edges(filled[name], parts[name], pieces)
            for name in numeric
            if filled[name].sd > 0 or filled[name].indicator
        )
        levels = (_category_column(n, parts[n]) for n in names if parts[n].dtype.kind == "O")
        categories = tuple(column for column in levels if len(column.labels) > 1)
        varying = {c.name for c in numbers if c.sd > 0} | {c.name for c in categories}
        usable = tuple(one for one in products if {name for name, _ in one} <= varying)
        return cls(times, numbers, categories, tuple(sorted(columns)), usable, intercept)

    @property
    def kinds(self) -> dict[str, str]:
        """Return the kind of each column that is used: number, category, boolean or time."""
        kinds = {c.name: "boolean" if c.boolean else "category" for c in self.categories}
        kinds |= {column.name: "number" for column in self.numbers}
        kinds |= dict.fromkeys(self.times, "time")
        return {name: kind for name, kind in kinds.items() if name in self.names}

    # What goes into a fit

    def design(self, columns: Columns) -> NDArray[np.float64]:
        """Return the design (n, p) of the linear kinds, in raw units; columns as in `terms`."""
        parts, rows = self._parts(columns)
        blocks = [np.ones((rows, 1))] if self.intercept else []
        for column in self.numbers:
            values = parts[column.name]
            if column.sd > 0:
                blocks.append(_fill(column, values)[:, None])
            blocks += _indicator(column, values)
        for category, skipped in self._coded():
            blocks.append(_one_hot(category, parts[category.name])[:, skipped:])
        blocks += [self._product(product, parts) for product in self.products]
        return _stack(blocks, rows)

    def terms(self) -> tuple[str, ...]:
        """Return the name of each column of `design`: `age`, `age[missing]`, `age^2:sex[male]`."""
        names = [INTERCEPT] if self.intercept else []
        for column in self.numbers:
            names += [column.name] if column.sd > 0 else []
            names += [f"{column.name}[{MISSING}]"] if column.indicator else []
        for category, skipped in self._coded():
            names += _level_names(category)[skipped:]
        for product in self.products:
            factors = [self._factor_names(name, power) for name, power in product]
            names += [":".join(combined) for combined in itertools.product(*factors)]
        return tuple(names)

    def _coded(self) -> list[tuple[CategoryColumn, int]]:
        """Return each category and how many of its first levels have no column of their own.

        The first level is the reference. Without an intercept the first category has none: its
        levels then are intercepts of their own.
        """
        whole = 0 if self.intercept else 1
        return [(c, 1 if i >= whole else 0) for i, c in enumerate(self.categories)]

    def _product(self, product: Product, parts: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return every product (n, m) of one column of each factor, the last one fastest."""
        combined = np.ones((len(parts[product[0][0]]), 1))
        with np.errstate(over="ignore", invalid="ignore"):
            for name, power in product:
                factor = self._factor(name, power, parts[name])
                combined = (combined[:, :, None] * factor[:, None, :]).reshape(len(combined), -1)
        if not np.isfinite(combined).all():
            raise CannotEncode(f"the term {_product_name(product)!r} is too large for a number")
        return combined

    def _factor(self, name: str, power: int, values: NDArray[Any]) -> NDArray[np.float64]:
        for column in self.numbers:
            if column.name == name:
                raised: NDArray[np.float64] = _fill(column, values)[:, None] ** power
                return raised
        return _one_hot(self._category(name), values)[:, 1:]

    def _factor_names(self, name: str, power: int) -> list[str]:
        if any(column.name == name for column in self.numbers):
            return [name if power == 1 else f"{name}^{power}"]
        return _level_names(self._category(name))[1:]

    def _category(self, name: str) -> CategoryColumn:
        return next(category for category in self.categories if category.name == name)

    def standardised(self, columns: Columns) -> NDArray[np.float64]:
        """Return the matrix (n, q) of the linear start: numbers as (x - mean) / sd."""
        parts, rows = self._parts(columns)
        blocks = [
            ((_fill(column, parts[column.name]) - column.mean) / column.sd)[:, None]
            for column in self.numbers
            if column.sd > 0
        ]
        return _stack(blocks + self._shared(parts), rows)

    def network(self, columns: Columns) -> NDArray[np.float64]:
        """Return the matrix (n, d) of the hidden layers: squashed numbers and their pieces.

        The squash is q / sqrt(1 + (q / 3)^2) of q = (x - median) / spread; the pieces are the
        piecewise-linear encoding of Gorishniy et al. (2022).
        """
        parts, rows = self._parts(columns)
        blocks = []
        for column in self.numbers:
            if column.sd == 0:
                continue
            values = _fill(column, parts[column.name])
            q = (values - column.median) / column.spread
            blocks.append((q / np.sqrt(1 + (q / 3) ** 2))[:, None])
            if column.edges:
                edges = np.asarray(column.edges)
                pieces = (values[:, None] - edges[:-1]) / np.diff(edges)
                blocks.append(np.clip(pieces, 0, 1) - 0.5)
        return _stack(blocks + self._shared(parts), rows)

    def _shared(self, parts: dict[str, NDArray[Any]]) -> list[NDArray[np.float64]]:
        """Return what the linear start and the network see alike: indicators and categories."""
        blocks = [b for column in self.numbers for b in _indicator(column, parts[column.name])]
        for category in self.categories:
            matrix = _one_hot(category, parts[category.name])
            blocks.append(matrix[:, 1:] - 0.5 if matrix.shape[1] == 2 else matrix)
        return blocks

    def _parts(self, columns: Columns) -> tuple[dict[str, NDArray[Any]], int]:
        absent = sorted(set(self.names) - set(columns))
        if absent:
            raise CannotEncode(f"the column {absent[0]!r} that the model was fitted with is absent")
        chosen = {name: columns[name] for name in self.names}
        for name, kind in self.kinds.items():
            if chosen[name].dtype.kind != _DTYPES[kind]:
                raise CannotEncode(f"the column {name!r} is no longer a {kind}")
        rows = len(next(iter(chosen.values()))) if chosen else 0
        return _with_time_parts(chosen, self.times), rows

    # At rest

    def to_json(self) -> dict[str, Any]:
        """Return the encoding as plain JSON values; floats keep every digit."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Encoding":
        """Return the encoding that `to_json` wrote."""
        numbers = (NumberColumn(**{**n, "edges": tuple(n["edges"])}) for n in value["numbers"])
        categories = (
            CategoryColumn(c["name"], tuple(c["levels"]), c["other"]) for c in value["categories"]
        )
        return cls(
            tuple(value["times"]),
            tuple(numbers),
            tuple(categories),
            tuple(value["names"]),
            tuple(tuple((n, p) for n, p in one) for one in value.get("products", ())),
            value.get("intercept", True),
        )


def _number_column(name: str, values: NDArray[np.float64]) -> NumberColumn:
    if np.isinf(values).any():
        raise CannotEncode(f"the column {name!r} holds an infinite value")
    missing = np.isnan(values)
    known = values[~missing]
    if not known.size:
        return NumberColumn(name, 0.0, 0.0, 0.0, 0.0, indicator=False)
    median = float(np.median(known))
    filled = np.where(missing, median, values)
    varies = filled.min() < filled.max()
    sd = float(filled.std()) if varies else 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    spread = float(high - low) or sd
    count = int(missing.sum())
    indicator = INDICATOR_ROWS <= count < len(values)
    return NumberColumn(name, median, float(filled.mean()), sd, spread, indicator)


def _piece_limit(numeric_columns: int) -> int:
    """Return the most pieces a number may have, so that wide tables keep a narrow network."""
    return max(8, 640 // max(1, numeric_columns))


def _with_edges(column: NumberColumn, values: NDArray[np.float64], limit: int) -> NumberColumn:
    """Return the column with the edges of its pieces: unique quantiles of even levels."""
    if column.sd == 0:
        return column
    pieces = min(int(np.clip(len(values) // 60, 4, 48)), limit)
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, pieces + 1)))
    enough = len(edges) >= 3
    return NumberColumn(**{**asdict(column), "edges": tuple(edges.tolist()) if enough else ()})


def _category_column(name: str, values: NDArray[Any]) -> CategoryColumn:
    missing = _is_missing(values)
    levels, counts = np.unique(values[~missing].astype(str), return_counts=True)
    kept: list[str | None] = [
        str(level) for level, n in zip(levels, counts, strict=True) if n >= RARE_ROWS
    ]
    rare = int(counts.sum() - counts[counts >= RARE_ROWS].sum())
    n_missing = int(missing.sum())
    if n_missing >= RARE_ROWS:
        kept.append(None)
    else:
        rare += n_missing
    return CategoryColumn(name, tuple(kept), other=rare > 0)


def _is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.fromiter((value is None for value in values), dtype=bool, count=len(values))


def _level_names(column: CategoryColumn) -> list[str]:
    return [f"{column.name}[{label}]" for label in column.labels]


def _product_name(product: Product) -> str:
    return ":".join(name if power == 1 else f"{name}^{power}" for name, power in product)


def _one_hot(column: CategoryColumn, values: NDArray[Any]) -> NDArray[np.float64]:
    """Return one 0/1 column per label; an unseen level is `other`, or else no level at all."""
    place = {level: i for i, level in enumerate(column.levels)}
    other = len(column.levels)
    codes = np.fromiter((place.get(v, other) for v in values), dtype=int, count=len(values))
    return (codes[:, None] == np.arange(len(column.labels))).astype(float)


def _fill(column: NumberColumn, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if np.isinf(values).any():
        raise CannotEncode(f"the column {column.name!r} holds an infinite value")
    return np.where(np.isnan(values), column.median, values)


def _indicator(column: NumberColumn, values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [np.isnan(values).astype(float)[:, None]] if column.indicator else []


def _stack(blocks: list[NDArray[np.float64]], rows: int) -> NDArray[np.float64]:
    return np.ascontiguousarray(np.hstack(blocks)) if blocks else np.empty((rows, 0))


_WEEKDAYS = np.array(["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"], dtype=object)
_DAY = np.timedelta64(1, "D")
_EPOCH = np.datetime64("1970-01-01", "us")


def _elapsed_days(time: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.isnat(time), np.nan, (time - _EPOCH) / _DAY)


def _month(time: NDArray[Any]) -> NDArray[Any]:
    month = time.astype("M8[M]").astype(int) % 12 + 1
    return np.array([f"{m:02d}" for m in month], dtype=object)


def _weekday(time: NDArray[Any]) -> NDArray[Any]:
    return _WEEKDAYS[time.astype("M8[D]").astype(int) % 7]


def _hour(time: NDArray[Any]) -> NDArray[Any]:
    return np.where(np.isnat(time), np.nan, (time - time.astype("M8[D]")) / np.timedelta64(1, "h"))


_TIME_PARTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "days": _elapsed_days,
    "month": _month,
    "weekday": _weekday,
    "hour": _hour,
}


def _with_time_parts(columns: Columns, times: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Replace each time by its parts: days since 1970, month, weekday and hour of the day."""
    parts = {name: values for name, values in columns.items() if name not in times}
    for name in times:
        time = columns[name].astype("M8[us]")
        for part, of in _TIME_PARTS.items():
            values = of(time)
            if values.dtype.kind == "O":
                values = values.copy()
                values[np.isnat(time)] = None
            parts[f"{name}[{part}]"] = values
    return parts
