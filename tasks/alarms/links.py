"""Where people can look: a run's page on Prefect, and its report."""

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from prefect.utilities.urls import url_for

from tasks.report.files import report_address, report_file
from tasks.run.prefect_client import hasty_client

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
        return report_address(self.page, dataset, run_id) if self.page else str(file)


def _is_known(flow_run_id: str) -> bool:
    try:
        with hasty_client(ANSWER_SECONDS, retries=0) as client:
            client.read_flow_run(UUID(flow_run_id))
    except Exception:  # noqa: BLE001 - without an answer there is no link, and the message goes out
        return False
    return True
