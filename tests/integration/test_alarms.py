"""Alarms from the store to the recipients: one message per cause, and none is lost."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from helpers.alarm_recipients import Webhook, answering, mail_server, webhook
from helpers.store_nights import by_hand, change, night, promoted, read, serving, stored, write
from helpers.web_server import unknown_certificate

from data.errors import RunFailed
from data.settings import Settings
from data.store.check.finding import Finding
from data.store.check.record import write_check
from data.store.read.alarms import unsent_messages
from data.store.session import Store
from data.store.tables import alarm, alarm_delivery
from data.store.write.alarms import forget_old
from flows.alarm import alarming
from tasks.alarms import watch
from tasks.alarms.causes import Killed
from tasks.alarms.links import Links
from tasks.alarms.message import Item, message
from tasks.alarms.recipients import recipients_of
from tasks.alarms.sending import SILENCE, send

NOW = datetime.now(UTC)
ROWS = {"1": 1.0, "2": 2.0}
HOSTILE = "<b>x</b> @here\r\nBcc: all@example.com\r\n\r\nbody"
TEST = message([Item("shop", "failed", HOSTILE, HOSTILE, NOW.isoformat(), "Run it.")])


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as receiver:
        yield receiver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wages.yaml").write_text("source: {path: wages.csv}\nkey: k\ntarget: y\n")
    return tmp_path


def config(store: Store, folder: Path, *recipients: str) -> Settings:
    notify = " ".join(recipients)
    return Settings(database_url=store.url, home=folder, datasets=folder, notify=notify)


def raise_alarms(chosen: Settings, **how) -> None:
    watch.raise_alarms(chosen, Links(chosen.home, "http://night.example", lasting=False), **how)


def ran(store: Store, number: int, status: str = "succeeded", **facts) -> int:
    """Store a run of tonight, minutes ago."""
    at = datetime.now(UTC) - timedelta(minutes=60 - number)
    return write(
        store, night(number, status=status, **{"started_at": at, "finished_at": at, **facts})
    )


def test_failure_is_reported_once_and_its_recovery_once(store: Store, folder: Path, hook: Webhook):
    chosen = config(store, folder, f"{hook.url}/secret?sig=a%2Fb")
    ran(store, 1)
    raise_alarms(chosen)
    assert hook.got == []
    run = ran(store, 2, "failed", reason="wages.csv: There is no such file.")
    (folder / "reports/wages").mkdir(parents=True)
    (folder / f"reports/wages/{run}.html").touch()
    raise_alarms(chosen)
    raise_alarms(chosen)
    ran(store, 3, "failed", reason="wages.csv: There is no such file.")
    raise_alarms(chosen)
    ((path, body),) = hook.got
    assert (path, body["title"]) == ("/secret?sig=a%2Fb", "nightfit: wages failed")
    assert "There is no such file." in body["message"]
    assert body["items"][0]["report"] == f"http://night.example/reports/wages/{run}.html"
    ran(store, 4, "failed", reason="wages.csv cannot be read.")
    raise_alarms(chosen)
    ran(store, 5, "skipped", reason="nothing has changed")
    raise_alarms(chosen)
    raise_alarms(chosen)
    assert hook.titles[1:] == ["nightfit: wages failed", "nightfit: wages is fine again"]
    assert hook.got[2][1]["good"]
    ran(store, 6, "rejected", reason="Too few rows.")
    raise_alarms(chosen)
    assert hook.titles[3:] == ["nightfit: wages was rejected"]


def test_two_servers_at_once_send_one_message(store: Store, folder: Path, hook: Webhook):
    chosen = config(store, folder, hook.url)
    ran(store, 1, "failed", reason="No.")
    start = threading.Barrier(4)

    def one() -> None:
        start.wait()
        raise_alarms(chosen)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    raise_alarms(chosen)
    assert hook.titles == ["nightfit: wages failed"]
    assert len(stored(store, alarm)) == 1


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_recipient_that_is_away_gets_it_later_and_the_others_get_it_now(
    store: Store, folder: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch
):
    with webhook() as away:
        away.status = 500
        chosen = config(store, folder, f"{away.url}/hunter2", hook.url)
        ran(store, 1, "failed", reason="No.")
        raise_alarms(chosen)
        assert hook.titles == ["nightfit: wages failed"]
        ((recipient, since, reason),) = read(store, unsent_messages)
        assert (recipient, reason) == (f"{away.url}/…", "it answered 500")
        assert NOW - timedelta(minutes=1) < since <= datetime.now(UTC)
        assert "hunter2" not in str(stored(store, alarm_delivery))
        away.status = 200
        raise_alarms(chosen)
        assert away.got == []  # it was tried a moment ago
        ran(store, 2)
        monkeypatch.setattr(watch, "PAUSE", timedelta(0))
        raise_alarms(chosen)
        assert away.titles == ["nightfit: wages failed", "nightfit: wages is fine again"]
        assert hook.titles == away.titles
    assert read(store, unsent_messages) == ()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_recipient_that_is_named_no_more_is_forgotten(store: Store, folder: Path, hook: Webhook):
    ran(store, 1, "failed", reason="No.")
    raise_alarms(config(store, folder, "http://127.0.0.1:9/x", hook.url))
    assert len(read(store, unsent_messages)) == 1
    ran(store, 2)
    raise_alarms(config(store, folder, hook.url))
    assert read(store, unsent_messages) == ()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_is_just_known_waits_for_the_end_of_its_night(
    store: Store, folder: Path, hook: Webhook
):
    chosen = config(store, folder, hook.url)
    ran(store, 58, "failed", reason="No.")
    raise_alarms(chosen, settled=timedelta(minutes=10))
    assert hook.got == []
    raise_alarms(chosen)
    assert hook.titles == ["nightfit: wages failed"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_what_no_night_will_report_is_sent_at_once(store: Store, folder: Path, hook: Webhook):
    chosen = config(store, folder, hook.url)
    week_ago = NOW - timedelta(days=7)
    ran(store, 1, started_at=week_ago, finished_at=week_ago)
    killed = [Killed("wages", NOW, "no-id", "Prefect says: it was killed.")]
    for _ in range(2):
        raise_alarms(chosen, settled=timedelta(minutes=10), killed=killed)
    assert sorted(hook.titles) == [
        "nightfit: no night within 26 hours",
        "nightfit: wages was broken off",
    ]


def test_changed_champion_and_damage_are_reported_once(store: Store, folder: Path, hook: Webhook):
    chosen = config(store, folder, hook.url)
    recent = {"started_at": NOW, "finished_at": NOW}
    write(store, promoted(1, ROWS, **recent))
    raise_alarms(chosen)
    later = {name: at + timedelta(seconds=1) for name, at in recent.items()}
    write(store, promoted(2, ROWS, **later))
    raise_alarms(chosen)
    assert hook.got == []  # neither a first champion nor a refresh is a change
    first = serving(store).model_id - 1
    by_hand(store, "rolled_back", first)
    broken = Finding("models", "run 1 cannot be loaded.", "Restore it.")
    change(store, write_check, [broken])
    raise_alarms(chosen)
    raise_alarms(chosen)
    assert sorted(hook.titles) == [
        "nightfit: the database is damaged",
        "nightfit: torch/ann now serves wages",
    ]
    change(store, write_check, [])
    raise_alarms(chosen)
    assert hook.titles[2:] == ["nightfit: the database is fine again"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_message_that_never_arrives_is_given_up_after_a_week(store: Store, folder: Path):
    away = "http://127.0.0.1:9/x"
    ran(store, 1, "failed", reason="No.")
    raise_alarms(config(store, folder, away))
    ((name, *_),) = read(store, unsent_messages)
    change(store, forget_old, [name], NOW + timedelta(days=6))
    assert len(read(store, unsent_messages)) == 1
    change(store, forget_old, [name], NOW + timedelta(days=8))
    assert read(store, unsent_messages) == ()


@pytest.fixture
def night_of(store: Store, folder: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch):
    """A function as a flow has it, after a run that failed."""
    names = {"DATABASE_URL": store.url, "HOME": folder, "DATASETS": folder, "NOTIFY": hook.url}
    for name, value in names.items():
        monkeypatch.setenv(f"NIGHTFIT_{name}", str(value))
    ran(store, 1, "failed", reason="No.")

    @alarming
    def night(dataset: str, dry_run: bool = False, as_of: str | None = None) -> str:
        if dataset == "broken":
            raise RunFailed("wages", "failed", "No.")
        if dataset == "interrupted":
            raise KeyboardInterrupt
        return dataset

    return night


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_only_what_runs_for_tonight_sends_alarms(night_of, hook: Webhook):
    assert night_of("wages", dry_run=True) == "wages"
    assert night_of("wages", False, "2026-01-31") == "wages"
    within = alarming(lambda dataset: (night_of(dataset), list(hook.titles)))
    assert within("wages") == ("wages", [])  # the night around it sends them at its end
    assert hook.titles == ["nightfit: wages failed"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_flow_that_fails_sends_alarms_and_fails_as_before(night_of, hook: Webhook):
    with pytest.raises(RunFailed):
        night_of("broken")
    assert hook.titles == ["nightfit: wages failed"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_flow_that_is_interrupted_ends_at_once(night_of, hook: Webhook):
    with pytest.raises(KeyboardInterrupt):
        night_of("interrupted")
    assert hook.got == []


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("notify", ["nonsense", "http://127.0.0.1:9/x"])
def test_no_recipient_can_fail_a_night(night_of, monkeypatch: pytest.MonkeyPatch, notify: str):
    monkeypatch.setenv("NIGHTFIT_NOTIFY", notify)
    assert night_of("wages") == "wages"


@pytest.mark.parametrize("form", ["", "&format=html"])
def test_mail_arrives_as_text_whatever_a_cell_says(form: str):
    with mail_server() as server:
        url = f"mailto://127.0.0.1:{server.port}?from=night@x.org&to=a@x.org,b@x.org{form}"
        assert send(TEST, recipients_of(url)[0]) is None
    assert sorted(rcpt for _, rcpts in server.envelopes for rcpt in rcpts) == ["a@x.org", "b@x.org"]
    for mail in server.mails:
        assert mail["Bcc"] is None
        assert mail["Subject"] == f"nightfit: {' '.join(HOSTILE.split())}"
        assert "night@x.org" in mail["From"]
        plain = mail.get_body(("plain",)).get_content()
        assert "<b>x</b> @here Bcc: all@example.com body" in plain
        html = mail.get_body(("html",)) if form else None
        assert html is None or "&lt;b&gt;x&lt;/b&gt;" in html.get_content()


def test_mail_goes_through_starttls_and_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tls = unknown_certificate(tmp_path)
    with mail_server(tls=tls, password="p@ss:w/rd") as server:
        url = f"mailtos://ops%40x.org:{{}}@127.0.0.1:{server.port}?from=n@x.org&to=a@x.org"
        (good,) = recipients_of(url.format("p%40ss%3Aw%2Frd"))
        assert send(TEST, good) == "its certificate is not trusted"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
        assert send(TEST, recipients_of(url.format("hunter2"))[0]) == "it refused the login"
        assert send(TEST, good) is None
    assert server.logins[-1] == ("ops@x.org", "p@ss:w/rd")
    assert len(server.mails) == 1


def hang(connection: socket.socket) -> None:
    connection.recv(1)


def drip(connection: socket.socket) -> None:
    """Greet for ever, a byte now and then, so that no single wait is too long."""
    with suppress(OSError):  # nobody listens any more
        connection.sendall(b"220-")
        while True:
            time.sleep(0.1)
            connection.sendall(b"x")


@pytest.mark.parametrize(
    "way", ["mailto://127.0.0.1:{}?from=a@x.org&to=b@x.org", "http://127.0.0.1:{}"]
)
@pytest.mark.parametrize("server", [hang, drip])
def test_recipient_that_never_answers_is_left_alone(way: str, server):
    with answering(server) as port:
        start = time.monotonic()
        reason = send(TEST, recipients_of(way.format(port))[0], seconds=1.0)
        assert time.monotonic() - start < 10
    assert reason in (SILENCE, "sending failed", "it ended the connection")


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        ("http://127.0.0.1:9/x", "nothing answers there"),
        ("mailto://127.0.0.1:9?from=a@x.org&to=b@x.org", "nothing answers there"),
        ("http://nowhere.invalid/x", "its name is not known"),
    ],
)
def test_reason_is_told_in_words(recipient: str, reason: str):
    assert send(TEST, recipients_of(recipient)[0]) == reason


@pytest.mark.parametrize(
    ("status", "reason"), [(500, "it answered 500"), (403, "it refused the login")]
)
def test_refusal_is_told_in_words(status: int, reason: str, hook: Webhook):
    hook.status = status
    assert send(TEST, recipients_of(f"{hook.url}/hunter2")[0]) == reason


def test_chat_is_given_text_that_calls_nobody(hook: Webhook, monkeypatch: pytest.MonkeyPatch):
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", hook.url)  # it knows no other place
    told = message([Item("shop", "failed", "shop failed", "<!channel> @everyone *now*", None)])
    (slack,) = recipients_of("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert send(told, slack) is None
    ((path, body),) = hook.got
    text = body["attachments"][0]["text"]
    assert "&lt;!channel&gt;" in text
    assert "<!" not in text
    assert "@everyone" not in text
    assert os.sep in path
