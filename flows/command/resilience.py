"""`nightfit resilience`: the champion's test error as its hidden cells are silenced."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from data.errors import UserError
from data.settings import settings
from data.store.read.champions import ServingModel, champion_model
from data.store.read.datasets import no_champion
from data.store.read.view_rows import rows_of
from data.store.session import Store
from flows.command.output_formats import write_rows
from flows.command.screen import Screen


def run_resilience(dataset: str, *, output_format: str) -> None:
    """Print the champion's test error for each share of its hidden cells that is silenced.

    Raises UserError if these figures do not exist, for example because the champion is linear.
    """
    with Store(settings().database_url).reading() as connection:
        view = rows_of(connection, "champion_resilience", dataset=dataset)
        rows = [row for batch in view.batches for row in batch]
        champion = champion_model(connection, dataset)
    if not rows:
        raise _no_figures(dataset, champion)
    if output_format != "table":
        write_rows([rows], view.columns, output_format)
        return
    assert champion is not None
    shares = [dict(zip(view.columns, row, strict=True)) for row in rows]
    console = Screen(sys.stdout)
    console.print(_table(shares))
    console.print(_in_words(champion.name, shares), soft_wrap=True)


def _no_figures(dataset: str, champion: ServingModel | None) -> UserError:
    if champion is None:
        return no_champion(dataset)
    if champion.kind != "ann":
        return UserError(
            f"the champion, {champion.name}, is not an ANN and has no hidden cells to silence.",
            where=dataset,
            next_step=f"'nightfit query leaderboard --dataset {dataset}' shows how close the ANNs"
            " came.",
        )
    return UserError(
        f"no such figures are stored for the champion, {champion.name}: it has no hidden cells, or"
        " was trained before they were measured.",
        where=dataset,
        next_step="The next ANN that wins a night will have them.",
    )


def _table(shares: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for heading in ("silenced", "test RMSE", "range", "ratio"):
        table.add_column(heading, justify="right")
    for share in shares:
        spread = f"{share['rmse_low']:.4g} to {share['rmse_high']:.4g}"
        table.add_row(
            f"{share['share']:.0%}",
            f"{share['rmse']:.4g}",
            spread if share["draws"] > 1 else "",
            "" if share["ratio"] is None else f"{share['ratio']:.3f}",
        )
    return table


def _in_words(name: str, shares: Sequence[dict[str, Any]]) -> str:
    """Return a sentence on what silencing the smallest and the largest share does to the error."""
    least, most = shares[1], shares[-1]
    if least["ratio"] is None:
        return f"{name} makes no error on its test rows while no cell is silenced."
    return (
        f"With {least['share']:.0%} of the hidden cells of {name} silenced, its test RMSE changes "
        f"by {least['ratio'] - 1:+.1%}; with {most['share']:.0%}, by {most['ratio'] - 1:+.1%} "
        f"(means of {most['draws']} random draws)."
    )
