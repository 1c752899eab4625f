"""What a run depends on that has changed since an earlier one, and whether it is skipped for that.

A night asks before it fits, and `nightfit plan` asks the same: there is no other place to decide.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from data.checks.contract import Contract
from data.checks.freshness import age_findings
from data.declarations.model import Declaration
from data.errors import shortened
from data.sources.snapshot import Snapshot
from data.sources.stored_columns import StoredColumns
from data.store.read.champions import champion_model
from data.store.read.earlier_runs import (
    LastGood,
    kept_rows,
    last_good,
    same_run,
    what_was_read,
)
from data.store.read.segment_models import segments_waiting
from data.store.session import Store
from tasks.run.attempt import Attempt
from tasks.run.provenance import (
    NOT_OF_THE_SETUP,
    had_this_code,
    library_versions,
    setup_fingerprint,
)

What = Literal[
    "first run",
    "first past run",
    "rows",
    "declaration",
    "code",
    "library",
    "setup",
    "age",
    "accepted",
    "champion",
    "segments",
]

SECRET_KEYS = ("url",)
"""Keys of a declaration whose values may hold a password: they are named, and not shown."""

MAX_SHOWN = 100
"""Characters of a value."""

NOTHING = "the same rows, declaration, code and library versions"


@dataclass(frozen=True)
class Change:
    """One thing that has changed: which, its name if there are several, and its values as text.

    A value is None where there was, or is, none.
    """

    what: What
    name: str | None = None
    before: str | None = None
    now: str | None = None

    def __str__(self) -> str:
        values = _values(self.before, self.now)
        match self.what:
            case "first run":
                return "it has no run yet to compare with"
            case "first past run":
                return "it has no run of that night, or of an earlier one, to compare with"
            case "age":
                return "the newest row is older than 'max_age' by now"
            case "accepted":
                return "a person has accepted how the source looks now"
            case "champion":
                return "the champion is damaged, and only another model can replace it"
            case "segments":
                return f"a person has decided what is to serve {self.now}, from this night on"
            case "setup":
                return "the setup (what is stored of it is not complete)"
            case "declaration":
                return f"'{self.name}' in the declaration{values}"
            case "code" if self.before == self.now:
                return f"nightfit's code (still version {self.now})"
            case "code":
                return f"nightfit's code{values}"
            case "library":
                return f"{self.name}{values}"
            case _:
                return f"the rows{values}"


@dataclass(frozen=True)
class Changes:
    """What has changed since an earlier run, the first that counts first; nothing: it is skipped.

    `since` is that run, None if there is none to compare with.
    """

    since: LastGood | None
    changes: tuple[Change, ...]

    @property
    def are_none(self) -> bool:
        """Return whether nothing has changed, so that the run is skipped."""
        return not self.changes

    @property
    def reason(self) -> str:
        """Return in words what has changed, or that nothing has."""
        if self.since is None:
            return "; ".join(map(str, self.changes))
        if not self.changes:
            return f"nothing has changed since run {self.since.run_id}: {NOTHING}"
        return f"changed since run {self.since.run_id}: {'; '.join(map(str, self.changes))}"


FIRST_RUN = Changes(None, (Change("first run"),))
FIRST_PAST_RUN = Changes(None, (Change("first past run"),))


def changes_since(
    run: Attempt, snapshot: Snapshot, expected: Contract | None, store: Store
) -> Changes:
    """Return what has changed since the run that tonight's rows and setup are compared with.

    The setup is the declaration, the code and the library versions. Tonight only the last good run
    counts; on a past night, any run that succeeded does. Rows that are now older than the declared
    `max_age` count as changed, since the checks must report them, and so does everything after a
    person has accepted how the source looks now, has decided what is to serve a segment from the
    next night on, or while the champion is damaged, which only another model can mend.
    """
    declaration, now = run.declaration, setup_fingerprint(run.declaration)

    def gathered(connection: Connection) -> tuple[LastGood | None, bool, int]:
        last = last_good(connection, declaration.name, as_of=run.as_of)
        if run.as_of is not None:
            same = same_run(connection, declaration.name, snapshot.fingerprint, now)
            return (last if same is None else what_was_read(connection, same)), False, 0
        champion = champion_model(connection, declaration.name)
        is_damaged = champion is not None and champion.damage is not None
        waiting = segments_waiting(connection, declaration.name, last.run_id) if last else 0
        return last, is_damaged, waiting

    last, is_damaged, waiting = store.read(gathered)
    if last is None:
        return FIRST_RUN if run.as_of is None else FIRST_PAST_RUN
    changes = [*_changes(last, snapshot, declaration, now)]
    if expected is not None and expected.accepted:
        changes.append(Change("accepted"))
    if is_damaged:
        changes.append(Change("champion"))
    if waiting:
        segments = "a segment" if waiting == 1 else f"{waiting:,} segments"
        changes.append(Change("segments", now=segments))
    if not changes and run.as_of is None and _are_too_old(run, snapshot, last, store):
        changes.append(Change("age"))
    return Changes(last, tuple(changes))


def _changes(
    last: LastGood, snapshot: Snapshot, declaration: Declaration, setup: str
) -> Iterator[Change]:
    if last.fingerprint != snapshot.fingerprint:
        before = None if last.rows_read is None else f"{last.rows_read:,}"
        yield Change("rows", None, before, f"{snapshot.rows:,}")
    if last.setup_fingerprint == setup:
        return
    if last.declaration is None or last.library_versions is None or last.setup_fingerprint is None:
        yield Change("setup")
        return
    then, libraries = json.loads(last.declaration), library_versions()
    changes = [*declared_changes(declaration, then)]
    if not had_this_code(last.setup_fingerprint, last.declaration, last.library_versions):
        name = "nightfit"
        changes.append(Change("code", None, last.library_versions.get(name), libraries.get(name)))
    changes += _library_changes(last.library_versions, libraries, {c.what for c in changes})
    yield from changes or [Change("setup")]


def declared_changes(declaration: Declaration, then: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the keys of a declaration whose values differ from those of an earlier one, in JSON.

    What changes no model is left out: the source, whose rows are compared, and the results. A key
    that the earlier one lacks is of a later version, and has changed only if it is declared.
    """
    now = json.loads(declaration.model_dump_json(exclude={*NOT_OF_THE_SETUP}))
    then, now = _with_levels_apart(then), _with_levels_apart(now)
    defaults = _defaults(declaration)
    before = _flat({name: value for name, value in then.items() if name not in NOT_OF_THE_SETUP})
    after = _flat(now)
    for name in dict.fromkeys((*before, *after)):
        if name not in before and (after[name] is None or after[name] == defaults.get(name)):
            continue
        if before.get(name) != after.get(name):
            yield Change("declaration", name, *(_text(name, of) for of in (before, after)))


def _with_levels_apart(declared: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a declaration whose `interval` is its levels alone, and not a mapping with `by`."""
    interval = declared.get("interval")
    if not isinstance(interval, dict):
        return declared
    return {**declared, "interval": interval.get("level"), "interval.by": interval.get("by")}


def _defaults(declaration: Declaration) -> dict[str, Any]:
    needed = {"name", "source", "key", "target"}
    plain = type(declaration).model_construct(
        **{name: getattr(declaration, name) for name in needed}
    )
    return _flat(json.loads(plain.model_dump_json(exclude={*NOT_OF_THE_SETUP})))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by their names, as `split.test`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _text(name: str, values: Mapping[str, Any]) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if name.rpartition(".")[2] in SECRET_KEYS:
        return "not shown"
    return shortened(json.dumps(value, ensure_ascii=False), MAX_SHOWN)


def _library_changes(
    before: Mapping[str, str], now: Mapping[str, str], others: set[What]
) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *now)):
        if before.get(name) != now.get(name) and not (name == "nightfit" and "code" in others):
            yield Change("library", name, before.get(name), now.get(name))


def _are_too_old(run: Attempt, snapshot: Snapshot, last: LastGood, store: Store) -> bool:
    """Return whether the newest time of the last good run's rows is now older than `max_age`."""
    declaration = run.declaration
    if declaration.time is None or declaration.max_age is None:
        return False
    table = StoredColumns(snapshot.path)
    kept = store.read(lambda connection: kept_rows(connection, last.run_id, snapshot.rows))
    findings = age_findings(declaration, table, kept, run.night)
    return any(finding.sentence for finding in findings)


def _values(before: str | None, now: str | None) -> str:
    if before is None and now is None:
        return ""
    return f" ({now or 'none'}, before {before or 'none'})"
