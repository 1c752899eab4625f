"""The rows of a run that passed its checks, prepared once for all of its steps."""

from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

import numpy as np
import pyarrow as pa

from data.checks.findings import Checked
from data.declarations.model import Declaration
from data.sources.snapshot import Snapshot
from data.split import NEW, TEST, TRAIN, Split
from data.texts import Texts
from regressors.arrays import Indices, in_codes
from regressors.segments.texts import Segments, segments_of
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
    ) -> None:
        self.declaration = declaration
        self.snapshot = snapshot
        self.checked = checked
        self.source = source
        self.split = split
        self.name = uuid4().hex
        self.is_train: Mask = split.code == TRAIN
        self.is_test: Mask = split.code == TEST
        self.is_new: Mask = split.code == NEW

    @property
    def rows(self) -> Rows:
        """Return all n rows, with tonight's features as columns."""
        return self.source.rows

    @cached_property
    def train(self) -> Rows:
        """Return the training rows."""
        return self.rows.take(self.is_train)

    @cached_property
    def test(self) -> Rows:
        """Return the test rows."""
        return self.rows.take(self.is_test)

    @cached_property
    def new(self) -> Rows:
        """Return the new rows."""
        return self.rows.take(self.is_new)

    @cached_property
    def labelled(self) -> Rows:
        """Return the training and the test rows."""
        return self.rows.take(~self.is_new)

    @property
    def labelled_rows(self) -> int:
        """Return how many rows have a target."""
        return int((~self.is_new).sum())

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
        return Texts.of(names.take(pa.array(codes, mask=codes < 0)))

    @cached_property
    def train_fold(self) -> Indices:
        """Return the fold of each training row."""
        return self.source.files.stored(self.split.fold[self.is_train])

    @cached_property
    def labelled_fold(self) -> Indices:
        """Return the fold of each labelled row."""
        return self.source.files.stored(self.split.fold[~self.is_new])

    @cached_property
    def train_known(self) -> Indices | None:
        """Return from which fold on each training row is known; None in a split by hash."""
        return self._known(self.is_train)

    @cached_property
    def labelled_known(self) -> Indices | None:
        """Return from which fold on each labelled row is known; None in a split by hash."""
        return self._known(~self.is_new)

    def _known(self, rows: Mask) -> Indices | None:
        known = self.split.known
        return None if known is None else self.source.files.stored(known[rows])

    @cached_property
    def test_of_labelled(self) -> Mask:
        """Return which of the labelled rows are test rows."""
        return self.source.files.stored(self.is_test[~self.is_new])

    @cached_property
    def repeated_test_rows(self) -> int:
        """Return how many test rows repeat a training row: the same features and target."""
        if self.checked.label is None:
            return 0
        label = self.source.arranged(self.checked.label)
        in_training = label[self.is_train & (label >= 0)]
        return int((np.isin(label, in_training) & self.is_test).sum())

    @cached_property
    def times(self) -> Times:
        """Return how far the rows reach in time."""
        rows, labelled = self.rows, ~self.is_new
        return Times(rows.newest(self.is_train), rows.newest(labelled), rows.period(labelled))
