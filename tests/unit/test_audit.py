"""What `make audit` makes of the answers of pip-audit."""

import json
from datetime import date

from audit.__main__ import CLEAN, FOUND, INCOMPLETE, Accepted, Lookup, lookup_of, report

TODAY = date(2026, 11, 26)
NOT_FOUND = "Dependency not found on PyPI and could not be audited: rich (15.0.0)"
OLD = {
    "name": "urllib3",
    "version": "1.24",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.26.5", "2.0"]}],
}
GOOD = {"name": "numpy", "version": "2.4.0", "vulns": []}
SKIPPED = {"name": "rich", "skip_reason": NOT_FOUND}


def answer(*dependencies):
    return lookup_of(json.dumps({"dependencies": dependencies, "fixes": []}), "")


def accept(until, *, id="CVE-1"):
    return Accepted(package="urllib3", id=id, reason="it is not used", until=until)


def test_a_finding_is_listed_with_its_package_its_names_and_the_versions_that_mend_it():
    lines, code = report([answer(GOOD, OLD)], [], TODAY)
    assert code == FOUND
    assert lines[0] == "FOUND urllib3 1.24: PYSEC-1 = CVE-1, fixed in 1.26.5, 2.0"


def test_libraries_that_were_all_looked_up_without_a_finding_are_clean():
    assert report([answer(GOOD)], [], TODAY)[1] == CLEAN


def test_a_library_that_was_skipped_is_not_audited_although_pip_audit_found_nothing():
    lines, code = report([Lookup(problem="no such host"), answer(GOOD, SKIPPED)], [], TODAY)
    assert code == INCOMPLETE
    assert "NOT AUDITED: 1 of the libraries (rich)" in lines[-1]


def test_a_library_that_one_service_skips_may_be_looked_up_by_another_one():
    assert report([answer(GOOD, SKIPPED), answer(GOOD)], [], TODAY)[1] == CLEAN


def test_services_that_cannot_be_reached_are_not_a_clean_audit():
    lookup = lookup_of("", "Traceback ...\nConnectionError: no such host")
    lines, code = report([lookup], [], TODAY)
    assert code == INCOMPLETE
    assert lines[-1].startswith("NOT AUDITED: no advisory service can be reached")
    assert "no such host" in lines[-1]


def test_an_accepted_finding_counts_again_after_its_date():
    assert report([answer(OLD)], [accept(TODAY)], TODAY)[1] == CLEAN
    assert report([answer(OLD)], [accept(date(2026, 11, 25))], TODAY)[1] == FOUND


def test_an_accepted_finding_does_not_cover_another_one_of_the_same_library():
    assert report([answer(OLD)], [accept(TODAY, id="CVE-2")], TODAY)[1] == FOUND


def test_a_finding_counts_also_where_other_libraries_were_skipped():
    assert report([answer(OLD, SKIPPED)], [], TODAY)[1] == FOUND
