"""Sources that only a worker of the cluster sees are read there, as they would be here."""

import logging
import sqlite3
import subprocess
from contextlib import closing

import pytest
from helpers.dask_cluster import Cluster, wait_for

from data.cluster_address import cluster_address
from data.declarations.model import Declaration
from data.errors import SourceError, SourceLate
from data.sources.read import read
from tasks.cluster.cluster_workers import ClusterWorkers
from tasks.cluster.token_file import Token

SEEING = 'mount --bind "$0" "$1" && shift && exec "$@"'
"""Has a folder (the second one) show another one, for one command alone."""

ROWS = "shop;day;sold;price\n" + "\n".join(
    f"{i};0{1 + i % 9}.03.2024;{i % 7};{i},50" for i in range(300)
)
"""What takes decisions: a separator, decimal commas, days before months."""


def may_mount():
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)


pytestmark = pytest.mark.skipif(
    may_mount().returncode != 0,
    reason="a folder that only one process sees takes unshare, and the right to use it",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The folder of the source, empty but for one worker, and what that worker sees there."""
    folder = tmp_path_factory.mktemp("sources")
    seen, there = folder / "hidden", folder / "there"
    seen.mkdir()
    there.mkdir()
    (there / "shops.csv").write_text(ROWS)
    return seen, there


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, folders):
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    seen, there = map(str, folders)
    try:
        made.start_scheduler()
        made.start_worker(PLACE=seen)
        made.start_worker(under=["unshare", "-m", "sh", "-c", SEEING, there, seen], PLACE=seen)
        logs = [made.folder / f"worker{number}.log" for number in range(2)]
        wait_for(
            lambda: all("Registered to" in log.read_text() for log in logs), "a worker is missing"
        )
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def night(cluster):
    with ClusterWorkers(
        cluster_address(cluster.address),
        wait=60,
        time_limit=60,
        memory_limit=8,
        tell=lambda _: None,
    ) as night:
        yield night


@pytest.fixture
def hear(caplog):
    with caplog.at_level(logging.INFO, "nightfit"):
        yield lambda: [record.getMessage() for record in caplog.records]


def declared(path=None, **source):
    place = {} if path is None else {"path": str(path)}
    return Declaration.model_validate(
        {
            "name": "shops",
            "key": "shop",
            "target": "price",
            "source": {**place, **source, "read": "cluster"},
        }
    )


@pytest.fixture
def here(folders, tmp_path):
    """What is read here, where the folder is another one."""
    return read(declared(folders[1] / "shops.csv"), folder=tmp_path / "here")


def test_what_only_one_worker_sees_is_read_there_with_the_same_digits(
    night, folders, here, tmp_path, hear
):
    with pytest.raises(SourceLate):
        read(declared(folders[0] / "shops.csv"), folder=tmp_path)
    made = night.read(declared(folders[0] / "shops.csv"), folder=tmp_path / "home")
    assert made.fingerprint == here.fingerprint
    assert made.path == tmp_path / "home/shops" / here.path.name
    assert made.path.read_bytes() == here.path.read_bytes()
    assert [made.rows, made.columns] == [here.rows, here.columns]
    assert f" s on the cluster, by {made.read_by}" in made.in_words()
    assert made.read_by in night.having("numpy")
    assert [text.partition(": ")[2] for text in made.warnings] == [
        text.partition(": ")[2] for text in here.warnings
    ]
    assert not [*(tmp_path / "home").glob(".token*")]
    assert not any("was sent" in text for text in hear())


def test_a_snapshot_is_sent_once_from_a_worker_that_does_not_see_the_home(
    night, folders, here, tmp_path, monkeypatch, hear
):
    unseen = Token(str(tmp_path / "not there"), "unread")
    monkeypatch.setattr("tasks.cluster.reading.Token.written", lambda _: unseen)
    source = declared(folders[0] / "shops.csv")
    for sent in (f"{here.path.stat().st_size / 1e6:,.1f} MB was sent", "it is here already"):
        made = night.read(source, folder=tmp_path / "home")
        assert made.path == tmp_path / "home/shops" / here.path.name
        assert made.path.read_bytes() == here.path.read_bytes()
        assert sent in hear()[-1]
        assert f"{made.read_by} does not see {tmp_path / 'home'}" in hear()[-1]


def test_mistakes_of_a_source_are_those_that_are_found_here_with_the_worker(
    night, folders, tmp_path
):
    seen, there = folders
    (there / "odd.csv").write_text("shop,price\n1,2\n3,4,5,6\n")
    for name, workers in (("shop.csv", "any of 2 workers"), ("odd.csv", "the worker tcp://")):
        with pytest.raises(SourceError) as found_here:
            read(declared(there / name), folder=tmp_path)
        with pytest.raises(SourceError) as found_there:
            night.read(declared(seen / name), folder=tmp_path)
        here, there_too = found_here.value, found_there.value
        assert type(there_too) is type(here)
        assert there_too.what == here.what
        assert f"{seen / name}, on {workers}" in there_too.where
    assert not [*tmp_path.glob("**/*.parquet")]


def test_a_secret_is_that_of_the_worker_and_one_that_it_lacks_is_a_sentence(
    night, folders, tmp_path
):
    database = folders[1] / "shops.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE shops (shop INT, sold INT, price REAL)")
        connection.executemany(
            "INSERT INTO shops VALUES (?, ?, ?)", [(i, i % 7, i / 3) for i in range(50)]
        )
        connection.commit()
    here = read(declared(url=f"sqlite:///{database}", table="shops"), folder=tmp_path / "here")
    made = night.read(
        declared(url="sqlite:///${PLACE}/shops.db", table="shops"), folder=tmp_path / "home"
    )
    assert made.fingerprint == here.fingerprint
    with pytest.raises(SourceError, match=r"'OTHER' has no value. Set the environment variable"):
        night.read(declared(url="sqlite:///${OTHER}/shops.db", table="shops"), folder=tmp_path)
