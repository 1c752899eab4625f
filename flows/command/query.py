"""`nightfit query`: print the rows of a view. It imports little, so that it answers at once."""

from collections.abc import Sequence
from contextlib import closing

from data.settings import settings
from data.store.read.view_rows import rows_of
from data.store.session import Store
from flows.command.output_formats import write_rows


def run_query(
    view: str,
    *,
    dataset: str | None,
    key: str | None,
    segment: str | None,
    columns: Sequence[str] | None,
    limit: int | None,
    output_format: str,
    spreadsheet: bool,
) -> None:
    """Print the rows of a view."""
    with Store(settings().database_url).reading() as connection:
        rows = rows_of(
            connection,
            view,
            dataset=dataset,
            key=key,
            segment=segment,
            columns=columns,
            limit=limit,
        )
        with closing(rows.batches):
            write_rows(rows.batches, rows.columns, output_format, spreadsheet=spreadsheet)
