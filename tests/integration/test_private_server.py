"""The server that Prefect starts for a flow in a terminal: for that process alone."""

import json
import subprocess
import sys

from helpers.workspace import ROOT, outside

PROBE = """
import json, urllib.request
from urllib.error import HTTPError
from flows.command.prefect_login import private_server
with private_server():
    from prefect.client.orchestration import get_client
    with get_client(sync_client=True) as client:
        url = str(client.api_url).rstrip("/")
        own = [client.hello().status_code, len(client.read_flow_runs())]

def ask(path, data=None, **headers):
    headers = {"Content-Type": "application/json", **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers)) as answer:
            return [answer.status, answer.headers.get("Access-Control-Allow-Origin")]
    except HTTPError as error:
        return [error.code, error.headers.get("Access-Control-Allow-Origin")]

print(json.dumps({
    "own": own,
    "read": ask("/version"),
    "page": ask("/health", Origin="http://127.0.0.1:1"),
    "change": ask("/flow_runs/filter", b"{}"),
    "token": ask("/csrf-token?client=other"),
}))
"""


def test_server_of_a_run_in_a_terminal_answers_nobody_else(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=ROOT,
        env={
            **outside(),
            "PREFECT_HOME": str(tmp_path),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "0",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout.splitlines()[-1])
    assert answers == {
        "own": [200, 0],
        "read": [401, None],
        "page": [200, None],
        "change": [403, None],
        "token": [401, None],
    }
