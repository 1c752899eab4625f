"""What `nightfit serve --host --port --behind-tls` accepts, and how the server is then called."""

import socket

import pytest

from data.errors import CallError, UserError
from flows.command.prefect_origins import address_of, host_headers


def test_server_of_this_machine_has_the_names_of_this_machine():
    address = address_of("127.0.0.1", 4200, None)
    assert address.api == "http://127.0.0.1:4200/api"
    assert address.origins == ["http://127.0.0.1:4200", "http://localhost:4200"]
    assert host_headers(address.origins) == {"127.0.0.1:4200", "localhost:4200"}
    assert address.is_private


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_other_addresses_of_this_machine_need_no_tls(host):
    assert address_of(host, 4200, None).is_private


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "2001:db8::5", "::ffff:10.0.0.1"])
def test_address_that_others_reach_is_refused_with_a_word_about_tls(host):
    with pytest.raises(CallError, match=r"TLS.*--behind-tls https://"):
        address_of(host, 4200, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_proxy_with_tls_lets_others_in(host):
    address = address_of(host, 4200, "https://Night.example.com/")
    assert address.origins[0] == "https://night.example.com"
    assert not address.is_private
    assert {"night.example.com", "night.example.com:443"} <= host_headers(address.origins)
    assert "0.0.0.0" not in address.api
    assert "[::]" not in address.api


def test_proxy_on_this_machine_is_not_private():
    assert not address_of("127.0.0.1", 4200, "https://night.example.com").is_private


def test_port_that_browsers_leave_out_may_be_missing():
    assert "127.0.0.1" in host_headers(address_of("127.0.0.1", 80, None).origins)


@pytest.mark.parametrize(
    "url",
    [
        "http://night.example.com",
        "night.example.com",
        "https://",
        "https://user:secret@night.example.com",
        "https://night.example.com/prefect",
        "https://night.example.com?x=1",
        "https://night.example.com:port",
        "https://night.example.com,https://attacker.example",
        "https://*",
        "https://[::1",
        "https://[:::::]",
        "https://night.example.com:99999",
        "x" * 5000,
    ],
)
def test_public_url_without_tls_or_with_more_than_a_name_is_refused(url):
    with pytest.raises(CallError, match="--behind-tls") as refused:
        address_of("0.0.0.0", 4200, url)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("host", ["", "example.com", "127.0.0.1:80", "127.1", "::1%lo", "x" * 5000])
def test_host_must_be_an_address(host):
    with pytest.raises(CallError, match="is not an IP address") as refused:
        address_of(host, 4200, None)
    assert len(str(refused.value)) < 400


def test_address_listens_from_the_beginning_so_that_nobody_else_can_take_it():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = address_of("127.0.0.1", port, None)
    with (
        address.listen(),
        socket.create_connection(("127.0.0.1", port), timeout=10),
        pytest.raises(UserError, match=f"port {port} .* cannot be used"),
    ):
        address.listen()
