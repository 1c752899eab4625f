"""What a view is: its grain, its columns with their types and meanings, and the SELECT behind it.

The tables in `docs/database.md` are written from it, and so are PostgreSQL's comments.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Double, Text, column, table
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from data.store.column_types import UtcTime

INTEGER, TEXT, BOOLEAN, TIME = BigInteger(), Text(), Boolean(), UtcTime()
NUMBER: Double[float] = Double()

NARROWER: dict[str, tuple[TypeEngine[Any], str]] = {
    "lower_2": (
        NUMBER,
        "lower end of the interval of the second widest level; NULL if there is one alone",
    ),
    "upper_2": (NUMBER, "upper end of it"),
    "lower_3": (NUMBER, "lower end of the interval of the narrowest of three levels"),
    "upper_3": (NUMBER, "upper end of it"),
}
"""The columns of intervals of further levels, which come last in the views that have them."""

SCHEME: tuple[TypeEngine[Any], str] = (
    TEXT,
    "by which split of the rows these errors are measured: `rolling origins: 11 blocks, 1 quarter "
    "ahead`, or one split by hash; NULL in runs of earlier versions",
)

SEGMENT: tuple[TypeEngine[Any], str] = (
    TEXT,
    "the row's segment, the values of the declared columns as in a key; NULL where one of them is "
    "missing, and without segments",
)


@dataclass(frozen=True)
class View:
    """One view: what one row of it is, its columns in order, and the SELECT behind it.

    Each column has its type, which SQLite does not keep, and its meaning.
    """

    name: str
    grain: str
    described: dict[str, tuple[TypeEngine[Any], str]]  # column -> type and meaning
    select: str

    @property
    def columns(self) -> dict[str, TypeEngine[Any]]:
        """The columns in order, each with its type."""
        return {name: kind for name, (kind, _) in self.described.items()}

    @property
    def meanings(self) -> dict[str, str]:
        """The columns in order, each with its meaning."""
        return {name: meaning for name, (_, meaning) in self.described.items()}

    @property
    def create(self) -> str:
        """The statement that creates the view."""
        return f"CREATE VIEW {self.name} AS\n{self.select.strip()}"

    @property
    def table(self) -> TableClause:
        """The view as SQLAlchemy selects from it."""
        return table(self.name, *(column(name, kind) for name, kind in self.columns.items()))
