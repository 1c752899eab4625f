"""The login of Prefect's server: where it is kept, and what becomes of a damaged or open file."""

import os
from contextlib import contextmanager

import pytest
from helpers.workspace import free_port
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_SERVER_API_AUTH_STRING,
    PREFECT_SERVER_CORS_ALLOWED_ORIGINS,
    PREFECT_UI_API_URL,
    get_current_settings,
    temporary_settings,
)

from data.errors import CallError, HomeError
from data.private_files import close_home
from flows.command.own_server import own_server
from flows.command.prefect_login import private_server, server_login
from flows.command.prefect_origins import address_of


@pytest.fixture(autouse=True)
def _nothing_set():
    """Look at no setting of the developer's own Prefect."""
    unset = {PREFECT_API_URL, PREFECT_API_AUTH_STRING, PREFECT_SERVER_API_AUTH_STRING}
    with temporary_settings(restore_defaults=unset):
        yield


@pytest.fixture
def reports():
    return []


@contextmanager
def _served(reports, home, public=None):
    server = own_server(address_of("127.0.0.1", free_port(), public), home, reports.append)
    with server.listener:
        yield server


def test_login_is_made_once_and_only_its_user_can_read_it(tmp_path, reports):
    umask = os.umask(0)
    try:
        login = server_login(tmp_path, reports.append)
    finally:
        os.umask(umask)
    assert login.file.stat().st_mode & 0o777 == 0o600
    assert login.file.read_text() == f"{login.text}\n"
    assert login.text.startswith("nightfit:")
    assert len(login.text) > 40
    assert server_login(tmp_path, reports.append) == login
    assert reports == []


def test_two_homes_have_two_logins(tmp_path, reports):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    logins = {server_login(tmp_path / name, reports.append).text for name in "ab"}
    assert len(logins) == 2


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o620])
def test_login_that_others_could_read_or_write_is_replaced_and_reported(tmp_path, reports, mode):
    first = server_login(tmp_path, reports.append)
    first.file.chmod(mode)
    second = server_login(tmp_path, reports.append)
    assert second.text != first.text
    assert second.file.stat().st_mode & 0o777 == 0o600
    assert len(reports) == 1
    assert first.text not in reports[0]


def test_login_that_others_could_read_is_not_closed_unnoticed_with_the_home(tmp_path, reports):
    first = server_login(tmp_path, reports.append)
    first.file.chmod(0o644)
    tmp_path.chmod(0o755)
    assert close_home(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert server_login(tmp_path, reports.append).text != first.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_login_of_another_user_is_replaced(tmp_path, reports):
    first = server_login(tmp_path, reports.append)
    os.chown(first.file, 65534, 65534)
    second = server_login(tmp_path, reports.append)
    assert second.text != first.text
    assert second.file.stat().st_uid == 0


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\x00", b"nightfit:\xc3\xa9", b"a\nb\n"])
def test_damaged_login_is_replaced_and_reported(tmp_path, reports, content):
    first = server_login(tmp_path, reports.append)
    first.file.write_bytes(content)
    assert server_login(tmp_path, reports.append).text.startswith("nightfit:")
    assert len(reports) == 1


def test_link_to_a_private_file_is_not_written_through(tmp_path, reports):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "prefect-login").symlink_to(tmp_path / "precious")
    server_login(tmp_path, reports.append)
    assert (tmp_path / "precious").read_text() == "precious"


def test_login_that_cannot_be_kept_is_one_sentence(tmp_path, reports):
    (tmp_path / "prefect-login").mkdir()
    with pytest.raises(HomeError, match="cannot be kept there"):
        server_login(tmp_path, reports.append)


def test_login_that_the_user_has_set_is_used_and_not_written(tmp_path, reports):
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "me:secret"}):
        login = server_login(tmp_path, reports.append)
    assert (login.text, login.file) == ("me:secret", None)
    assert list(tmp_path.iterdir()) == []


def test_login_that_prefect_cannot_compare_is_refused_without_showing_it(tmp_path, reports):
    with (
        temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "me:gehéim"}),
        pytest.raises(CallError, match="ASCII") as refused,
    ):
        server_login(tmp_path, reports.append)
    assert "gehéim" not in str(refused.value)


def test_server_gets_a_login_its_own_origins_and_csrf_protection(tmp_path, reports):
    with _served(reports, tmp_path) as server:
        port = server.address.port
        assert server.environment == {
            "PREFECT_SERVER_API_AUTH_STRING": server.login.text,
            "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},"
            f"http://localhost:{port}",
            "PREFECT_SERVER_UI_API_URL": f"http://127.0.0.1:{port}/api",
        }
        assert server.client == {
            "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
            "PREFECT_API_AUTH_STRING": server.login.text,
            "NIGHTFIT_PAGE_URL": f"http://127.0.0.1:{port}",
        }


def test_what_the_user_has_set_for_the_server_stays(tmp_path, reports):
    chosen = {
        PREFECT_SERVER_API_AUTH_STRING: "me:secret",
        PREFECT_SERVER_CORS_ALLOWED_ORIGINS: "https://dashboard.example.com",
        PREFECT_UI_API_URL: "https://night.example.com/api",
    }
    with temporary_settings(chosen), _served(reports, tmp_path) as server:
        assert server.environment == {
            "PREFECT_SERVER_API_AUTH_STRING": "me:secret",
            "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        }


def test_server_without_login_is_for_this_machine_alone_and_says_so(tmp_path, reports):
    with temporary_settings({PREFECT_SERVER_API_AUTH_STRING: ""}):
        with _served(reports, tmp_path) as server:
            assert "PREFECT_SERVER_API_AUTH_STRING" not in server.environment
            assert "PREFECT_API_AUTH_STRING" not in server.client
        assert len(reports) == 1
        with (
            pytest.raises(CallError, match="there is no login"),
            _served(reports, tmp_path, "https://night.example.com"),
        ):
            pass


def test_server_for_one_flow_has_a_login_of_its_own_each_time():
    logins = []
    for _ in range(2):
        with private_server():
            settings = get_current_settings()
            logins.append(settings.server.api.auth_string.get_secret_value())
            assert settings.api.auth_string.get_secret_value() == logins[-1]
            assert settings.server.api.csrf_protection_enabled
            assert settings.server.api.cors_allowed_origins == ""
    assert len(set(logins)) == 2


def test_server_of_the_users_own_keeps_his_login():
    chosen = {PREFECT_API_URL: "http://night.example.com/api", PREFECT_API_AUTH_STRING: "me:secret"}
    with temporary_settings(chosen), private_server():
        assert PREFECT_API_AUTH_STRING.value() == "me:secret"
        assert PREFECT_SERVER_API_AUTH_STRING.value() is None
