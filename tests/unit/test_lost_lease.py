"""Prefect ends a run whose lease it cannot renew; ours ends with its work."""

import threading
import time
from contextlib import suppress

from prefect._internal.concurrency.cancellation import CancelledError, WatcherThreadCancelScope

from flows.lost_server import outlasting


def test_work_is_not_broken_off_when_prefect_cannot_renew_the_lease_of_its_run():
    steps: list[int] = []

    @outlasting
    def work() -> None:
        for step in range(20):
            time.sleep(0.01)
            steps.append(step)

    with suppress(CancelledError), WatcherThreadCancelScope() as scope:
        canceller = threading.Timer(0.05, scope.cancel)
        canceller.start()
        work()
        while canceller.is_alive():  # and no `join`, in which the exception could not be raised
            time.sleep(0.01)
    assert len(steps) == 20
