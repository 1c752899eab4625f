"""Files of the other formats, damaged or with cells that are rare: what is packed, JSON, sheets."""

import bz2
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
from fuzz.csv_files import hostile_rows, text_of
from fuzz.dataset import source_trial
from fuzz.trial import Trial
from fuzz.words import flipped, word
from helpers.spreadsheets import xlsx

Rows = list[list[Any]]
Writer = Callable[[Rows, Random, Path], bytes]


def generate(chance: Random, folder: Path) -> Trial:
    """Write a file of a format; check it, or let a champion predict its rows."""
    rows = hostile_rows(chance)
    ending = chance.choice([*WRITERS])
    data = WRITERS[ending](rows, chance, folder)
    if chance.random() < 0.4:
        data = flipped(data, chance) if chance.random() < 0.8 else _cut(data, chance)
    return source_trial(data, ending, None, chance, folder)


def _cut(data: bytes, chance: Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _typed(cell: str, chance: Random) -> Any:
    """Return a cell as JSON and sheets have it: mostly of a type of its own."""
    if chance.random() < 0.02:
        return chance.choice((None, True, 2**70, 1e308, [1], {"a": {"b": []}}, word(chance)))
    try:
        return int(cell) if cell.isdigit() else float(cell)
    except ValueError:
        return cell


def _tsv(rows: Rows, chance: Random, _folder: Path) -> bytes:
    return text_of(rows, chance, separator="\t")


def _records(rows: Rows, chance: Random) -> list[dict[str, Any]]:
    names = rows[0]
    records = [
        {name: _typed(cell, chance) for name, cell in zip(names, row, strict=False)}
        for row in rows[1:]
    ]
    for record in records:
        if record and chance.random() < 0.02:
            del record[chance.choice([*record])]
    return records


def _json_lines(rows: Rows, chance: Random, _folder: Path) -> bytes:
    lines = [json.dumps(r, ensure_ascii=chance.random() < 0.5) for r in _records(rows, chance)]
    if lines and chance.random() < 0.2:
        lines[chance.randrange(len(lines))] = chance.choice(("", "{", "[]", "null", '{"a":1}{}'))
    return "\n".join(lines).encode(errors="surrogatepass")


def _json_list(rows: Rows, chance: Random, _folder: Path) -> bytes:
    made: Any = _records(rows, chance)
    if chance.random() < 0.1:
        made = chance.choice(({"rows": made}, [made], made[:1], {}, None))
    return json.dumps(made, indent=chance.choice((None, 2))).encode()


def _arrow(rows: Rows, chance: Random, _folder: Path) -> bytes:
    width, stream = len(rows[0]), io.BytesIO()
    cells = [[row[at] if at < len(row) else None for row in rows[1:]] for at in range(width)]
    table = pa.table(list(map(pa.array, cells)), names=rows[0])
    new = chance.choice((pa.ipc.new_file, pa.ipc.new_stream))
    with new(stream, table.schema) as written:
        written.write_table(table, chance.choice((1, 7, 1000)))
    return stream.getvalue()


def _sheets(rows: Rows, chance: Random, folder: Path) -> bytes:
    above = [[word(chance)] for _ in range(chance.choice((0, 0, 0, 1, 3)))]
    cells = [[_cell(cell, chance) for cell in row] for row in rows[1:]]
    sheets: dict[str, Rows] = {"Sheet1": [*above, rows[0], *cells]}
    if chance.random() < 0.1:
        sheets["Notes"] = [[word(chance)]]
    path = xlsx(folder / "made.xlsx", sheets)
    data = path.read_bytes()
    path.unlink()
    return data


def _cell(cell: str, chance: Random) -> Any:
    value = _typed(cell, chance)
    return value if isinstance(value, str | int | float) else None


def _zipped(rows: Rows, chance: Random, _folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", chance.choice((0, 8, 12))) as archive:
        names = ("small.csv", "a/small.csv", "../small.csv", "/small.csv", "small.tsv", "x")
        archive.writestr(zipfile.ZipInfo(chance.choice(names)), text_of(rows, chance))
        for _ in range(chance.choice((0, 0, 0, 0, 1))):
            other = chance.choice(("__MACOSX/x", "b.csv", ".hidden"))
            archive.writestr(zipfile.ZipInfo(other), b"1")
    return stream.getvalue()


WRITERS: dict[str, Writer] = {
    "tsv": _tsv,
    "jsonl": _json_lines,
    "json": _json_list,
    "arrow": _arrow,
    "xlsx": _sheets,
    "zip": _zipped,
    "csv.gz": lambda rows, chance, _: gzip.compress(text_of(rows, chance), mtime=0),
    "csv.bz2": lambda rows, chance, _: bz2.compress(text_of(rows, chance)),
    "csv.zst": lambda rows, chance, _: pa.compress(text_of(rows, chance), "zstd", asbytes=True),
}
"""What writes rows of texts, of which the first is the header, by the ending of the file."""
