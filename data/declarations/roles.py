"""Rules about roles: which columns cannot also be something else in the same declaration.

Each is a validator of one key of the declaration, and reads the keys that stand before it.
"""

from collections.abc import Mapping

from pydantic import ValidationInfo

from data.declarations.sections import SplitRules
from data.declarations.terms import refuse_target
from data.errors import DeclarationMistake, quoted


def refuse_key_as_target(target: str, info: ValidationInfo) -> str:
    """Refuse to predict a part of the key."""
    if target in info.data.get("key", ()):
        raise DeclarationMistake(
            f"{quoted(target)} is part of the key, and a key cannot be predicted"
        )
    return target


def refuse_target_as_time(time: str | None, info: ValidationInfo) -> str | None:
    """Refuse to order the rows by the target."""
    if time is not None and time == info.data.get("target"):
        raise DeclarationMistake(f"{quoted(time)} is the target and cannot order the rows")
    return time


def refuse_double_role(weight: str | None, info: ValidationInfo) -> str | None:
    """Refuse to weight the rows by the target or a part of the key."""
    roles = {
        info.data.get("target"): "target",
        **dict.fromkeys(info.data.get("key", ()), "key"),
    }
    if weight is not None and weight in roles:
        raise DeclarationMistake(
            f"{quoted(weight)} is the {roles[weight]} and cannot weight the rows"
        )
    return weight


def refuse_target_as_feature(
    features: tuple[str, ...] | None, info: ValidationInfo
) -> tuple[str, ...] | None:
    """Refuse the target, or a part of it, among the features."""
    for name in features or ():
        refuse_target(name, info)
    return features


def refuse_wrong_types(types: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
    """Refuse a type that a column cannot have in its role."""
    time = info.data.get("time")
    for role in ("target", "weight"):
        name = info.data.get(role)
        if name and types.get(name, "number") != "number":
            raise DeclarationMistake(f"the {role} {quoted(name)} must be a number")
    if time and types.get(time, "time") not in ("time", "number"):
        raise DeclarationMistake(f"the time column {quoted(time)} must be a time or a number")
    return types


def refuse_group_that_cannot_split(split: SplitRules, info: ValidationInfo) -> SplitRules:
    """Refuse to split the rows by the target, or by a group where there is a time."""
    if split.group is None:
        return split
    if split.group == info.data.get("target"):
        raise DeclarationMistake(f"{split.group!r} is the target and cannot group the rows")
    if split.group in (info.data.get("segment") or ()):
        raise DeclarationMistake(
            f"both 'segment' and 'split.group' are on the column {quoted(split.group)}",
            "A group is tested by fits that have not seen it, but a segment is predicted by its own"
            " rows. Leave out one of the two.",
        )
    if time := info.data.get("time"):
        raise DeclarationMistake(
            f"the rows cannot be split both by the group {split.group!r} and by the time"
            f" {quoted(time)}",
            "With a time, the newest rows are the test rows, whatever their group. Leave out"
            " 'group' to predict what comes next, or 'time' to predict groups never seen before.",
        )
    return split
