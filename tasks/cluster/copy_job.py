"""Copying rows to the database on a worker: what is sent there, what is done, what comes back.

No row is sent: its columns are in files of the driver, which are named, and the worker maps them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.errors import StoreError
from data.store.checksums import in_key_order, predictions_sha256
from data.store.row_columns import ROLE, ModelRef, PredictionColumns
from data.store.write.run_tables import RunTable, copy_part
from data.texts import Texts
from regressors.file_arrays import mapped, place_of
from tasks.cluster.token_file import Token

Place = tuple[str, int, np.dtype[Any], int]
"""Where an array is: the arguments of `mapped`."""

Stored = Callable[[NDArray[Any]], NDArray[Any]]
"""Writes an array to a file, and returns it mapped from there."""


def placed(values: NDArray[Any], stored: Stored) -> Place:
    """Return where an array is in a file, to which it is written if it is in none."""
    place = place_of(values) or place_of(stored(values))
    assert place is not None
    return place


@dataclass(frozen=True)
class PlacedTexts:
    """Where the buffers of Arrow's array of `rows` texts are; None for one that there is not."""

    buffers: tuple[Place | None, ...]
    rows: int
    offset: int

    @classmethod
    def of(cls, texts: Texts, stored: Stored) -> "PlacedTexts":
        """Write texts to a file."""
        values, arrays = texts.values, texts.buffers
        if arrays is None:
            arrays = [np.frombuffer(b, np.uint8) if b else None for b in values.buffers()]
        places = [None if a is None or not a.size else placed(a, stored) for a in arrays]
        return cls(tuple(places), len(values), values.offset)

    def texts(self) -> Texts:
        """Return the texts, mapped from the file."""
        validity, ends, content = (b and pa.py_buffer(mapped(*b)) for b in self.buffers)
        buffers = [validity, ends, content or pa.py_buffer(b"")]
        array = pa.Array.from_buffers(pa.large_string(), self.rows, buffers, offset=self.offset)
        return Texts(array)


@dataclass(frozen=True)
class PlacedRows:
    """Predictions of a model, in files of a folder where a `token` is."""

    model: ModelRef
    rows: int
    numbers: Mapping[str, Place]
    key: PlacedTexts
    role: Place
    note: PlacedTexts | None
    segment: PlacedTexts | None
    routed: Place | None
    token: Token

    @classmethod
    def of(cls, rows: PredictionColumns, stored: Stored, token: Token) -> "PlacedRows":
        """Write those columns to files that are in none."""
        numbers = {name: np.asarray(column, float) for name, column in rows.numbers.items()}
        note, segment = rows.notes, None if rows.segment is None else Texts.of(rows.segment)
        return cls(
            model=rows.model,
            rows=len(rows.key),
            numbers={name: placed(column, stored) for name, column in numbers.items()},
            key=PlacedTexts.of(Texts.of(rows.key), stored),
            role=placed(np.asarray(rows.role, ROLE), stored),
            note=None if note is None else PlacedTexts.of(note, stored),
            segment=None if segment is None else PlacedTexts.of(segment, stored),
            routed=None if rows.routed is None else placed(rows.routed, stored),
            token=token,
        )

    def taken(self, part: slice) -> PredictionColumns:
        """Return some successive rows."""
        return PredictionColumns(
            model=self.model,
            key=self.key.texts()[part],
            role=mapped(*self.role)[part],
            note=None if self.note is None else self.note.texts()[part],
            segment=None if self.segment is None else self.segment.texts()[part],
            routed=None if self.routed is None else mapped(*self.routed)[part],
            **{name: mapped(*place)[part] for name, place in self.numbers.items()},
        )


@dataclass(frozen=True, eq=False)
class RowsToCopy:
    """Rows, by number, that a worker is to copy into a table; not one of those in `not_on`.

    `worker` is who does it, and `url` the database that its own settings name.
    """

    table: RunTable
    placed: PlacedRows
    part: slice
    not_on: frozenset[str] = frozenset()
    worker: str = ""
    url: str = field(default="", repr=False)

    def of_worker(self, worker: str, url: str) -> "RowsToCopy":
        """Return the job of a worker."""
        return replace(self, worker=worker, url=url)

    @property
    def rows(self) -> PredictionColumns:
        """Return the rows."""
        return self.placed.taken(self.part)


@dataclass(frozen=True)
class NotCopied:
    """Why a worker cannot copy rows, in a sentence that goes on after its name."""

    worker: str
    why: str


_refused: dict[str, str] = {}
"""Why this process cannot copy into tables, by their token: it may take a while to find out."""


def copy_rows(_: object, job: RowsToCopy) -> int | NotCopied:
    """Copy rows into a table of the worker's database; return the number of the transaction."""
    token = job.table.token
    if token not in _refused and not job.placed.token.is_here():
        _refused[token] = "does not see the home of nightfit"
    if token not in _refused:
        try:
            return copy_part(job.url, job.table, job.rows)
        except StoreError as error:
            _refused[token] = f"cannot write to the database ({str(error).rstrip('.')})"
    return NotCopied(job.worker, _refused[token])


def checksum(_: object, job: RowsToCopy) -> tuple[int, str] | NotCopied:
    """Return how many rows there are, and the SHA-256 that is stored with them."""
    if not job.placed.token.is_here():
        return NotCopied(job.worker, "does not see the home of nightfit")
    return predictions_sha256(in_key_order(job.rows))
