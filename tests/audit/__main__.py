"""`make audit`: look for published advisories about the pinned libraries.

    PYTHONPATH=tests python -m audit

The exit code is 0 if every library of `constraints.txt` was looked up and nothing new was found, 1
if there is a finding, and 3 if not every library could be looked up, which proves nothing.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
ACCEPTED = Path(__file__).with_name("accepted.toml")
SERVICES = ("osv", "pypi")
"""Where pip-audit looks, in this order, until one of them knows every library."""

CLEAN, FOUND, INCOMPLETE = 0, 1, 3
"""Exit codes."""

MAX_NAMES = 5
"""Libraries that a sentence names."""


@dataclass(frozen=True)
class Finding:
    """An advisory about a pinned library."""

    package: str
    version: str
    names: tuple[str, ...]  # its id, then its aliases
    fixed_in: tuple[str, ...]

    def __str__(self) -> str:
        remedy = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "not fixed yet"
        return f"{self.package} {self.version}: {' = '.join(self.names)}, {remedy}"


@dataclass(frozen=True)
class Lookup:
    """What a service knows about the pinned libraries, and those that it could not look up."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[str, ...] = ()
    problem: str = ""  # why it gave no answer at all


@dataclass(frozen=True)
class Accepted:
    """A known finding, or a known risk without an advisory."""

    package: str
    reason: str
    until: date
    id: str | None = None


def main() -> int:
    """Ask the services and print what they know; return the exit code."""
    accepted = [Accepted(**entry) for entry in tomllib.loads(ACCEPTED.read_text())["accepted"]]
    lookups = []
    for service in SERVICES:
        print(f"Asking {service} about the libraries of {CONSTRAINTS.name} ...", flush=True)
        lookups.append(lookup_of(*_pip_audit(service)))
        if not (lookups[-1].problem or lookups[-1].skipped):
            break
    lines, code = report(lookups, accepted, datetime.now(UTC).date())
    print(*lines, sep="\n")
    return code


def _pip_audit(service: str) -> tuple[str, str]:
    """Return what pip-audit prints on its standard output and error."""
    options = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")
    command = [sys.executable, "-m", "pip_audit", "-s", service, "-r", str(CONSTRAINTS), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def lookup_of(output: str, messages: str) -> Lookup:
    """Read the output of pip-audit, which is not JSON if the service did not answer.

    pip-audit itself ends with 0 where it has skipped every library.
    """
    try:
        dependencies = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        words = messages.strip().splitlines() or ["it printed nothing"]
        return Lookup(problem=words[-1][:200])
    findings = (
        _finding(dependency, advisory)
        for dependency in dependencies
        for advisory in dependency.get("vulns", ())
    )
    skipped = (entry["name"] for entry in dependencies if "skip_reason" in entry)
    return Lookup(tuple(findings), tuple(skipped))


def _finding(dependency: dict[str, Any], advisory: dict[str, Any]) -> Finding:
    names = (advisory["id"], *advisory.get("aliases", ()))
    fixed_in = tuple(advisory.get("fix_versions", ()))
    return Finding(dependency["name"], dependency["version"], names, fixed_in)


def report(
    lookups: Sequence[Lookup], accepted: Iterable[Accepted], today: date
) -> tuple[list[str], int]:
    """Return what to print about the answers of the services, and the exit code."""
    accepted = list(accepted)
    findings = dict.fromkeys(finding for lookup in lookups for finding in lookup.findings)
    lines, new = [], 0
    for finding in findings:
        entry = _entry(finding, accepted, today)
        new += entry is None
        lines.append(f"accepted until {entry.until}: {finding}" if entry else f"FOUND {finding}")
    lines += [
        f"known risk until {entry.until}: {entry.package}: {entry.reason}"
        if entry.until >= today
        else f"this risk was accepted until {entry.until}: {entry.package}: look at it again"
        for entry in accepted
        if entry.id is None
    ]
    complete = any(not (lookup.problem or lookup.skipped) for lookup in lookups)
    if not complete:
        lines.append(_what_is_missing(lookups))
    if new:
        lines.append(f"{new} {'finding is' if new == 1 else 'findings are'} not accepted.")
        return lines, FOUND
    if not complete:
        return lines, INCOMPLETE
    return [*lines, "Every pinned library was looked up; there is no new finding."], CLEAN


def _entry(finding: Finding, accepted: Iterable[Accepted], today: date) -> Accepted | None:
    for entry in accepted:
        same = entry.package == finding.package and entry.id in finding.names
        if same and entry.until >= today:
            return entry
    return None


def _what_is_missing(lookups: Sequence[Lookup]) -> str:
    """Say which libraries no service knew, so that nobody takes it for a clean audit."""
    answers = [set(lookup.skipped) for lookup in lookups if not lookup.problem]
    if not answers:
        problems = "; ".join(lookup.problem for lookup in lookups)
        return f"NOT AUDITED: no advisory service can be reached from here ({problems})."
    missing = sorted(set.intersection(*answers))
    names = ", ".join(missing[:MAX_NAMES]) + (", ..." if len(missing) > MAX_NAMES else "")
    return (
        f"NOT AUDITED: {len(missing)} of the libraries ({names}) could not be looked up. The"
        " service that can be reached from here has no advisories for single versions, as is usual"
        " for a mirror."
    )


if __name__ == "__main__":
    sys.exit(main())
