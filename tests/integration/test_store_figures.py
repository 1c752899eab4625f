"""What is kept of a run for its pictures: stored with it, checked when read, pruned when old."""

import pytest
from helpers.store_nights import change, counts, kept, night, promoted, read, serving, write
from sqlalchemy import update

from data.errors import DamagedStore
from data.store.check.contents import checksum_findings
from data.store.read.run_figures import figures_of_run
from data.store.session import Store
from data.store.tables import run_figures
from data.store.write.prune import prune

FIGURES = {"points": {"actual": [0.1 + 0.2, None]}, "models": [{"name": "torch/ann"}]}


def test_figures_are_read_as_they_were_written(store: Store):
    run_id = write(store, night(1, figures=FIGURES))
    assert read(store, figures_of_run, run_id) == FIGURES


def test_a_run_may_have_none(store: Store):
    assert read(store, figures_of_run, write(store, night(1))) is None


def test_figures_that_were_changed_are_noticed_when_read_and_by_the_check(store: Store):
    run_id = write(store, night(1, figures=FIGURES))
    changed = update(run_figures).values(figures={"points": {"actual": [0.3, None]}})
    change(store, lambda connection: connection.execute(changed))
    with pytest.raises(DamagedStore, match="figures of run 1 are not what was stored"):
        read(store, figures_of_run, run_id)
    (finding,) = read(store, lambda connection: list(checksum_findings(connection)))
    assert "run_figures" in finding.what


def test_old_figures_are_pruned_but_for_those_of_champions(store: Store):
    rows = {"a": 1.0, "b": 2.0}
    write(store, promoted(1, rows, figures=FIGURES))
    model_id = serving(store).model_id
    for number in range(2, 6):
        write(store, kept(number, model_id, rows, figures=FIGURES))
    announced = change(store, prune, "wages", keep_runs=2, dry_run=True)
    assert counts(store)["run_figures"] == 5
    assert change(store, prune, "wages", keep_runs=2) == announced
    assert announced.figures == 2
    kept_of = [run_id for run_id in range(1, 6) if read(store, figures_of_run, run_id)]
    assert kept_of == [1, 4, 5]
    assert not read(store, lambda connection: list(checksum_findings(connection)))
    assert change(store, prune, "wages", keep_runs=2).figures == 0
