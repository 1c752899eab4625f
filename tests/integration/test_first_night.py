"""A first night starts Theano's process before any run needs it: that compiles for long."""

import time
from importlib.metadata import PackageNotFoundError

import pytest

from data.settings import Settings
from flows.command.session import _first_workers
from regressors.frameworks import theano_on_numpy2
from regressors.frameworks.registry import FRAMEWORK_NAMES, unprepared
from regressors.frameworks.theano_on_numpy2 import compiled_folder
from regressors.frameworks.workers import Workers
from tasks.run.workers import _of_this_night, framework_workers


@pytest.fixture
def config(tmp_path):
    """Settings with two declarations, one of which does without Theano."""
    for name, frameworks in (("wages", "[torch, theano]"), ("other", "[torch, tensorflow]")):
        (tmp_path / f"{name}.yaml").write_text(
            f"source: {{path: {name}.csv}}\nkey: id\ntarget: y\nfeatures: [x]\n"
            f"candidates: {{frameworks: {frameworks}}}\n"
        )
    (tmp_path / "broken.yaml").write_text("source: {path: x.csv}\n")
    return Settings(home=tmp_path / "home", datasets=tmp_path)


def theano_of(workers):
    """Return Theano's process as the workers of a night know it."""
    assert isinstance(workers._processes, Workers)
    return workers._processes._workers["theano"]


def started(config):
    return sorted(file.stem for file in config.home.glob("logs/worker-*.log"))


def test_theano_alone_takes_long_where_nothing_is_compiled_yet(tmp_path, monkeypatch):
    assert unprepared(FRAMEWORK_NAMES, tmp_path) == ["theano"]
    compiled_folder(tmp_path).mkdir()
    assert unprepared(FRAMEWORK_NAMES, tmp_path) == []

    def version(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(theano_on_numpy2, "version", version)
    assert unprepared(FRAMEWORK_NAMES, tmp_path / "new") == []


def test_its_process_starts_for_the_flows_to_come(config):
    with _first_workers(config, ["broken", "wages", "missing"]):
        with framework_workers(config) as workers:
            until = time.monotonic() + 60
            while not compiled_folder(config.home).exists():
                assert time.monotonic() < until
                time.sleep(0.1)
            assert started(config) == ["worker-theano"]
            theano = theano_of(workers)
        assert theano.pool is not None  # the flow leaves it to the command
    assert theano.pool is None


@pytest.mark.parametrize("datasets", [[], ["other"], ["broken"]])
def test_nothing_starts_for_datasets_without_theano(config, datasets):
    with _first_workers(config, datasets), framework_workers(config) as workers:
        assert theano_of(workers).pool is None
    assert started(config) == []


def test_nothing_starts_here_for_fits_on_a_cluster(config):
    elsewhere = config.model_copy(update={"cluster": "tcp://127.0.0.1:1"})
    with _first_workers(elsewhere, ["wages"]):
        assert started(config) == []
        assert _of_this_night.get() is None
