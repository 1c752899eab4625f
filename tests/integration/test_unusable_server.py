"""Whatever answers at the address of Prefect's server, it is judged in one sentence, and soon."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from data.errors import NoServer
from flows.command import prefect_server
from flows.command.prefect_server import refuse_unusable_server, unusable_server


def http(status: str, body: str, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n{body}".encode()


@pytest.fixture
def answering() -> Iterator[Callable[[bytes | None], int]]:
    """A function that starts a server with one answer to everything, None for none at all."""
    listeners: list[socket.socket] = []
    held: list[socket.socket] = []

    def serve(listener: socket.socket, answer: bytes | None) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            held.append(client)
            if answer is not None:
                client.recv(65_536)
                client.sendall(answer)
                client.close()

    def start(answer: bytes | None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for opened in (*listeners, *held):
        opened.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("401 Unauthorized", '{"exception_message": "Unauthorized"}'), "login"),
        (http("500 Internal Server Error", "{}"), "status 500"),
        (http("200 OK", "<html>" + "x" * 2_000, "text/html"), "no Prefect server"),
        (http("200 OK", '"2.0.0"'), "version"),
        (http("200 OK", "[]"), "cannot be used"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "cannot be used"),
        (None, "does not answer in time"),
    ],
    ids=["login", "error", "page", "old", "list", "no-http", "hangs"],
)
def test_a_server_that_cannot_be_used_is_named_in_one_sentence(
    answering: Callable[[bytes | None], int],
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes | None,
    words: str,
):
    monkeypatch.setattr(prefect_server, "ANSWER_SECONDS", 0.3)
    api = f"http://ann:secret@127.0.0.1:{answering(answer)}/api"
    settings = {PREFECT_API_URL: api, PREFECT_CLIENT_MAX_RETRIES: 0}
    with temporary_settings(settings), pytest.raises(NoServer) as caught:
        refuse_unusable_server()
    sentence = str(caught.value)
    assert words in sentence
    assert "NIGHTFIT_PREFECT=auto" in sentence
    assert "\n" not in sentence
    assert "secret" not in sentence
    assert "x" * 300 not in sentence


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (TimeoutError("it did not answer within 120 seconds"), "busy"),
        (RuntimeError("it ended with the exit code 1"), "room"),
    ],
    ids=["too slow", "ended"],
)
def test_hint_fits_why_the_own_server_did_not_start(error: Exception, hint: str):
    with temporary_settings({PREFECT_API_URL: None}):
        message = str(unusable_server(error))
    assert str(error) in message
    assert ("busy" in message, "room" in message) == (hint == "busy", hint == "room")
