"""What NIGHTFIT_CLUSTER may say."""

import pytest

from data.cluster_address import ClusterAddress, cluster_address
from data.errors import CallError
from data.settings import Settings


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("local", ClusterAddress()),
        (" local:4 ", ClusterAddress(workers=4)),
        ("tcp://scheduler:8786", ClusterAddress(url="tcp://scheduler:8786")),
        ("tls://Scheduler", ClusterAddress(url="tls://scheduler:8786")),
        ("tcp://my_host.b\u00fcro:1", ClusterAddress(url="tcp://my_host.b\u00fcro:1")),
        ("tcp://[::1]:9000/", ClusterAddress(url="tcp://[::1]:9000")),
    ],
)
def test_a_machine_and_an_address_are_understood(text, address):
    assert cluster_address(text) == address
    assert Settings(cluster=text).cluster_address == address


def test_an_address_has_a_host_and_a_port():
    address = cluster_address("tcp://[fe80::2]:9000")
    assert (address.host, address.port) == ("fe80::2", 9000)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("local:0", "asks for 0 workers"),
        ("local:999999999", "999,999,999 workers"),
        ("local:-1", "neither local nor an address"),
        ("local:٣", "neither local nor an address"),
        ("locale", "neither local nor an address"),
        ("scheduler:8786", "neither local nor an address"),
        ("http://scheduler:8787", "neither local nor an address"),
        ("tcp://", "neither local nor an address"),
        ("tcp://scheduler:port", "is not an address"),
        ("tcp://scheduler:70000", "is not an address"),
        ("tcp://[::1", "is not an address"),
        ("tcp://scheduler:0", "is not an address"),
        ("tcp://two words:8786", "is not an address"),
        ("tcp://tab\t:8786", "is not an address"),
        ("tcp://$SCHEDULER:8786", "is not an address"),
        ("tcp://<scheduler>:8786", "is not an address"),
        ("tcp://scheduler;8786", "is not an address"),
        ("tcp://*:8786", "is not an address"),
        ("tcp://\u200bscheduler:8786", "is not an address"),
        ("tcp://host..example:8786", "is not an address"),
        (f"tcp://{'a' * 64}:8786", "is not an address"),
        ("tcp://me:secret@scheduler:8786", "no user and no password"),
        ("tcp://scheduler:8786/status", "goes on after the port"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(text, why):
    with pytest.raises(CallError, match=why) as refused:
        Settings(cluster=text)
    assert str(refused.value).startswith("NIGHTFIT_CLUSTER: ")
    assert str(refused.value).endswith("Write local, local:4 or tcp://scheduler:8786, or unset it.")
    assert "secret" not in str(refused.value)


def test_without_a_cluster_there_is_no_address():
    assert Settings().cluster_address is None
