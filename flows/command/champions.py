"""The commands about who serves: gate, history, promote, rollback, unpin."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from data.declarations.file import NOT_STORABLE, load_dataset
from data.errors import CallError, UserError
from data.settings import settings
from data.store.read.nights import ComparedNight, compared_night
from data.store.read.view_rows import rows_of
from data.store.session import Store
from flows.command.output import write_rows
from flows.command.printable import printable
from flows.command.session import Screen, quiet_prefect, talking, working

if TYPE_CHECKING:
    from regressors.judging.gate import Sight
    from regressors.judging.selection import PromotionRules
    from tasks.run.attempt import Trained

MOST_REASON = 1_000
"""Characters; a reason is a sentence or two."""


def run_gate(dataset: str, *, as_json: bool) -> None:
    """Print what the gate can and cannot see with the test rows of the last night."""
    from regressors.judging.gate import sight
    from regressors.judging.selection import PromotionRules

    asked = load_dataset(dataset, settings().datasets).promotion
    with Store(settings().database_url).reading() as connection:
        night = compared_night(connection, dataset)
    if night is None:
        raise UserError(
            "no night has compared two models of this dataset yet.",
            where=dataset,
            next_step=f"Run 'nightfit retrain {dataset}' first, with more than one kind.",
        )
    rules = PromotionRules(asked.min_gain, asked.max_loss, asked.confidence)
    pairs = night.errors
    seen = sight(pairs.error, pairs.other_error, rules=rules, unit=pairs.unit)
    if as_json:
        told = {"dataset": dataset, "run_id": night.run_id, **asdict(seen)}
        told |= {"model": night.model, "other": night.other}
        print(json.dumps(told, indent=2))  # noqa: T201
        return
    console = Screen(sys.stdout)
    for line in _gate_in_words(dataset, night, seen, rules):
        console.print(line, soft_wrap=True)


def _gate_in_words(
    dataset: str, night: ComparedNight, seen: "Sight", rules: "PromotionRules"
) -> list[str]:
    """Say what the gate can see, a line each."""
    from regressors.judging.selection import too_few

    units = f" in {seen.units:,} independent units" if seen.units != seen.rows else ""
    lines = [
        f"{dataset}: {seen.rows:,} test rows{units} of run {night.run_id}, on which {night.model}"
        f" was compared with {night.other}.",
    ]
    if seen.smallest_gain == 0:
        lines.append("Both make the same errors on them, so there is nothing to tell apart.")
        return lines
    if seen.smallest_gain is None and not too_few(seen.rows, seen.units):
        lines.append("One of them makes no error on them, so no rate can be told.")
        return lines
    if seen.smallest_gain is None:
        lines.append(
            "These are too few: no other candidate takes over, whatever its gain, unless"
            f" by 'nightfit promote {dataset} RUN'; newer fits of the champion's own"
            " candidate serve."
        )
    else:
        lines += [
            f"A switch that gains {seen.smallest_gain:.1%} of the mean squared error is found four"
            f" times out of five (min_gain {rules.min_gain:.1%}, confidence"
            f" {rules.confidence:.0%}).",
            f"To an equal model it would switch in {seen.switch_to_equal:.1%} of nights, to one"
            f" whose RMSE is {seen.worse:.0%} higher in {seen.switch_to_worse:.1%}.",
            f"A refresh whose RMSE is {seen.worse:.0%} higher would serve in"
            f" {seen.refresh_to_worse:.1%} of nights (max_loss {rules.max_loss:.1%}).",
        ]
    lines.append("The rates hold for one decision; the test rows are used again every night.")
    return lines


def run_history(dataset: str, *, output_format: str) -> None:
    """Print every change of a dataset's champion, the newest first."""
    with Store(settings().database_url).reading() as connection:
        found = rows_of(connection, "champion_history", dataset=dataset)
        rows = [row for batch in found.batches for row in batch]
    index = list(found.columns).index("decision")
    changes = [row for row in rows if row[index] != "kept"]
    if output_format != "table":
        write_rows([changes], found.columns, output_format)
        return
    console = Screen(sys.stdout)
    for row in changes:
        line = dict(zip(found.columns, row, strict=True))
        console.print(_change(line), soft_wrap=True)
        console.print(Text(f"    {line['reason']}", style="dim"), soft_wrap=True)
    if kept := len(rows) - len(changes):
        console.print(
            f"Decisions that left the champion as it was: {kept}; 'nightfit query champion_history"
            f" --dataset {dataset}' shows them too.",
            soft_wrap=True,
        )


def _change(line: dict[str, Any]) -> Text:
    """Return when, what, from what to what, and by whom, in a line."""
    who = line["decided_by"] or f"the night of run {line['run_id']}"
    change = line["decision"].replace("_", " ") + (", pinned" if line["pinned"] else "")
    return Text.assemble(
        (f"{line['decided_at']:%Y-%m-%d %H:%M} UTC  ", "dim"),
        (change, "bold"),
        f": {_of_run(line['previous'], line['previous_run_id'])} -> "
        f"{_of_run(line['champion'], line['champion_run_id'])}{_gain(line)}, by {who}",
    )


def _of_run(name: str | None, run_id: int | None) -> str:
    return f"{name} of run {run_id}" if name else "nothing"


def _gain(line: dict[str, Any]) -> str:
    if line["gain"] is None:
        return ""
    return f", gain {line['gain']:+.1%} ({line['gain_low']:+.1%} to {line['gain_high']:+.1%})"


def run_promote(
    dataset: str, run_id: int, candidate: str | None, *, reason: str, pin: bool
) -> None:
    """Have a model of an earlier run serve from now on."""
    quiet_prefect()
    from tasks.run.decisions import Tools, promote

    why = _said(reason)
    tools = Tools(_store(), settings().home, _again)
    with talking():
        done = promote(tools, dataset, run_id, candidate, reason=why, pin=pin)
    print(printable(str(done)))  # noqa: T201


def run_rollback(dataset: str, to: int | None, *, reason: str | None, pin: bool) -> None:
    """Have the champion before, or one of the past, serve again."""
    quiet_prefect()
    from tasks.run.decisions import Tools, rollback

    why = None if reason is None else _said(reason)
    tools = Tools(_store(), settings().home, _again)
    with talking():
        done = rollback(tools, dataset, to, reason=why, pin=pin)
    print(printable(str(done)))  # noqa: T201


def run_unpin(dataset: str, *, reason: str | None) -> None:
    """Let the nights replace a pinned champion again."""
    quiet_prefect()
    from tasks.run.decisions import unpin

    why = None if reason is None else _said(reason)
    done = unpin(_store(), dataset, reason=why)
    print(printable(str(done)))  # noqa: T201


def _store() -> Store:
    """Return the store, after checking that it can be written to."""
    store = Store(settings().database_url)
    store.ensure_ready()
    return store


def _said(reason: str) -> str:
    """Return a reason in one line; raise CallError where there is none."""
    words = " ".join(reason.split())
    if NOT_STORABLE.search(words):
        raise CallError("--reason is not UTF-8.", next_step="Write it with a terminal that is.")
    if not words or len(words) > MOST_REASON:
        raise CallError(
            f"--reason has {len(words):,} characters, and 1 to {MOST_REASON:,} are wanted.",
            next_step="Say in a sentence why; it stands in the history.",
        )
    return words


def _again(run_id: int, candidate: str) -> "Trained":
    """Fit one candidate of a stored run again."""
    with working():
        from flows.verify import fit_again

        return fit_again(run_id, candidate)
