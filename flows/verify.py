"""Fit a stored run again from its snapshot: are the digits the same?"""

from prefect import flow

from data.settings import settings
from data.store.read.whole_run import stored_run
from data.store.records import RunRecord
from data.store.session import Store
from flows.retrain import train
from regressors.candidate import Candidate
from tasks.run.attempt import Attempt
from tasks.run.replay import replayed
from tasks.run.verification import Verification, verification
from tasks.run.workers import framework_workers


@flow(flow_run_name="fit run {run_id} again")
def fit_again(run_id: int, candidate: str) -> Attempt:
    """Return one candidate of a stored run, fitted again on its rows; nothing is written."""
    with framework_workers():
        return replayed(run_id, _stored(run_id), train, candidate=Candidate.parse(candidate))


@flow(flow_run_name="verify run {run_id}")
def verify(run_id: int) -> Verification:
    """Return every difference between a stored run and the same run trained again."""
    stored = _stored(run_id)
    with framework_workers():
        return verification(run_id, stored, replayed(run_id, stored, train))


def _stored(run_id: int) -> RunRecord:
    with Store(settings().database_url).reading() as connection:
        return stored_run(connection, run_id)
