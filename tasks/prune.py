"""Remove what a dataset's runs of long ago need no more."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from data.errors import Busy
from data.settings import settings
from data.store.retention import remove_old_data
from data.store.session import Store
from tasks.run.progress import tell


@task(cache_policy=NO_CACHE)
def prune(dataset: str) -> None:
    """Remove it and tell how much it was; where another night is at work, leave it to that one."""
    try:
        removed = remove_old_data(
            Store(settings().database_url),
            dataset,
            home=settings().home,
            keep_runs=settings().keep_runs,
            wait=False,
            on_wait=lambda: None,
        )
    except Busy:
        return
    if str(removed) != "nothing":
        tell(dataset, f"pruned {removed}")
