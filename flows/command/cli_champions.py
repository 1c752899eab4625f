"""The commands that `nightfit --help` lists under Champions."""

from typing import Annotated

import typer

from flows.command.options import (
    AsReport,
    Dataset,
    OutputFormat,
    Pin,
    Reason,
    ReportFormat,
    RowsFormat,
    Segment,
    whole_number,
)

HEADING = "Champions"

commands = typer.Typer()


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit history age_income`, or"
    " `nightfit history shops --segment Berlin`",
)
def history(
    dataset: Dataset,
    segment: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="List the changes of what serves this segment instead."),
    ] = None,
    format: RowsFormat = OutputFormat.TABLE,
) -> None:
    """List every change of a dataset's champion, newest first: when, which models, and why."""
    from flows.command.history import run_history, run_segment_history

    if segment is None:
        run_history(dataset, output_format=format)
    else:
        run_segment_history(dataset, segment, output_format=format)


@commands.command(rich_help_panel=HEADING, epilog="For example: `nightfit gate age_income`")
def gate(dataset: Dataset, format: AsReport = ReportFormat.TEXT) -> None:
    """Show how large a gain must be for the gate to detect it with the latest test rows.

    The gate decides whether another model may replace the champion. This also shows how often it
    would let in a model that is no better, or worse.
    """
    from flows.command.gate import run_gate

    run_gate(dataset, as_json=format is ReportFormat.JSON)


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit promote age_income 12 torch/least_squares --reason audit`, or"
    " `nightfit promote shops 12 torch/segment_least_squares --segment Berlin --reason audit"
    " --pin`",
)
def promote(
    dataset: Dataset,
    run: Annotated[
        int,
        typer.Argument(
            parser=whole_number(1),
            metavar="RUN",
            help="The `run_id` of the run that trained the model.",
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; it is kept in the history.")],
    candidate: Annotated[
        str | None,
        typer.Argument(
            help="The model to promote, such as torch/least_squares.",
            show_default="the winner of the run",
        ),
    ] = None,
    segment: Segment = None,
    pin: Pin = False,
) -> None:
    """Make a model of an earlier run the champion at once, whatever the gate says.

    With `--segment`, models of this kind serve the segment, at once if the run has stored the
    predictions for it, and otherwise from the next night on.
    """
    from flows.command.promote import run_promote

    run_promote(dataset, run, candidate, segment=segment, reason=reason, pin=pin)


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit rollback age_income --pin`, or"
    " `nightfit rollback shops --segment Berlin`",
)
def rollback(
    dataset: Dataset,
    to: Annotated[
        int | None,
        typer.Option(
            parser=whole_number(1),
            metavar="RUN",
            help="Go back to the former champion that this run trained.",
            show_default="the previous champion",
        ),
    ] = None,
    segment: Segment = None,
    reason: Reason = None,
    pin: Pin = False,
) -> None:
    """Make the previous champion, or an earlier one, serve again at once.

    With `--segment`, what served the segment before its last change serves it again.
    """
    from flows.command.promote import run_rollback

    run_rollback(dataset, to, segment=segment, reason=reason, pin=pin)


@commands.command(
    rich_help_panel=HEADING,
    epilog="For example: `nightfit unpin age_income`, or `nightfit unpin shops --segment Berlin`",
)
def unpin(dataset: Dataset, segment: Segment = None, reason: Reason = None) -> None:
    """Let coming nights replace a pinned champion again."""
    from flows.command.promote import run_unpin

    run_unpin(dataset, segment=segment, reason=reason)
