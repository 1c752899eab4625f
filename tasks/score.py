"""Score rows with a stored model: they are read as the rows that the model learned from were."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import cast

import numpy as np
import pyarrow as pa

from data.declarations.mistakes import nearest
from data.declarations.model import Declaration, Kind
from data.declarations.named_source import source_named
from data.errors import SourceError, listed
from data.progress import Report, unreported
from data.scratch import temporary_folder
from data.sources.column_files import ColumnFiles
from data.sources.columns import MAX_MAGNITUDE, OFFSETS, PLURAL, kind_of, with_offsets
from data.sources.made_keys import CONTENT, ROW
from data.sources.read import read_typed
from data.sources.readings import ColumnReading
from data.store.read.champions import ServingModel
from data.store.records import SourceColumnRecord
from data.store.results.columns import PREDICTED, SEGMENT, free_name, narrower_names
from regressors.arrays import Array, Coded, Columns, Indices, in_codes
from regressors.blocks import blocks_of
from regressors.encoding.columns import CannotEncode
from regressors.model import Model
from regressors.predicted import Predicted
from regressors.segments.texts import segments_of
from tasks.run.kept_columns import coded_column
from tasks.run.lags import Lags
from tasks.run.loading import declared
from tasks.run.new_keys import KeyFacts, key_at, key_facts
from tasks.run.odd_rows import OddRows, counted
from tasks.run.progress import Progress
from tasks.run.routed_model import RoutedModel
from tasks.run.trained_rows import RowsThen

MAX_NAMES = 5
"""Columns that a warning names."""


@contextmanager
def scoring(
    serving: ServingModel,
    columns: Sequence[SourceColumnRecord],
    source: str,
    *,
    table: str | None = None,
    query: str | None = None,
    segments: Sequence[tuple[ServingModel, Sequence[str]]] = (),
    stored: RowsThen = lambda: None,
    quiet_seconds: float = 0,
    report: Report = unreported,
) -> Iterator["Scoring"]:
    """Give what a stored model predicts for each row of a source; `report` is told of reading it.

    `segments` are models that serve single segments in its place, each with the names of these.
    The source is a file, a pattern, a folder, an address or a database, as `source_named` reads it.
    `columns` are those of the source that the model was trained on, empty for a model of version
    0.1.0. A cell that is not of its column's kind is missing. What a lag does not find in the
    source it finds in the `stored` rows of the model's run. Raises SourceError if the source cannot
    be read or lacks a column, and DamagedModel if the model is not what was stored.
    """
    model = RoutedModel.of(serving, segments)
    declaration = declared(serving)
    named = source_named(source, declaration.source, table=table, query=query)
    declaration = declaration.model_copy(update={"source": named, "unparsable": "missing"})
    where = named.shown
    with temporary_folder() as folder:
        typed = read_typed(
            declaration,
            folder,
            kinds=_kinds(columns, model.model, declaration)
            | _categories(declaration.segment or ()),
            every_cell=True,
            quiet_seconds=quiet_seconds,
            named_in="--source",
            report=report,
        )
        names = [name for name in typed.files.schema.names if not name.startswith(OFFSETS)]
        lags = Lags.of(declaration, model.features, typed.files, stored)
        _require_columns(
            declaration, [n for n in model.features if n not in lags.by_name], names, where
        )
        roles = (*model.features, *lags.columns, declaration.weight)
        used = [reading for reading in typed.readings if reading.name in roles]
        keys = key_facts(typed.files, declaration.key)
        warnings = [
            *typed.warnings,
            *_reading_warnings(used),
            *_column_warnings(declaration, columns, model.features, names),
            *_key_warnings(keys, typed.files, declaration.key),
        ]
        yield Scoring(declaration, model, typed.files, used, keys, where, lags, warnings)


@dataclass
class Scoring:
    """The rows of a source, which are scored block by block, in the order of the source.

    `warnings` are sentences on what is odd about them; those on notes and lags are added by
    `batches`.
    """

    declaration: Declaration
    model: RoutedModel
    files: ColumnFiles
    readings: Sequence[ColumnReading]
    keys: KeyFacts
    where: str
    lags: Lags
    warnings: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self.files.num_rows

    @property
    def schema(self) -> pa.Schema:
        """Return the columns of the batches: those of the key, and what is predicted.

        Intervals other than the widest have their level in their names: `lower_50`, `upper_50`. A
        column of the key whose name another one has is called as in a table of results.
        """
        results = [pa.field(name, pa.float64()) for name in ("predicted", *self._ends)]
        results += [pa.field("note", pa.string()), pa.field("model_id", pa.int64())]
        results += [SEGMENT] if self.declaration.segment else []
        taken = {*PREDICTED, *(own.name for own in results)}
        key = []
        for name in self.declaration.key:
            unique = free_name(name, taken)
            taken.add(unique.lower())
            key.append(self.files.schema.field(name).with_name(unique))
        return pa.schema([*key, *results])

    @property
    def _ends(self) -> list[str]:
        """Return the columns of the ends of its intervals, the widest first."""
        return ["lower", "upper", *narrower_names(self.declaration.interval.levels)]

    @property
    def key(self) -> list[str]:
        """Return the columns of the batches that identify a row; none if they do not."""
        names: list[str] = self.schema.names
        return names[: len(self.declaration.key)] if self.keys.identify else []

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the key of each row and what is predicted for it; at least one batch.

        Raises SourceError for a value that no model can use.
        """
        unread = [
            (f"{reading.name} is not a {reading.kind}", np.array(reading.rows, dtype=int))
            for reading in self.readings
            if reading.rows
        ]
        progress = Progress(self.declaration.name, "predicting")
        schema, odd = self.schema, OddRows()
        for rows in [*blocks_of(self.rows)] or [slice(0, 0)]:
            made, model_ids = self._predicted(rows)
            odd.add(made.noted, made.texts, rows.start)
            results = self._results(made, model_ids, unread, rows)
            yield pa.record_batch([*self._key(rows), *results, *self._segments(rows)], schema)
            progress(rows.stop / max(self.rows, 1), f"{rows.stop:,} of {self.rows:,} rows")
        self.warnings += self.lags.warnings(self.rows)
        self.warnings += odd.warnings(lambda row: key_at(self.files, self.declaration.key, row))

    def _key(self, rows: slice) -> list[pa.Array]:
        table = self.files.slice(rows.start, rows.stop - rows.start, self.declaration.key)
        return [_in_one_piece(column) for column in table.columns]

    def _predicted(self, rows: slice) -> tuple[Predicted, Indices]:
        columns = self._columns(rows, self.model.features)
        for name in self.model.features:
            _refuse_infinite(name, columns[name], rows.start, self.where)
        try:
            return self.model.predicted(columns, self._weight(rows))
        except CannotEncode as error:
            raise SourceError(f"{error}.", where=self.where) from None

    def _segments(self, rows: slice) -> Iterator[pa.Array]:
        """Yield the segment of each row, where segments are declared."""
        names = self.declaration.segment or ()
        if not names:
            return
        if not {*names} <= {*self.files.schema.names}:  # which the champion alone does not need
            yield pa.nulls(rows.stop - rows.start, pa.string())
            return
        segments = segments_of(self._columns(rows, names), names)
        texts = np.array([*segments.names, None], dtype=object)
        yield pa.array(texts[segments.codes], pa.string())

    def _weight(self, rows: slice) -> Array | None:
        """Return the weights (n,), NaN where one is unknown; None without such a column."""
        name, schema = self.declaration.weight, self.files.schema
        if name is None or name not in schema.names or kind_of(schema.field(name).type) != "number":
            return None
        weight: Array = self._columns(rows, [name])[name]
        return weight

    def _columns(self, rows: slice, names: Sequence[str]) -> Columns:
        known = set(self.files.schema.names)
        read = [name for name in with_offsets(names) if name in known]
        table = self.files.slice(rows.start, rows.stop - rows.start, read)
        coded: Mapping[str, Coded] = {
            name: Coded(self.lags.column(name, rows))
            if name in self.lags.by_name
            else coded_column(table, name)
            for name in names
        }
        return in_codes(coded)

    def _results(
        self,
        made: Predicted,
        model_ids: Indices,
        unread: Sequence[tuple[str, Indices]],
        rows: slice,
    ) -> Iterator[pa.Array]:
        yield pa.array(made.value)
        missing = repeat(np.full(len(made.value), np.nan))  # where rows were too few for intervals
        for _, bound in zip(self._ends, chain(made.ends, missing), strict=False):
            yield pa.array(bound, mask=np.isnan(bound))
        yield _notes(made, unread, rows)
        yield pa.array(model_ids)


def _in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole


def _kinds(
    columns: Sequence[SourceColumnRecord], model: Model, declaration: Declaration
) -> dict[str, Kind]:
    """Return the kind that each column had when the model was trained, as far as known."""
    known = {column.name: column.kind for column in columns if column.kind is not None}
    kinds = known or {**model.column_types, declaration.target: "number"}
    return {name: cast("Kind", kind) for name, kind in kinds.items()}


def _categories(segment: Sequence[str]) -> dict[str, Kind]:
    """Return the kinds of the columns that say which segment a row is of."""
    return dict.fromkeys(segment, "category")


def _require_columns(
    declaration: Declaration, features: Sequence[str], names: Sequence[str], where: str
) -> None:
    needed = list(dict.fromkeys((*declaration.key, *features)))
    missing = [name for name in needed if name not in names]
    if missing:
        others = [name for name in names if name not in needed]
        raise SourceError(
            f"the column {missing[0]!r} is missing.",
            where=where,
            next_step=f"{nearest(missing[0], others)}The champion needs: {listed(needed)}.",
        )


def _refuse_infinite(name: str, values: Array, start: int, where: str) -> None:
    """Raise SourceError for a number (n,) beyond `MAX_MAGNITUDE`; the first is row `start`."""
    if values.dtype.kind != "f" or not len(values):
        return
    if values.max() <= MAX_MAGNITUDE and values.min() >= -MAX_MAGNITUDE:  # none is NaN
        return
    rows = np.flatnonzero(np.abs(values) > MAX_MAGNITUDE)
    if len(rows):
        raise SourceError(
            f"the column {name!r} is infinite in row {start + int(rows[0]) + 1:,}:"
            f" {float(values[rows[0]])}.",
            where=where,
            next_step="Correct the value, or leave it empty.",
        )


def _notes(made: Predicted, unread: Sequence[tuple[str, Indices]], rows: slice) -> pa.Array:
    """Return the model's notes of a range of rows, each behind those on cells that are unread."""
    before: dict[int, list[str]] = {}
    for text, unread_rows in unread:
        for row in unread_rows[(unread_rows >= rows.start) & (unread_rows < rows.stop)].tolist():
            before.setdefault(row - rows.start, []).append(text)
    if not before and not len(made.noted):
        return pa.nulls(len(made.value), pa.string())
    texts: list[str | None] = made.note.tolist()
    for row, found in before.items():
        texts[row] = "; ".join([*found, *filter(None, [texts[row]])])
    return pa.array(texts, pa.string())


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
    features: Sequence[str],
    names: Sequence[str],
) -> Iterator[str]:
    """Yield a warning on columns that the source of the model did not have."""
    roles = [declaration.target, declaration.time, declaration.weight, declaration.split.group]
    roles += declaration.segment or ()
    known = {*(column.name for column in columns), *declaration.key, *features, *roles}
    extra = [name for name in names if name not in known]
    if extra:
        names = ", ".join(map(repr, extra[:MAX_NAMES]))
        more = f" and {len(extra) - MAX_NAMES} more" if len(extra) > MAX_NAMES else ""
        noun = "column is" if len(extra) == 1 else "columns are"
        yield f"The {noun} not used, because the model was trained without: {names}{more}."


def _key_warnings(facts: KeyFacts, files: ColumnFiles, key: Sequence[str]) -> Iterator[str]:
    if facts.missing:
        count = counted(facts.missing, "row")
        yield f"The key is missing in {count}; the first is row {facts.first_missing + 1:,}."
    if facts.repeated and tuple(key) not in ((ROW,), (CONTENT,)):
        rows = [row + 1 for row in facts.rows]
        shown = ", ".join(f"{row:,}" for row in rows[:3]) + (", ..." if len(rows) > 3 else "")
        others = f", and so do {facts.repeated - 1:,} other keys" if facts.repeated > 1 else ""
        yield f"The key {key_at(files, key, facts.rows[0])!r} repeats, in rows {shown}{others}."
