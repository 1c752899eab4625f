"""Champions that a person chooses: a model of an earlier run serves from now on, at once."""

import getpass
import os
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection

from data.errors import CallError, UserError
from data.store.read.champions import (
    ServingModel,
    champion_model,
    model_of,
    past_champion,
    previous_champion,
)
from data.store.read.datasets import no_champion, refuse_unknown_dataset
from data.store.read.earlier_runs import kept_rows, last_good
from data.store.read.predictions import artifact_training_keys, has_predictions
from data.store.read.whole_run import stored_run
from data.store.records import ManualDecision, PredictionColumns
from data.store.session import Store
from data.store.write.decision import write_decision
from regressors.candidate import Candidate
from regressors.encoding.columns import CannotEncode
from regressors.job import Fitted
from tasks.run.attempt import Attempt
from tasks.run.predictions import of_candidate, of_stored
from tasks.run.progress import tell
from tasks.run.replay import declaration_of, snapshot_of
from tasks.run.rows import SnapshotRows

Again = Callable[[int, str], Attempt]
"""Fits one candidate of a stored run again, given the run's id and the candidate's name."""


def promote(
    store: Store,
    dataset: str,
    run_id: int,
    candidate: str | None,
    *,
    reason: str,
    pin: bool,
    again: Again,
) -> str:
    """Have a model of a run serve; return what was done, in a sentence.

    A candidate that has no stored predictions, since it did not win, is fitted again by `again`.
    """
    with store.reading() as connection:
        chosen = model_of(connection, dataset, run_id, candidate)
    return _serve(store, dataset, chosen, decision="forced", reason=reason, pin=pin, again=again)


def rollback(
    store: Store, dataset: str, to: int | None, *, reason: str | None, pin: bool, again: Again
) -> str:
    """Have the champion before serve again, or that of run `to`; return what was done."""
    with store.reading() as connection:
        current = _serving(connection, dataset)
        if to is None:
            earlier = previous_champion(connection, dataset)
        else:
            earlier = past_champion(connection, dataset, to)
    if earlier is None:
        raise UserError(
            f"{current.name_and_run} is its first champion: there is none before it.",
            where=dataset,
            next_step=f"nightfit query leaderboard --dataset {dataset} shows what else there is"
            ", and 'nightfit promote' has it serve.",
        )
    reason = reason or f"rolled back from {current.name_and_run}"
    return _serve(
        store, dataset, earlier, decision="rolled_back", reason=reason, pin=pin, again=again
    )


def unpin(store: Store, dataset: str, *, reason: str | None) -> str:
    """Let the nights replace a pinned champion again; return what was done."""
    with store.reading() as connection:
        current = _serving(connection, dataset)
    if not current.pinned:
        raise CallError(f"{current.name_and_run} is not pinned.", where=dataset)
    with store.writing() as connection:
        write_decision(
            connection,
            ManualDecision(
                dataset=dataset,
                decision="unpinned",
                model_id=current.model_id,
                reason=reason or "unpinned: the nights decide again",
                decided_by=_user(),
            ),
        )
    return (
        f"{dataset}: {current.name_and_run} serves on; from the next night on it may be replaced."
    )


def _serve(
    store: Store,
    dataset: str,
    chosen: ServingModel,
    *,
    decision: str,
    reason: str,
    pin: bool,
    again: Again,
) -> str:
    with store.reading() as connection:
        current = champion_model(connection, dataset)
    if current and current.model_id == chosen.model_id and (current.pinned or not pin):
        raise CallError(
            f"{chosen.name_and_run} serves already{', pinned' if current.pinned else ''}.",
            where=dataset,
        )
    predictions, artifact = _predictions(store, dataset, chosen, again)
    with store.writing() as connection:
        write_decision(
            connection,
            ManualDecision(
                dataset=dataset,
                decision=decision,
                model_id=chosen.model_id,
                reason=reason,
                decided_by=_user(),
                pinned=pin,
                predictions=predictions,
                artifact=artifact,
            ),
        )
    before = f" instead of {current.name_and_run}" if current else ""
    pinned = f"; it is pinned until 'nightfit unpin {dataset}'" if pin else ""
    if current and current.pinned and not pin:
        pinned = "; the pin of the one before is gone with it"
    return f"{dataset}: {chosen.name_and_run} serves from now on{before}{pinned}."


def _predictions(
    store: Store, dataset: str, chosen: ServingModel, again: Again
) -> tuple[dict[int, PredictionColumns], bytes | None]:
    """Return what is to be stored for the model to have a prediction of every row, by run.

    With it come the model's bytes where they were not stored: of an ANN that did not win.
    """
    told: dict[int, PredictionColumns] = {}
    artifact = chosen.artifact
    with store.reading() as connection:
        served = has_predictions(connection, chosen.model_id)
        trained = artifact_training_keys(connection, chosen.model_id) if served else set()
    if not served:
        tell(
            dataset,
            f"{chosen.name_and_run} did not serve then: fitting it again on that run's rows",
        )
        rows, artifact = _fitted(again(chosen.run_id, chosen.name), chosen)
        told[chosen.run_id] = rows
        roles = zip(rows.key, rows.role.tolist(), strict=True)
        trained = {key for key, role in roles if role != "new"}
    with store.reading() as connection:
        last = last_good(connection, dataset)
    if last is not None and last.run_id != chosen.run_id and artifact is not None:
        try:
            with store.reading() as connection:
                newest = stored_run(connection, last.run_id)
            snapshot = snapshot_of(last.run_id, newest)
            declaration = declaration_of(last.run_id, newest)
            with store.reading() as connection:
                kept = kept_rows(connection, last.run_id, snapshot.rows)
            source = SnapshotRows(declaration, snapshot, kept, ())
            told[last.run_id] = of_stored(chosen.model_id, artifact, trained, source)
        except (UserError, CannotEncode) as obstacle:
            tell(
                dataset,
                f"rows of run {last.run_id} alone have no prediction before the next night:"
                f" {obstacle}",
                warning=True,
            )
    return told, artifact if chosen.artifact is None else None


def _fitted(run: Attempt, chosen: ServingModel) -> tuple[PredictionColumns, bytes]:
    """Return the predictions and the bytes of a model that was fitted again, to the same digits."""
    candidate = Candidate(chosen.framework, chosen.kind)
    fit, refit = run.fits[candidate], run.refits.get(candidate)
    for outcome in (fit, refit):
        if not isinstance(outcome, Fitted):
            raise UserError(f"it could not be fitted again: {outcome}", where=chosen.name_and_run)
    assert isinstance(fit, Fitted)
    assert isinstance(refit, Fitted)
    if fit.model.to_bytes() != chosen.twin:
        raise UserError(
            "fitted again on its run's rows it does not come to the same digits, so what it says"
            " of them cannot be stored as its own.",
            where=chosen.name_and_run,
            next_step=f"'nightfit verify {chosen.run_id}' tells what differs; a new night fits it"
            " anew.",
        )
    model = replace(refit.model, half_width=fit.model.half_width)
    columns = replace(of_candidate(run, candidate), model=chosen.model_id)
    return columns, model.to_bytes()


def _serving(connection: Connection, dataset: str) -> ServingModel:
    refuse_unknown_dataset(connection, dataset)
    current = champion_model(connection, dataset)
    if current is None:
        raise no_champion(dataset)
    return current


def _user() -> str:
    """Return who decides: the user's name, or the number where it has none, as in a container."""
    try:
        return os.fsencode(getpass.getuser()).decode(errors="replace")
    except (KeyError, OSError):
        return f"user {os.getuid()}"
