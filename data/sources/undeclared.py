"""A source that nobody has declared yet: read without a key or a target, to propose both."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data.declarations.model import Declaration
from data.errors import SourceError, listed
from data.sources.made_keys import CONTENT, ROW

UNKNOWN = "\x1funknown"
"""Stands for the target of a source that has none yet; no column has such a name."""

MIN_FILLED = 0.8
"""A row of a sheet is its header if it has so many of the cells that rows have."""

DECIMAL = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def undeclared(source: Any, **more: Any) -> Declaration:
    """Return a declaration with which a source can be looked at; `more` are other keys of it."""
    fields: Mapping[str, Any] = {"name": "source", "source": source, "key": (), "target": UNKNOWN}
    return Declaration.model_construct(**{**fields, **more})


def needed_names(declaration: Declaration) -> set[str]:
    """Return the columns that a header must have: key and target, none if nothing is declared."""
    made = {ROW, CONTENT} if len(declaration.key) == 1 else set()
    return {declaration.target, *declaration.key} - {UNKNOWN, *made}


def header_row(rows: Sequence[Sequence[Any]]) -> int | None:
    """Return which of the first rows of a sheet is its header, None if all are empty.

    It is the first one that is as full as most rows are; what stands above is a title.
    """
    filled = np.array([sum(value is not None for value in row) for row in rows])
    if not filled.any():
        return None
    usual = float(np.median(filled[filled > 0]))
    return int(np.argmax(filled >= max(MIN_FILLED * usual, 1)))


def refuse_values_as_names(names: Sequence[str], where: str = "") -> None:
    """Raise `SourceError` for a header that holds values, as the first line of a bare table does.

    Whole numbers may be names, as years are, if other columns have words.
    """
    decimals = [name for name in names if DECIMAL.fullmatch(name.strip())]
    numbers = [name for name in names if NUMBER.fullmatch(name.strip())]
    if len(decimals) >= 2 or (numbers and len(numbers) == len(names)):
        raise SourceError(
            f"The file has no header: its first line has values such as {listed(numbers[:3])}.",
            where=where,
            next_step="Write a line with the names of the columns above the rows.",
        )
