"""Reports on the server of `nightfit serve`: behind its login, below their folder, in a sandbox."""

import asyncio
from base64 import b64encode

import pytest
from starlette.responses import PlainTextResponse

from flows.command.report_pages import ReportPages
from tasks.report.files import report_file, reports_folder

LOGIN = "nightfit:a-secret"


@pytest.fixture
def home(tmp_path):
    file = report_file(tmp_path, "shop", 7)
    file.parent.mkdir(parents=True)
    file.write_text("<p>run 7</p>")
    (reports_folder(tmp_path) / "index.html").write_text("<p>index</p>")
    (tmp_path / "prefect-login").write_text(LOGIN)
    (reports_folder(tmp_path) / "notes.html").write_text("not a report")
    return tmp_path


def answer(home, path, *, entered=LOGIN, method="GET", login=LOGIN):
    """Return the status, the headers and the body with which a request is answered."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    encoded = b64encode(entered.encode()) if entered is not None else None
    headers = [(b"authorization", b"Basic " + encoded)] if encoded is not None else []
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    asyncio.run(ReportPages(PlainTextResponse("Prefect's"), home, login)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/reports/", "<p>index</p>"),
        ("/reports/index.html", "<p>index</p>"),
        ("/reports/shop/7.html", "<p>run 7</p>"),
    ],
)
def test_reports_and_their_index_are_shown_to_who_has_the_login(home, path, body):
    status, headers, text = answer(home, path)
    assert (status, text) == (200, body)
    assert headers[b"content-type"].startswith(b"text/html")


def test_a_page_has_no_origin_with_which_it_could_use_the_login_of_prefects_page(home):
    _, headers, _ = answer(home, "/reports/shop/7.html")
    policy = headers[b"content-security-policy"].decode()
    assert policy.startswith("sandbox allow-scripts;") and "allow-same-origin" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize(
    "entered", [None, "", "nightfit:", "nightfit:a-secre", "nightfit:a-secret ", ":a-secret"]
)
def test_nobody_else_sees_any_and_the_browser_asks(home, entered):
    for path in ("/reports/", "/reports/shop/7.html", "/reports/shop/8.html"):
        status, headers, text = answer(home, path, entered=entered)
        assert status == 401 and "run 7" not in text
        assert headers[b"www-authenticate"].startswith(b"Basic ")


@pytest.mark.parametrize("entered", ["word", "word:", ":word"])
def test_a_login_without_a_colon_is_entered_as_name_or_password(home, entered):
    assert answer(home, "/reports/", entered=entered, login="word")[0] == 200
    assert answer(home, "/reports/", entered=entered, login="other")[0] == 401


def test_without_a_login_everybody_who_reaches_the_server_is_let_in(home):
    assert answer(home, "/reports/", entered=None, login=None)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../prefect-login",
        "/reports/shop/../../prefect-login",
        "/reports//etc/passwd",
        "/reports/notes.html",
        "/reports/shop/7.html/",
        "/reports/shop/07.html",
        "/reports/shop/7.html\n",
        "/reports/shop\0/7.html",
        "/reports/shop",
        "/reports/vega-1.9.0.js.gz",
    ],
)
def test_nothing_but_reports_is_shown(home, path):
    status, _, text = answer(home, path)
    assert status == 404 and "nightfit report" in text


def test_reports_are_read_only(home):
    assert answer(home, "/reports/shop/7.html", method="DELETE")[0] == 405
    assert answer(home, "/reports")[0] == 308


@pytest.mark.parametrize("path", ["/", "/api/flows", "/reportsx", "/runs/reports/"])
def test_everything_else_goes_to_prefect(home, path):
    assert answer(home, path, entered=None)[2] == "Prefect's"
