"""An ANN in SQL: step by step, each a common table expression whose columns the next one uses.

Every step is materialised. Otherwise a database would put each expression into those that use it,
and a network would grow by its width with every layer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regressors.network.recipe import GELU_CUBIC, GELU_SLOPE
from tasks.export.sql.dialects import SQLITE, Dialect
from tasks.export.sql.expressions import Row, by_label, indicator, joined, looked_up
from tasks.export.sql.words import cleaned, word

Key = tuple[Any, ...]


@dataclass
class Steps:
    """The steps of a query so far; the `carried` columns are those that all later steps keep."""

    carried: list[str]
    texts: list[str] = field(default_factory=list)
    name: str = ""
    widest: int = 0

    def add(self, name: str, columns: Mapping[str, str], kept: Sequence[str] = ()) -> None:
        """Add a step with some new columns, and those of the last step that are `kept`."""
        selected = [*self.carried, *kept, *(f"{text} AS {new}" for new, text in columns.items())]
        self.widest = max(self.widest, len(selected))
        listed = ",\n    ".join(selected)
        self.texts.append(
            f"{name} AS MATERIALIZED (\n  SELECT\n    {listed}\n  FROM {self.name}\n)"
        )
        self.name = name


def add_network(steps: Steps, row: Row, member: Mapping[str, Any], number: int) -> str:
    """Add the steps of one network, whose name of the prediction (a column) is returned.

    `row` has the columns of the last step.
    """
    network = _Network(row, member, f"n{number}_")
    steps.add(f"nightfit_network_{number}_coded", network.coded())
    inputs = network.inputs()
    columns = {f"n{number}_x{i}": text for i, text in enumerate(inputs.values(), 1)}
    steps.add(f"nightfit_network_{number}_inputs", columns)
    at = dict(zip(inputs, columns, strict=True))
    linear = network.linear(at)
    values = [at[_key(entry)] for entry in member["inputs"]]
    start = f"n{number}_start"
    *hidden, last = member["layers"]
    kept: list[str] = []
    for depth, layer in enumerate(hidden, 1):
        sums = {f"n{number}_z{i}": text for i, text in enumerate(_sums(row, layer, values), 1)}
        more = {start: linear} if depth == 1 else {}
        steps.add(f"nightfit_network_{number}_sums_{depth}", {**more, **sums}, kept)
        kept = [start]
        active = {f"n{number}_h{i}": _gelu(row.dialect, z) for i, z in enumerate(sums, 1)}
        steps.add(f"nightfit_network_{number}_layer_{depth}", active, kept)
        values = list(active)
    (output,) = _sums(row, last, values)
    literal, target = row.dialect.literal, member["target"]
    begun = start if hidden else linear
    total = f"{literal(target['mean'])} + {literal(target['sd'])} * ({begun} + ({output}))"
    steps.add(f"nightfit_network_{number}", {f"n{number}": total})
    return f"n{number}"


def _sums(row: Row, layer: Mapping[str, Any], values: Sequence[str]) -> Iterator[str]:
    columns = list(zip(*layer["weights"], strict=True)) or [()] * len(layer["bias"])
    for bias, weights in zip(layer["bias"], columns, strict=True):
        products = (
            _weighted(row.dialect, weight, value)
            for weight, value in zip(weights, values, strict=True)
        )
        yield joined([row.dialect.literal(bias), *products], "+", "")


def _weighted(dialect: Dialect, weight: float, value: str) -> str:
    """Return a weight times a value.

    SQLite compares each constant of a query with all before it, which takes minutes for 50,000, but
    not one that stands behind a condition.
    """
    literal = dialect.literal(weight)
    return (
        f"CASE WHEN {value} THEN {literal} ELSE 0 END * {value}"
        if dialect is SQLITE
        else (f"{literal} * {value}")
    )


def _gelu(dialect: Dialect, z: str) -> str:
    half, one, slope, cubic = map(dialect.literal, (0.5, 1, GELU_SLOPE, GELU_CUBIC))
    return f"{half} * {z} * ({one} + tanh({slope} * ({z} + {cubic} * {z} * {z} * {z})))"


class _Network:
    """The columns that a network sees, as expressions."""

    def __init__(self, row: Row, member: Mapping[str, Any], prefix: str) -> None:
        self.row, self.member, self.prefix = row, member, prefix
        self.literal = row.dialect.literal
        self.numbers = {n["name"]: n for n in member["numbers"]}
        self.categories = {c["name"]: c for c in member["categories"]}
        self.words = sorted({e["of"] for e in member["inputs"] if "word" in e})

    def _names(self, letter: str, names: Sequence[Any]) -> dict[Any, str]:
        return {name: f"{self.prefix}{letter}{i}" for i, name in enumerate(names, 1)}

    @property
    def filled(self) -> dict[str, str]:
        """Return the column of each number with its gaps filled."""
        return self._names("f", list(self.numbers))

    @property
    def labels(self) -> dict[str, str]:
        """Return the column of each category's label."""
        return self._names("c", list(self.categories))

    @property
    def texts(self) -> dict[str, str]:
        """Return the column of each text whose words have columns."""
        return self._names("w", self.words)

    @property
    def group_columns(self) -> dict[Key, str]:
        """Return the column of what each group adds."""
        groups = range(len(self.member["groups"]))
        return self._names("g", [(kind, g) for kind in ("effect", "count") for g in groups])

    def coded(self) -> dict[str, str]:
        """Return numbers without gaps, the labels of categories (-1 for none), groups and words."""
        row, dialect = self.row, self.row.dialect
        columns = {
            self.filled[name]: f"COALESCE({row.values[name]}, {self.literal(number['median'])})"
            for name, number in self.numbers.items()
        }
        for name, category in self.categories.items():
            labels = [str(i) for i in range(len(category["labels"]))]
            columns[self.labels[name]] = by_label(dialect, row.values[name], category, labels, "-1")
        for (kind, g), column in self.group_columns.items():
            columns[column] = self._group(self.member["groups"][g], kind)
        for name in self.words:
            own = [e["word"] for e in self.member["inputs"] if e.get("of") == name]
            columns[self.texts[name]] = cleaned(dialect, row.values[name], own)
        return columns

    def _group(self, group: Mapping[str, Any], kind: str) -> str:
        results = [self.literal(value) for value in group[f"{kind}s"]]
        others = self.literal(group[f"{kind}_of_others"])
        levels = list(zip(group["levels"], results, strict=True))
        return self._level(group["columns"], levels, others)

    def _level(
        self, columns: Sequence[str], levels: Sequence[tuple[Sequence[Any], str]], others: str
    ) -> str:
        """Return the result of the level of one column, or of two, one inside the other."""
        if not columns:
            return levels[0][1]
        by_first: dict[Any, list[tuple[Sequence[Any], str]]] = {}
        for (first, *rest), result in levels:
            by_first.setdefault(first, []).append((rest, result))
        results = {value: self._level(columns[1:], own, others) for value, own in by_first.items()}
        missing = results.pop(None, others)
        value = self.row.values[columns[0]]
        if all(isinstance(level, str) for level in results):
            return looked_up(self.row.dialect, value, results, missing, others)
        whens = " ".join(f"WHEN {self.literal(level)} THEN {r}" for level, r in results.items())
        known = f"CASE {value} {whens} ELSE {others} END"
        return f"CASE WHEN {value} IS NULL THEN {missing} ELSE {known} END"

    def inputs(self) -> dict[Key, str]:
        """Return all columns that the linear part and the layers see, each once."""
        entries = [*self.member["linear"], *self.member["inputs"]]
        return {_key(entry): self._input(entry) for entry in entries}

    def linear(self, at: Mapping[Key, str]) -> str:
        """Return the linear start, from the columns of the inputs."""
        products = (
            f"{self.literal(entry['weight'])} * {at[_key(entry)]}"
            for entry in self.member["linear"]
        )
        return joined([self.literal(self.member["intercept"]), *products], "+", "")

    def _input(self, entry: Mapping[str, Any]) -> str:
        literal = self.literal
        kind = next(iter(entry))
        if kind == "missing":
            return indicator(f"{self.row.values[entry['missing'][0]]} IS NULL", self.row.dialect)
        if kind == "category":
            return self._label(entry)
        if kind == "word":
            condition = word(self.row.dialect, self.texts[entry["of"]], entry["word"])
            return indicator(condition, self.row.dialect)
        if kind in ("effect", "count"):
            return self.group_columns[kind, entry[kind]]
        value, number = self.filled[entry[kind]], self.numbers[entry[kind]]
        if kind == "standardised":
            return f"({value} - {literal(number['mean'])}) / {literal(number['sd'])}"
        if kind == "squashed":
            q = f"(({value} - {literal(number['median'])}) / {literal(number['spread'])})"
            third = f"({q} / {literal(3)})"
            return f"{q} / sqrt({literal(1)} + {third} * {third})"
        low, high = entry["low"], entry["high"]
        within = f"({value} - {literal(low)}) / {literal(high - low)} - {literal(0.5)}"
        return (
            f"CASE WHEN {value} <= {literal(low)} THEN {literal(-0.5)}"
            f" WHEN {value} >= {literal(high)} THEN {literal(0.5)} ELSE {within} END"
        )

    def _label(self, entry: Mapping[str, Any]) -> str:
        shares, less = self.categories[entry["category"]]["shares"], entry.get("less", 0.0)
        own, other, mixed = (
            self.literal(value - less) for value in (1.0, 0.0, shares[entry["label"]])
        )
        column = self.labels[entry["category"]]
        return (
            f"CASE {column} WHEN {entry['label']} THEN {own} WHEN -1 THEN {mixed} ELSE {other} END"
        )


def _key(entry: Mapping[str, Any]) -> Key:
    """Return what tells an input from the others."""
    return tuple(str(item) for item in entry.items() if item[0] != "weight")
