"""`nightfit predict`: score new rows with the champion of a dataset."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text as Line

from data.address_space import require_address_space
from data.declarations.file import load_dataset
from data.declarations.named_source import database_named
from data.declarations.sql_source import DatabaseUrl, scheme_of
from data.errors import CallError, quoted
from data.settings import Settings, settings
from data.store.read.champions import champion_model
from data.store.read.contract import source_columns
from data.store.read.datasets import no_champion
from data.store.read.segment_models import models_of_segments
from data.store.session import Store
from flows.command.endings import ending_in_order
from flows.command.output_formats import require_format, write_batches
from flows.command.screen import Screen
from flows.command.secrets import secrets_as_at_night
from flows.command.session import talking
from tasks.run.progress import Progress

if TYPE_CHECKING:
    from pyarrow import RecordBatch

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
    out: str | None,
    output_format: str | None,
    *,
    table: str | None = None,
    query: str | None = None,
    out_table: str | None = None,
    spreadsheet: bool = False,
) -> None:
    """Write a prediction for each row of a source to a file or a table; warn of odd rows.

    A file or a table is as it was until all rows are written.
    """
    require_address_space()
    into = None if out is None else database_named(out, wanted=out_table is not None)
    write = (
        _to_file(out, output_format, out_table, spreadsheet)
        if into is None
        else _to_table(into, out_table, output_format, spreadsheet)
    )
    config = settings()
    rows_of = partial(scored_by_champion, config, dataset, source, table=table, query=query)
    with ending_in_order(), secrets_as_at_night(config.home), rows_of() as rows:
        write(rows)
        screen = Screen(stderr=True)
        for warning in rows.warnings:
            screen.print(Line(f"warning: {warning}", style="yellow"), soft_wrap=True)


def _to_file(
    out: str | None, output_format: str | None, out_table: str | None, spreadsheet: bool
) -> Callable[["Scoring"], None]:
    """Return what writes rows to a file or standard output, if the options are for these."""
    if out_table is not None:
        raise CallError(
            "--out-table is for databases, but --out names none.",
            next_step="Leave it out, or name a database, such as --out sqlite:///shop.db.",
        )
    if out is not None and scheme_of(out):
        raise CallError(
            f"--out names a file of this machine or a database, which {scheme_of(out)}:// is not.",
            next_step="Write a file here, and copy it.",
        )
    file = None if out is None else Path(out)
    chosen = _format(file, output_format)
    require_format(chosen, spreadsheet=spreadsheet)

    def write(rows: "Scoring") -> None:
        count = 0

        def counted() -> Iterator["RecordBatch"]:
            nonlocal count
            for batch in rows.batches():
                count += batch.num_rows
                yield batch

        write_batches(counted(), rows.schema, chosen, file, spreadsheet=spreadsheet)
        if file is not None:
            _tell_written(count, str(file))

    return write


def _to_table(
    into: DatabaseUrl, out_table: str | None, output_format: str | None, spreadsheet: bool
) -> Callable[["Scoring"], None]:
    """Return what writes rows to a table of a database, if the options are for that."""
    where = f"--out {into.shown}"
    if out_table is None:
        raise CallError("--out names a database, but no table.", next_step="Add --out-table NAME.")
    if output_format is not None or spreadsheet:
        option = "--spreadsheet" if spreadsheet else "--format"
        raise CallError(
            f"{option} is for files, but --out names a database.", next_step="Leave it out."
        )

    def write(rows: "Scoring") -> None:
        from data.connections.tables import write_table

        batches, key = rows.batches(), rows.key
        count = write_table(into.text, out_table, rows.schema, batches, where=where, key=key)
        _tell_written(count, f"table {quoted(out_table)} of {into.shown}")

    return write


def _tell_written(count: int, where: str) -> None:
    """Say how many rows were written, beside what a program may read."""
    noun = "row" if count == 1 else "rows"
    Screen(stderr=True).print(Line(f"{count:,} {noun} written to {where}"), soft_wrap=True)


def _format(out: Path | None, output_format: str | None) -> str:
    if output_format is not None or out is None:
        return output_format or "csv"
    if out.suffix.lower() not in FORMATS:
        raise CallError(
            f"the name of an output file must end in one of {', '.join(FORMATS)}.", where=str(out)
        )
    return FORMATS[out.suffix.lower()]


@contextmanager
def scored_by_champion(
    config: Settings,
    dataset: str,
    source: str,
    *,
    table: str | None = None,
    query: str | None = None,
) -> Iterator["Scoring"]:
    """Give what the champion predicts for each row of a source, in its order.

    Raises SourceError if the source cannot be read or lacks a column, DamagedModel if the champion
    is not what was stored, and UserError if the dataset has no champion.
    """
    from data.sources.settled import QUIET_SECONDS
    from tasks.run.trained_rows import rows_of_run
    from tasks.score import scoring

    store = Store(config.database_url)
    with store.reading() as connection:
        champion = champion_model(connection, dataset)
        columns = [] if champion is None else source_columns(connection, champion.run_id)
        segments = models_of_segments(connection, dataset)
    if champion is None:
        load_dataset(dataset, config.datasets)  # a name that is not declared is another mistake
        raise no_champion(dataset)
    with (
        talking(),
        scoring(
            champion,
            columns,
            source,
            table=table,
            query=query,
            segments=segments,
            stored=rows_of_run(store, champion, home=config.home),
            quiet_seconds=QUIET_SECONDS,
            report=Progress(dataset, "reading"),
        ) as rows,
    ):
        yield rows
