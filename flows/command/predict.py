"""`nightfit predict`: score new rows with the champion of a dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text as Line

from data.address_space import require_address_space
from data.declarations.file import load_dataset
from data.errors import CallError
from data.settings import Settings, settings
from data.store.read.champions import champion_model
from data.store.read.contract import source_columns
from data.store.read.datasets import no_champion
from data.store.session import Store
from flows.command.endings import ending_in_order
from flows.command.output_formats import require_format, write_batches
from flows.command.screen import Screen
from flows.command.session import talking
from tasks.run.progress import Progress

if TYPE_CHECKING:
    from tasks.score import Scoring

FORMATS = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
"""The format of an output file by its extension."""


def run_predict(
    dataset: str,
    source: str,
    out: Path | None,
    output_format: str | None,
    *,
    spreadsheet: bool = False,
) -> None:
    """Write a prediction for each row of a source to a file; warn of odd rows.

    A file is as it was until all rows are written.
    """
    require_address_space()
    chosen = _format(out, output_format)
    require_format(chosen, spreadsheet=spreadsheet)
    with ending_in_order(), scored_by_champion(settings(), dataset, source) as rows:
        write_batches(rows.batches(), rows.schema, chosen, out, spreadsheet=spreadsheet)
        screen = Screen(stderr=True)
        for warning in rows.warnings:
            screen.print(Line(f"warning: {warning}", style="yellow"), soft_wrap=True)


def _format(out: Path | None, output_format: str | None) -> str:
    if output_format is not None or out is None:
        return output_format or "csv"
    if out.suffix.lower() not in FORMATS:
        raise CallError(
            f"the name of an output file must end in one of {', '.join(FORMATS)}.", where=str(out)
        )
    return FORMATS[out.suffix.lower()]


@contextmanager
def scored_by_champion(config: Settings, dataset: str, source: str) -> Iterator["Scoring"]:
    """Give what the champion predicts for each row of a source, in its order.

    Raises SourceError if the source cannot be read or lacks a column, DamagedModel if the champion
    is not what was stored, and UserError if the dataset has no champion.
    """
    from data.sources.settled import QUIET_SECONDS
    from tasks.score import scoring

    with Store(config.database_url).reading() as connection:
        champion = champion_model(connection, dataset)
        columns = [] if champion is None else source_columns(connection, champion.run_id)
    if champion is None:
        load_dataset(dataset, config.datasets)  # a name that is not declared is another mistake
        raise no_champion(dataset)
    with talking():
        report = Progress(dataset, "reading")
        with scoring(champion, columns, source, quiet_seconds=QUIET_SECONDS, report=report) as rows:
            yield rows
