"""Score a file with a stored model: it is read as the rows that the model learned from were."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.declarations.model import Declaration, Kind
from data.declarations.sections import PathSource
from data.errors import SourceError, listed
from data.progress import Report, unreported
from data.scratch import temporary_folder
from data.sources.columns import PLURAL, arrays, infinite, kind_of
from data.sources.keys import row_keys
from data.sources.made_keys import CONTENT, ROW
from data.sources.read import read
from data.sources.readings import ColumnReading
from data.sources.snapshot import feature_arrays, load, readings_of
from data.store.read.champions import ServingModel
from data.store.records import SourceColumnRecord
from regressors.arrays import Array, Values
from regressors.encoding.columns import CannotEncode
from regressors.model import Model
from regressors.progress import reporting_to
from tasks.run.loading import declared, loaded
from tasks.run.progress import Progress

MAX_NAMES = 5
"""Columns that a warning names."""

REASONS = (
    ("a level that training does not know", re.compile(r"(^|; )(unseen|level) ")),
    ("a value far outside the range of training", re.compile(r", far outside ")),
    ("a value missing that training had nearly always", re.compile(r" is missing(,|;|$)")),
)
"""What notes are about, and how such a note reads."""


@dataclass(frozen=True)
class Scored:
    """The predictions of n rows, in the order of their file, and sentences on what is odd."""

    keys: Sequence[str | None]
    value: Array
    lower: Array
    upper: Array
    note: list[str | None]
    warnings: tuple[str, ...]


def score(
    serving: ServingModel,
    columns: Sequence[SourceColumnRecord],
    source: Path,
    *,
    quiet_seconds: float = 0,
    report: Report = unreported,
) -> Scored:
    """Return what a stored model predicts for each row of a file; `report` is told of reading it.

    `columns` are those of the source that the model was trained on, empty for a model of version
    0.1.0. A cell that is not of its column's kind is missing. Raises SourceError if the file cannot
    be read or lacks a column, and DamagedModel if the model is not what was stored.
    """
    model = loaded(serving, "artifact")
    declaration = declared(serving).model_copy(
        update={"source": PathSource(path=source.resolve()), "unparsable": "missing"}
    )
    with temporary_folder() as folder:
        kinds = _kinds(columns, model, declaration)
        snapshot = read(
            declaration,
            folder=folder,
            kinds=kinds,
            every_cell=True,
            quiet_seconds=quiet_seconds,
            named_in="--source",
            report=report,
        )
        table, readings = load(snapshot.path), readings_of(snapshot.path)
        _require_columns(declaration, model, table, source)
        _refuse_infinite(model, table, source)
        features = feature_arrays(snapshot.path, model.features)
    try:
        with reporting_to(Progress(declaration.name, "predicting")):
            predicted = model.predicted(features, _weight(declaration.weight, table))
    except CannotEncode as error:
        raise SourceError(f"{error}.", where=str(source.resolve())) from None
    used = [
        reading for reading in readings if reading.name in (*model.features, declaration.weight)
    ]
    keys = row_keys(table, declaration.key)
    note = _notes(predicted.note, used, table.num_rows)
    warnings = (
        *snapshot.warnings,
        *_reading_warnings(used),
        *_column_warnings(declaration, columns, model, table),
        *_key_warnings(keys, declaration),
        *_note_warnings(predicted.note, keys),
    )
    return Scored(keys, predicted.value, predicted.lower, predicted.upper, note, warnings)


def _kinds(
    columns: Sequence[SourceColumnRecord], model: Model, declaration: Declaration
) -> Mapping[str, Kind]:
    """Return the kind that each column had when the model was trained, as far as known."""
    known = {column.name: column.kind for column in columns if column.kind is not None}
    kinds = known or {**model.column_types, declaration.target: "number"}
    return {name: cast("Kind", kind) for name, kind in kinds.items()}


def _require_columns(declaration: Declaration, model: Model, table: pa.Table, source: Path) -> None:
    needed = list(dict.fromkeys((*declaration.key, *model.features)))
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise SourceError(
            f"the column {missing[0]!r} is missing.",
            where=str(source.resolve()),
            next_step=f"The champion needs: {listed(needed)}.",
        )


def _refuse_infinite(model: Model, table: pa.Table, source: Path) -> None:
    for name in model.features:
        rows = np.flatnonzero(infinite(table[name]))
        if len(rows):
            row = int(rows[0])
            raise SourceError(
                f"the column {name!r} is infinite in row {row + 1:,}: {table[name][row].as_py()}.",
                where=str(source.resolve()),
                next_step="Correct the value, or leave it empty.",
            )


def _weight(name: str | None, table: pa.Table) -> Array | None:
    """Return the weights (n,), NaN where one is unknown; None if the rows have no such column."""
    if name is None or name not in table.column_names or kind_of(table[name].type) != "number":
        return None
    weight: Array = arrays(table, [name])[name]
    return weight


def _notes(notes: Values, readings: Sequence[ColumnReading], rows: int) -> list[str | None]:
    """Return the model's notes (n,), each behind those on cells that could not be read."""
    unread: dict[int, list[str]] = {}
    for reading in readings:
        for row in reading.rows:
            unread.setdefault(row, []).append(f"{reading.name} is not a {reading.kind}")
    if not unread:
        return cast("list[str | None]", notes.tolist())
    return [
        "; ".join([*unread.get(row, []), *filter(None, [notes[row]])]) or None
        for row in range(rows)
    ]


def _reading_warnings(readings: Sequence[ColumnReading]) -> Iterator[str]:
    for reading in readings:
        if reading.unparsable:
            cells = ", ".join(f"{text!r} in row {row:,}" for row, text in reading.examples)
            others = reading.unparsable - len(reading.examples)
            more = f" and {others:,} more" if others else ""
            yield (
                f"Column {reading.name!r} holds {PLURAL[reading.kind]}, but not in {cells}{more}:"
                " taken as missing."
            )


def _column_warnings(
    declaration: Declaration,
    columns: Sequence[SourceColumnRecord],
    model: Model,
    table: pa.Table,
) -> Iterator[str]:
    """Yield a warning on columns that the source of the model did not have."""
    roles = (declaration.target, declaration.time, declaration.weight, declaration.split.group)
    known = {*(column.name for column in columns), *declaration.key, *model.features, *roles}
    extra = [n for n in table.column_names if n not in known]
    if extra:
        names = ", ".join(map(repr, extra[:MAX_NAMES]))
        more = f" and {len(extra) - MAX_NAMES} more" if len(extra) > MAX_NAMES else ""
        noun = "column is" if len(extra) == 1 else "columns are"
        yield f"The {noun} not used, because the model was trained without: {names}{more}."


def _key_warnings(keys: Sequence[str | None], declaration: Declaration) -> Iterator[str]:
    missing = [row for row, key in enumerate(keys, start=1) if key is None]
    if missing:
        count = _counted(len(missing), "row")
        yield f"The key is missing in {count}; the first is row {missing[0]:,}."
    column = pa.chunked_array([pa.array(keys, pa.string())])
    counts = pc.value_counts(column.drop_null())
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(repeated) and declaration.key not in ((ROW,), (CONTENT,)):
        first = repeated[0].as_py()
        rows = [row for row, key in enumerate(keys, start=1) if key == first]
        listed = ", ".join(f"{row:,}" for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
        others = f", and so do {len(repeated) - 1:,} other keys" if len(repeated) > 1 else ""
        yield f"The key {first!r} repeats, in rows {listed}{others}."


def _note_warnings(notes: Values, keys: Sequence[str | None]) -> Iterator[str]:
    """Yield a warning for each thing that notes are about: how many rows, and the first of them."""
    noted = [row for row in range(len(keys)) if notes[row]]
    for what, pattern in REASONS:
        rows = [row for row in noted if pattern.search(notes[row])]
        if rows:
            first = f"row {rows[0] + 1:,} (key {keys[rows[0]]})"
            has = "has" if len(rows) == 1 else "have"
            yield (f"{_counted(len(rows), 'row')} {has} {what}: in {first} {notes[rows[0]]}.")
    others = [row for row in noted if not any(p.search(notes[row]) for _, p in REASONS)]
    if others:
        count, row = _counted(len(others), "row"), others[0]
        yield f"{count}, the first is row {row + 1:,}: {notes[row]}."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
