"""Questions to the API of a Prefect server, asked again while its database is busy."""

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import Request, urlopen

SECONDS = 120


def ask(api, path, *, method=None, headers: Mapping[str, str] | None = None, **body):
    """Return what the API answers to a GET, or to a POST if there is a body.

    A server with SQLite says when it is busy, and Prefect's own client asks it again, too.
    """
    data = json.dumps(body).encode() if body else None
    content = {"Content-Type": "application/json", **(headers or {})}
    request = Request(f"{api}/{path}", data, content, method=method)
    until = time.monotonic() + SECONDS
    while True:
        try:
            with urlopen(request, timeout=60) as answered:
                return json.loads(answered.read() or b"null")
        except HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > until:
                raise
        except TimeoutError:  # a busy machine; what is only asked for may be asked for again
            if data is not None or time.monotonic() > until:
                raise
        time.sleep(0.3)


def run_of(api, flow, state, message, parent=None, **parameters):
    """Make a flow run that is in a state, perhaps a part of another one; return its id."""
    flow_id = ask(api, "flows/", name=flow)["id"]
    task = None
    if parent:
        within = {"flow_run_id": parent, "task_key": flow, "dynamic_key": message}
        task = ask(api, "task_runs/", **within)["id"]
    made = {"flow_id": flow_id, "parameters": parameters, "parent_task_run_id": task}
    run_id = ask(api, "flow_runs/", **made)["id"]
    ended = {"type": state, "message": message}
    ask(api, f"flow_runs/{run_id}/set_state", state=ended, force=True)
    return run_id
