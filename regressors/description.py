"""A model as plain values: all that a prediction is made of, for whoever computes it elsewhere.

`described` says what `Model.predicted` does, in the fewest kinds of steps: look a value up, fill a
gap, scale, multiply and add. docs/export.md has the meaning of each key.
"""

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from regressors.encoding.categories import CategoryColumn, level_names
from regressors.encoding.columns import MISSING, NumberColumn
from regressors.encoding.gaps import ImpliedGap
from regressors.encoding.groups import MAX_GROUP_LEVELS, GroupColumn
from regressors.encoding.matrices import INTERCEPT, Encoding
from regressors.encoding.products import Product
from regressors.encoding.times import TIME_PARTS, part_name
from regressors.intervals.intervals import Intervals
from regressors.model import LinearMember, Model, NetworkMember
from regressors.segments.member import SegmentedMember
from regressors.segments.texts import segment_parts
from regressors.uncertainty import linear_spread

FORMAT, VERSION = "nightfit-model", 2


Described = dict[str, Any]
"""Values that JSON has: a column, a member, or a model."""


def described(model: Model) -> Described:
    """Return a model as values that JSON has; floats keep every digit.

    The prediction is the mean of what the `members` predict.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "framework": model.candidate.framework,
        "kind": model.candidate.kind,
        "columns": [
            {"name": name, "type": of_type} for name, of_type in sorted(_types(model).items())
        ],
        "parts": _time_parts(model),
        "members": [_member(member, model) for member in model.members],
        "interval": _interval(model),
    }


def weights_of(description: Mapping[str, Any]) -> int:
    """Return how many weights the layers of all networks have; 0 for a linear model."""
    return sum(
        len(layer["bias"]) * (1 + len(layer["weights"]))
        for member in description["members"]
        for layer in member.get("layers", ())
    )


def _types(model: Model) -> dict[str, str]:
    types = {n: t for m in model.members for n, t in m.encoding.column_types.items()}
    of_segment = dict.fromkeys(model.segment, "category")
    return {**(model.intervals.column_types if model.intervals else {}), **of_segment, **types}


def _time_parts(model: Model) -> list[Described]:
    entered = {n for m in model.members for n in m.encoding.time_of}
    times = sorted({time for m in model.members for time in m.encoding.times})
    return [
        {"name": part_name(time, part), "time": time, "part": part}
        for time in times
        for part in TIME_PARTS
        if part_name(time, part) in entered
    ]


# Intervals


def _interval(model: Model) -> Described | None:
    """Return how far the intervals reach, and what they must be wider for."""
    intervals = model.intervals
    if intervals is None:
        return None
    unknown = [_unknown(member.encoding) for member in model.members]
    parts = sorted(set.intersection(*(set(own) for own in unknown)))
    return {
        "levels": list(intervals.levels),
        "reaches": [list(reach) for reach in intervals.reaches],
        "mean_weight": intervals.mean_weight,
        "scale": intervals.scale.to_json() if intervals.scale else None,
        "by_prediction": intervals.by_prediction and intervals.by_prediction.to_json(),
        "by": intervals.rules.by,
        "groups": {
            level: [list(reach) for reach in reaches] for level, reaches in intervals.groups.items()
        },
        "lowest": intervals.rules.lowest,
        "highest": intervals.rules.highest,
        "unknown": [
            {
                "part": part,
                "if_all": [own[part] for own in unknown],
                "more": _more(model, part, intervals.levels),
            }
            for part in parts
        ],
    }


def _more(model: Model, part: str, levels: Sequence[float]) -> list[float] | None:
    """Return by how much an unknown part widens each interval, None where that differs by row.

    With a line for each segment, it is that of the rows of all others.
    """
    member = model.members[0]
    if isinstance(member, NetworkMember) or member.encoding.in_products(part):
        return None
    if isinstance(member, SegmentedMember):
        return _wider(float(member.spreads(part)[-1]), levels)
    return _wider(linear_spread(member.encoding, member.estimates, part), levels)


def _wider(spread: float, levels: Sequence[float]) -> list[float]:
    return [float(ndtri((1 + level) / 2)) * spread for level in levels]


def _unknown(encoding: Encoding) -> dict[str, Described]:
    """Return by part when its value is unknown to training, as `doubts_of` sees it."""
    implied = {gap.name: gap for gap in (encoding.gaps.implied if encoding.gaps else ())}
    categories = {column.name: column for column in (*encoding.categories, *encoding.all_coded)}
    found = {}
    for name, column in categories.items():
        if column.shares:
            found[name] = _unknown_level(column, encoding, implied.get(name))
    for group in encoding.groups:
        if group.name not in categories and _has_known_texts(group):
            texts = [level for level in group.levels if level is not None]
            found[group.name] = {"texts": texts, "missing": None not in group.levels}
    for number in encoding.all_numbers:
        if number.low is not None:
            found[number.name] = _unknown_gap(number, encoding, implied.get(number.name))
    return found


def _has_known_texts(group: GroupColumn) -> bool:
    of_texts = all(level is None or isinstance(level, str) for level in group.levels)
    return group.second is None and of_texts and len(group.levels) < MAX_GROUP_LEVELS


def _unknown_level(
    column: CategoryColumn, encoding: Encoding, implied: ImpliedGap | None
) -> Described:
    known = {*column.levels, *column.rare} if column.other else {*column.levels}
    any_text = column.other and not column.rare
    condition = {
        "texts": None if any_text else sorted(level for level in known if level is not None),
        "missing": None not in known,
    }
    return condition if implied is None else {**condition, "unless": _where(encoding, implied)}


def _unknown_gap(column: NumberColumn, encoding: Encoding, implied: ImpliedGap | None) -> Described:
    condition: Described = {"texts": None, "missing": True}
    if not column.indicator:
        return condition
    if implied is not None:
        return {**condition, "unless": _where(encoding, implied)}
    names: Sequence[str] = [column.name]
    for gap in encoding.gaps.columns if encoding.gaps is not None else ():
        names = gap.names if column.name in gap.names else names
    return {**condition, "unless": {"all_missing": list(names)}}


def _where(encoding: Encoding, gap: ImpliedGap) -> Described:
    """Return in which rows a category implies a gap."""
    column = next(column for column in encoding.coded if column.name == gap.category)
    labels = [i for i, label in enumerate(column.labels) if label in gap.labels]
    return {"category": _category(column), "labels": labels}


# Members


def _member(member: LinearMember | NetworkMember | SegmentedMember, model: Model) -> Described:
    if isinstance(member, SegmentedMember):
        return {**_linear(member), "segments": _segments(member, model.intervals)}
    return _linear(member) if isinstance(member, LinearMember) else _network(member)


def _segments(member: SegmentedMember, intervals: Intervals | None) -> Described:
    """Return the estimates of each segment that has an equation of its own, by term.

    And by how much a part whose value is unknown widens its intervals, where `_more` says it.
    """
    own = np.flatnonzero((member.own != member.estimates).any(axis=1))
    levels = () if intervals is None else intervals.levels
    parts = sorted(_unknown(member.encoding)) if levels else ()
    spreads = {
        part: member.spreads(part) for part in parts if not member.encoding.in_products(part)
    }
    return {
        "columns": list(member.segment),
        "estimates": [
            {
                "segment": segment_parts(member.names[i], len(member.segment)),
                "estimates": member.own[i].tolist(),
                "more": {part: _wider(float(of[i]), levels) for part, of in spreads.items()},
            }
            for i in own
        ],
    }


def _linear(member: LinearMember | SegmentedMember) -> Described:
    encoding = member.encoding
    used = [column for column in encoding.all_numbers if column.sd > 0]
    terms = list(_terms(encoding))
    estimates = member.estimates.tolist()
    return {
        "numbers": [{"name": column.name, "median": column.median} for column in used],
        "categories": [_category(column) for column in encoding.all_coded],
        "terms": [
            {"term": name, "estimate": estimate, "factors": factors}
            for (name, factors), estimate in zip(terms, estimates, strict=True)
        ],
    }


def _terms(encoding: Encoding) -> Iterator[tuple[str, list[Described]]]:
    """Yield the name and the factors of each column of the design, in its order."""
    if encoding.intercept:
        yield INTERCEPT, []
    gaps = encoding.gaps_by_number()
    for column in encoding.numbers:
        if column.sd > 0:
            yield column.name, [{"number": column.name, "power": 1}]
        for gap in gaps.get(column.name, ()):
            yield gap.term, [{"missing": list(gap.names)}]
    for category, skipped in encoding.referenced():
        for label, name in list(enumerate(level_names(category)))[skipped:]:
            yield name, [{"category": category.name, "label": label}]
    for product in encoding.products:
        names = encoding.factors.names(product)
        yield from zip(names, _product(encoding, product), strict=True)


def _product(encoding: Encoding, product: Product) -> list[list[Described]]:
    """Return the factors of each column of a product, the last factor varying fastest."""
    labels = {column.name: len(column.labels) for column in encoding.all_coded}
    numbers = {column.name for column in encoding.all_numbers}
    columns: list[list[Described]] = [[]]
    for name, power in product:
        own: list[Described] = (
            [{"number": name, "power": power}]
            if name in numbers
            else [{"category": name, "label": label} for label in range(1, labels[name])]
        )
        columns = [[*before, factor] for before in columns for factor in own]
    return columns


def _network(member: NetworkMember) -> Described:
    encoding = member.encoding
    mean, sd, intercept = member.scale.tolist()
    used = [column for column in encoding.numbers if column.sd > 0]
    shared = list(_shared(encoding))
    groups = range(len(encoding.groups))
    inputs = [entry for column in used for entry in _network_columns(column)]
    inputs += shared + [{"effect": g} for g in groups] + [{"count": g} for g in groups]
    linear: list[Described] = [{"standardised": column.name} for column in used]
    linear += shared + [{"effect": g} for g in groups]
    layers = [array.astype(float) for array in member.layers]
    return {
        "numbers": [
            {
                "name": column.name,
                "median": column.median,
                "mean": column.mean,
                "sd": column.sd,
                "spread": column.spread,
            }
            for column in used
        ],
        "categories": [_category(column) for column in encoding.categories],
        "groups": [_group(group) for group in encoding.groups],
        "target": {"mean": mean, "sd": sd},
        "intercept": intercept,
        "linear": [
            {**entry, "weight": weight}
            for entry, weight in zip(linear, member.ridge.tolist(), strict=True)
        ],
        "inputs": inputs,
        "layers": [
            {"weights": weights.tolist(), "bias": bias.tolist()}
            for weights, bias in zip(layers[::2], layers[1::2], strict=True)
        ],
    }


def _network_columns(column: NumberColumn) -> Iterator[Described]:
    yield {"squashed": column.name}
    for low, high in zip(column.edges, column.edges[1:], strict=False):
        yield {"piece": column.name, "low": low, "high": high}


def _shared(encoding: Encoding) -> Iterator[Described]:
    """Yield what the linear part and the layers both see."""
    for column in encoding.numbers:
        if column.indicator:
            yield {MISSING: [column.name]}
    for category in encoding.categories:
        if len(category.labels) == 2:
            yield {"category": category.name, "label": 1, "less": 0.5}
        else:
            for label in range(len(category.labels)):
                yield {"category": category.name, "label": label}
    for words in encoding.words:
        for word in words.words:
            yield {"word": word, "of": words.name}


# Columns


def _category(column: CategoryColumn) -> Described:
    """Return which label each value has; None where the shares of all labels stand for it."""
    texts = [level for level in (*column.levels, *column.rare) if level is not None]
    probe = np.array([*texts, None, _unseen(texts)], dtype=object)
    codes = [None if code < 0 else code for code in column.codes(probe).tolist()]
    return {
        "name": column.name,
        "labels": column.labels,
        "label_of": dict(zip(texts, codes, strict=False)),
        "label_of_missing": codes[-2],
        "label_of_others": codes[-1],
        "shares": list(column.shares) or [0.0] * len(column.labels),
    }


def _unseen(texts: Sequence[str]) -> str:
    """Return a text that is none of these."""
    return max(texts, key=len, default="") + "x"


def _group(group: GroupColumn) -> Described:
    """Return what a group's levels stand for: the standardised effect and log count of each."""
    kept = [i for i, level in enumerate(group.levels) if not _is_nan(level)]
    effects, counts = group.standardise(
        np.append(np.array(group.effects, dtype=float)[kept], 0.0),
        np.append(np.array(group.counts, dtype=float)[kept], 0.0),
    )
    levels = [group.levels[i] for i in kept]
    return {
        "columns": list(group.columns),
        "levels": [
            [level] if group.second is None else values_of_pair(str(level)) for level in levels
        ],
        "effects": effects[:-1].tolist(),
        "counts": counts[:-1].tolist(),
        "effect_of_others": float(effects[-1]),
        "count_of_others": float(counts[-1]),
    }


def values_of_pair(level: str) -> list[str | float | None]:
    """Return the two values of a pair that `groups.paired` wrote as text; None for missing."""
    parsed = ast.parse(level, mode="eval").body
    assert isinstance(parsed, ast.Tuple)
    return [
        None if isinstance(value, ast.Name) else ast.literal_eval(value) for value in parsed.elts
    ]


def _is_nan(level: str | float | None) -> bool:
    return isinstance(level, float) and math.isnan(level)
