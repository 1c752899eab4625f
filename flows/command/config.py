"""`nightfit config`: every setting with its value, where it comes from, and what it means."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from sqlalchemy.engine import make_url

from data.errors import UserError
from data.settings import Settings, settings, unknown_variables
from data.store.database.address import display_url
from flows.command.prefect_defaults import PrefectDefault, prefect_defaults, set_prefect_defaults
from flows.command.screen import Screen, print_json

HIDDEN = "(hidden)"

SECRET = re.compile("AUTH_STRING|PASSWORD|_KEY$|TOKEN|SECRET|HEADERS")
"""The names of Prefect's variables of which nothing is shown."""

URL_PASSWORD = re.compile(r"(?<=://)\S*@")
"""The user and password of an address, also where an @ or a slash in them is not encoded."""

AT_START = (
    (
        "PREFECT_SERVER_DATABASE_CONNECTION_URL",
        "sqlite+aiosqlite:///{prefect}/prefect.db in `nightfit serve`; nights.db elsewhere",
        "The database of Prefect's server, unless that is one of your own.",
    ),
    (
        "PREFECT_SERVER_API_AUTH_STRING",
        "{home}/prefect-login",
        "The login of that server; the file has it.",
    ),
    ("PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED", "true", "Other pages cannot use the login."),
    (
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS",
        "the page's own",
        "The pages that the server answers.",
    ),
    ("PREFECT_SERVER_UI_API_URL", "the page's own", "Where the page finds the server."),
    (
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH",
        "among the temporary files",
        "What Prefect keeps of a run's result; it goes with the run.",
    ),
)
"""What nightfit sets where a server or a run starts, by its name, in words, with its meaning."""


@dataclass(frozen=True)
class Line:
    """A setting: `value` as people may see it, and `source`, from where it comes."""

    name: str
    value: str
    source: str
    meaning: str


def run_config(*, as_json: bool) -> None:
    """Print every setting of nightfit, and those that it makes for Prefect; no secrets.

    Raises CallError if one of nightfit's own cannot be used.
    """
    config = settings()
    ours, prefects = tuple(_ours(config)), tuple(_prefects(config.home))
    unknown = unknown_variables()
    if as_json:
        print_json(
            {
                "nightfit": [asdict(line) for line in ours],
                "prefect": [asdict(line) for line in prefects],
                "unknown": unknown,
            }
        )
        return
    console = Screen(sys.stdout)
    _print(console, "nightfit", ours)
    _print(console, "Prefect, as nightfit sets it", prefects)
    for name in unknown:
        console.print(f"{name} is set, but nightfit has no such setting.", soft_wrap=True)


def _print(console: Screen, heading: str, lines: tuple[Line, ...]) -> None:
    console.print(heading)
    for line in lines:
        console.print(f"  {line.name} = {line.value}  ({line.source})", soft_wrap=True)
        console.print(f"      {line.meaning}", soft_wrap=True)
    console.print()


def _ours(config: Settings) -> Iterator[Line]:
    for name, field in Settings.model_fields.items():
        source = "environment" if name in config.model_fields_set else _default_source(field)
        value = _shown(name, getattr(config, name), field)
        yield Line(
            f"NIGHTFIT_{name.upper()}", value, source, (field.description or "").replace("`", "")
        )


def _default_source(field: FieldInfo) -> str:
    return "default, from this machine" if field.default_factory else "default"


def _shown(name: str, value: Any, field: FieldInfo) -> str:
    """Return a value as people may see it: of a secret, no more than where a database is."""
    if value in (None, "", (), []):
        return "not set"
    if name == "database_url":
        return display_url(make_url(value))
    if not field.repr:
        return HIDDEN
    return f"{value:g}" if isinstance(value, float) else str(value)


def _prefects(home: Path) -> Iterator[Line]:
    chosen = dict(os.environ)
    set_prefect_defaults(home)
    folder = os.environ["PREFECT_HOME"]
    yield _server()
    for name, value, meaning in AT_START:
        if name in chosen:
            yield Line(name, _public(name, chosen[name]), "environment", meaning)
        else:
            yield Line(name, value.format(home=home, prefect=folder), "nightfit", meaning)
    for default in prefect_defaults(home):
        if default.name in chosen:
            value, source = _public(default.name, chosen[default.name]), "environment"
        else:
            value, source = _in_both(default), "nightfit"
        yield Line(default.name, value, source, default.meaning)


def _in_both(default: PrefectDefault) -> str:
    if default.in_commands == default.in_serve:
        return default.in_serve or ""
    return f"{default.in_serve} in `nightfit serve`; {default.in_commands or 'unset'} elsewhere"


def _public(name: str, value: str) -> str:
    """Return the value of one of Prefect's variables without a secret."""
    if SECRET.search(name):
        return HIDDEN if value else "empty"
    return URL_PASSWORD.sub(f"{HIDDEN}@", value)


def _server() -> Line:
    """Return which server Prefect uses; what is wrong with Prefect's settings is the value."""
    from flows.command.prefect_server import api_url
    from flows.command.prefect_settings import import_prefect

    meaning = "The Prefect server of all commands. If it is not set, each has one of its own."
    name = "PREFECT_API_URL"
    try:
        import_prefect()
        url = api_url()
    except UserError as error:
        return Line(name, str(error), "cannot be used", meaning)
    if not url:
        return Line(name, "not set", "default", meaning)
    return Line(name, url, "environment" if os.environ.get(name) else "Prefect's profile", meaning)
