"""The whole night: every declared dataset, one after the other."""

from collections.abc import Sequence

from prefect import flow

from data.declare import declared_datasets
from data.errors import UserError
from data.settings import settings
from flows.retrain import retrain
from tasks.progress import LOG, tell
from tasks.report import Summary
from tasks.store import RunFailed
from tasks.workers import framework_workers


class NightFailed(UserError):
    """At least one dataset came to nothing; `summaries` tells of all of them."""

    def __init__(self, summaries: Sequence[Summary]) -> None:
        failed = [summary.dataset for summary in summaries if summary.status != "succeeded"]
        super().__init__(f"{len(failed)} of {len(summaries)} datasets failed: {', '.join(failed)}.")
        self.summaries = summaries


@flow
def nightly(datasets: list[str] | None = None) -> list[Summary]:
    """Retrain the named datasets, or all that are declared; one that fails stops no other."""
    names = datasets or declared_datasets(settings().datasets)
    with framework_workers():
        summaries = [_retrained(name) for name in names]
    if any(summary.status != "succeeded" for summary in summaries):
        raise NightFailed(summaries)
    return summaries


def _retrained(dataset: str) -> Summary:
    try:
        return retrain(dataset)
    except RunFailed as failure:
        tell(dataset, f"{failure.status}: {failure.what}", warning=True)
        return Summary(dataset, failure.status, remarks=(failure.what,))
    except UserError as error:
        tell(dataset, f"failed: {error}", warning=True)
        return Summary(dataset, "failed", remarks=(str(error),))
    except Exception as error:  # noqa: BLE001 - one dataset stops no other
        LOG.exception("%s: failed by a mistake of nightfit's own", dataset)
        return Summary(dataset, "failed", remarks=(f"{type(error).__name__}: {error}",))
