"""`prefect deploy --all` on a Prefect server of one's own, as `prefect.yaml` documents it."""

import json
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from helpers.prefect_api import ask
from helpers.workspace import ROOT, outside


def test_deployments_are_registered_on_a_new_server_as_documented(prefect_server, tmp_path):
    comment = (ROOT / "prefect.yaml").read_text().partition("\nname:")[0]
    (pool,) = re.findall(r"^# +(prefect work-pool create .*)$", comment, re.MULTILINE)
    (deploy,) = re.findall(r"`(prefect deploy --all)`", comment)
    api = prefect_server.wait()
    environment = {
        **outside(),
        "PREFECT_API_URL": api,
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }

    def prefect(line):
        _, *arguments = shlex.split(line)
        command = [sys.executable, "-m", "prefect", "--no-prompt", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    with suppress(HTTPError):  # another test may have made it
        ask(api, "work_pools/nightfit", method="DELETE")
    for line in (pool, deploy):
        done = prefect(line)
        assert done.returncode == 0, done.stdout + done.stderr
    request = Request(f"{api}/deployments/filter", b"{}", {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        deployed = {each["entrypoint"]: each for each in json.load(answer)}
    assert {"flows.nightly.nightly", "flows.retrain.retrain"} <= {*deployed}
    (schedule,) = deployed["flows.nightly.nightly"]["schedules"]
    assert schedule["active"]
