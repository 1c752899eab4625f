"""The text of a category's value as training has it, whatever type its column has in a database.

Training writes whole numbers without a point, and midnight without a clock (`value_text`), where
databases write `10.0`, `10.00` and `2026-01-31 00:00:00`.
"""

ZEROS = r"'(\.[0-9]*[1-9])0+$|\.0+$', '\1'"
"""What is taken from the end of a number, and what of it is left."""

NO_FRACTION, MIDNIGHT = r"'\.000000$', ''", "'T00:00:00$', ''"


def sqlite_text(column: str) -> str:
    """Return the text of a column of SQLite, whose values have a type each."""
    is_whole = f"typeof({column}) = 'real' AND {column} = CAST({column} AS INTEGER)"
    whole = f"CAST(CAST({column} AS INTEGER) AS TEXT)"
    return f"CASE WHEN {is_whole} THEN {whole} ELSE CAST({column} AS TEXT) END"


def postgresql_text(column: str) -> str:
    """Return the text of a column of PostgreSQL.

    Branches go by way of text, because each must be of a valid type whatever the column's is.
    """
    text, of_type = f"CAST({column} AS text)", f"CAST(pg_typeof({column}) AS text)"
    number = f"NULLIF(regexp_replace({text}, {ZEROS}), 'NaN')"
    utc = f"CAST({text} AS timestamptz) AT TIME ZONE 'UTC'"
    return (
        f"CASE {of_type}"
        f" WHEN 'numeric' THEN {number} WHEN 'double precision' THEN {number}"
        f" WHEN 'real' THEN {number}"
        f" WHEN 'timestamp without time zone' THEN {_postgresql_time(f'CAST({text} AS timestamp)')}"
        f" WHEN 'timestamp with time zone' THEN {_postgresql_time(utc)}"
        f" ELSE {text} END"
    )


def _postgresql_time(moment: str) -> str:
    return _plain(f"""to_char({moment}, 'YYYY-MM-DD"T"HH24:MI:SS.US')""")


def duckdb_text(column: str) -> str:
    """Return the text of a column of DuckDB, which reads a text with a zone as a time in UTC."""
    text, of_type = f"CAST({column} AS TEXT)", f"typeof({column})"
    time = _plain(f"strftime(TRY_CAST({text} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%f')")
    return (
        f"CASE WHEN {of_type} IN ('DOUBLE', 'FLOAT') OR {of_type} LIKE 'DECIMAL%'"
        f" THEN NULLIF(regexp_replace({text}, {ZEROS}), 'nan')"
        f" WHEN {of_type} LIKE 'TIMESTAMP%' THEN {time}"
        f" ELSE {text} END"
    )


def _plain(moment: str) -> str:
    """Return a text of a time without a fraction of zeros, or at midnight without a clock."""
    return f"regexp_replace(regexp_replace({moment}, {NO_FRACTION}), {MIDNIGHT})"
