"""What a source is compared with: its last good night, or what a person accepted since."""

import json

import pytest
from helpers.store_nights import change, counts, night, promoted, read, write

from data.checks.findings import ExpectationResult
from data.errors import CallError
from data.store.read.contract import acceptance_since, contract_of, proposal
from data.store.records import SourceColumnRecord
from data.store.session import Store
from data.store.write.acceptance import write_acceptance
from tasks.run.acceptance import accept

DECLARED = json.dumps({"target": "wage", "key": ["id"]})


def column(name, role="feature", kind="number", **facts):
    return SourceColumnRecord(name=name, role=role, kind=kind, kind_from="values", **facts)


ID = column("id", "key")
AGE = column("age", missing=1, distinct_values=40, typical_size=37.5, example="31")
WAGE = column("wage", "target", missing=10)


def good(number, *columns, **facts):
    """Return a good night of 100 rows, 90 of them with a target."""
    return promoted(
        number,
        {"a": 1.0},
        columns=[ID, AGE, WAGE, *columns],
        declaration=DECLARED,
        **{"rows_read": 100, "rows_labelled": 90, **facts},
    )


def failed(check, severity="critical", name=None):
    return ExpectationResult(check, name, severity, quarantine=False, success=False)


def rejected(number, *columns, check="column_keeps_its_kind", **facts):
    return night(
        number,
        status="rejected",
        reason="it changed",
        columns=[ID, *columns, WAGE],
        expectations=[failed(check, name="age")],
        declaration=DECLARED,
        rows_read=120,
        **facts,
    )


TEXT_AGE = column("age", kind="category", example="old")


@pytest.fixture
def refused(store: Store):
    """A store with a good night, and one in which `age` was text."""
    write(store, good(1))
    write(store, rejected(2, TEXT_AGE))
    return store


def accepted(store, run_id=2):
    return change(store, write_acceptance, "wages", run_id, accepted_by="ann", reason=None)


def test_without_a_good_night_there_is_no_contract(store: Store):
    assert read(store, contract_of, "wages") is None
    write(store, rejected(1, TEXT_AGE))
    assert read(store, contract_of, "wages") is None


def test_the_contract_is_the_last_good_night_without_the_columns_that_were_new(store: Store):
    write(store, good(1))
    write(store, good(2, column("bonus", "new")))
    write(store, rejected(3, TEXT_AGE))
    contract = read(store, contract_of, "wages")
    assert (contract.run_id, contract.rows, contract.labelled) == (2, 100, 90)
    assert contract.columns == {"id": ID, "age": AGE, "wage": WAGE}
    assert contract.kinds == dict.fromkeys(("id", "age", "wage"), "number")
    assert contract.declaration == json.loads(DECLARED)
    assert not contract.accepted


def test_an_accepted_run_is_the_contract_until_a_later_good_night(refused: Store):
    accepted(refused)
    contract = read(refused, contract_of, "wages")
    assert (contract.run_id, contract.accepted) == (2, True)
    assert (contract.rows, contract.labelled) == (120, 110)
    assert contract.columns["age"] == TEXT_AGE
    write(refused, good(3))
    assert read(refused, contract_of, "wages").run_id == 3


def test_an_accepted_good_night_has_its_new_columns(store: Store):
    write(store, good(1))
    new = failed("column_is_known", "warning", "bonus")
    write(store, good(2, column("bonus", "new"), expectations=[new]))
    accepted(store)
    assert "bonus" in read(store, contract_of, "wages").columns


def test_a_run_has_the_contract_that_it_had_when_it_started(refused: Store):
    write(refused, good(3))
    assert read(refused, contract_of, "wages", before_run=3).run_id == 1
    assert read(refused, contract_of, "wages", before_run=2).run_id == 1
    assert read(refused, contract_of, "wages", before_run=1) is None


def test_what_is_accepted_is_printed_column_by_column(refused: Store):
    lines = accept(refused, "wages", reason="the form changed")
    assert lines[0] == "wages: accepted what run 2 read, as compared with before:"
    assert "  rows: 120, before 100" in lines
    assert "  rows with a target: 110, before 90" in lines
    assert "  age: categories such as old, before numbers such as 31" in lines
    assert "run 'nightfit retrain wages'" in lines[-1]


def test_what_no_acceptance_meets_is_named(store: Store):
    write(store, good(1))
    unmet = (
        failed("feature_is_still_there"),
        failed("expect_column_values_to_be_unique"),
    )
    write(store, night(2, status="rejected", columns=[ID, WAGE], expectations=unmet))
    text = " ".join(accept(store, "wages", reason=None))
    assert "age: gone" in text
    assert "also failed expect_column_values_to_be_unique" in text


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([good(1)], "has not been compared with an earlier one"),
        ([good(1), rejected(2, AGE, check="target_varies")], "run 2 found no change"),
        ([rejected(1, TEXT_AGE)], "has not been compared with an earlier one"),
        ([good(1), rejected(2, TEXT_AGE), good(3)], "run 3 found no change"),
        ([], "no run of a dataset named 'wages'"),
    ],
)
def test_where_there_is_nothing_to_accept_nothing_is_written(store: Store, records, message):
    for record in records:
        write(store, record)
    before = counts(store)
    with pytest.raises(CallError, match=message) as caught:
        accept(store, "wages", reason=None)
    assert caught.value.exit_code == 2
    assert counts(store) == before


def test_a_failed_or_skipped_night_in_between_does_not_matter(refused: Store):
    write(refused, night(3, status="failed", reason="no such file"))
    write(refused, night(4, status="skipped"))
    assert read(refused, proposal, "wages").after.run_id == 2


def test_nothing_is_accepted_twice_or_after_a_newer_night(refused: Store):
    accepted(refused)
    with pytest.raises(CallError, match="accepted already, by ann"):
        accepted(refused)
    write(refused, rejected(3, TEXT_AGE))
    with pytest.raises(CallError, match="run 3 has ended in the meantime"):
        accepted(refused, run_id=2)


def test_an_acceptance_excuses_the_models_of_earlier_runs_alone(refused: Store):
    assert read(refused, acceptance_since, "wages", 1) is None
    accepted(refused)
    write(refused, good(3))
    assert read(refused, acceptance_since, "wages", 1) == "ann"
    assert read(refused, acceptance_since, "wages", 2) is None
    assert read(refused, acceptance_since, "wages", 3) is None
    assert read(refused, acceptance_since, "wages", 1, before_run=3) is None  # not yet at its start
    assert read(refused, acceptance_since, "wines", 1) is None
