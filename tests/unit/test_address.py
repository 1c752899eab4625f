"""Database URLs: what cannot be understood is refused, and no password is ever shown."""

import traceback

import pytest

from data.errors import CallError, StoreError
from data.settings import Settings, settings
from data.store.database.address import hidden, url_of
from data.store.database.engine import engine_on
from data.store.session import Store

SECRET = "Zq9xw7"
PLAIN = f"postgresql://ann:{SECRET}"

REFUSED = [
    f"{PLAIN}@host:port/shop",
    f"{PLAIN}@host:/shop",
    f"{PLAIN}@[::1/shop",
    f"{PLAIN}@one:1,two:2/shop",
    f"postgresql://ann:p@{SECRET}@host/shop",
    f"postgresql://ann:p@ss/{SECRET}@host/shop",
    f"postgresql://ann:p@ss?{SECRET}@host/shop",
    f"postgresql://ann:p@ss:{SECRET}@host/shop",
    f"{PLAIN}%00@host/shop",
    f"postgresql:ann:{SECRET}@host/shop",
    f"postgresql+asyncpg://ann:{SECRET}@127.0.0.1/shop",
    f"postgresql+psycopg_async://ann:{SECRET}@127.0.0.1/shop",
    f"postgresql+nodriver://ann:{SECRET}@127.0.0.1/shop",
    f"postgres://ann:{SECRET}@127.0.0.1/shop",
    f"nodatabase://ann:{SECRET}@127.0.0.1/shop",
    f"mysql://ann:{SECRET}@127.0.0.1/shop",
    f"mssql+pymssql://ann:{SECRET}@127.0.0.1/shop",
    f"sqlite+aiosqlite:////{SECRET}.db",
    f"sqlite+pysqlcipher://:{SECRET}@//store.db",
    f"sqlite://{SECRET}/store.db",
    f"sqlite:////store.db?timeout={SECRET}",
    f"sqlite:////{SECRET}.db\n",
    f"{PLAIN}@127.0.0.1/shop\n",
    f"{PLAIN}@127.0.0.1/shop\udcff",
    f"{PLAIN}@127.0.0.1:99999/shop",
    f"{PLAIN}@127.0.0.1:-1/shop",
    f"{PLAIN}@127.0.0.1:0/shop",
    f"{PLAIN}@127.0.0.1:٣/shop",
    f"{PLAIN}@127.0.0.1/shop?options=a%00b",
    f"{PLAIN}@127.0.0.1/shop?user=bob",
    f"{PLAIN}@127.0.0.1/shop?password={SECRET}",
    f"postgresql://127.0.0.1/shop?password={SECRET}&password=x",
    f"{PLAIN}@127.0.0.1/shop?dbname=a%20password%3D{SECRET}",
    f"{PLAIN}@127.0.0.1/shop?row_factory={SECRET}",
    SECRET,
]

NOT_REACHED = [
    f"{PLAIN}@127.0.0.1:1/shop",
    f"postgresql://ann@127.0.0.1:1/shop?password={SECRET}",
    f"postgresql://ann@127.0.0.1:1/shop?sslpassword={SECRET}&sslmode=odd",
    f"postgresql://ann:{SECRET}%40%25'\"/?#@127.0.0.1:1/shop",
    f"{PLAIN}@127.0.0.1:1/shop?nooption=1",
    f"{PLAIN}@127.0.0.1:1/shop?connect_timeout=soon",
    f"postgresql://127.0.0.1:1/shop?user=ann&password={SECRET}",
    f"postgresql:///shop?host=127.0.0.1:1&host=127.0.0.1:2&password={SECRET}",
    f"{PLAIN}@[::1]:1/shop",
    f"{PLAIN}@/shop?host=/no/such/folder",
    f"{PLAIN}%zz%@127.0.0.1:1/shop",
]


def everything_in(error: BaseException) -> str:
    """Return every text of an error that anybody may be shown."""
    return f"{error!r} {error} " + "".join(traceback.format_exception(error))


@pytest.mark.parametrize("address", REFUSED)
def test_a_url_that_cannot_be_understood_is_refused_without_quoting_it(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", address)
    with pytest.raises(CallError, match="postgresql://user:password@host/name") as wrong:
        settings.__wrapped__()
    assert SECRET not in everything_in(wrong.value)
    with pytest.raises(StoreError, match="cannot be understood") as unusable:
        Store(address).ensure_ready()
    assert SECRET not in everything_in(unusable.value)


@pytest.mark.parametrize("address", NOT_REACHED)
def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", address)
    with pytest.raises(StoreError) as caught:
        Store(Settings().database_url).ensure_ready()
    assert SECRET not in everything_in(caught.value)


def test_settings_and_engines_show_no_password(monkeypatch: pytest.MonkeyPatch):
    address = (
        f"postgresql://ann@localhost/shop?password={SECRET}&sslpassword={SECRET}&sslmode=disable"
    )
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", address)
    config = Settings()
    store = Store(config.database_url)
    engine = engine_on(config.database_url, read_only=False)
    shown = f"{config!r} {config} {store!r} {store} {engine!r} {engine.url!r} {engine.url}"
    arguments = engine.dialect.create_connect_args(engine.url)[1]
    assert SECRET not in shown + store.display_url
    assert (arguments["password"], arguments["sslmode"]) == (SECRET, "disable")


def test_a_wrong_setting_is_reported_without_showing_any_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NIGHTFIT_DATABASE_URL", f"{PLAIN}@127.0.0.1:1/shop")
    monkeypatch.setenv("NIGHTFIT_KEEP_RUNS", "many")
    with pytest.raises(CallError, match=r"NIGHTFIT_KEEP_RUNS: .*integer") as caught:
        settings.__wrapped__()
    assert SECRET not in everything_in(caught.value)


def test_a_user_and_a_password_among_the_options_take_their_usual_position():
    url = url_of(f"postgresql://host/shop?user=ann&password={SECRET}&sslmode=require")
    assert (url.username, url.password, dict(url.query)) == ("ann", SECRET, {"sslmode": "require"})


def test_a_file_name_that_is_too_long_is_reported_in_one_sentence():
    for read_only in (True, False):
        with pytest.raises(StoreError, match="File name too long") as caught:
            engine_on(f"sqlite:////tmp/{'x' * 5_000}", read_only=read_only)
        assert len(str(caught.value)) < 300


def test_a_password_with_every_kind_of_character_is_understood():
    url = url_of("postgresql://ann:p%40s%2Fs%3A%25%20%27%22@host:5433/shop")
    assert (url.password, url.host, url.port) == ("p@s/s:% '\"", "host", 5433)
    assert url_of(url.render_as_string(hide_password=False)) == url


def test_a_password_is_hidden_in_plain_and_in_url_form():
    for password in ("Zq9 x/w@7", "Zq9%20x"):
        for sentence in (
            f"for ann {password} no",
            f"for ann {url_of('sqlite://').set(password=password)} no",
        ):
            assert password not in hidden(sentence, password)
    assert "Zq9%20x%2Fw%407" not in hidden("of Zq9%20x%2Fw%407", "Zq9 x/w@7")
    assert "Zq9+x%2Fw%407" not in hidden("of Zq9+x%2Fw%407", "Zq9 x/w@7")


def test_a_short_password_does_not_hide_the_sentence():
    failed = 'connection failed: "a" at port 1'
    assert hidden(failed, "a") == 'connection failed: "***" at port 1'
    assert hidden(failed, None) == hidden(failed, "") == failed
