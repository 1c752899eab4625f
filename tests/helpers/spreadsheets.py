"""Small Excel files, written as the parts that every reader needs."""

import datetime as dt
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/>'
    '<xf numFmtId="22"/><xf numFmtId="10"/></cellXfs></styleSheet>'
)
ORIGIN = dt.datetime(1899, 12, 30)


class Error(str):
    """The text of a cell with an error, such as #N/A."""


class Percent(float):
    """A number that the sheet shows as a percentage."""


def _put(archive: zipfile.ZipFile, name: str, content: str) -> None:
    """Add a part of the same time whenever it is written, so that equal sheets have equal bytes."""
    archive.writestr(zipfile.ZipInfo(name), content)


def xlsx(
    path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], merged: str | None = None
) -> Path:
    """Write sheets of rows of values to a file; None is a cell that is not there."""
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"/>'
        for n, name in enumerate(sheets, start=1)
    )
    links = "".join(
        f'<Relationship Id="r{n}" Type="{RELATIONS}/worksheet" Target="worksheets/s{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    styles = f'<Relationship Id="st" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    merge = f'<mergeCells><mergeCell ref="{merged}"/></mergeCells>' if merged else ""
    with zipfile.ZipFile(path, "w") as archive:
        put = partial(_put, archive)
        put(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="a"'
            f' Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        put(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets></workbook>',
        )
        put(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships">{links}{styles}</Relationships>',
        )
        put("xl/styles.xml", STYLES)
        for number, rows in enumerate(sheets.values(), start=1):
            data = "".join(
                f'<row r="{at}">{"".join(_cell(v, at, c) for c, v in enumerate(row))}</row>'
                for at, row in enumerate(rows, start=1)
            )
            put(
                f"xl/worksheets/s{number}.xml",
                f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData>{merge}</worksheet>',
            )
    return path


def _cell(value: Any, row: int, column: int) -> str:
    at = f'r="{chr(65 + column)}{row}"'
    if value is None:
        return ""
    if isinstance(value, Error):
        return f'<c {at} t="e"><v>{value}</v></c>'
    if isinstance(value, str):
        return f'<c {at} t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    if isinstance(value, bool):
        return f'<c {at} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, dt.date):
        moment = value if isinstance(value, dt.datetime) else dt.datetime(*value.timetuple()[:3])
        style = 2 if isinstance(value, dt.datetime) else 1
        return f'<c {at} s="{style}"><v>{(moment - ORIGIN) / dt.timedelta(days=1)!r}</v></c>'
    style = 3 if isinstance(value, Percent) else 0
    return f'<c {at} s="{style}"><v>{float(value)!r}</v></c>'
