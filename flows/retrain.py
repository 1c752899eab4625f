"""Retrain one dataset: each step of a run in order, from reading its source to storing it."""

from collections.abc import Set
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from prefect import allow_failure, flow

from data.checks.contract import Contract
from data.checks.waivers import remembered_kinds
from data.declarations.file import load_dataset
from data.scratch import temporary_files
from data.settings import settings
from data.sources.settled import QUIET_SECONDS
from data.sources.snapshot import Snapshot
from data.store.session import Store
from flows.alarm import alarming
from flows.lost_server import outlasting
from flows.noted import leaving_a_note
from flows.page.artifacts import FitProgress
from flows.page.names import retrain_name
from flows.page.shown import run_on_page
from regressors.candidate import Candidate
from tasks.check import check
from tasks.choose import choose
from tasks.compare import compare
from tasks.deliver import deliver
from tasks.draw import draw
from tasks.fit import fit
from tasks.incumbent import incumbent
from tasks.plan import is_planned, plan
from tasks.rank import rank
from tasks.read import read
from tasks.recency import recency, recency_needs_fits
from tasks.refit import refit, to_refit
from tasks.report.vega import start_vega
from tasks.resilience import resilience
from tasks.roll import ranked_and_rolled, roll
from tasks.route import of_segments, route
from tasks.run.ann_plan import plan_in
from tasks.run.attempt import Attempt, Trained
from tasks.run.hold import promotion_hold
from tasks.run.killed import told_of_killed
from tasks.run.night import contract, only_run, refuse_rejected, skip_if_unchanged
from tasks.run.patience import patience
from tasks.run.private import keep_private
from tasks.run.rate import plan_before
from tasks.run.starts import last_starts
from tasks.run.step import result_of
from tasks.run.summary import Summary, report
from tasks.run.workers import FrameworkWorkers, first_started, framework_workers, in_turn
from tasks.split import split
from tasks.start import start
from tasks.store import new_attempt, store_run


@flow(flow_run_name=retrain_name, persist_result=False)
@run_on_page
@outlasting
@alarming
@leaving_a_note
def retrain(
    dataset: str,
    force: bool = False,
    as_of: date | str | None = None,
    dry_run: bool = False,
    wait: bool = True,
) -> Summary:
    """Retrain a declared dataset and store the outcome, unless it is a dry run.

    If the source cannot be read, the data is rejected or nothing can be fitted, the attempt is
    stored and RunFailed is raised. Without `wait`, Busy is raised and nothing is stored.

    Args:
        dataset: The declared dataset to retrain.
        force: Train even if nothing has changed since the last good run.
        as_of: Train as on that past night: on the rows up to the end of a `date`, or up to what a
            `str` says: a time such as `2024-03-31T12:00`, or a number, if the time column has
            numbers.
        dry_run: Do everything except write to the database.
        wait: If another run of the dataset is in progress, wait for its end instead of failing.
    """
    as_of = None if as_of is None else str(as_of)
    config = settings()
    keep_private(config)
    store, home = Store(config.database_url, config.store_retry_time), config.home
    declaration = load_dataset(dataset, config.datasets)
    drawing = partial(draw, store=store, home=home)
    with temporary_files(home):  # until the summary is made of the rows
        with (
            only_run(store, dataset, wait=wait) as lock,
            told_of_killed(
                home, store.display_url, dataset, forgets=not dry_run and as_of is None
            ) as killed,
            new_attempt(
                declaration, store, home=home, as_of=as_of, dry_run=dry_run, at_end=drawing
            ) as run,
            framework_workers(config) as workers,
        ):
            run.killed_before = killed
            expected = contract(store, declaration, as_of=as_of)
            kinds = remembered_kinds(declaration, expected)
            run.earlier_plan = plan_before(declaration, store, as_of=as_of)
            run.snapshot = snapshot = read(
                declaration,
                home / "snapshots",
                workers=workers,
                as_of=as_of,
                kinds=kinds,
                quiet_seconds=QUIET_SECONDS,
                patience=patience(config.source_retry_time),
            )
            skip_if_unchanged(run, snapshot, expected, store, force=force)
            if not dry_run:
                start_vega()
            trained = train(run, snapshot, store, workers, expected, home=home)
            store_run(run, trained, store, lock, workers, home=home, dry_run=dry_run)
        undelivered = None if dry_run else deliver(declaration, store)
        return replace(report(run), undelivered=undelivered)


def train(
    run: Attempt,
    snapshot: Snapshot,
    store: Store,
    workers: FrameworkWorkers,
    expected: Contract | None,
    *,
    home: Path,
    before_run: int | None = None,
    also_refit: Set[Candidate] = frozenset(),
) -> Trained:
    """Run every step between reading and storing, and record the results in `run` as they come.

    With `before_run`, the champion and the starts of gradient descent are those before that run.
    """
    declaration = run.declaration
    cluster = workers.connect()
    work = workers.row_work(declaration.name, snapshot.rows)
    run.checked = checked = check(declaration, snapshot, expected, run.night, work=work)
    refuse_rejected(checked)
    run.prepared = rows = split(declaration, snapshot, checked, work)
    starts, run.start_warning = last_starts(
        run.candidates, declaration, store, before_run=before_run
    )
    started = {f: start.submit(f, declaration.name, workers) for f in run.frameworks}
    first = first_started(started)
    if recency_needs_fits(declaration, run.earlier_recency):
        first.wait()  # so that the step's time is its own
    run.recency = of_age = recency(run.candidates, rows, workers, earlier=run.earlier_recency)
    planned = plan.submit(
        run.candidates,
        rows,
        workers,
        of_age,
        home=home,
        earlier=run.earlier_plan,
        wait_for=[allow_failure(first)] if is_planned(rows) else (),
    )
    of_kind: dict[bool, Any] = {True: None, False: allow_failure(planned)}  # linear ones need none
    run.fits = fits = in_turn(
        run.candidates,
        workers,
        started,
        lambda c, after: fit.submit(
            c, rows, starts[c], workers, of_age, of_kind[c.is_linear], wait_for=after
        ),
        FitProgress(declaration.name, len(run.candidates), cluster).count,
    )
    run.ann_plan = plan_in(result_of(planned))
    run.process_warnings = workers.take_warnings()
    champion = incumbent(rows, store, home=home, predict=workers.predict, before_run=before_run)
    ranking, run.fits, rolled = ranked_and_rolled(
        rank(rows, fits),
        fits,
        champion,
        roll_all=lambda compared: in_turn(
            compared,
            workers,
            started,
            lambda c, after: roll.submit(c, fits[c], rows, starts[c], workers, wait_for=after),
        ),
        rank_again=partial(rank, rows),
        also=also_refit,
    )
    hold = promotion_hold(champion, as_of=run.as_of, data_until=rows.times.data_until)
    choice = choose(rows, ranking, rolled, champion, hold=hold)
    routing = route(rows, run.fits, ranking, rolled, choice, store, before_run=before_run)
    run.trained = trained = Trained(rows, run.fits, rolled, choice, routing=routing)
    wanted = to_refit(run.fits, choice, also_refit | of_segments(routing, ranking))
    refits = in_turn(
        wanted,
        workers,
        started,
        lambda c, after: refit.submit(c, wanted[c], rows, starts[c], workers, wait_for=after),
    )
    run.process_warnings += workers.take_warnings()
    run.trained = trained = trained.with_refits(refits)
    agreement = compare(run.fits, refits, choice, workers.probes)
    silenced = resilience(rows, wanted[choice.reported])
    run.trained = trained = replace(trained, agreement=agreement, resilience=silenced)
    return trained
