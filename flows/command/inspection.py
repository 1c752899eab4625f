"""The commands that look and do not train: check, predict, resilience, status, verify."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text
from sqlalchemy import Double
from sqlalchemy import Text as TextType

from data.declarations.file import declared_datasets, load_dataset
from data.declarations.terms import text_of
from data.errors import CallError, UserError
from data.settings import settings
from data.store.read.champions import ServingModel, champion_model
from data.store.read.known import no_champion
from data.store.read.stored import stored_run
from data.store.read.view_rows import DatasetStatus, latest_runs, rows_of
from data.store.session import Store
from flows.command.output import write_rows
from flows.command.session import Screen, make_folder, quiet_prefect, working

STYLE = {"succeeded": "green", "skipped": "dim", "never run": "yellow"}
OUT_FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet"}


def run_resilience(dataset: str, *, output_format: str) -> None:
    """Print the champion's test error by the share of its hidden cells that is silenced.

    Raises UserError where the champion has no such figures, as one that is no ANN.
    """
    with Store(settings().database_url).reading() as connection:
        found = rows_of(connection, "champion_resilience", dataset=dataset)
        rows = [row for batch in found.batches for row in batch]
        champion = champion_model(connection, dataset)
    if not rows:
        raise _no_resilience(dataset, champion)
    if output_format != "table":
        write_rows([rows], found.columns, output_format)
        return
    assert champion is not None
    told = [dict(zip(found.columns, row, strict=True)) for row in rows]
    table = Table(box=None, header_style="bold")
    for heading in ("silenced", "test RMSE", "range", "ratio"):
        table.add_column(heading, justify="right")
    for line in told:
        drawn = line["draws"] > 1
        table.add_row(
            f"{line['share']:.0%}",
            f"{line['rmse']:.4g}",
            f"{line['rmse_low']:.4g} to {line['rmse_high']:.4g}" if drawn else "",
            "" if line["ratio"] is None else f"{line['ratio']:.3f}",
        )
    console = Screen(sys.stdout)
    console.print(table)
    console.print(_resilience_in_words(champion.name, told), soft_wrap=True)


def _no_resilience(dataset: str, champion: ServingModel | None) -> UserError:
    if champion is None:
        return no_champion(dataset)
    if champion.kind != "ann":
        return UserError(
            f"the champion, {champion.name}, is no ANN and has no hidden cells to silence; "
            f"'nightfit query leaderboard --dataset {dataset}' tells how near the ANNs came.",
            where=dataset,
        )
    return UserError(
        f"of the champion, {champion.name}, no such figures are stored: it has no hidden cells, or "
        "was trained before they were measured; the next ANN to win a night will have them.",
        where=dataset,
    )


def _resilience_in_words(name: str, told: Sequence[dict[str, Any]]) -> str:
    """Say how much the least and the greatest share of silenced cells change the error."""
    least, most = told[1], told[-1]
    if least["ratio"] is None:
        return f"{name} makes no error on its test rows while no cell is silenced."
    return (
        f"With {least['share']:.0%} of the hidden cells of {name} silenced, its test RMSE changes "
        f"by {least['ratio'] - 1:+.1%}; with {most['share']:.0%}, by {most['ratio'] - 1:+.1%} "
        f"(means of {most['draws']} random draws)."
    )


def run_check(dataset: str, *, as_json: bool) -> int:
    """Read and check a dataset and print every expectation; return 1 where a critical one fails."""
    from data.checks.declared import check
    from data.sources.read import load, read

    declaration = load_dataset(dataset, settings().datasets)
    make_folder(settings().home)
    snapshot = read(declaration, folder=settings().home / "snapshots")
    checked = check(declaration, load(snapshot.path))
    if as_json:
        report = {
            "dataset": dataset,
            "passed": checked.passed,
            "reason": checked.reason,
            "rows_read": snapshot.rows,
            "rows_rejected": len(checked.rejected_rows),
            "features": checked.features,
            "terms": [text_of(product) for product in checked.products],
            "warnings": checked.warnings,
            "expectations": [asdict(result) for result in checked.results],
            "rejected_rows": [asdict(row) for row in checked.rejected_rows],
        }
        print(json.dumps(report, indent=2, default=str))  # noqa: T201
        return 0 if checked.passed else 1
    console = Screen()
    table = Table(box=None, header_style="bold")
    for heading in ("", "expectation", "column", "severity", "observed", "bad rows"):
        table.add_column(heading, overflow="fold")
    for result in checked.results:
        style = "" if result.success else "red" if result.severity == "critical" else "yellow"
        table.add_row(
            Text("met" if result.success else "NOT MET", style=style or "green"),
            result.expectation,
            result.column or "",
            result.severity + (", quarantine" if result.quarantine else ""),
            "" if result.observed is None else str(result.observed),
            str(result.unexpected_count or ""),
        )
    console.print(table)
    for warning in checked.warnings:
        console.print(Text(warning, style="yellow"), soft_wrap=True)
    rejected = f", {len(checked.rejected_rows):,} set aside" if checked.rejected_rows else ""
    outcome = "may be trained on" if checked.passed else f"refused: {checked.reason}"
    console.print(f"{snapshot.rows:,} rows read{rejected}; {outcome}", soft_wrap=True)
    return 0 if checked.passed else 1


def run_verify(run_id: int, *, as_json: bool) -> int:
    """Fit a stored run again and print what differs; return 1 where anything does."""
    quiet_prefect()
    from tasks.run.replay import replay_of

    with Store(settings().database_url).reading() as connection:
        stored = stored_run(connection, run_id)
    replay_of(run_id, stored, home=settings().home)  # a wrong call ends before any work
    with working():
        from flows.verify import verify

        found = verify(run_id)
    if as_json:
        print(json.dumps(asdict(found), indent=2))  # noqa: T201
        return 1 if found.different else 0
    console = Screen(sys.stdout)
    counts = (
        f"{found.coefficients:,} coefficients, {found.scores:,} scores and"
        f" {found.predictions:,} predictions"
    )
    lines = [f"run {run_id} of {found.dataset}, fitted again from its snapshot: {counts}"]
    lines += [f"  since then: {change}" for change in found.changed]
    if found.different:
        lines.append(f"{found.different:,} of them differ; the first:")
        lines += [f"  {difference}" for difference in found.differences]
    else:
        lines.append("All of them are the same to the last digit.")
    for line in lines:
        console.print(line, soft_wrap=True)
    return 1 if found.different else 0


def run_predict(dataset: str, source: Path, out: Path | None) -> None:
    """Write key, predicted, lower and upper of each row of a file."""
    if out is not None and out.suffix.lower() not in OUT_FORMATS:
        raise CallError(
            f"the name of an output file ends in {', '.join(OUT_FORMATS)}.", where=str(out)
        )
    quiet_prefect()
    from flows.command.predict import predictions

    rows = predictions(dataset, source)
    columns = {"key": TextType(), "predicted": Double(), "lower": Double(), "upper": Double()}
    form = OUT_FORMATS[out.suffix.lower()] if out else "csv"
    write_rows([rows], columns, form, out)


def run_status(*, as_json: bool) -> int:
    """Print how each dataset stands; return 1 where something is wrong."""
    with Store(settings().database_url).reading() as connection:
        stored = {status.dataset: status for status in latest_runs(connection)}
    names = sorted({*declared_datasets(settings().datasets), *stored})
    lines = [_status_line(name, stored.get(name)) for name in names]
    if as_json:
        print(json.dumps(lines, indent=2, default=datetime.isoformat))  # noqa: T201
    else:
        table = Table(box=None, header_style="bold")
        for heading in ("dataset", "last run", "last good night", "champion", "what is wrong"):
            table.add_column(heading, overflow="fold")
        for line in lines:
            table.add_row(
                line["dataset"],
                Text(line["last_run"], style=STYLE.get(line["last_run"], "red")),
                f"{line['last_good']:%Y-%m-%d %H:%M} UTC" if line["last_good"] else "never",
                line["champion"] or "none",
                line["wrong"] or "",
            )
        Screen(sys.stdout).print(table)
    return 1 if any(line["last_run"] in ("failed", "rejected") for line in lines) else 0


def _status_line(name: str, status: DatasetStatus | None) -> dict[str, Any]:
    if status is None:
        return {
            "dataset": name,
            "last_run": "never run",
            "last_good": None,
            "champion": None,
            "wrong": f"run 'nightfit retrain {name}'",
        }
    bad = status.status in ("failed", "rejected")
    return {
        "dataset": name,
        "last_run": status.status,
        "last_good": status.last_succeeded_at,
        "champion": status.champion,
        "wrong": status.reason if bad else " ".join(status.warnings) or None,
    }
