"""A table of texts and numbers inside a query, in one literal for all or in one per column.

As a list of VALUES, the lines of 10,000 segments would be 110,000 constants, each of which
PostgreSQL plans whenever the query runs; and SQLite makes no index to join such a list by.
"""

import json
from collections.abc import Mapping, Sequence

from data.errors import CallError
from tasks.export.sql.dialects import DUCKDB, POSTGRESQL, SQLITE, Dialect

Texts = Mapping[str, Sequence[str]]
Numbers = Mapping[str, Sequence[float]]


def inline_table(dialect: Dialect, name: str, texts: Texts, numbers: Numbers) -> str:
    """Return what stands after FROM for a table of this name with these columns of equal length.

    Texts compare by their bytes, and numbers are doubles. There is at least one row. Raises
    CallError for a text that SQL cannot write.
    """
    if any("\0" in text for column in texts.values() for text in column):
        raise CallError(
            "the name of a segment holds a NUL character, which SQL cannot write.",
            next_step="Export the model with '--format json'.",
        )
    made = {SQLITE: _in_json, POSTGRESQL: _in_arrays, DUCKDB: _in_lists}[dialect]
    return made(dialect, name, texts, numbers)


def _in_json(dialect: Dialect, name: str, texts: Texts, numbers: Numbers) -> str:
    rows = [list(row) for row in zip(*texts.values(), *numbers.values(), strict=True)]
    literal = dialect.text(json.dumps(rows, ensure_ascii=False, separators=(",", ":")))
    types = dict.fromkeys(texts, "TEXT") | dict.fromkeys(numbers, "REAL")
    # SQLite makes an index only for a column whose type it knows.
    columns = [
        f"CAST(json_extract(value, '$[{i}]') AS {of_type}) AS {column}"
        for i, (column, of_type) in enumerate(types.items())
    ]
    return f"(SELECT {', '.join(columns)} FROM json_each({literal})) AS {name}"  # noqa: S608


def _in_arrays(dialect: Dialect, name: str, texts: Texts, numbers: Numbers) -> str:
    arrays = [_split(dialect, "string_to_array", column) for column in texts.values()]
    arrays += [f"'{{{','.join(map(repr, column))}}}'::float8[]" for column in numbers.values()]
    return f"unnest({', '.join(arrays)}) AS {name}({', '.join([*texts, *numbers])})"


def _in_lists(dialect: Dialect, name: str, texts: Texts, numbers: Numbers) -> str:
    lists = [
        f"unnest({_split(dialect, 'string_split', values)}) AS {column}"
        for column, values in texts.items()
    ]
    lists += [
        f"unnest(CAST('[{', '.join(map(repr, values))}]' AS DOUBLE[])) AS {column}"
        for column, values in numbers.items()
    ]
    return f"(SELECT {', '.join(lists)}) AS {name}"


def _split(dialect: Dialect, function: str, texts: Sequence[str]) -> str:
    """Return the texts as an array, cut at a character that is in none of them."""
    used = set().union(*map(set, texts))
    separator = next(chr(i) for i in range(31, 0x110000) if chr(i) not in used)
    return f"{function}({dialect.text(separator.join(texts))}, chr({ord(separator)}))"
