"""A model as one SELECT, which predicts every row of a table.

Where other models serve some segments, it is one SELECT of each of them over its rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.connections.table_name import TableName
from data.errors import CallError
from regressors.description import weights_of
from tasks.export.sql.dialects import Dialect
from tasks.export.sql.expressions import Row, texts_of
from tasks.export.sql.inline_table import inline_table
from tasks.export.sql.interval import Step, bounded, reaches, scaled
from tasks.export.sql.linear import equation
from tasks.export.sql.network import Steps, add_network

MAX_WEIGHTS = 50_000
"""Of networks in SQL: above it, a row would take too long."""

MAX_NAME = 63
"""In bytes: PostgreSQL cuts a name that is longer."""

RESULTS = ("predicted", "lower", "upper")


@dataclass(frozen=True)
class Query:
    """A SELECT with the `carried` columns of a table, and predicted, lower and upper."""

    text: str
    columns: tuple[str, ...]


def query(
    description: Mapping[str, Any],
    dialect: Dialect,
    table: TableName,
    carried: Sequence[str],
    weight: str | None = None,
) -> Query:
    """Return the query of a model over a table; `weight` is the column of the rows' weights.

    Raises CallError for a network that is too large for SQL.
    """
    results = _result_names(carried)
    columns = (*carried, *results)
    whole = dialect.table(table)
    if not description.get("routes"):
        return Query(_of_rows(description, dialect, f"{whole} AS t", carried, weight), columns)
    texts = []
    for number, (own, rows) in enumerate(_rows_of_models(description, dialect, whole), 1):
        text = _of_rows(own, dialect, rows, carried, weight)
        texts.append(f"SELECT * FROM (\n{_indented(text)}\n) AS nightfit_model_{number}")  # noqa: S608
    return Query("\nUNION ALL\n".join(texts), columns)


def _rows_of_models(
    description: Mapping[str, Any], dialect: Dialect, table: str
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield each model with the rows of a table that it predicts, those of the champion first."""
    columns, routes = description["segment"], description["routes"]
    routed = [segment for route in routes for segment in route["segments"]]
    values = texts_of(dialect, columns, routed)
    named = [f"nightfit_segment_{i}" for i in range(len(columns))]

    def rows(join: str, segments: Sequence[Sequence[str]], where: str) -> str:
        own = dict(zip(named, zip(*segments, strict=True), strict=True))
        listed = inline_table(dialect, "nightfit_route", own, {})
        met = " AND ".join(
            f"nightfit_route.{name} = {value}" for name, value in zip(named, values, strict=True)
        )
        return f"(SELECT t.* FROM {table} AS t {join} {listed} ON {met}{where}) AS t"  # noqa: S608 - quoted

    yield description, rows("LEFT JOIN", routed, f" WHERE nightfit_route.{named[0]} IS NULL")
    for route in routes:
        yield route["description"], rows("JOIN", route["segments"], "")


def _of_rows(
    description: Mapping[str, Any],
    dialect: Dialect,
    rows: str,
    carried: Sequence[str],
    weight: str | None,
) -> str:
    """Return the query of one model over `rows`, which stand after FROM and are named t."""
    names = {column["name"] for column in description["columns"]}
    names |= set(carried) | ({weight} if weight else set())
    columns = {name: f"t.{dialect.identifier(name)}" for name in names}
    row = Row(dialect, description, columns)
    make = _of_networks if description["kind"] == "ann" else _of_equation
    weight_value = None if weight is None else dialect.number(columns[weight])
    kept = [(columns[name], dialect.identifier(name)) for name in carried]
    return make(description, row, rows, kept, weight_value, _result_names(carried))


Kept = Sequence[tuple[str, str]]
"""The expressions of carried columns, with their names."""


def _result_names(carried: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the results, which no carried column has."""
    taken = {name.casefold() for name in carried}
    prefix = ""
    while any(prefix + name in taken for name in RESULTS):
        prefix += "nightfit_"
    return tuple(prefix + name for name in RESULTS)


def _of_equation(
    description: Mapping[str, Any],
    row: Row,
    rows: str,
    kept: Kept,
    weight: str | None,
    results: Sequence[str],
) -> str:
    names, (member,) = _part_names(row), description["members"]
    here = row.named(names)
    keys = [f"nightfit_{i}" for i in range(len(kept))]
    values = [f"{text} AS {name}" for name, (text, _) in zip(keys, kept, strict=True)]
    values += [f"{row.values[part]} AS {name}" for part, name in names.items()]
    values += [] if weight is None else [f"{weight} AS nightfit_weight"]
    interval = description["interval"]
    lines = _Lines.of(member, interval, here, "nightfit_step_0")
    more_of = None if lines is None else lines.more_of
    scored = [
        *keys,
        f"{equation(here, member, None if lines is None else lines.columns)} AS nightfit_predicted",
        *_named(reaches(here, interval, weight and "nightfit_weight", more_of)),
    ]
    text = rows
    kept_on = [*keys, "nightfit_predicted"]
    selected = [values or ["1 AS nightfit_nothing"], scored]
    if lines is not None:
        own = [*keys, *names.values(), *([] if weight is None else ["nightfit_weight"])]
        selected.insert(1, [*own, *lines.selected])
    selected += [[*kept_on, *_named(s)] for s in scaled(row.dialect, interval)]
    for number, columns in enumerate(selected):
        listed = ",\n  ".join(columns)
        if lines is not None and number == 1:
            text += f"\n{lines.join}"
        text = _indented(f"SELECT\n  {listed}\nFROM {text}")
        text = f"(\n{text}\n) AS nightfit_step_{number}"
    return f"SELECT\n{_outer(keys, kept, results, row.dialect, description)}\nFROM {text}"


@dataclass(frozen=True)
class _Lines:
    """The lines of segments beside a step: a `join`, and what is selected as `columns` of it.

    `more_of` are those columns of it that hold by how much an unknown part widens an interval.
    """

    join: str
    selected: Sequence[str]
    columns: Sequence[str]
    more_of: Mapping[str, str]

    @classmethod
    def of(
        cls, member: Mapping[str, Any], interval: Mapping[str, Any] | None, row: Row, step: str
    ) -> "_Lines | None":
        """Return the lines of a member; None where it has one equation, or lines of no segment."""
        lines = member.get("segments")
        if lines is None or not lines["estimates"]:
            return None
        segments = [line["segment"] for line in lines["estimates"]]
        texts = {
            f"nightfit_segment_{i}": column for i, column in enumerate(zip(*segments, strict=True))
        }
        own = zip(*(line["estimates"] for line in lines["estimates"]), strict=True)
        numbers: dict[str, Sequence[float]] = {
            f"nightfit_own_{i}": column for i, column in enumerate(own)
        }
        columns = [f"nightfit_term_{i}" for i in range(len(numbers))]
        met = " AND ".join(
            f"nightfit_lines.{name} = {step}.{row.values[column]}"
            for name, column in zip(texts, lines["columns"], strict=True)
        )
        selected = [
            f"COALESCE({name}, {row.dialect.literal(term['estimate'])}) AS {column}"
            for name, column, term in zip(numbers, columns, member["terms"], strict=True)
        ]
        unknown = [] if interval is None else interval["unknown"]
        of_all = {part["part"]: part["more"][0] for part in unknown if part["more"] is not None}
        more_of = {}
        for i, (part, more) in enumerate(of_all.items()):
            numbers[f"nightfit_wider_{i}"] = [line["more"][part][0] for line in lines["estimates"]]
            more_of[part] = f"nightfit_more_{i}"
            selected.append(
                f"COALESCE(nightfit_wider_{i}, {row.dialect.literal(more)}) AS {more_of[part]}"
            )
        listed = inline_table(row.dialect, "nightfit_lines", texts, numbers)
        return cls(f"LEFT JOIN {listed} ON {met}", selected, columns, more_of)


def _named(step: Step) -> list[str]:
    return [f"{text} AS {name}" for name, text in step.items()]


def _indented(text: str) -> str:
    """Return a text indented, but for lines that begin inside a literal."""
    lines, is_literal = [], False
    for line in text.split("\n"):
        lines.append(line if is_literal else f"  {line}")
        is_literal ^= line.count("'") % 2 == 1
    return "\n".join(lines)


def _part_names(row: Row) -> dict[str, str]:
    """Return names for the parts of a row: their own, unless one is too long for PostgreSQL."""
    short = all(len(name.encode()) <= MAX_NAME for name in row.values)
    clash = any(name.casefold().startswith("nightfit_") for name in row.values)
    if short and not clash:
        return {name: row.dialect.identifier(name) for name in row.values}
    return {name: f"p{i}" for i, name in enumerate(row.values)}


def _outer(
    keys: Sequence[str],
    kept: Kept,
    results: Sequence[str],
    dialect: Dialect,
    description: Mapping[str, Any],
) -> str:
    below, above = bounded(dialect, description["interval"])
    value, lower, upper = results
    selected = [f"  {key} AS {name}" for key, (_, name) in zip(keys, kept, strict=True)]
    selected += [
        f'  nightfit_predicted AS "{value}"',
        f'  {below} AS "{lower}"',
        f'  {above} AS "{upper}"',
    ]
    return ",\n".join(selected)


def _of_networks(
    description: Mapping[str, Any],
    row: Row,
    rows: str,
    kept: Kept,
    weight: str | None,
    results: Sequence[str],
) -> str:
    dialect = row.dialect
    weights = weights_of(description)
    if weights > MAX_WEIGHTS:
        raise CallError(
            f"its networks have {weights:,} weights, and SQL is for {MAX_WEIGHTS:,} at most.",
            next_step="Export it with '--format onnx', or declare smaller layers, such as"
            " 'ann: {hidden: [16, 8]}'.",
        )
    names = {name: f"p{i}" for i, name in enumerate(row.values)}
    keys = {f"k{i}": text for i, (text, _) in enumerate(kept)}
    steps = Steps([], name=rows)
    first = {**keys, **{names[name]: text for name, text in row.values.items()}}
    steps.add("nightfit_rows", first | ({"w": weight} if weight else {}))
    steps.carried = list(first) + (["w"] if weight else [])
    here = row.named(names)
    outputs = []
    for number, member in enumerate(description["members"], 1):
        outputs.append(add_network(steps, here, member, number))
        steps.carried.append(outputs[-1])
    mean = f"({' + '.join(outputs)}) / {dialect.literal(len(outputs))}"
    interval = reaches(here, description["interval"], "w" if weight else None)
    steps.carried = list(keys)
    steps.add("nightfit_scored", {"nightfit_predicted": mean, **interval})
    steps.carried.append("nightfit_predicted")
    for step, columns in enumerate(scaled(dialect, description["interval"]), 1):
        steps.add(f"nightfit_scaled_{step}", columns)
    if steps.widest > dialect.columns:
        raise CallError(
            f"a step of the query would have {steps.widest:,} columns, and {dialect.shown} allows"
            f" {dialect.columns:,}.",
            next_step="Export the model with '--format onnx'.",
        )
    with_steps = ",\n".join(steps.texts)
    outer = _outer(list(keys), kept, results, dialect, description)
    return f"WITH {with_steps}\nSELECT\n{outer}\nFROM {steps.name}"
