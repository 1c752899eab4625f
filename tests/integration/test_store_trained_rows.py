"""Which rows a stored model was trained with, where their predictions are stored and where not."""

from pathlib import Path

import numpy as np
import pytest
from helpers.store_nights import NEW, predictions, promoted, serving, write

from data.declarations.model import Declaration
from data.sources.read import read
from data.store.session import Store
from data.texts import Texts
from tasks.incumbent import trained_with
from tasks.run.rows import Rows
from tasks.run.trained_rows import rows_of_run

TARGETS = {"k1": 1.0, "k2": 2.0, "k3": 3.0, "k4": NEW}
ROLES = {"k1": "warmup", "k2": "train", "k3": "test", "k4": "new"}
TONIGHT = Rows(Texts.of([*TARGETS, "k5"]), {}, np.zeros(5))


@pytest.fixture
def champion(store: Store, tmp_path: Path):
    """Return a function that stores a champion with predictions of some of its rows."""
    lines = [f"{key},{'' if np.isnan(y) else y}" for key, y in TARGETS.items()]
    source = tmp_path / "rows.csv"
    source.write_text("\n".join(["id,y", *lines, ""]), encoding="utf-8")
    keys = {"name": "wages", "source": {"path": source}, "key": "id", "target": "y"}
    declaration = Declaration.model_validate(keys)
    snapshot = read(declaration, folder=tmp_path / "snapshots")

    def stored(*with_prediction: str):
        rows = {key: TARGETS[key] for key in with_prediction}
        roles = [ROLES[key] for key in rows]
        night = promoted(
            1,
            {},
            predictions=[predictions("torch/ann", rows, roles=roles)],
            declaration=declaration.model_dump_json(),
            snapshot=snapshot.path.relative_to(tmp_path).as_posix(),
            fingerprint=snapshot.fingerprint,
            rows_read=snapshot.rows,
        )
        write(store, night)
        return serving(store)

    return stored


@pytest.mark.parametrize("stored", [TARGETS, ("k3", "k4")], ids=["all", "new"])
def test_the_rows_of_its_run_but_test_rows_and_new_rows_trained_a_twin(
    champion, store: Store, tmp_path: Path, stored
):
    model = champion(*stored)
    trained, blind = trained_with(TONIGHT, model, store, rows_of_run(store, model, home=tmp_path))
    assert trained.tolist() == [True, True, False, False, False]
    assert blind is None


def test_where_nothing_says_which_rows_trained_a_twin_only_those_it_surely_did_not_see_are_new(
    champion, store: Store, tmp_path: Path
):
    model = champion("k3", "k4")
    rows_then = rows_of_run(store, model, home=tmp_path / "elsewhere")
    trained, blind = trained_with(TONIGHT, model, store, rows_then)
    assert trained.tolist() == [True, True, False, False, True]
    assert blind is not None
    assert blind.startswith("The rows that torch/ann of run 1 was trained with no longer exist")
