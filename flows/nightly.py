"""The whole night: every declared dataset, one after the other."""

from prefect import flow

from data.declarations.file import declared_datasets
from data.errors import NightFailed, RunFailed, UserError
from data.settings import settings
from flows.retrain import retrain
from tasks.prune import prune
from tasks.run.progress import LOG, tell
from tasks.run.summary import Summary
from tasks.run.workers import framework_workers


@flow
def nightly(
    datasets: list[str] | None = None,
    force: bool = False,
    as_of: list[str] | None = None,
    wait: bool = True,
) -> list[Summary]:
    """Retrain the named datasets, or all that are declared; one that fails stops no other.

    What runs of long ago need no more is removed after each. With `as_of`, each of these nights of
    the past is made up for, in order.
    """
    names = datasets or declared_datasets(settings().datasets)
    with framework_workers():
        summaries = [
            _night(name, force=force, as_of=night, wait=wait)
            for night in (as_of or (None,))
            for name in names
        ]
    failed = [run.dataset for run in summaries if run.status not in ("succeeded", "skipped")]
    if failed:
        raise NightFailed(summaries, failed)
    return summaries


def _night(dataset: str, *, force: bool, as_of: str | None, wait: bool) -> Summary:
    summary = _retrained(dataset, force=force, as_of=as_of, wait=wait)
    try:
        prune(dataset)
    except UserError as error:
        tell(dataset, f"not pruned: {error}", warning=True)
    except Exception:  # noqa: BLE001 - the night itself is stored
        LOG.exception("%s: not pruned, by a mistake of nightfit's own", dataset)
    return summary


def _retrained(dataset: str, *, force: bool, as_of: str | None, wait: bool) -> Summary:
    try:
        return retrain(dataset, force=force, as_of=as_of, wait=wait)
    except RunFailed as failure:
        tell(dataset, f"{failure.status}: {failure.what}", warning=True)
        return Summary(dataset, failure.status, as_of=as_of, remarks=(failure.what,))
    except UserError as error:
        tell(dataset, f"failed: {error}", warning=True)
        return Summary(dataset, "failed", as_of=as_of, remarks=(str(error),))
    except Exception as error:  # noqa: BLE001 - one dataset stops no other
        LOG.exception("%s: failed by a mistake of nightfit's own", dataset)
        return Summary(
            dataset, "failed", as_of=as_of, remarks=(f"{type(error).__name__}: {error}",)
        )
