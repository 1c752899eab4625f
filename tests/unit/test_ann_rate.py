"""The rate of a machine: measured once per home, noted, and taken from the note from then on."""

import json

import pytest

from data.errors import HomeError
from regressors.network.plan import BUDGET, LIMITED_PRODUCTS, Plan
from tasks.run.ann_plan import EarlierPlan, sentence_of
from tasks.run.rate import FILE, rate_of_home


def measured(rates):
    return lambda: rates.pop(0)


def test_rate_is_measured_once_and_noted_with_its_date_and_framework(tmp_path):
    rates = [4.1e9, 7.7e9]
    for _ in range(2):
        assert rate_of_home(tmp_path, measured(rates), by="torch") == 4.1e9
    assert rates == [7.7e9]
    note = json.loads((tmp_path / FILE).read_text())
    assert note["products_per_second"] == 4.1e9
    assert note["measured_by"] == "torch"
    assert "T" in note["measured_at"]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"products_per_second": -1}', "\0"])
def test_note_that_cannot_be_used_is_measured_again_with_a_warning(tmp_path, text, caplog):
    (tmp_path / FILE).write_text(text)
    assert rate_of_home(tmp_path, lambda: 2e9, by="torch") == 2e9
    assert "cannot be used: the machine is measured again" in caplog.text
    assert rate_of_home(tmp_path, lambda: 3e9, by="torch") == 2e9


def test_failed_measurement_is_a_sentence_and_notes_nothing(tmp_path):
    assert rate_of_home(tmp_path, lambda: "it was killed", by="torch") == "it was killed"
    assert not list(tmp_path.iterdir())


def test_rate_that_cannot_be_noted_ends_in_a_sentence(tmp_path):
    (tmp_path / FILE).write_text("a file, where the home should be")
    with pytest.raises(HomeError, match="The rate of this machine cannot be noted"):
        rate_of_home(tmp_path / FILE / "home", lambda: 2e9, by="torch")


def plan(**changes):
    made = {"networks": 3, "epochs": 6, "refit_epochs": 2, "rows": 80_000, "share": 1.0}
    return Plan(**{**made, "products": 6e11, "budget": BUDGET, **changes})


def test_stored_run_says_who_decided_and_by_which_rate():
    details = {"plan": {"rate": 3e9}, "decided_by": "torch"}
    assert EarlierPlan.among([{"fold 1": {}}, {}, details]) == EarlierPlan("torch", 3e9)
    assert EarlierPlan.among([{"plan": {"epochs": 4}}, details]) == EarlierPlan(None, None)
    assert EarlierPlan.among([]) == EarlierPlan()


def test_plan_in_words_has_epochs_rows_trainings_and_the_time_that_they_take_here():
    assert sentence_of(plan(), 2e9) == (
        "6 epochs of up to 80,000 rows; 3 to 5 trainings per framework, and then the refit of the"
        " winner: about 5 min at most in each"
    )
    assert "about 60 s at most" in sentence_of(plan(), 1e10)
    assert "rows, 25% of them drawn;" in sentence_of(plan(share=0.25), 2e9)


def test_planned_fit_may_take_the_time_limit_once_for_each_part_of_its_budget():
    assert plan(products=1.0).time_limits == 1
    assert plan(products=3 * LIMITED_PRODUCTS).time_limits == 3
    assert plan(products=BUDGET).time_limits == 5
