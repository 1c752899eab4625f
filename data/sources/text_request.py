"""How a column of text is to be read."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from data.declarations.model import Kind
from data.declarations.value_formats import ValueFormat, value_format
from data.sources.readings import MAX_EXAMPLES, may_be_set_aside


@dataclass(frozen=True)
class Request:
    """How a column is to be read.

    Without a `kind`, the values decide. `needs` is what its role asks for: the target and the
    weight need a number, the time column an order. `words` are declared to mean a missing value, in
    addition to nightfit's own. All rows of cells that are not of the kind are listed if `list_all`
    and they are few enough to be set aside, or `list_many`; else the first three. `format` is
    the one that is declared for it, whose kind is the `kind`.
    """

    name: str
    kind: Kind | None = None
    kind_from: Literal["declared", "remembered", "values"] = "values"
    needs: Literal["number", "order"] | None = None
    is_feature: bool = False
    words: tuple[str, ...] = ()
    list_all: bool = True
    list_many: bool = False
    format: str | None = None

    def listed(self, rows: np.ndarray, n: int) -> list[int]:
        """Return which of the rows with a cell that is not of the kind are listed; n are in all."""
        few = self.list_many or may_be_set_aside(len(rows), n)
        listed: list[int] = rows[: None if self.list_all and few else MAX_EXAMPLES].tolist()
        return listed

    @property
    def written(self) -> ValueFormat | None:
        """Return how the values are declared to be written."""
        return None if self.format is None else value_format(self.format)

    @property
    def is_also_used(self) -> bool:
        """Return whether a key column has another role, or is a feature."""
        return self.is_feature or self.needs is not None
