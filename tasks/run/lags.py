"""The lags of rows that are scored: of their own source, or of the rows of the model's run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.declarations.lags import Lag
from data.declarations.model import Declaration
from data.lags import KnownValues, Lagging, Values
from data.sources.column_files import ColumnFiles
from tasks.run.odd_rows import counted
from tasks.run.trained_rows import RowsThen


@dataclass
class Lags:
    """The lags that a model needs, `by_name`, made for the rows of a source.

    `known` has the values of the source and then those of the rows of the model's run, as far as
    there are any; `gone` is whether these rows are gone. `missing` counts the rows without a value.
    """

    lagging: Lagging
    by_name: Mapping[str, Lag]
    files: ColumnFiles
    known: Mapping[str, Sequence[KnownValues]]
    gone: bool
    missing: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        declaration: Declaration,
        features: Sequence[str],
        files: ColumnFiles,
        stored: RowsThen,
    ) -> "Lags":
        """Return the lags among the features of a model that the source does not have itself."""
        lagging = Lagging(declaration)
        declared = {lag.name for lag in declaration.lagged}
        found = {name: lagging.lag(name, files.schema.names) for name in features}
        lags = {name: lag for name, lag in found.items() if lag is not None and name in declared}
        rows = stored() if lags else None
        known = {}
        for name, lag in lags.items():
            of_source = None
            if lagging.can_be_made(lag, files.schema):
                names = [each for each in lagging.needed(lag) if each in files.schema.names]
                of_source = lagging.known(lag, files.slice(0, files.num_rows, names))
            of_run = None if rows is None else rows.known(lag)
            known[name] = [each for each in (of_source, of_run) if each is not None]
        return cls(lagging, lags, files, known, bool(lags) and rows is None)

    @property
    def columns(self) -> set[str]:
        """Return the columns that the lags are of."""
        return {lag.column for lag in self.by_name.values()}

    def column(self, name: str, rows: slice) -> Values:
        """Return a lag of some rows (n,), NaN where it is not known."""
        lag, there = self.by_name[name], self.files.schema.names
        names = [each for each in self.lagging.needed(lag) if each in there]
        table = self.files.slice(rows.start, rows.stop - rows.start, names)
        values = np.full(table.num_rows, np.nan)
        for known in self.known[name]:
            found = self.lagging.column(lag, table, known)
            values = np.where(np.isnan(values), found, values)
        self.missing[name] = self.missing.get(name, 0) + int(np.isnan(values).sum())
        return values

    def warnings(self, rows: int) -> list[str]:
        """Return a sentence for each lag that so many rows of the source do not all have."""
        places = "neither the source nor the rows of the run have"
        if self.gone:
            places = "the rows of the run no longer exist, and the source does not have"
        return [
            f"The lag {name!r} is missing in {missing:,} of {counted(rows, 'row')}: {places} the"
            " value from so long before."
            for name, missing in self.missing.items()
            if missing
        ]
