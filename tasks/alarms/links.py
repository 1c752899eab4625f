"""Where people can look: a run's page on Prefect, and its report."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect.utilities.urls import url_for

from tasks.report.files import report_file, report_path

ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Links:
    """Where the pages of this process's runs are; `page` is that of `nightfit serve`, if known.

    A Prefect server that ends with this process is not `lasting`: nobody could open its page.
    """

    home: Path
    page: str | None
    lasting: bool

    def run(self, flow_run_id: str | None) -> str | None:
        """Return the address of a run's page, None if the server does not know the run."""
        if flow_run_id is None or not self.lasting or not _is_known(flow_run_id):
            return None
        if self.page:
            return f"{self.page.rstrip('/')}/runs/flow-run/{flow_run_id}"
        return url_for("flow-run", obj_id=flow_run_id)

    def report(self, dataset: str, run_id: int | None) -> str | None:
        """Return the address of a run's report, or its file; None if there is none."""
        if run_id is None:
            return None
        file = report_file(self.home, dataset, run_id)
        if not file.is_file():
            return None
        path = report_path(dataset, run_id)
        return f"{self.page.rstrip('/')}/reports/{path}" if self.page else str(file)


def _is_known(flow_run_id: str) -> bool:
    soon = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_SECONDS, PREFECT_CLIENT_MAX_RETRIES: 0}
    try:
        with temporary_settings(soon), get_client(sync_client=True) as client:
            client.read_flow_run(UUID(flow_run_id))
    except Exception:  # noqa: BLE001 - without an answer there is no link, and the message goes out
        return False
    return True
