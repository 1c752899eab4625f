"""Where a person opens the reports: on nightfit's server, or as a file of the home."""

from contextlib import suppress
from pathlib import Path

from tasks.report.files import INDEX, reports_folder

ANSWER_SECONDS = 2.0


def reports_address(home: Path) -> str | None:
    """Return the address of the index over all reports, None if there is none yet.

    It is that of the server which this process uses, if that is a `nightfit serve`: another one has
    no reports.
    """
    index = reports_folder(home) / INDEX
    if not index.is_file():
        return None
    return _on_server() or index.absolute().as_uri()


def _on_server() -> str | None:
    import httpx  # both are loaded with Prefect, which has run
    from prefect.settings import get_current_settings

    api = get_current_settings().api.url
    if api is None:
        return None
    address = f"{api.removesuffix('/api')}/reports/"
    with suppress(httpx.HTTPError):
        answer = httpx.head(address, timeout=ANSWER_SECONDS)
        if 'realm="nightfit"' in answer.headers.get("www-authenticate", ""):
            return address
    return None
