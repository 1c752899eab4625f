"""`nightfit serve` and those who want in: pages of other origins, other users, forged names."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import psutil
import pytest
from helpers.serving import CHROMIUM, chromium, family, log_in
from helpers.workspace import LINE, LINE_ROWS
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

NOBODY = 65534

PAGE = """<!doctype html><title>Lovely cats</title><script>
async function attack(api, run, body) {
  const log = {}
  const attempt = async (name, request) => {
    const late = new Promise(resolve => setTimeout(resolve, 60000, "late"))
    log[name] = await Promise.race([request(), late]).catch(error => error.name)
  }
  const json = { "Content-Type": "application/json" }
  const posted = body => ({ method: "POST", headers: json, body })
  const plain = { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body }
  await attempt("read", async () => (await fetch(api + "/version")).status)
  await attempt("list", async () =>
    (await fetch(api + "/deployments/filter", posted("{}"))).status)
  await attempt("token", async () => (await fetch(api + "/csrf-token?client=cat")).status)
  await attempt("run", async () => (await fetch(run, posted(body))).status)
  await attempt("text", async () => (await fetch(run, plain)).type)
  await attempt("beacon", async () => navigator.sendBeacon(run, new Blob([body])))
  await attempt("websocket", () => new Promise(resolve => {
    const socket = new WebSocket(api.replace("http", "ws") + "/events/out", ["prefect"])
    socket.onopen = () => resolve("open")
    socket.onerror = () => resolve("refused")
  }))
  await attempt("form", () => new Promise(resolve => {
    const frame = document.createElement("iframe")
    frame.name = "hidden"
    document.body.append(frame)
    const form = document.body.appendChild(document.createElement("form"))
    Object.assign(form, { method: "post", action: run, enctype: "text/plain", target: "hidden" })
    const field = form.appendChild(document.createElement("input"))
    const [head, tail] = [body.slice(0, -1) + ', "x": "', '"}']
    Object.assign(field, { name: head, value: tail })
    frame.onload = () => resolve("sent")
    form.submit()
  }))
  return log
}
</script>"""

USER = """
import json, os, sys, urllib.request
from urllib.error import HTTPError
login, api, run, body, *pids = json.loads(sys.stdin.read())

def read(path):
    try:
        return open(path, "rb").read().decode(errors="replace")
    except OSError as error:
        return type(error).__name__

def ask(url, data=None, **headers):
    headers = {{"Content-Type": "application/json", **headers}}
    try:
        return urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60).status
    except HTTPError as error:
        return error.code

ask(api + "/version")  # import everything: nobody may not be able to read the libraries
os.setgroups([])
os.setgid({nobody})
os.setuid({nobody})
print(json.dumps({{
    "login": read(login),
    "environments": [read(f"/proc/{{pid}}/environ") for pid in pids],
    "commands": [read(f"/proc/{{pid}}/cmdline") for pid in pids],
    "read": ask(api + "/version"),
    "token": ask(api + "/csrf-token?client=nobody"),
    "guess": ask(api + "/version", Authorization="Basic bmlnaHRmaXQ6bmlnaHRmaXQ="),
    "run": ask(run, body.encode()),
}}))
"""


@pytest.fixture
def target(served, tmp_path):
    """What every attacker knows: where a run is started, and what makes it run his command."""
    return Target(served, tmp_path / "mark")


class Target:
    """A deployment, and a body with which Prefect's worker would have run a command."""

    def __init__(self, served, mark):
        deployment = served.ask("deployments/name/retrain/retrain")
        self.served = served
        self.path = f"deployments/{deployment['id']}/create_flow_run"
        self.run = f"{served.api}/{self.path}"
        self.mark = mark
        self.job = {"command": f"touch {mark}", "env": {"A": "B"}, "working_dir": str(mark.parent)}
        self.runs_before = self.runs()

    @property
    def body(self):
        """Return the body of the request, as JSON."""
        return json.dumps({"parameters": {"dataset": "line"}, "job_variables": self.job})

    def runs(self):
        """Return the runs of the deployment that have not been planned by the server itself."""
        return self.served.ask("flow_runs/filter", deployments={"name": {"any_": ["retrain"]}})

    def assert_untouched(self):
        """Fail if a run was started or the command was run."""
        assert [run["id"] for run in self.runs()] == [run["id"] for run in self.runs_before]
        assert not self.mark.exists()


@contextmanager
def attackers_page():
    """Serve the page of another server on this machine; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_page_of_another_origin_gets_nothing_while_its_victim_is_logged_in(target):
    served = target.served
    port = int(served.page.rpartition(":")[2])
    with (
        attackers_page() as other,
        chromium("--host-resolver-rules=MAP attacker.example 127.0.0.1") as browser,
    ):
        context = browser.new_context()
        victim = context.new_page()
        victim.goto(f"{served.page}/deployments")
        log_in(victim, served.login)
        victim.get_by_role("link", name="retrain").first.wait_for()
        for origin in (f"http://127.0.0.1:{other}", f"http://attacker.example:{other}"):
            page = context.new_page()
            page.goto(origin)
            log = page.evaluate(
                "([api, run, body]) => attack(api, run, body)",
                [served.api, target.run, target.body],
            )
            assert log == {
                "read": "TypeError",
                "list": "TypeError",
                "token": "TypeError",
                "run": "TypeError",
                "text": "opaque",  # sent, and refused: see the runs below
                "beacon": True,
                "websocket": "refused",
                "form": "sent",
            }
        rebound = context.new_page()  # the attacker's name now leads here, to the server's own port
        answer = rebound.goto(f"http://attacker.example:{port}/")
        assert answer.status == 421
        fetched = rebound.evaluate("async path => (await fetch(path)).status", "/api/version")
        assert fetched == 421
        framing = context.new_page()
        framing.goto(f"http://127.0.0.1:{other}")
        framing.evaluate(
            "url => new Promise(done => { const frame = document.createElement('iframe');"
            " frame.src = url; frame.onload = done; document.body.append(frame) })",
            served.page,
        )
        assert framing.frames[-1].locator("a").count() == 0
    target.assert_untouched()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_gets_nothing(target):
    served = target.served
    pids = [served.process.pid, *(process.pid for process in family(served.process))]
    login = str(served.workspace.home / "prefect-login")
    done = subprocess.run(
        [sys.executable, "-c", USER.format(nobody=NOBODY)],
        input=json.dumps([login, served.api, target.run, target.body, *pids]),
        capture_output=True,
        text=True,
        check=True,
    )
    log = json.loads(done.stdout)
    assert log["login"] == "PermissionError"
    assert set(log["environments"]) == {"PermissionError"}
    assert not any(served.login.partition(":")[2] in command for command in log["commands"])
    assert (log["read"], log["token"], log["guess"], log["run"]) == (401, 401, 401, 403)
    target.assert_untouched()


def status(served, path, headers, *, host=None):
    """Return the status of a GET with these headers, in a name that may be forged."""
    address = served.page.removeprefix("http://")
    connection = HTTPConnection(address, timeout=60)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in {"Host": host or address, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse().status
    connection.close()
    return answer


def test_forged_host_is_refused_even_with_the_login(served):
    websocket = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "bmlnaHRmaXRuaWdodGZpdA==",
        "Sec-WebSocket-Protocol": "prefect",
    }
    forged = partial(status, served, host="attacker.example:4200")
    assert status(served, "/api/version", served.passport) == 200
    assert forged("/api/version", served.passport) == 421
    assert status(served, "/api/events/out", websocket) == 101
    assert forged("/api/events/out", websocket) == 403
    origin = {**websocket, "Origin": "http://attacker.example"}
    assert status(served, "/api/events/out", origin) == 403


@pytest.mark.parametrize(
    "path", ["events/in", "events/out", "logs/out", "work_pools/nightfit/workers/connect"]
)
def test_websockets_need_the_login(served, path):
    url = f"{served.api.replace('http', 'ws')}/{path}"

    def answer(login, *protocols):
        with connect(url, subprotocols=protocols or None, proxy=None) as websocket:
            websocket.send(json.dumps({"type": "auth", "token": login}))
            return json.loads(websocket.recv(timeout=60))

    assert answer(served.login, "prefect") == {"type": "auth_success"}
    for login in (None, "nightfit:nightfit"):
        with pytest.raises(ConnectionClosed):
            answer(login, "prefect")
    with pytest.raises(InvalidStatus):
        answer(served.login)


@pytest.mark.parametrize("path", ["/api/health", "/api/ready", "/ui-settings", "/"])
def test_open_without_login_is_what_the_page_needs_to_ask_for_it(served, path):
    assert status(served, path, {}) == 200


@pytest.mark.parametrize(
    "path", ["/api/version", "/api/openapi.json", "/api/docs", "/api/admin/settings", "/api/flows"]
)
def test_everything_else_needs_the_login(served, path):
    assert status(served, path, {}) == 401


def test_run_brings_no_command_even_with_the_login(target):
    for job in (target.job, {"command": "id"}, {"env": {"A": "B"}}, {"env.A": "B"}):
        with pytest.raises(HTTPError, match=r"422|409"):
            target.served.ask(target.path, parameters={"dataset": "line"}, job_variables=job)
    target.assert_untouched()


def test_login_is_in_its_file_alone(served):
    path = served.workspace.home / "prefect-login"
    assert path.stat().st_mode & 0o777 == 0o600
    secret = served.login.partition(":")[2].encode()
    assert len(secret) >= 32
    files = [file for file in served.workspace.folder.rglob("*") if file.is_file()]
    assert [file for file in files if secret in file.read_bytes()] == [path]
    assert not any(served.login in line for line in served.printed + served.start)
    processes = [psutil.Process(served.process.pid), *family(served.process)]
    assert not any(secret.decode() in word for p in processes for word in p.cmdline())


def test_command_without_the_login_is_refused_in_one_sentence(served, new_workspace):
    workspace = new_workspace()
    workspace.declare("line", LINE, LINE_ROWS)
    done = workspace.run("retrain", "line", PREFECT_API_URL=served.api)
    assert done.returncode == 1
    assert "it answers with the status 401" in done.stderr
    assert "PREFECT_API_AUTH_STRING" in done.stderr
    assert "Traceback" not in done.stderr


def test_address_for_other_machines_is_refused_with_a_word_about_tls(served):
    done = served.workspace.run("serve", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "TLS" in done.stderr
    assert "--behind-tls https://" in done.stderr
    assert len(done.stderr.splitlines()) == 1
