"""A night on a cluster has the digits of one without, and ends in sentences where it cannot be."""

import pytest
from helpers.workspace import LINE, LINE_ROWS

DIGITS = (
    "SELECT * FROM score ORDER BY 1, 2, 3",
    "SELECT * FROM coefficient ORDER BY 1, 2",
    "SELECT * FROM prediction ORDER BY 1, 2",
    "SELECT model_id, framework, kind, rank, chosen, artifact_sha256, twin_sha256 FROM model",
)
"""What two nights on the same rows have in common, whatever computed it."""

TWO_KINDS = LINE.replace("[least_squares]", "[least_squares, gradient_descent, ann]")


@pytest.fixture(scope="module")
def workspaces(new_workspace):
    """Workspaces after one night each: without a cluster, and on two workers."""
    made = {}
    for cluster in ("", "local:2"):
        made[cluster] = new_workspace()
        made[cluster].declare("line", TWO_KINDS, LINE_ROWS)
        done = made[cluster].run("nightly", NIGHTFIT_CLUSTER=cluster)
        assert done.returncode == 0, done.stderr
        if cluster:
            assert "cluster at this machine, 2 workers" in done.stderr
    return made


def test_a_night_on_a_cluster_has_the_same_digits(workspaces):
    for query in DIGITS:
        assert workspaces["local:2"].sql(query) == workspaces[""].sql(query)
        assert workspaces[""].sql(query)


def test_a_wrong_address_is_one_sentence(workspaces):
    done = workspaces[""].run("nightly", NIGHTFIT_CLUSTER="locla:2")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "'locla:2' is neither local nor an address of a Dask scheduler" in done.stderr
