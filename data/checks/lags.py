"""The checks of lags: whether they can be made, and in how many rows."""

from collections.abc import Iterator

import numpy as np

from data.checks.findings import Finding, counted, finding, why_not_numbers
from data.checks.table import Columns, Table
from data.declarations.lags import Lag
from data.declarations.lengths import EXAMPLE, Length
from data.declarations.model import Declaration
from data.lags import Lagging
from data.sources.columns import kind_of


def lag_findings(declaration: Declaration, table: Table) -> Iterator[Finding]:
    """Check that each declared lag can be made of the columns of a table."""
    for lag in declaration.lagged:
        way_out = "Correct the source, or remove the lag."
        subject = f"The lag {lag.name!r} is of {lag.column!r}, which"
        sentence = why_not_numbers(subject, table, lag.column, "have lags", way_out)
        if not sentence:
            sentence = _misfit(declaration, lag, table)
        yield finding("lag_can_be_made", lag.name, sentence)


def _misfit(declaration: Declaration, lag: Lag, table: Table) -> str:
    if lag.name in table.column_names:
        return f"The source has a column {lag.name!r}, as a lag is called. Rename the column."
    assert declaration.time is not None
    kind = kind_of(table.schema.field(declaration.time).type)
    if isinstance(lag.length, Length) and kind == "number":
        return (
            f"The time column {declaration.time!r} holds numbers, but the lag {lag.name!r} is a"
            " length of time. Write the lag as a number, or write times in ISO 8601 (2024-03-31)."
        )
    if not isinstance(lag.length, Length) and kind == "time":
        return (
            f"The time column {declaration.time!r} holds times, but the lag {lag.name!r} is a"
            f" number. {EXAMPLE}"
        )
    return ""


def known_findings(
    declaration: Declaration, table: Table, kept: np.ndarray, labelled: np.ndarray
) -> Iterator[Finding]:
    """Check that some of the `labelled` rows have each lag, from any of the `kept` ones.

    Both are masks (n,).
    """
    lagging = Lagging(declaration)
    for lag in declaration.lagged:
        names = [name for name in lagging.needed(lag) if name in table.column_names]
        rows = Columns(table).where(kept).select(names)
        values = lagging.column(lag, rows, lagging.known(lag, rows))[labelled[kept]]
        missing, size = int(np.isnan(values).sum()), len(values)
        ends = (float(values.min()), float(values.max())) if not missing else (0.0, 1.0)
        sentence = ""
        if missing == size:
            rest = [name for name in declaration.key if name != declaration.time]
            same = f" with the same {', '.join(map(repr, rest))}" if rest else ""
            sentence = (
                f"The lag {lag.name!r} is missing in every row with a target, since none has a row"
                f"{same} so long before it: tonight's models do without it."
            )
        elif ends[0] == ends[1]:
            sentence = (
                f"The lag {lag.name!r} is {ends[0]:g} in every row with a target: tonight's models"
                " do without it."
            )
        yield finding(
            "lag_is_known",
            lag.name,
            sentence,
            observed=f"missing in {missing:,} of {counted(size, 'row')} with a target",
            unexpected_count=missing,
        )
