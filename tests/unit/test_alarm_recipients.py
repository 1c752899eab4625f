"""Whom alarms are sent to: what the setting may say, and that nobody sees the secrets in it."""

import io
import logging

import pytest

from data.errors import CallError
from data.settings import Settings
from tasks.alarms.recipients import recipients_of

SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("", []),
        (" , ", []),
        ("https://a.example/x?y=1", ["https://a.example/…"]),
        ("HTTPS://a.example:8443/x", ["https://a.example:8443/…"]),
        (
            f"mailtos://u:{SECRET}@smtp.example.com?from=n@x.org&to=a@x.org,b@y.org, {SLACK}",
            ["mail to a@x.org, b@y.org", "Slack"],
        ),
        ("mailto:ops@example.com", ["mail to ops@example.com"]),
        (
            "mailto:a@x.org,b@x.org\nhttps://x.org/1",
            ["mail to a@x.org, b@x.org", "https://x.org/…"],
        ),
        ("https://x.org/1 https://x.org/2", ["https://x.org/…", "https://x.org/… (2)"]),
        ("https://x.org/1 https://x.org/1", ["https://x.org/…"]),
        (
            "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
            ["Slack"],
        ),
    ],
)
def test_recipients_are_named_without_their_secrets(written, names):
    recipients = recipients_of(written)
    assert [recipient.name for recipient in recipients] == names
    assert SECRET not in repr(recipients)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        f"{SECRET}:x",
        f"{SECRET}://x.org/{SECRET}",
        f"slack://{SECRET}",
        f"https://x.org/1, mailtos://u:{SECRET}@@host?to={SECRET}",
        f"mailto://u:{SECRET}@smtp.example.com?to=a@x.org",
        f"http://u:{SECRET}@x.org/",
        f"https:///{SECRET}",
    ],
)
def test_mistake_is_reported_without_the_secrets(written, capfd):
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    try:
        with pytest.raises(CallError) as mistake:
            recipients_of(written)
    finally:
        logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(logging.WARNING)
    shown = f"{mistake.value}{mistake.value.args}{log.getvalue()}{''.join(capfd.readouterr())}"
    assert "NIGHTFIT_NOTIFY" in shown
    assert SECRET not in shown


def test_password_may_be_given_to_a_server_of_this_machine():
    (recipient,) = recipients_of("mailto://u:p@127.0.0.1:2525?from=n@x.org&to=a@x.org")
    assert recipient.name == "mail to a@x.org"


def test_settings_do_not_show_the_recipients(monkeypatch):
    monkeypatch.setenv("NIGHTFIT_NOTIFY", f"https://x.org/{SECRET}")
    assert SECRET not in repr(Settings())
