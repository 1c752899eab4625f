"""PostgreSQL: rows come by COPY, as CSV that Arrow reads, in the types of the database."""

import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import pq
from sqlalchemy import Connection

from data.errors import SourceError
from data.progress import Report
from data.sources.database import texts
from data.sources.database.rows_file import DatabaseColumn, RowsFile
from data.sources.database.statement import without_end
from data.sources.header import check_header
from data.sources.source_columns import OfNoKind, SourceColumns

if TYPE_CHECKING:
    from psycopg import Connection as Driver

SESSION = (
    "SET LOCAL TimeZone = 'UTC'",
    "SET LOCAL DateStyle = 'ISO'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL lc_monetary = 'C'",
)
"""Settings that make the text of a value the same whatever the server's or the user's are."""

NULL = "\\N"
BLOCK = 8_000_000
"""Bytes of text that become Arrow's at once."""

EPOCH = "Convert it in a query: EXTRACT(EPOCH FROM {name}) gives its seconds."
CONVERT = "Convert it in a query, or leave it out of the declaration."

NUMBERS = {"smallint", "integer", "bigint", "oid"}
TEXTS = {"inet", "cidr", "macaddr", "macaddr8", "uuid", "time with time zone"}
TEXT_CATEGORIES = "SXV"
"""PostgreSQL's categories of texts, of what has no type yet, and of strings of bits."""

NUMERIC_OVERHEAD = 4
"""What PostgreSQL adds to the number that stands for the digits and the scale of a numeric."""


@dataclass(frozen=True)
class _Type:
    """A type of the server: its name, and how it is written with its length or scale."""

    name: str
    kind: str
    category: str


def read_postgresql(
    connection: Connection, query: str, exact: Collection[str], folder: Path, report: Report
) -> SourceColumns:
    """Return the rows of a query; columns that are `exact` keep all digits of their numbers.

    Raises what the driver raises.
    """
    driver: Driver[object] = connection.connection.driver_connection  # type: ignore[assignment]
    for setting in SESSION:
        driver.execute(setting)
    statement = without_end(query)
    columns = _columns(driver, statement, exact)
    with RowsFile(folder, columns, report) as rows:
        for block, count in _blocks(
            driver, f"COPY (\n{statement}\n) TO STDOUT (FORMAT csv, NULL '{NULL}')"
        ):
            rows.add(_arrays(block, columns), count)
    return rows.columns()


def _columns(
    driver: "Driver[object]", statement: str, exact: Collection[str]
) -> list[DatabaseColumn]:
    """Return the columns of a query, which is not run for that, and must be one statement."""
    described = _described(driver, statement)
    names = [(described.fname(number) or b"").decode() for number in range(described.nfields)]
    if not names:
        raise SourceError(
            "The query gives no columns, so it reads nothing.",
            next_step="Write a query that reads, such as SELECT.",
        )
    check_header(names)
    found = driver.execute(
        "SELECT oid, format_type(oid, NULL), typtype::text, typcategory::text FROM pg_type"
        " WHERE oid = ANY(%s)",
        [[described.ftype(number) for number in range(described.nfields)]],
    )
    types = {row[0]: _Type(*row[1:]) for row in found.fetchall()}  # type: ignore[index]
    return [
        _column(name, types[described.ftype(number)], described.fmod(number), name in exact)
        for number, name in enumerate(names)
    ]


def _described(driver: "Driver[object]", statement: str) -> pq.abc.PGresult:
    server = driver.pgconn
    for result in (
        server.prepare(b"", statement.encode()),
        server.describe_prepared(b""),
    ):
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result, driver.info.encoding)
    return result


def _column(name: str, kind: _Type, modifier: int, is_exact: bool) -> DatabaseColumn:
    """Return how a column of a type is read."""
    text = pa.string()
    if kind.kind == "e":
        return DatabaseColumn(name, text, pa.dictionary(pa.int32(), text), texts.levels)
    if kind.category in TEXT_CATEGORIES or kind.name in TEXTS:
        is_padded = kind.name == "character"
        return DatabaseColumn(
            name, text, text, _unpadded if is_padded else texts.cast_or_text(text)
        )
    match kind.name:
        case "boolean":
            return DatabaseColumn(name, pa.bool_(), pa.bool_())
        case "smallint" | "integer" | "bigint" | "oid":
            return DatabaseColumn(name, pa.int64(), pa.int64())
        case "real":
            return DatabaseColumn(name, text, pa.float64(), texts.widened)
        case "double precision":
            return DatabaseColumn(name, pa.float64(), pa.float64())
        case "numeric":
            digits, scale = _digits_and_scale(modifier)
            finished = texts.decimals(digits, scale, exact=is_exact)
            return DatabaseColumn(name, text, pa.float64(), finished)
        case "money":
            return DatabaseColumn(name, text, pa.float64(), _amounts)
        case "date" | "timestamp without time zone" | "timestamp with time zone":
            times = {"date": "date", "timestamp with time zone": "timestamptz"}
            dtype, finished = texts.TIMES[times.get(kind.name, "timestamp")]
            return DatabaseColumn(name, text, dtype, finished)
        case "time without time zone":
            return DatabaseColumn(name, text, pa.float64(), texts.seconds)
    step = EPOCH.format(name=name) if kind.name == "interval" else CONVERT
    return DatabaseColumn(name, pa.null(), pa.null(), of_no_kind=OfNoKind(kind.name, step))


def _digits_and_scale(modifier: int) -> tuple[int | None, int | None]:
    """Return the digits and the scale of a numeric, None where it has any number of them."""
    if modifier < NUMERIC_OVERHEAD:
        return None, None
    both = modifier - NUMERIC_OVERHEAD
    scale = both & 0x7FF
    return both >> 16 & 0xFFFF, scale - 0x800 if scale >= 0x400 else scale


def _amounts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return amounts such as -$1,234.50 as numbers."""
    return pc.replace_substring_regex(column, r"[$,]", "").cast(pa.float64())


def _unpadded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts without the blanks that fill them up to their length, which mean nothing."""
    return pc.utf8_rtrim(column, " ")


def _blocks(driver: "Driver[object]", statement: str) -> Iterator[tuple[bytes, int]]:
    """Yield whole rows as CSV, and how many they are; each piece that arrives is one row."""
    gathered: list[bytes] = []
    size = 0
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            gathered.append(bytes(row))
            size += len(row)
            if size >= BLOCK:
                yield b"".join(gathered), len(gathered)
                gathered, size = [], 0
    if gathered:
        yield b"".join(gathered), len(gathered)


def _arrays(block: bytes, columns: Sequence[DatabaseColumn]) -> list[pa.Array]:
    """Return the columns of some rows in the types in which they are stored."""
    types = {
        str(number): column.stored
        for number, column in enumerate(columns)
        if column.of_no_kind is None
    }
    try:
        table = pa.csv.read_csv(
            io.BytesIO(block),
            read_options=pa.csv.ReadOptions(
                column_names=[str(number) for number in range(len(columns))],
                block_size=len(block) + 1,
                use_threads=False,
            ),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[NULL],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"A value cannot be read: {str(error).splitlines()[0].rstrip('.')}.",
            next_step="Convert its column in a query.",
        ) from None
    return [table[name].combine_chunks() for name in table.column_names]
