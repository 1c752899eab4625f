"""Who gets through to Prefect's server: requests in its own names, and from its own page."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from flows.command.own_page import OwnPageOnly
from flows.command.prefect_origins import address_of, host_headers

ORIGINS = address_of("127.0.0.1", 4200, "https://night.example.com").origins
OWN = ("Host", "127.0.0.1:4200")


async def _server(scope, receive, send):
    """Answer everybody, as a server does that asks nobody who he is."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    else:
        await PlainTextResponse("inside")(scope, receive, send)


def _answers(*headers, kind="http", path="/api/flows/filter", origins=ORIGINS):
    """Return the messages with which a request is answered."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    encoded = [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": kind, "method": "POST", "path": path, "headers": encoded}
    asyncio.run(OwnPageOnly(_server, host_headers(ORIGINS), origins)(scope, receive, send))
    return sent


def _status(*headers, **request):
    return _answers(*headers, **request)[0]["status"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4200", "localhost:4200", "LOCALHOST:4200", "night.example.com"]
)
def test_own_names_are_answered(host):
    assert _status(("Host", host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example:4200",
        "127.0.0.1.attacker.example:4200",
        "127.0.0.1:4200@attacker.example",
        "attacker.example/127.0.0.1:4200",
        "127.0.0.1:4201",
        "127.0.0.1",
        "",
    ],
)
def test_other_names_are_refused(host):
    assert _status(("Host", host)) == 421


def test_request_without_a_name_or_with_two_is_refused():
    assert _status() == 421
    assert _status(OWN, ("Host", "attacker.example")) == 421


@pytest.mark.parametrize(
    "origin",
    ["http://127.0.0.1:4201", "http://attacker.example", "https://127.0.0.1:4200", "null", ""],
)
def test_pages_of_other_origins_are_refused(origin):
    assert _status(OWN, ("Origin", origin)) == 403
    assert _status(OWN, ("Origin", ORIGINS[0]), ("Origin", origin)) == 403


@pytest.mark.parametrize("origin", ORIGINS)
def test_own_page_is_answered(origin):
    assert _status(OWN, ("Origin", origin)) == 200


@pytest.mark.parametrize(
    "headers", [[("Host", "attacker.example")], [OWN, ("Origin", "http://attacker.example")]]
)
def test_websockets_are_refused_like_requests(headers):
    assert _answers(*headers, kind="websocket") == [{"type": "websocket.close", "code": 1008}]


def test_websocket_of_the_own_page_is_answered():
    answers = _answers(OWN, ("Origin", ORIGINS[0]), kind="websocket")
    assert answers == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_pages_about_the_api_are_not_there(path):
    assert _status(OWN, path=path) == 404


def test_no_other_page_may_show_ours_in_a_frame():
    assert (b"x-frame-options", b"DENY") in _answers(OWN)[0]["headers"]


def test_allowing_every_origin_does_not_allow_every_name():
    assert _status(OWN, ("Origin", "http://attacker.example"), origins=["*"]) == 200
    assert _status(("Host", "attacker.example"), origins=["*"]) == 421
