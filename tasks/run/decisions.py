"""A person's decisions about the champion: promote, roll back and unpin, effective at once."""

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from data.errors import CallError, UserError
from data.scratch import temporary_files
from data.store.checksums import in_key_order
from data.store.read.champions import (
    ServingModel,
    champion_model,
    model_of,
    past_champion,
    previous_champion,
)
from data.store.read.datasets import no_champion, refuse_unknown_dataset
from data.store.read.earlier_runs import kept_rows, last_good
from data.store.read.predictions import has_predictions
from data.store.read.whole_run import stored_run
from data.store.records import ManualDecision
from data.store.row_columns import PredictionColumns
from data.store.session import Store
from data.store.write.decision import write_decision
from regressors.candidate import Candidate
from regressors.encoding.columns import CannotEncode
from regressors.job import Fitted
from tasks.run import progress
from tasks.run.attempt import Trained
from tasks.run.loading import intact
from tasks.run.predictions import of_candidate
from tasks.run.replay import declaration_of, snapshot_of
from tasks.run.rows import SnapshotRows
from tasks.run.stored_model import StoredModel, predictions_of, stored_model
from tasks.run.trained_rows import rows_of_run

FitAgain = Callable[[int, str], Trained]
"""Fits one candidate of a stored run again, given the run's id and the candidate's name."""


@dataclass(frozen=True)
class Tools:
    """What a decision needs: the store, the folder of snapshots, and a way to fit again."""

    store: Store
    home: Path
    fit_again: FitAgain


def promote(
    tools: Tools, dataset: str, run_id: int, candidate: str | None, *, reason: str, pin: bool
) -> str:
    """Make a model of a run the champion; return what was done, in a sentence.

    A candidate without stored predictions, because it did not win its run, is fitted again. Raises
    DamagedModel if what is stored of it is not what was stored then.
    """
    with tools.store.reading() as connection:
        chosen = model_of(connection, dataset, run_id, candidate)
    return _serve(tools, dataset, chosen, decision="forced", reason=reason, pin=pin)


def rollback(tools: Tools, dataset: str, to: int | None, *, reason: str | None, pin: bool) -> str:
    """Make the previous champion, or that of run `to`, serve again; return what was done.

    Raises DamagedModel if what is stored of it is not what was stored then.
    """
    with tools.store.reading() as connection:
        current = _champion(connection, dataset)
        if to is None:
            earlier = previous_champion(connection, dataset)
        else:
            earlier = past_champion(connection, dataset, to)
    if earlier is None:
        raise UserError(
            f"{current.name_and_run} is its first champion, so there is none to roll back to.",
            where=dataset,
            next_step=f"'nightfit query leaderboard --dataset {dataset}' lists other models;"
            " 'nightfit promote' makes one of them the champion.",
        )
    reason = reason or f"rolled back from {current.name_and_run}"
    return _serve(tools, dataset, earlier, decision="rolled_back", reason=reason, pin=pin)


def unpin(store: Store, dataset: str, *, reason: str | None) -> str:
    """Let the nights replace a pinned champion again; return what was done."""
    with store.reading() as connection:
        current = _champion(connection, dataset)
    if not current.pinned:
        raise CallError(f"{current.name_and_run} is not pinned.", where=dataset)
    with store.writing() as connection:
        write_decision(
            connection,
            ManualDecision(
                dataset=dataset,
                decision="unpinned",
                model_id=current.model_id,
                reason=reason or "the nights decide again",
                decided_by=user_name(),
            ),
            told=partial(progress.log, dataset, warning=True),
        )
    return f"{dataset}: {current.name_and_run} stays; from the next night on it may be replaced."


def _serve(
    tools: Tools, dataset: str, chosen: ServingModel, *, decision: str, reason: str, pin: bool
) -> str:
    with tools.store.reading() as connection:
        current = champion_model(connection, dataset)
    if current and current.model_id == chosen.model_id and (current.pinned or not pin):
        pinned = " and is pinned" if current.pinned else ""
        raise CallError(f"{chosen.name_and_run} already serves{pinned}.", where=dataset)
    intact(chosen)
    with tools.store.reading() as connection:
        is_stored = has_predictions(connection, chosen.model_id)
    with temporary_files(tools.home):
        model, own = _servable(tools, dataset, chosen, is_stored=is_stored)
        newest = _newest_predictions(tools, dataset, chosen, model)
        made = ManualDecision(
            dataset=dataset,
            decision=decision,
            model_id=chosen.model_id,
            reason=reason,
            decided_by=user_name(),
            pinned=pin,
            predictions=own | newest,
            predictions_run_id=next(iter(newest), chosen.run_id),
            artifact=model.artifact.to_bytes() if chosen.artifact is None else None,
        )
    with tools.store.writing() as connection:
        write_decision(connection, made, told=partial(progress.log, dataset, warning=True))
    before = f" instead of {current.name_and_run}" if current else ""
    pinned = f"; it is pinned until 'nightfit unpin {dataset}'" if pin else ""
    if current and current.pinned and not pin:
        pinned = "; the previous champion's pin is removed"
    return f"{dataset}: {chosen.name_and_run} serves from now on{before}{pinned}."


def _servable(
    tools: Tools, dataset: str, chosen: ServingModel, *, is_stored: bool
) -> tuple[StoredModel, dict[int, PredictionColumns]]:
    """Return the stored model; if its predictions are not stored, it is fitted again for them.

    These are then returned by the id of its run.
    """
    if is_stored:
        rows_then = rows_of_run(tools.store, chosen, home=tools.home)
        return stored_model(tools.store, chosen, rows_then), {}
    progress.log(
        dataset,
        f"{chosen.name_and_run} did not win its run, so it is fitted again on that run's rows",
    )
    model, own = _fitted_again(tools.fit_again(chosen.run_id, chosen.name), chosen)
    return model, {chosen.run_id: own}


def _fitted_again(trained: Trained, chosen: ServingModel) -> tuple[StoredModel, PredictionColumns]:
    """Return a model that was fitted again, and what it predicts for the rows of its own run.

    Raises UserError unless every digit is the same.
    """
    candidate = Candidate(chosen.framework, chosen.kind)
    fit, served = trained.fits[candidate], trained.served(candidate)
    if not isinstance(fit, Fitted) or served is None:
        obstacle = trained.refits.get(candidate) if isinstance(fit, Fitted) else fit
        raise UserError(f"it could not be fitted again: {obstacle}", where=chosen.name_and_run)
    if fit.model.to_bytes() != chosen.twin:
        raise UserError(
            "fitted again on its run's rows it is not the same to the last digit, so the new"
            " predictions cannot be stored as the old model's.",
            where=chosen.name_and_run,
            next_step=f"'nightfit verify {chosen.run_id}' shows what differs; the next night trains"
            " a new model.",
        )
    prepared = trained.prepared
    own = of_candidate(trained, candidate, with_training=prepared.stores_training_predictions)
    own = replace(own, model=chosen.model_id)
    model = StoredModel(
        chosen.name_and_run,
        chosen.model_id,
        artifact=served,
        twin=fit.model,
        own=partial(in_key_order, own),
        trained_on=prepared.source,
    )
    return model, own


def _newest_predictions(
    tools: Tools, dataset: str, chosen: ServingModel, model: StoredModel
) -> dict[int, PredictionColumns]:
    """Return a model's predictions of the newest rows, by the id of the run that read them."""
    with tools.store.reading() as connection:
        last = last_good(connection, dataset)
        if last is None or last.run_id == chosen.run_id:
            return {}
    try:
        with tools.store.reading() as connection:
            newest = stored_run(connection, last.run_id)
            snapshot = snapshot_of(last.run_id, newest, home=tools.home)
            kept = kept_rows(connection, last.run_id, snapshot.rows)
        declaration = declaration_of(last.run_id, newest)
        source = SnapshotRows(declaration, snapshot, kept, ())
        with_training = declaration.stores_training_predictions(newest.rows_labelled or 0)
        columns, warnings = predictions_of(model, source, with_training=with_training)
    except (UserError, CannotEncode) as obstacle:
        progress.log(
            dataset,
            f"until the next night, the predictions shown are of the rows of run {chosen.run_id},"
            f" not of run {last.run_id}: {obstacle}",
            warning=True,
        )
        return {}
    for warning in warnings:
        progress.log(dataset, warning, warning=True)
    return {last.run_id: columns}


def _champion(connection: Connection, dataset: str) -> ServingModel:
    refuse_unknown_dataset(connection, dataset)
    current = champion_model(connection, dataset)
    if current is None:
        raise no_champion(dataset)
    return current


def user_name() -> str:
    """Return the user's name, or the user's number if there is no name, as in a container."""
    try:
        return os.fsencode(getpass.getuser()).decode(errors="replace")
    except (KeyError, OSError):
        return f"user {os.getuid()}"
