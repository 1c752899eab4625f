"""A fit learns nothing about the targets of the rows that it will be scored on."""

from collections.abc import Mapping
from dataclasses import fields
from itertools import product

import numpy as np
import pytest

from data.declarations.model import Declaration
from data.declarations.sections import Candidates
from regressors.candidate import Candidate
from tasks.check import check
from tasks.read import read
from tasks.run.workers import job_of
from tasks.split import split

N = 120
CANDIDATES = [Candidate(*pair) for pair in product(Candidates().frameworks, Candidates().kinds)]
DECLARED = {
    "by key": {},
    "by time": {"time": "day", "weight": "w"},
    "by group": {"split": {"group": "shop"}, "terms": ["a^2", "a:level"]},
}


def night(folder, target, **declared):
    """Read, check and split the rows with these targets, and make the job of every candidate."""
    rng = np.random.default_rng(5)
    lines = [
        f"{i},{rng.normal()!r},{rng.choice(list('pqr'))},{rng.uniform(1, 3)!r},{i % 30},"
        f"2024-{1 + i // 28:02d}-{1 + i % 28:02d},{y!r}"
        for i, y in enumerate(target.tolist())
    ]
    source = folder / "rows.csv"
    source.write_text("\n".join(["id,a,level,w,shop,day,y", *lines]), encoding="utf-8")
    base = {"name": "shop", "source": {"path": source}, "key": "id", "target": "y", **declared}
    declaration = Declaration.model_validate(base)
    snapshot = read.fn(declaration, folder)
    checked = check.fn(declaration, snapshot)
    assert checked.passed, checked.reason
    prepared = split.fn(declaration, snapshot, checked)
    jobs = {name: job_of(name, prepared, starts={}) for name in CANDIDATES}
    return np.array(prepared.test.keys.tolist(), dtype=int), jobs


def bits(job) -> dict[str, object]:
    """Return every field of a job, but for names of its own, to be compared to the last bit."""
    names = {field.name for field in fields(job)} - {"predictions_file", "table"}
    return {name: _bits(getattr(job, name)) for name in names}


def _bits(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _bits(item) for name, item in value.items()}
    if isinstance(value, np.ndarray):
        return value.dtype, value.tolist() if value.dtype.kind == "O" else value.tobytes()
    return value


@pytest.mark.parametrize("declared", DECLARED.values(), ids=DECLARED.keys())
def test_no_job_of_a_fit_changes_with_the_targets_of_the_test_rows(tmp_path, declared):
    rng = np.random.default_rng(0)
    target = rng.normal(size=N)
    tested, jobs = night(tmp_path, target, **declared)
    assert 10 < len(tested) < 40
    for other in (
        np.full(len(tested), 1e149),
        np.arange(len(tested)),
        rng.normal(size=len(tested)),
    ):
        changed = target.copy()
        changed[tested] = other
        again, same = night(tmp_path, changed, **declared)
        assert again.tolist() == tested.tolist()
        for name, job in jobs.items():
            assert bits(job) == bits(same[name])


def test_a_job_of_a_fit_changes_with_the_target_of_a_training_row(tmp_path):
    target = np.random.default_rng(0).normal(size=N)
    tested, jobs = night(tmp_path, target)
    target[np.setdiff1d(np.arange(N), tested)[0]] += 1e-9
    _, others = night(tmp_path, target)
    assert all(bits(job) != bits(others[name]) for name, job in jobs.items())


def test_a_job_has_whole_groups_in_each_fold(tmp_path):
    target = np.random.default_rng(0).normal(size=N)
    _, jobs = night(tmp_path, target, **DECLARED["by group"])
    job = jobs[Candidate("torch", "ann")]
    assert len(set(job.group_numbers)) > 20
    assert all(
        len(set(job.fold[job.group_numbers == group])) == 1 for group in set(job.group_numbers)
    )
    assert "'shop'" in job.split_rules
    assert "shop" not in job.columns


def test_a_job_has_the_parts_of_times_that_are_declared(tmp_path):
    target = np.random.default_rng(0).normal(size=N)
    _, jobs = night(tmp_path, target, features=["a", "day[weekday]"])
    for job in jobs.values():
        assert list(job.columns) == ["a", "day"]
        assert job.time_parts == {"day": ("weekday",)}
    _, jobs = night(tmp_path, target, features=["a", "day"])
    assert all(job.time_parts == {} for job in jobs.values())
