"""`nightfit predict`: score new rows with the champion of a dataset."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text as Line
from sqlalchemy import Double, Text

from data.address_space import require_address_space
from data.declarations.file import load_dataset
from data.errors import CallError
from data.settings import Settings, settings
from data.store.read.champions import champion_model
from data.store.read.contract import source_columns
from data.store.read.datasets import no_champion
from data.store.session import Store
from flows.command.output_formats import write_rows
from flows.command.screen import Screen
from flows.command.session import talking
from tasks.run.progress import Progress

if TYPE_CHECKING:
    from tasks.score import Scored

COLUMNS = {
    "key": Text(),
    "predicted": Double(),
    "lower": Double(),
    "upper": Double(),
    "note": Text(),
}
FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet"}
"""The format of an output file by its extension."""

BATCH_ROWS = 50_000
"""Rows that are written at once."""

Prediction = tuple[str | None, float, float | None, float | None, str | None]
"""Key, predicted, lower and upper, in the target's units, and note."""


def run_predict(
    dataset: str,
    source: Path,
    out: Path | None,
    output_format: str | None,
    *,
    spreadsheet: bool = False,
) -> None:
    """Write a prediction for each row of a file in any format of a source; warn of odd rows."""
    require_address_space()
    if out is not None and output_format is None and out.suffix.lower() not in FORMATS:
        raise CallError(
            f"the name of an output file must end in one of {', '.join(FORMATS)}.", where=str(out)
        )
    scored = scored_by_champion(settings(), dataset, source)
    chosen = output_format or (FORMATS[out.suffix.lower()] if out else "csv")
    write_rows(rows_of(scored), COLUMNS, chosen, out, spreadsheet=spreadsheet)
    screen = Screen(stderr=True)
    for warning in scored.warnings:
        screen.print(Line(f"warning: {warning}", style="yellow"), soft_wrap=True)


def scored_by_champion(config: Settings, dataset: str, source: Path) -> "Scored":
    """Return what the champion predicts for each row of a file, in the file's order.

    Raises SourceError if the file cannot be read or lacks a column, DamagedModel if the champion is
    not what was stored, and UserError if the dataset has no champion.
    """
    from data.sources.settled import QUIET_SECONDS
    from tasks.score import score

    with Store(config.database_url).reading() as connection:
        champion = champion_model(connection, dataset)
        columns = [] if champion is None else source_columns(connection, champion.run_id)
    if champion is None:
        load_dataset(dataset, config.datasets)  # a name that is not declared is another mistake
        raise no_champion(dataset)
    with talking():
        report = Progress(dataset, "reading")
        return score(champion, columns, source, quiet_seconds=QUIET_SECONDS, report=report)


def rows_of(scored: "Scored") -> Iterator[list[Prediction]]:
    """Yield batches of rows, in which None is a bound or a note that there is not."""
    for start in range(0, len(scored.value), BATCH_ROWS):
        rows = slice(start, start + BATCH_ROWS)
        bounds = (
            [None if math.isnan(bound) else bound for bound in bounds[rows].tolist()]
            for bounds in (scored.lower, scored.upper)
        )
        keys, notes = scored.keys[rows].tolist(), scored.note[rows].tolist()
        yield list(zip(keys, scored.value[rows].tolist(), *bounds, notes, strict=True))
