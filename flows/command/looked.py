"""What `nightfit init` shows of a table: its first rows, and a line per column with a histogram."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from data.proposals.facts import ColumnFacts
from data.sources.column_files import Columns
from data.sources.columns import value_text
from flows.command.screen import Screen

FIRST_ROWS = 5
MAX_CELL = 18
"""Characters of a value among the first rows, and of an end of a column."""

MAX_NAME = 40
MAX_LINES = 200
"""Columns that have a line of their own."""

MAX_WIDTH = 400
"""Characters of a line in a file."""

BLOCKS = "▁▂▃▄▅▆▇█"


def show_table(screen: Screen, columns: Columns, facts: Sequence[ColumnFacts]) -> None:
    """Print the first rows, as many columns as fit, and then a line per column."""
    screen.print(_first_rows(columns, facts, screen.width))
    screen.print()
    table = _lines(facts[:MAX_LINES])
    width = screen.width
    needed = screen.measure(table, options=screen.options.update(width=MAX_WIDTH)).maximum
    if not screen.is_terminal:
        screen.width = max(width, needed)
    screen.print(table)
    screen.width = width
    if len(facts) > MAX_LINES:
        screen.print(f"and {len(facts) - MAX_LINES:,} more columns")
    screen.print()


def bars(counts: Sequence[int]) -> str:
    """Return counts as a line of blocks: the highest one for the largest, a blank for none."""
    most = max(counts, default=0)
    steps = len(BLOCKS) - 1
    return "".join(" " if not n else BLOCKS[round(n / most * steps)] for n in counts)


def _first_rows(columns: Columns, facts: Sequence[ColumnFacts], width: int) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown: list[list[str]] = []
    used = 0
    for one in (each for each in facts if not each.why_left_out):
        head = columns.column(one.name).slice(0, FIRST_ROWS)
        cells = [_cut("" if text is None else text) for text in value_text(head).to_pylist()]
        name = _cut(one.name)
        size = max(map(len, [name, *cells])) + 2
        if shown and used + size > width - 3:
            break
        used += size
        shown.append(cells)
        table.add_column(name, justify="right" if one.kind == "number" else "left", no_wrap=True)
    if len(shown) < len(facts):
        table.add_column("…")
        shown.append(["…"] * len(shown[0]) if shown else [])
    for row in zip(*shown, strict=True):
        table.add_row(*row)
    return table


def _lines(facts: Sequence[ColumnFacts]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("column", "kind", "missing", "distinct", "values", ""):
        right = heading in ("missing", "distinct")
        table.add_column(heading, no_wrap=True, justify="right" if right else "left")
    for one in facts:
        name = one.name if len(one.name) <= MAX_NAME else f"{one.name[: MAX_NAME - 1]}…"
        if one.why_left_out:
            table.add_row(name, "", "", "", Text(f"left out: {one.why_left_out}"), "")
            continue
        missing, distinct = f"{one.missing:,}", f"{one.distinct:,}"
        table.add_row(name, one.kind or "", missing, distinct, _values(one), _histogram(one))
    return table


def _values(one: ColumnFacts) -> str:
    if one.ends is not None:
        return f"{one.ends[0]} to {one.ends[1]}"
    few = ", ".join(_cut(level, MAX_CELL // 2 + 3) for level, _ in one.levels[:3])
    return f"{few}, …" if one.distinct > 3 else few


def _histogram(one: ColumnFacts) -> str:
    if one.bars:
        return bars(one.bars)
    return bars([rows for _, rows in one.levels[:10]]) if one.distinct < one.filled else ""


def _cut(text: str, most: int = MAX_CELL) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
