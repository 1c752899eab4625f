"""What is wrong with a cluster is said in a sentence, and the next night on it goes well."""

import datetime
import ipaddress
import socket
from contextlib import contextmanager

import dask
import numpy as np
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from helpers.cut_line import cuttable
from helpers.dask_cluster import (
    ROWS,
    Cluster,
    begun_in,
    cluster_in,
    job_on,
    much,
    night_on,
    total,
    wait_for,
    wait_for_file,
)
from helpers.workspace import ROOT

from data.errors import ClusterError
from tasks.run.row_files import RowFiles

RESULT = ROWS * (ROWS - 1) / 2
OTHER_NUMPY = "Metadata-Version: 2.1\nName: numpy\nVersion: 9.9.9\n"
WITHOUT_NIGHTFIT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("data", "regressors", "tasks", "flows"):
            raise ModuleNotFoundError(f"No module named {name!r}")
sys.meta_path.insert(0, Missing())
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("cluster"), workers=1) as made:
        wait_for(lambda: workers_of(made), "the worker has not come")
        yield made


@pytest.fixture
def told():
    return []


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return RowFiles()


@contextmanager
def worker_with(cluster, folder, name, text):
    """A worker before whose other modules stands a file in a folder."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    before = workers_of(cluster)
    worker = cluster.start_worker(PYTHONPATH=f"{folder}:{ROOT}:{ROOT / 'tests'}")
    try:
        yield lambda: wait_for(lambda: workers_of(cluster) > before, "the worker has not come")
    finally:
        worker.kill()
        worker.wait()
        wait_for(lambda: workers_of(cluster) == before, "the worker is still there")


def workers_of(cluster):
    log = (cluster.folder / "scheduler.log").read_text()
    return log.count("Register worker addr") - log.count("Remove worker addr")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("numpy-9.9.9.dist-info/METADATA", OTHER_NUMPY, f"numpy 9.9.9 and not {np.__version__}"),
        ("sitecustomize.py", WITHOUT_NIGHTFIT, "no nightfit like ours (No module named"),
    ],
)
def test_a_worker_that_differs_is_named_and_the_night_after_it_is_gone_goes_well(
    cluster, files, tmp_path, name, text, message
):
    with worker_with(cluster, tmp_path / "other", name, text) as there:
        there()
        with night_on(cluster.address) as night, pytest.raises(ClusterError) as refused:
            night.connect()
        assert message in str(refused.value)
        assert "Install the same versions everywhere, and start its workers again." in str(
            refused.value
        )
    with night_on(cluster.address) as night:
        assert night.result(night.submit("numpy", total, job_on(files))) == RESULT


def test_a_worker_that_comes_later_and_differs_gets_no_work_and_is_told_of(
    cluster, files, tmp_path, told
):
    metadata = "numpy-9.9.9.dist-info/METADATA"
    with night_on(cluster.address, told) as night:
        night.connect()
        with worker_with(cluster, tmp_path / "other", metadata, OTHER_NUMPY) as there:
            there()
            wait_for(night.take_warnings, "nothing is told of it")
            assert "came later and gets no work: it has numpy 9.9.9" in told[-1]
            jobs = [night.submit("numpy", total, job_on(files)) for _ in range(3)]
            assert [night.result(job) for job in jobs] == [RESULT] * 3
            assert night.take_warnings() == ()


def test_a_night_over_a_line_that_falls_silent_and_breaks_does_its_fits_again(
    cluster, files, tmp_path, told, monkeypatch
):
    monkeypatch.setattr("tasks.cluster.connection.LIST_SECONDS", 0.5)
    with (
        cuttable(lambda: socket.create_connection(("127.0.0.1", cluster.port))) as line,
        night_on(f"tcp://127.0.0.1:{line.port}", told) as night,
    ):
        job = night.submit("numpy", wait_for_file, job_on(files, tmp_path))
        wait_for(lambda: begun_in(tmp_path), "it has not begun")
        (child,) = begun_in(tmp_path)
        line.hangs = True
        wait_for(lambda: "does not answer; what it was given is waited for" in told[-1], told)
        assert psutil.pid_exists(child)
        line.hangs = False
        line.cut()
        wait_for(lambda: not psutil.pid_exists(child), "a process goes on")
        (tmp_path / "go").touch()
        assert night.result(job) == RESULT
        assert any("was lost, and with it what it was fitting" in text for text in told)


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        (False, "does not answer; what it was given is waited for"),
        (True, "it does not answer as a scheduler of Dask (it says b'HTTP/1.1 502"),
    ],
)
def test_a_proxy_that_answers_while_the_network_is_cut_is_not_taken_for_the_scheduler(
    cluster, files, tmp_path, told, monkeypatch, cuts, words
):
    monkeypatch.setattr("tasks.cluster.connection.LIST_SECONDS", 0.5)
    with (
        cuttable(lambda: socket.create_connection(("127.0.0.1", cluster.port))) as line,
        night_on(f"tcp://127.0.0.1:{line.port}", told) as night,
    ):
        job = night.submit("numpy", wait_for_file, job_on(files, tmp_path))
        wait_for(lambda: begun_in(tmp_path), "it has not begun")
        line.proxy = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
        client = night._nights.latest.connection.client
        if cuts:
            line.cut()
        wait_for(lambda: words in told[-1] and line.answered > 1, told)
        line.proxy = b""
        line.cut()
        (tmp_path / "go").touch()
        assert night.result(job) == RESULT
        assert client.status == "closed"
        assert not client.loop.asyncio_loop.is_running()


def test_an_answer_whose_way_is_cut_is_fetched_again_and_its_job_has_not_failed(
    cluster, files, told
):
    with (
        cuttable(lambda: socket.create_connection(("127.0.0.1", cluster.port))) as line,
        night_on(f"tcp://127.0.0.1:{line.port}", told) as night,
    ):
        night.connect()
        line.cuts_after = 2**26
        assert len(night.result(night.submit("numpy", much, job_on(files)))) == 2**27
        assert line.cuts_after is None
        assert any("was lost, and with it what it was fitting" in text for text in told)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Folders with ca.pem, cert.pem and key.pem each, of two authorities."""
    return [certified(tmp_path_factory.mktemp(name)) for name in ("ours", "others")]


def certified(folder):
    def made(name, key, issuer, issuer_key, *, authority, days=1):
        now = datetime.datetime.now(datetime.UTC)
        day, address = datetime.timedelta(days=1), ipaddress.ip_address("127.0.0.1")
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * day)
            .not_valid_after(now + days * day)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )

    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("ca", "nightfit")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    pem = serialization.Encoding.PEM
    made_for = [
        ("ca.pem", made(names[0], keys[0], names[0], keys[0], authority=True)),
        ("cert.pem", made(names[1], keys[1], names[0], keys[0], authority=False)),
        ("expired.pem", made(names[1], keys[1], names[0], keys[0], authority=False, days=-1)),
    ]
    for file, found in made_for:
        (folder / file).write_bytes(found.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


def tls(role, folder, authority=None, cert="cert.pem"):
    return {
        "distributed.comm.tls.ca-file": str((authority or folder) / "ca.pem"),
        f"distributed.comm.tls.{role}.cert": str(folder / cert),
        f"distributed.comm.tls.{role}.key": str(folder / "key.pem"),
    }


def test_a_cluster_with_certificates_lets_in_those_of_its_authority_and_says_so_to_others(
    certificates, files, tmp_path, monkeypatch
):
    ours, others = certificates
    secured = Cluster(tmp_path / "tls", protocol="tls")
    secured.folder.mkdir()
    try:
        secured.start_scheduler(**environment(tls("scheduler", ours)))
        secured.start_worker(**environment(tls("worker", ours)))
        with dask.config.set(tls("client", ours)), night_on(secured.address) as night:
            assert night.result(night.submit("numpy", total, job_on(files))) == RESULT
        for config, reason in (
            ({}, "Dask's configuration names no certificates"),
            (tls("client", ours, others), "its certificate is not of the authority in our ca-file"),
            (tls("client", others, ours), "it does not accept our certificate"),
            (tls("client", ours, cert="expired.pem"), "our certificate, which has expired"),
            (tls("client", tmp_path / "gone"), "cannot be used"),
        ):
            refused(secured.address, config, reason)
        monkeypatch.setattr("tasks.cluster.connection.GREETING_SECONDS", 0.5)
        plain = secured.address.replace("tls", "tcp")
        refused(plain, tls("client", ours), "what listens there wants encrypted connections")
        secured.scheduler.kill()
        secured.scheduler.wait()
        secured.start_scheduler(**environment(tls("scheduler", ours, cert="expired.pem")))
        refused(secured.address, tls("client", ours), "made: its certificate has expired")
    finally:
        secured.stop()


def refused(address, config, reason):
    """Check that there is no connection, for a reason."""
    with (
        dask.config.set(config),
        night_on(address) as night,
        pytest.raises(ClusterError, match=reason),
    ):
        night.connect()


def environment(config):
    return {f"DASK_{k.replace('.', '__').replace('-', '_').upper()}": v for k, v in config.items()}
