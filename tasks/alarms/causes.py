"""What people should hear of, decided from what is stored: plain values in, plain values out."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.store.read.alarms import (
    BAD,
    GOOD,
    AlarmFacts,
    ChampionChange,
    LatestRun,
    StandingAlarm,
)

CHANGES_ARE_NEWS = timedelta(hours=48)
"""For how long a changed champion is reported, if that could not be done at once."""

MIDNIGHTS_APART = 0.5
"""By this share of the time within which a good night is due, runs belong to different nights."""

SYSTEM = "The log of the system says whether it ran out of memory or was killed by someone."


@dataclass(frozen=True)
class Cause:
    """One thing that people should hear of once, and what they can do about it."""

    area: str  # "run", "night", "champion", "delivery" or "damage"
    dataset: str  # "" where it concerns no single one
    detail: str  # what tells it from other causes of the same area and dataset
    event: str  # in a word or two, for programs
    title: str
    what: str
    since: datetime
    next_step: str
    known_at: datetime | None = None  # None: no run is left that could report it at its end
    run_id: int | None = None
    flow_run_id: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what identifies the cause."""
        return self.area, self.dataset, self.detail


@dataclass(frozen=True)
class Killed:
    """A run that ended without storing anything, as Prefect's server knows."""

    dataset: str  # "" if no single dataset was being worked on
    at: datetime
    flow_run_id: str
    how: str  # a sentence
    failed: bool = False  # it came to its own end, but what it had could not be stored


@dataclass(frozen=True)
class Ended:
    """A cause that has ended, in words; `title` is None if nobody needs to hear of it."""

    alarm: StandingAlarm
    title: str | None = None
    what: str = ""
    run: LatestRun | None = None


def causes(
    facts: AlarmFacts,
    *,
    declared: Mapping[str, datetime],
    within: timedelta,
    now: datetime,
    killed: Sequence[Killed] = (),
) -> tuple[Cause, ...]:
    """Return all that people should hear of.

    `declared` are the datasets with the time since when each has been declared as it is; a good
    night of each is due `within` a time.
    """
    runs = {run.dataset: run for run in facts.runs if run.dataset in declared}
    found = (
        *(_bad_run(run) for run in runs.values() if run.status in BAD),
        *_killed_runs(killed, runs),
        *_overdue(runs, declared, within=within, now=now),
        *(_champion(change) for change in facts.changes),
        *_undelivered(facts),
        *_damage(facts),
    )
    return tuple(cause for cause in found if not cause.dataset or cause.dataset in declared)


def ended(
    facts: AlarmFacts, standing: Sequence[Cause], declared: Mapping[str, datetime]
) -> tuple[Ended, ...]:
    """Return which causes that people were told of have ended."""
    runs = {run.dataset: run for run in facts.runs if run.dataset in declared}
    held = {(cause.area, cause.dataset) for cause in standing}
    news = {cause.key for cause in standing if cause.area == "champion"}
    found = []
    for alarm in facts.standing:
        if alarm.area == "champion":
            if (alarm.area, alarm.dataset, alarm.detail) not in news:
                found.append(Ended(alarm))
        elif alarm.dataset and alarm.dataset not in declared:
            found.append(Ended(alarm))
        elif alarm.area in ("run", "night"):
            if end := _good_again(alarm, runs):
                found.append(end)
        elif (alarm.area, alarm.dataset) not in held:
            found.append(_settled(alarm, facts))
    return tuple(found)


def _bad_run(run: LatestRun) -> Cause:
    name = run.dataset
    again = f"run 'nightfit retrain {name}', or wait for the next night"
    steps = {
        "failed": f"Put right what it says; then {again}.",
        "rejected": f"The champion, if there is one, goes on serving. Correct the source; then"
        f" {again}. If the source is to stay like this, run 'nightfit accept {name}'.",
    }
    reason = run.reason or "No reason is stored."
    return Cause(
        "run",
        name,
        f"{run.status} {_digest(reason)}",
        run.status,
        f"{name} {'failed' if run.status == 'failed' else 'was rejected'}",
        reason,
        run.bad_since or run.finished_at,
        steps[run.status],
        run.finished_at,
        run.run_id,
        run.flow_run_id,
    )


def _digest(reason: str) -> str:
    """Return what stays of a reason when its figures change from night to night."""
    return hashlib.sha256(re.sub(r"\d+", "0", reason).encode()).hexdigest()[:12]


def _killed_runs(killed: Sequence[Killed], runs: Mapping[str, LatestRun]) -> Iterator[Cause]:
    for each in sorted(killed, key=lambda each: each.at):
        if _good_at(each.dataset, runs, since=each.at) is not None:
            continue
        again = f"nightfit retrain {each.dataset}" if each.dataset else "nightfit nightly"
        ended = "failed, and was not stored" if each.failed else "was broken off"
        where = "Put right what it says, or see its log on the page." if each.failed else SYSTEM
        yield Cause(
            "run",
            each.dataset,
            "killed",
            "not stored" if each.failed else "killed",
            f"{each.dataset or 'the night'} {ended}",
            f"{each.how} Nothing of it is stored, and what served before goes on serving.",
            each.at,
            f"{where} Run '{again}', or wait for the next night.",
            flow_run_id=each.flow_run_id,
        )


def _good_at(dataset: str, runs: Mapping[str, LatestRun], *, since: datetime) -> LatestRun | None:
    """Return the run that shows that a dataset, or any, has had a good run since a moment."""
    asked = [runs[dataset]] if dataset in runs else [] if dataset else list(runs.values())
    good = [run for run in asked if run.good_at is not None and run.good_at > since]
    return next((run for run in good if run.status in GOOD), None)


def _good_again(alarm: StandingAlarm, runs: Mapping[str, LatestRun]) -> Ended | None:
    """Return how a bad run or a missing night has ended, None if it has not."""
    name = alarm.dataset
    if alarm.area == "night" and not name:
        later = [run for run in runs.values() if run.finished_at > alarm.since]
        if not later:
            return None
        return Ended(alarm, "nights run again", f"A run of {later[0].dataset} has ended.", later[0])
    run = _good_at(name, runs, since=alarm.since)
    if run is None:
        return None
    how = "succeeded" if run.status == "succeeded" else "was skipped, since nothing has changed"
    return Ended(alarm, f"{name or 'the night'} is fine again", f"Run {run.run_id} {how}.", run)


def _overdue(
    runs: Mapping[str, LatestRun],
    declared: Mapping[str, datetime],
    *,
    within: timedelta,
    now: datetime,
) -> Iterator[Cause]:
    """Yield that no night has run at all, or else the datasets that nights have left out.

    A dataset whose last run was bad is not among them: that was reported. Nor is one as long as no
    other dataset has had a later night, since then all will be overdue soon, for one cause.
    """
    if not declared:
        return
    newest = max((run.finished_at for run in runs.values()), default=max(declared.values()))
    if now - newest > within:
        what = "No run has ended since then." if runs else "No night has run yet."
        yield Cause(
            "night",
            "",
            "none",
            "no night",
            f"no night within {_hours(within)}",
            what,
            newest,
            "See whether what starts the nights is running ('nightfit serve', or cron), and whether"
            " the schedule is paused. Run 'nightfit nightly' for a night at once.",
        )
        return
    for name, declared_at in declared.items():
        run = runs.get(name)
        if run is not None and run.status in BAD:
            continue
        last = declared_at if run is None else run.good_at or run.first_at
        if now - last <= within or newest - last <= within * MIDNIGHTS_APART:
            continue
        good = "The last good run ended then." if run and run.good_at else "It had no good run yet."
        yield Cause(
            "night",
            name,
            "none",
            "no good night",
            f"{name} had no good night within {_hours(within)}",
            f"{good} Other datasets have been run since.",
            last,
            f"See whether the schedule names it, and run 'nightfit retrain {name}'.",
        )


def _hours(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    return f"{hours:g} hour" if hours == 1 else f"{hours:g} hours"


def _champion(change: ChampionChange) -> Cause:
    by = f", by {change.decided_by}" if change.decided_by else ""
    return Cause(
        "champion",
        change.dataset,
        str(change.promotion_id),
        "champion changed",
        f"{change.champion} now serves {change.dataset}",
        f"It replaces {change.before}{by}: {change.reason}",
        change.decided_at,
        f"Nothing, if that is fine. 'nightfit history {change.dataset}' has the figures;"
        f" 'nightfit rollback {change.dataset}' lets the one before serve again.",
        change.decided_at,
        change.run_id,
        change.flow_run_id,
    )


def _undelivered(facts: AlarmFacts) -> Iterator[Cause]:
    for each in facts.undelivered:
        yield Cause(
            "delivery",
            each.dataset,
            f"{each.place} {_digest(each.reason)}",
            "not delivered",
            f"results of {each.dataset} were not delivered",
            str(each),
            each.failed_at,
            "They are stored, and the next night tries again. Sooner:"
            f" 'nightfit retrain {each.dataset}' after mending it.",
            each.failed_at,
        )


def _damage(facts: AlarmFacts) -> Iterator[Cause]:
    if facts.checked is None:
        return
    for finding in facts.checked.wrong:
        what = f"{finding.dataset}: {finding.what}" if finding.dataset else finding.what
        yield Cause(
            "damage",
            "",
            _digest(f"{finding.area} {what}"),
            "damage",
            "the database is damaged",
            what,
            facts.checked.checked_at,
            f"{finding.next_step} After mending, run 'nightfit db check'.",
            facts.checked.checked_at,
        )


def _settled(alarm: StandingAlarm, facts: AlarmFacts) -> Ended:
    if alarm.area == "damage":
        when = f" on {facts.checked.checked_at:%Y-%m-%d %H:%M} UTC" if facts.checked else ""
        what = f"The check{when} found nothing that is wrong and not acknowledged."
        return Ended(alarm, "the database is fine again", what)
    what = "None of its results is waiting to be delivered any more."
    return Ended(alarm, f"results of {alarm.dataset} are delivered", what)
