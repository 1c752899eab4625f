"""A person's decisions about single segments: promote, roll back and unpin.

What serves a segment changes at once where the predictions for it are stored: back to the dataset's
champion always, to another model where a run has stored its predictions of that segment. Otherwise
it changes with the next night, which fits models of that kind anyway.
"""

import re
import shlex
from functools import partial

from sqlalchemy import Connection

from data.errors import CallError
from data.store.read.champions import ServingModel, champion_model, model_of
from data.store.read.segments import (
    ServedSegment,
    model_of_kind,
    predicts_segment,
    served_segment,
)
from data.store.records import ManualSegmentDecision
from data.store.session import Store
from data.store.write.segment_decision import write_segment_decision
from tasks.run import progress
from tasks.run.decisions import user_name

SPECIAL = re.compile(r'["$`\\!]')
"""What a shell reads even between double quotation marks."""


def promote_in_segment(
    store: Store,
    dataset: str,
    run_id: int,
    candidate: str | None,
    segment: str,
    *,
    reason: str,
    pin: bool,
) -> str:
    """Let models of a candidate's kind serve a segment; return what was done, in a sentence."""
    with store.reading() as connection:
        now = served_segment(connection, dataset, segment)
        chosen = model_of(connection, dataset, run_id, candidate)
        champion = champion_model(connection, dataset)
        is_as_before = now.pinned or not pin
        if chosen.model_id == now.model_id and is_as_before and not now.is_waiting:
            pinned = " and is pinned" if now.pinned else ""
            raise CallError(
                f"{chosen.name_and_run} already serves it{pinned}.", where=_named(dataset, segment)
            )
        is_champion = champion is not None and champion.model_id == chosen.model_id
        at_once = is_champion or _is_stored(connection, dataset, now, chosen)
    model_id = chosen.model_id if at_once and not is_champion else None
    made = ManualSegmentDecision(
        dataset=dataset,
        segment=segment,
        decision="forced",
        kind=None if is_champion else chosen.kind,
        at_once=at_once,
        model_id=model_id,
        reason=reason,
        decided_by=user_name(),
        pinned=pin or not at_once,
    )
    what = f"the champion, {chosen.name_and_run}," if is_champion else chosen.name_and_run
    return _decide(store, made, now, what if at_once else chosen.kind)


def roll_back_in_segment(
    store: Store, dataset: str, segment: str, *, reason: str | None, pin: bool
) -> str:
    """Let what served a segment before serve it again; return what was done, in a sentence."""
    with store.reading() as connection:
        now = served_segment(connection, dataset, segment)
        kinds = [None, *now.kinds]
        first = kinds.index(kinds[-1])
        if first == 0:
            raise CallError(
                "the dataset's champion has always served it, so there is nothing to roll back to.",
                where=_named(dataset, segment),
            )
        kind = kinds[first - 1]
        model_id = None
        if kind is not None:
            model_id = model_of_kind(
                connection, dataset, segment, run_id=now.serving_run, kind=kind
            )
        champion = champion_model(connection, dataset)
    at_once = kind is None or model_id is not None
    made = ManualSegmentDecision(
        dataset=dataset,
        segment=segment,
        decision="rolled_back",
        kind=kind,
        at_once=at_once,
        model_id=model_id,
        reason=reason or f"rolled back from {_left(now)}",
        decided_by=user_name(),
        pinned=pin or not at_once,
    )
    what = kind or f"the champion, {champion.name_and_run if champion else ''},"
    return _decide(store, made, now, what)


def unpin_segment(store: Store, dataset: str, segment: str, *, reason: str | None) -> str:
    """Let the nights decide about a pinned segment again; return what was done."""
    with store.reading() as connection:
        now = served_segment(connection, dataset, segment)
    if not now.pinned:
        raise CallError("it is not pinned.", where=_named(dataset, segment))
    made = ManualSegmentDecision(
        dataset=dataset,
        segment=segment,
        decision="unpinned",
        kind=now.kinds[-1],
        at_once=True,
        model_id=now.model_id if now.own else None,
        reason=reason or "the nights decide again",
        decided_by=user_name(),
    )
    with store.writing() as connection:
        write_segment_decision(connection, made)
    return (
        f"{_named(dataset, segment)}: {now.name_and_run} goes on; from the next night on it may be"
        " replaced."
    )


def _left(now: ServedSegment) -> str:
    """Return what a segment is rolled back from."""
    if now.is_waiting:
        return f"{now.kinds[-1]}, which was to serve from the next night on"
    return now.name_and_run


def _is_stored(
    connection: Connection, dataset: str, now: ServedSegment, chosen: ServingModel
) -> bool:
    return chosen.run_id == now.serving_run and predicts_segment(
        connection, dataset, now.segment, run_id=chosen.run_id, model_id=chosen.model_id
    )


def _decide(store: Store, made: ManualSegmentDecision, now: ServedSegment, what: str) -> str:
    """Store a decision and return it in words."""
    told = partial(progress.log, made.dataset, warning=True)
    with store.writing() as connection:
        write_segment_decision(connection, made, told=told)
    named = _named(made.dataset, made.segment)
    unpin = f"'nightfit unpin {made.dataset} --segment {_argument(made.segment)}'"
    if not made.at_once:
        return (
            f"{named}: {what} serves it from the next night on, which fits it; its predictions of"
            f" this segment are not stored, so until then {now.name_and_run} goes on. It is pinned"
            f" until {unpin}."
        )
    pinned = f"; it is pinned until {unpin}" if made.pinned else ""
    if now.pinned and not made.pinned:
        pinned = "; its pin is removed"
    if made.model_id == (now.model_id if now.own else None):
        return f"{named}: {now.name_and_run} goes on{pinned}."
    return f"{named}: {what} serves it from now on instead of {now.name_and_run}{pinned}."


def _argument(segment: str) -> str:
    """Return a segment as it is written on a command line, in a sentence with quotation marks."""
    plain = shlex.quote(segment)
    return plain if plain == segment or SPECIAL.search(segment) else f'"{segment}"'


def _named(dataset: str, segment: str) -> str:
    return f"{dataset}, segment {segment!r}"
