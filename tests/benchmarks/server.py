"""Answers of Prefect's server under load, as `nightfit serve` runs it and as Prefect does.

    server.py [--clients 16] [--seconds 30] [--plain] [--database URL]

Each client makes runs as a night does, with states, logs and task runs, and in between reads what
the page reads. Without `--plain` the server is that of `nightfit serve`; with it, Prefect's own.
`--database` names the server's database, an SQLite file in a temporary folder if it is left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from helpers.workspace import free_port

HEADERS = {"Content-Type": "application/json"}


def main() -> None:
    """Print how often the server answered with which status, and how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--plain", action="store_true", help="Prefect's server, without nightfit's")
    parser.add_argument("--database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        process = _server(Path(folder), port, plain=options.plain, database=options.database)
        try:
            api = f"http://127.0.0.1:{port}/api"
            _wait(api)
            _measure(api, options.clients, options.seconds)
        finally:
            process.terminate()
            process.wait()


def _server(folder: Path, port: int, *, plain: bool, database: str | None) -> Any:
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        **({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {}),
    }
    if plain:
        command = ["-m", "prefect", "server", "start", "--port", str(port)]
        return subprocess.Popen([sys.executable, *command], env=environment)
    from flows.command.prefect_origins import address_of

    address = address_of("127.0.0.1", port, None)
    with address.listen() as listener:
        number = listener.fileno()
        command = ["-m", "flows.command.prefect_app", str(number), *address.origins]
        return subprocess.Popen([sys.executable, *command], env=environment, pass_fds=[number])


def _wait(api: str) -> None:
    while True:
        try:
            with urlopen(f"{api}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)


def _measure(api: str, clients: int, seconds: float) -> None:
    flow = _ask(api, "flows/", {"name": "load"}, Counter(), [])["id"]
    answers: Counter[int] = Counter()
    times: list[float] = []
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_client, args=(api, flow, until, answers, times))
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times.sort()
    total = sum(answers.values())
    refused = sum(count for status, count in answers.items() if status >= 400)
    print(
        f"{total} answers, {total / seconds:.0f} a second; {refused} refused ({dict(answers)});"
        f" median {times[total // 2] * 1000:.0f} ms, slowest {times[-1] * 1000:.0f} ms"
    )


def _client(api: str, flow: str, until: float, answers: Counter[int], times: list[float]) -> None:
    while time.monotonic() < until:
        run = _ask(api, "flow_runs/", {"flow_id": flow, "tags": ["nightfit"]}, answers, times)
        if run is None:
            continue
        for kind in ("PENDING", "RUNNING", "COMPLETED"):
            state = {"state": {"type": kind}, "force": True}
            _ask(api, f"flow_runs/{run['id']}/set_state", state, answers, times)
            lines = [
                {
                    "name": "nightfit",
                    "level": 20,
                    "message": f"line {number}",
                    "timestamp": "2026-01-01T00:00:00Z",
                    "flow_run_id": run["id"],
                }
                for number in range(20)
            ]
            _ask(api, "logs/", lines, answers, times)
            task = {"flow_run_id": run["id"], "task_key": "fit", "dynamic_key": kind}
            _ask(api, "task_runs/", task, answers, times)
        _ask(api, "flow_runs/filter", {"limit": 50}, answers, times)
        _ask(api, "logs/filter", {"limit": 200}, answers, times)


def _ask(api: str, path: str, body: Any, answers: Counter[int], times: list[float]) -> Any:
    request = Request(f"{api}/{path}", json.dumps(body).encode(), HEADERS)
    start = time.monotonic()
    try:
        with closing(urlopen(request, timeout=120)) as answered:
            answers[answered.status] += 1
            return json.loads(answered.read() or b"null")
    except HTTPError as error:
        answers[error.code] += 1
        return None
    finally:
        times.append(time.monotonic() - start)


if __name__ == "__main__":
    main()
