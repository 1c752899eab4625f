"""The contract: how the source of a dataset looked last, for tonight's to be compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from data.declarations.model import Kind
from data.store.records import SourceColumnRecord

NEW = "new"
"""The role of a column that the contract does not have; it is not used until it is accepted."""


@dataclass(frozen=True)
class Contract:
    """What a source last looked like: in the last good run, or in one that a person accepted.

    `rows` counts the rows of the source, `labelled` those with a target; 0 where it is not known.
    `columns` maps each name to what was stored about it, and `declaration` is that of the run.
    """

    run_id: int
    rows: int
    labelled: int
    columns: Mapping[str, SourceColumnRecord]
    declaration: Mapping[str, Any]
    accepted: bool

    @property
    def kinds(self) -> dict[str, Kind]:
        """Return the kind of each column that has one."""
        return {n: cast("Kind", c.kind) for n, c in self.columns.items() if c.kind is not None}

    def without_counts(self) -> "Contract":
        """Return the contract with the names and kinds of the columns, and nothing about rows."""
        columns = {
            name: replace(column, missing=None, distinct_values=None, typical_size=None)
            for name, column in self.columns.items()
        }
        return replace(self, rows=0, labelled=0, columns=columns)
