"""What a declaration of a source should say, from what a look has seen of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data.declarations.model import Kind
from data.errors import SourceError
from data.proposals.bounds import why_never_negative
from data.proposals.expectations import Rule, proposed_rules
from data.proposals.facts import ColumnFacts
from data.proposals.keys import KeyProposal, proposed_key
from data.proposals.kinds import KindProposal, proposed_kinds
from data.proposals.leaks import copies, giveaways, near_giveaways
from data.proposals.names import key_rank
from data.proposals.order import OrderProposal, proposed_group, proposed_segment, proposed_time
from data.proposals.over_time import OverTimeProposal, proposed_over_time
from data.proposals.sampled import SAMPLE, Sampled
from data.sources.column_files import Columns
from data.sources.made_keys import CONTENT, ROW
from data.sources.row_names import ROW_NAME
from data.split import MIN_LABELLED_ROWS

NEARLY_ALL = 0.9
SEVERAL = 0.2
"""An id of which a row in five is the first one says nothing about the others."""

SEVERAL_ROWS = 1.5

KEPT_AS_TEXT = "as part of a key it would stay text"

MIN_IDS = 20
"""A text that nearly each of so many rows has for itself is an id."""


KindAsKey = Callable[[str, Kind | None], Kind | None]
"""From a column and a kind that is declared for it, or None, to the one that it has as a key."""


@dataclass(frozen=True)
class Proposal:
    """What to declare, and why: each part is one key of a declaration, or a comment beside it.

    `left_out` has the columns that should not explain the target, each with the reason, and
    `features` the others if they must be listed. `never_negative` says why no interval should reach
    below zero, "" if it may. `notes` are sentences about the whole.
    """

    key: KeyProposal
    target: str
    new_rows: int
    infinite: str
    time: OrderProposal | None
    over_time: tuple[OverTimeProposal, ...]
    group: OrderProposal | None
    segment: OrderProposal | None
    kinds: tuple[KindProposal, ...]
    left_out: dict[str, str]
    features: tuple[str, ...] | None
    never_negative: str
    rules: tuple[Rule, ...]
    more_rules: int
    notes: tuple[str, ...]


def proposed(
    columns: Columns,
    facts: Sequence[ColumnFacts],
    sample: Sampled,
    target: str,
    *,
    made: Sequence[str] = (ROW, CONTENT),
    kind_as_key: KindAsKey | None = None,
    unread: Sequence[str] = (),
) -> Proposal:
    """Return what to declare for the rows of a table and a target, which is one of its numbers.

    `made` are the keys that can be made for this source, the better one first. Columns whose texts
    stay as they are in a key or a group have another kind there, which `kind_as_key` returns
    (`Look`). Numbers that are `unread` are text until somebody chooses their format, and identify
    nothing. A source without any key, or in which nothing is left that could explain the target, is
    a `SourceError`.
    """
    known = next(one for one in facts if one.name == target)
    key = proposed_key(columns, facts, apart=[target, *unread], made=made)
    time = proposed_time(facts, key, target, sample)
    group = proposed_group(facts, key, target, time)
    held = group.name if group and group.holds else None
    single = key.columns[0] if len(key.columns) == 1 and not key.is_made else None
    is_dated = single is not None and _is_dated(single, facts)
    apart = {target, *([single] if single and not is_dated else [])}
    # The time and the group have a role of their own, whatever else they are like.
    roles = {*key.columns, *([time.name] if time and time.holds else []), *([held] if held else [])}
    useless = {one.name: why for one in facts if (why := _useless(one, roles | apart))}
    left = [one for one in facts if one.name not in apart and one.name not in useless]
    left = [one for one in left if one.kind is not None]
    given = giveaways(target, left_with(facts, left, target), sample, apart=sorted(roles))
    copied = {
        name: f"it is {other} {how}"
        for name, (other, how) in copies(
            [one for one in left if one.name not in given], sample
        ).items()
        if name not in roles
    }
    wrong = {**useless, **given, **copied}
    features = [
        one.name
        for one in facts
        if one.name not in wrong and one.name not in apart and one.name != held
        and not (one.name in key.columns and one.distinct == one.rows and not is_dated)
    ]  # fmt: skip
    notes = []
    if not features and given:
        notes.append(
            f"Only columns that may give {target} away are left, so they are features: "
            + "; ".join(f"{name}, because {why}" for name, why in given.items())
        )
        features = [name for name in (one.name for one in facts) if name in given]
        wrong = {name: why for name, why in wrong.items() if name not in given}
    if not features:
        raise SourceError(
            f"No column is left that could explain {target!r}.{_why_not(wrong)}{_keyed(single)}",
            next_step="Predict another column with --target, or add columns to the source.",
        )
    # Columns of a key that are not listed are features, too, of which each night would warn.
    are_chosen = is_dated or any(name in key.columns for name in features)
    must_be_listed = are_chosen or any(name not in _unusable(facts) for name in wrong)
    explaining = [one for one in facts if one.name in {*features, target}]
    kinds = proposed_kinds(explaining, apart=[target, *roles])
    used = {*key.columns, *(features if must_be_listed else [])}
    if ROW_NAME in {one.name for one in facts} - used:
        words = "what stands before the rows, in a column without a name"
        kinds.append(KindProposal(ROW_NAME, "category", words))
    identifying = {*key.columns, *([held] if held else [])}
    kept = _kept_as_text([one for one in explaining if one.name in identifying], kind_as_key)
    kinds += [KindProposal(name, "number", KEPT_AS_TEXT) for name, can_be in kept.items() if can_be]
    holding: dict[str, Kind] = {name: "category" for name in kept}
    holding.update({each.name: each.kind for each in kinds if each.holds})
    rules, more = proposed_rules(explaining, target, holding)
    notes += [
        f"{name} is very close to {target} (correlation {r:.4f}): leave it out if it is known only"
        " afterwards."
        for name, r in near_giveaways(target, explaining, sample)
    ]
    labelled = known.filled
    if labelled < MIN_LABELLED_ROWS:
        notes.append(
            f"{labelled} rows have a {target}; a night needs {MIN_LABELLED_ROWS} at least."
        )
    if sample.all_rows > SAMPLE:
        notes.append(
            f"Columns were compared with each other in {sample.rows:,} of the {sample.all_rows:,}"
            " rows; keys, gaps and ranges are of all rows."
        )
    return Proposal(
        key=key,
        target=target,
        new_rows=known.missing,
        infinite=", ".join(
            f"{one.name} in {one.infinite:,} rows"
            for one in explaining
            if one.infinite and one.name != target
        ),
        time=time,
        over_time=proposed_over_time(facts, time.name, key.columns, target, features, sample)
        if time is not None and time.holds
        else (),
        group=group,
        segment=proposed_segment(facts, key, target, time, group),
        kinds=tuple(kinds),
        left_out=wrong,
        features=tuple(features) if must_be_listed else None,
        never_negative=why_never_negative(known),
        rules=tuple(rules),
        more_rules=more,
        notes=tuple(notes),
    )


def _kept_as_text(facts: Sequence[ColumnFacts], kind_as_key: KindAsKey | None) -> dict[str, bool]:
    """Return the columns of numbers that would be text as keys, and whether they can be numbers."""
    if kind_as_key is None:
        return {}
    numbers = [one.name for one in facts if one.kind == "number"]
    kept = [name for name in numbers if kind_as_key(name, None) != "number"]
    return {name: kind_as_key(name, "number") == "number" for name in kept}


def left_with(
    facts: Sequence[ColumnFacts], left: Sequence[ColumnFacts], target: str
) -> list[ColumnFacts]:
    """Return the columns that are left and the target, in the order of the table."""
    names = {target, *(one.name for one in left)}
    return [one for one in facts if one.name in names]


def _is_dated(name: str, facts: Sequence[ColumnFacts]) -> bool:
    """Return whether a key of one column is a time, which explains something besides."""
    return any(one.name == name and (one.kind == "time" or one.is_year) for one in facts)


def _useless(one: ColumnFacts, roles: set[str]) -> str:
    """Return why a column cannot explain anything, "" if it may."""
    if one.why_left_out:
        return one.why_left_out
    if one.name in roles:
        return ""
    if one.kind is None or one.filled == 0:
        return "it is empty"
    if one.is_constant:
        return "it is the same in all rows"
    if one.is_free_text:
        return "it is free text"
    is_own = one.distinct > NEARLY_ALL * one.filled and one.filled >= MIN_IDS
    if one.kind == "category" and is_own:
        return "nearly each row has its own, as an id or a name"
    if not one.is_measured and key_rank(one.name) == 2 and one.distinct > SEVERAL * one.filled:
        each = one.filled / one.distinct
        rows = f"{each:.2g} rows" if each >= SEVERAL_ROWS else "little more than a row"
        return f"it is an id, with {rows} for each on average"
    is_counter = one.is_whole and one.span == one.rows == one.distinct
    return "it counts the rows" if is_counter and (one.rises or one.falls) else ""


def _unusable(facts: Sequence[ColumnFacts]) -> set[str]:
    """Return the columns that a night leaves out by itself, such as lists."""
    return {one.name for one in facts if one.why_left_out}


def _why_not(wrong: Mapping[str, str]) -> str:
    few = [f"{name}: {why}" for name, why in [*wrong.items()][:5]]
    return f" ({'; '.join(few)})" if few else ""


def _keyed(single: str | None) -> str:
    return f" {single!r} is the key." if single else ""
