"""Train a stored run again from its snapshot: are the digits the same?"""

from prefect import flow

from data.errors import NothingFitted, UserError
from data.scratch import temporary_files
from data.settings import Settings, settings
from data.store.read.whole_run import stored_run
from data.store.records import RunRecord
from data.store.session import Store
from flows.lost_server import outlasting
from flows.noted import leaving_a_note
from flows.page.states import on_page, trained_state, verified_state
from flows.retrain import train
from regressors.candidate import Candidate
from tasks.run.attempt import Trained
from tasks.run.night import contract
from tasks.run.private import keep_private
from tasks.run.replay import Replay, replay_of
from tasks.run.verification import Verification, verification
from tasks.run.workers import framework_workers


@flow(flow_run_name="fit run {run_id} again", persist_result=False)
@on_page(trained_state)
@outlasting
@leaving_a_note
def fit_again(run_id: int, candidate: str) -> Trained:
    """Return one candidate of a stored run, fitted again on its rows; nothing is written."""
    config = settings()
    keep_private(config)
    stored = _stored(run_id, config)
    replay = replay_of(run_id, stored, home=config.home, candidate=Candidate.parse(candidate))
    return _trained_again(run_id, replay, config)


@flow(flow_run_name="verify run {run_id}", persist_result=False)
@on_page(verified_state)
@outlasting
@leaving_a_note
def verify(run_id: int) -> Verification:
    """Return every difference between a stored run and the same run trained again."""
    config = settings()
    keep_private(config)
    stored = _stored(run_id, config)
    replay = replay_of(run_id, stored, home=config.home)
    with temporary_files(config.home):
        trained = _trained_again(run_id, replay, config)
        return verification(
            run_id, stored, replay.run, trained, store=Store(config.database_url), home=config.home
        )


def _stored(run_id: int, config: Settings) -> RunRecord:
    with Store(config.database_url).reading() as connection:
        return stored_run(connection, run_id)


def _trained_again(run_id: int, replay: Replay, config: Settings) -> Trained:
    run, store = replay.run, Store(config.database_url)
    expected = contract(store, run.declaration, as_of=run.as_of, before_run=run_id)
    with framework_workers(config) as workers:
        try:
            return train(
                run,
                replay.snapshot,
                store,
                workers,
                expected,
                home=config.home,
                before_run=run_id,
                also_refit=replay.also_refit,
            )
        except NothingFitted as failure:
            where = f"run {run_id} of {run.declaration.name}"
            raise UserError(f"nothing could be fitted again: {failure}", where=where) from None
