"""A source says which machine reads it, and one that is not seen here says who else may."""

import pytest

from data.declarations.model import Declaration
from data.errors import ClusterError, SourceLate
from data.progress import unreported
from regressors.frameworks.workers import Workers
from tasks.run.reading import read_declared
from tasks.run.workers import FrameworkWorkers


def declared(**source):
    return Declaration.model_validate(
        {"name": "shops", "key": "shop", "target": "price", "source": source}
    )


def processes(cluster, folder):
    """Processes that are here, or on a cluster: an object that nothing is asked of."""
    here = Workers((), folder, time_limit=60)
    return FrameworkWorkers(here, here if cluster else None)


@pytest.mark.parametrize("cluster", [False, True])
def test_a_missing_source_may_be_seen_by_workers_where_there_are_some(cluster, tmp_path):
    source = declared(path=str(tmp_path / "shops.csv"))
    with pytest.raises(SourceLate) as missing:
        read_declared(source, unreported, processes(cluster, tmp_path), folder=tmp_path)
    assert ("add 'read: cluster' to 'source'" in missing.value.next_step) == cluster


def test_a_source_of_the_cluster_without_one_is_a_sentence(tmp_path):
    source = declared(path=str(tmp_path / "shops.csv"), read="cluster")
    for workers in (None, processes(False, tmp_path)):
        with pytest.raises(ClusterError, match=r"shops\.csv: .* none is named\. Name one in NIGHT"):
            read_declared(source, unreported, workers, folder=tmp_path)


def test_a_source_is_read_by_no_other_machine():
    with pytest.raises(ValueError, match="Input should be 'here' or 'cluster'"):
        declared(path="shops.csv", read="worker")
