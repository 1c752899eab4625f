"""Score a file with a stored model: it is read as the rows that the model learned from were."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from data.declarations.model import Declaration, Kind
from data.declarations.named_source import source_named
from data.errors import SourceError, listed
from data.progress import Report, unreported
from data.scratch import temporary_folder
from data.sources.columns import PLURAL, arrays, infinite, kind_of
from data.sources.made_keys import CONTENT, ROW
from data.sources.read import read
from data.sources.readings import ColumnReading
from data.sources.snapshot import readings_of
from data.sources.stored_columns import StoredColumns
from data.store.read.champions import ServingModel
from data.store.records import SourceColumnRecord
from data.texts import Texts
from regressors.arrays import Array, Indices, Values
from regressors.blocks import blocks_of, release
from regressors.encoding.columns import CannotEncode
from regressors.model import Model
from tasks.run.loading import declared, loaded
from tasks.run.progress import Progress
from tasks.run.row_files import RowColumns, RowFiles
from tasks.run.rows import KeptColumns

MAX_NAMES = 5
"""Columns that a warning names."""

REASONS = (
    ("a level that training does not know", re.compile(r"(^|; )(unseen|level) ")),
    ("a value far outside the range of training", re.compile(r", far outside ")),
    ("a value missing that training had nearly always", re.compile(r" is missing(,|;|$)")),
)
"""What notes are about, and how such a note reads."""

OTHERS = "something else"


@dataclass(frozen=True)
class Scored:
    """The predictions of n rows, in the order of their file, and sentences on what is odd."""

    keys: Texts
    value: Array
    lower: Array
    upper: Array
    note: Texts
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
    declaration = declared(serving)
    declaration = declaration.model_copy(
        update={"source": source_named(str(source), declaration.source), "unparsable": "missing"}
    )
    with temporary_folder() as folder:
        snapshot = read(
            declaration,
            folder=folder,
            kinds=_kinds(columns, model, declaration),
            every_cell=True,
            quiet_seconds=quiet_seconds,
            named_in="--source",
            report=report,
        )
        stored, readings = StoredColumns(snapshot.path), readings_of(snapshot.path)
        _require_columns(declaration, model, stored.column_names, source)
        _refuse_infinite(model, stored, source)
        reader, files = KeptColumns(stored, np.ones(stored.num_rows, dtype=bool)), RowFiles()
        features = RowColumns(model.features, reader.column, files)
        coded = {name: features.coded(name) for name in features}
        keys = files.stored_texts(reader.texts(declaration.key))
        weight = _weight(declaration.weight, stored)
    used = [
        reading for reading in readings if reading.name in (*model.features, declaration.weight)
    ]
    unread = [(f"{r.name} is not a {r.kind}", np.array(r.rows, dtype=int)) for r in used if r.rows]
    value, lower, upper = np.empty((3, len(keys)))
    notes, odd = [], _OddRows()
    progress = Progress(declaration.name, "predicting")
    try:
        for rows in [*blocks_of(len(keys))] or [slice(0, 0)]:
            part = model.predicted(
                {name: column.taken(rows) for name, column in coded.items()},
                None if weight is None else weight[rows],
            )
            value[rows], lower[rows], upper[rows] = part.value, part.lower, part.upper
            odd.add(part.note, rows.start)
            progress(rows.stop / max(len(keys), 1), f"{rows.stop:,} of {len(keys):,} rows")
            notes.append(pa.array(_notes(part.note, unread, rows), pa.large_string()))
            release(column.values for column in coded.values())
    except CannotEncode as error:
        raise SourceError(f"{error}.", where=str(source.resolve())) from None
    note = files.stored_texts(Texts.of(pa.chunked_array(notes)))
    warnings = (
        *snapshot.warnings,
        *_reading_warnings(used),
        *_column_warnings(declaration, columns, model, stored.column_names),
        *_key_warnings(keys, declaration),
        *odd.warnings(keys),
    )
    return Scored(keys, value, lower, upper, note, warnings)


def _kinds(
    columns: Sequence[SourceColumnRecord], model: Model, declaration: Declaration
) -> Mapping[str, Kind]:
    """Return the kind that each column had when the model was trained, as far as known."""
    known = {column.name: column.kind for column in columns if column.kind is not None}
    kinds = known or {**model.column_types, declaration.target: "number"}
    return {name: cast("Kind", kind) for name, kind in kinds.items()}


def _require_columns(
    declaration: Declaration, model: Model, names: Sequence[str], source: Path
) -> None:
    needed = list(dict.fromkeys((*declaration.key, *model.features)))
    missing = [name for name in needed if name not in names]
    if missing:
        raise SourceError(
            f"the column {missing[0]!r} is missing.",
            where=str(source.resolve()),
            next_step=f"The champion needs: {listed(needed)}.",
        )


def _refuse_infinite(model: Model, stored: StoredColumns, source: Path) -> None:
    for name in model.features:
        column = stored.column(name)
        rows = np.flatnonzero(infinite(column))
        if len(rows):
            row = int(rows[0])
            raise SourceError(
                f"the column {name!r} is infinite in row {row + 1:,}: {column[row].as_py()}.",
                where=str(source.resolve()),
                next_step="Correct the value, or leave it empty.",
            )


def _weight(name: str | None, stored: StoredColumns) -> Array | None:
    """Return the weights (n,), NaN where one is unknown; None if the rows have no such column."""
    if name not in stored.column_names or kind_of(stored.schema.field(name).type) != "number":
        return None
    weight: Array = arrays(stored.select([name]), [name])[name]
    return weight


def _notes(notes: Values, unread: Sequence[tuple[str, Indices]], rows: slice) -> list[str | None]:
    """Return the model's notes of a range of rows, each behind those on cells that are unread."""
    before: dict[int, list[str]] = {}
    for text, unread_rows in unread:
        for row in unread_rows[(unread_rows >= rows.start) & (unread_rows < rows.stop)].tolist():
            before.setdefault(row - rows.start, []).append(text)
    texts: list[str | None] = notes.tolist()
    for row, found in before.items():
        texts[row] = "; ".join([*found, *filter(None, [texts[row]])])
    return texts


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
    names: Sequence[str],
) -> Iterator[str]:
    """Yield a warning on columns that the source of the model did not have."""
    roles = (declaration.target, declaration.time, declaration.weight, declaration.split.group)
    known = {*(column.name for column in columns), *declaration.key, *model.features, *roles}
    extra = [name for name in names if name not in known]
    if extra:
        names = ", ".join(map(repr, extra[:MAX_NAMES]))
        more = f" and {len(extra) - MAX_NAMES} more" if len(extra) > MAX_NAMES else ""
        noun = "column is" if len(extra) == 1 else "columns are"
        yield f"The {noun} not used, because the model was trained without: {names}{more}."


def _key_warnings(keys: Texts, declaration: Declaration) -> Iterator[str]:
    missing = np.asarray(keys.values.is_null(), dtype=bool)
    if missing.any():
        count = _counted(int(missing.sum()), "row")
        yield f"The key is missing in {count}; the first is row {int(np.argmax(missing)) + 1:,}."
    if declaration.key in ((ROW,), (CONTENT,)):
        return
    present = np.flatnonzero(~missing)
    first, repeated = (keys[present] if missing.any() else keys).first_repeated()
    if repeated:
        rows = (present[first[:4]] + 1).tolist()
        listed = ", ".join(f"{row:,}" for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
        others = f", and so do {repeated - 1:,} other keys" if repeated > 1 else ""
        yield f"The key {keys[rows[0] - 1]!r} repeats, in rows {listed}{others}."


class _OddRows:
    """What the notes of rows are about: of each thing, how many rows have it, and the first."""

    def __init__(self) -> None:
        self._count: Counter[str] = Counter()
        self._first: dict[str, tuple[int, str]] = {}

    def add(self, notes: Values, start: int) -> None:
        """Add the notes of some rows, of which the first is the row `start` (from 0)."""
        for row in np.flatnonzero(notes.astype(bool)).tolist():
            whats = [what for what, pattern in REASONS if pattern.search(notes[row])] or [OTHERS]
            self._count.update(whats)
            for what in whats:
                self._first.setdefault(what, (start + row, notes[row]))

    def warnings(self, keys: Texts) -> Iterator[str]:
        """Yield a warning for each thing that notes are about."""
        for what, _ in REASONS:
            if count := self._count[what]:
                row, note = self._first[what]
                has = "has" if count == 1 else "have"
                first = f"row {row + 1:,} (key {keys[row]})"
                yield f"{_counted(count, 'row')} {has} {what}: in {first} {note}."
        if count := self._count[OTHERS]:
            row, note = self._first[OTHERS]
            yield f"{_counted(count, 'row')}, the first is row {row + 1:,}: {note}."


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
