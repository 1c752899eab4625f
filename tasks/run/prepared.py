"""The rows of a run that passed its checks, prepared once for all of its steps."""

from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

import numpy as np
import pyarrow as pa

from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.sources.snapshot import Snapshot
from data.split import TEST, TRAIN, Split
from data.texts import Texts
from regressors.arrays import Indices, in_codes
from regressors.segments.texts import Segments, segments_of
from tasks.run.row_parts import Parts
from tasks.run.rows import Mask, Rows, SnapshotRows


@dataclass(frozen=True)
class Times:
    """How far the rows of a run reach in time; None without a time column.

    `train_until` and `data_until` are the newest time of the training rows and of all labelled
    rows, in microseconds since 1970, or unchanged where times are numbers. `period` is the oldest
    and the newest time of the labelled rows, as text.
    """

    train_until: float | None = None
    data_until: float | None = None
    period: tuple[str, str] | None = None


class Prepared:
    """The rows of a run in the order of their keys, and how they are split.

    Every step of a run gets this one value, so that each column of the snapshot is read, and its
    keys are made and sorted, once. Each part of the rows is written to files of its own, a column
    at a time, when a step first asks for it.

    Its `name` is like that of no other one. Not a dataclass, because Prefect would walk through
    everything in it each time that a task gets it as an argument.
    """

    def __init__(
        self,
        declaration: Declaration,
        snapshot: Snapshot,
        checked: Checked,
        source: SnapshotRows,
        split: Split,
        parts: Parts,
    ) -> None:
        self.declaration = declaration
        self.snapshot = snapshot
        self.checked = checked
        self.source = source
        self.split = split
        self.name = uuid4().hex
        self.parts = parts
        self.is_train: Mask = parts.train.chosen
        self.is_test: Mask = parts.test.chosen
        self.is_new: Mask = parts.new.chosen
        self.is_labelled: Mask = parts.labelled.chosen

    @property
    def rows(self) -> Rows:
        """Return all n rows, with tonight's features as columns."""
        return self.source.rows

    @property
    def train(self) -> Rows:
        """Return the training rows."""
        return self.parts.train.rows

    @property
    def test(self) -> Rows:
        """Return the test rows."""
        return self.parts.test.rows

    @property
    def new(self) -> Rows:
        """Return the new rows."""
        return self.parts.new.rows

    @property
    def labelled(self) -> Rows:
        """Return the training and the test rows."""
        return self.parts.labelled.rows

    @property
    def labelled_rows(self) -> int:
        """Return how many rows have a target."""
        return len(self.labelled.keys)

    @property
    def stores_training_predictions(self) -> bool:
        """Return whether the predictions of the training rows are stored."""
        return self.declaration.stores_training_predictions(self.labelled_rows)

    @cached_property
    def segments(self) -> Segments | None:
        """Return the segments of all rows, None where none are declared."""
        names = self.declaration.segment
        if not names:
            return None
        coded = {name: self.source.coded(name) for name in names}
        columns = {name: column for name, column in coded.items() if column is not None}
        return segments_of(in_codes(columns), names)

    @cached_property
    def segment_texts(self) -> Texts | None:
        """Return the segment of each row (n,), None where it has none, or none are declared."""
        if self.segments is None:
            return None
        names, codes = pa.array(self.segments.names, pa.large_string()), self.segments.codes
        return self.rows.stored_texts(Texts.of(names.take(pa.array(codes, mask=codes < 0))))

    @property
    def train_fold(self) -> Indices:
        """Return the fold of each training row."""
        return self.parts.train.fold

    @cached_property
    def repeated_test_rows(self) -> int:
        """Return how many test rows repeat a training row: the same features and target."""
        if self.checked.label is None:
            return 0
        args = *self.source.arrangement, self.checked.label, self.split.code
        (repeated,) = self.source.do("finding repeated rows", [(_repeated, args)])
        return int(repeated)

    @cached_property
    def times(self) -> Times:
        """Return how far the rows reach in time."""
        if self.rows.time is None:
            return Times()
        args = self.rows.without_columns(), self.is_train, self.is_labelled
        (times,) = self.source.do("finding the newest times", [(_times, args)])
        return times  # type: ignore[no-any-return]


def _repeated(kept: Mask, order: Indices | slice, label: Indices, code: Indices) -> int:
    """Return how many test rows repeat a training row; the labels are of the snapshot's rows."""
    arranged = label[kept][order]
    in_training = arranged[(code == TRAIN) & (arranged >= 0)]
    return int((np.isin(arranged, in_training) & (code == TEST)).sum())


def _times(rows: Rows, is_train: Mask, is_labelled: Mask) -> Times:
    return Times(rows.newest(is_train), rows.newest(is_labelled), rows.period(is_labelled))
