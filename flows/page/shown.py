"""The two flows as Prefect's page shows them: a decorator for each."""

from prefect import runtime

from data.errors import UserError
from data.settings import settings
from flows.page.artifacts import show_night, show_run
from flows.page.events import emit_ending
from flows.page.names import tag_run
from flows.page.states import night_state, on_page, run_state
from tasks.run.summary import Summary


def _dataset() -> str:
    name: str = runtime.flow_run.parameters["dataset"]
    return name


def _run_ended(ended: Summary | UserError) -> None:
    try:
        config = settings()
    except UserError:  # which has ended the run
        return
    show_run(_dataset(), ended, config)
    emit_ending(_dataset(), ended, config)


run_on_page = on_page(run_state, at_begin=lambda: tag_run(_dataset()), at_end=_run_ended)
night_on_page = on_page(night_state, at_end=show_night)
