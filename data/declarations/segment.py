"""Rules about `segment`: which columns can say what segment a row is of, and what follows from it.

Each is a validator of one key of the declaration, and reads the keys that stand before it.
"""

from collections.abc import Mapping

from pydantic import ValidationInfo

from data.declarations.parts import column_of
from data.declarations.sections import Candidates, refuse_repeats
from data.declarations.terms import product_of
from data.errors import DeclarationMistake, quoted
from data.vocabulary import KINDS, SEGMENT_KINDS


def refuse_wrong_segment(
    segment: tuple[str, ...] | None, info: ValidationInfo
) -> tuple[str, ...] | None:
    """Refuse columns that cannot tell segments apart: of another role, or a whole key."""
    roles = {info.data.get(role): role for role in ("weight", "time", "target")}
    for name in refuse_repeats(segment or ()):
        if name in roles:
            raise DeclarationMistake(
                f"{quoted(name)} is the {roles[name]} and cannot tell segments apart"
            )
    key = info.data.get("key", ())
    if segment and key and {*key} <= {*segment}:
        raise DeclarationMistake(
            f"{' and '.join(map(quoted, key))} {'is' if len(key) == 1 else 'are'} the key, so that"
            " each row would be a segment of its own",
            "Name a column that many rows have in common.",
        )
    return segment


def refuse_segment_as_feature(
    features: tuple[str, ...] | None, info: ValidationInfo
) -> tuple[str, ...] | None:
    """Refuse the segment among the features: the network has it anyway, and no line can."""
    for name in features or ():
        if column_of(name, ()) in (info.data.get("segment") or ()):
            raise DeclarationMistake(
                f"{quoted(name)} is the segment, and not a feature",
                "Leave it out: the network has it anyway, and the lines are one for each segment,"
                " or one for all.",
            )
    return features


def segment_types(types: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    """Return the types with the columns of the segment as categories; refuse others for them."""
    segment = info.data.get("segment") or ()
    for name in segment:
        if types.get(name, "category") != "category":
            raise DeclarationMistake(
                f"{quoted(name)} is the segment, which is a category, and not a {types[name]}"
            )
    return {**types, **dict.fromkeys(segment, "category")} if segment else types


def refuse_segment_in_formats(formats: Mapping[str, str], info: ValidationInfo) -> None:
    """Refuse a format of a column of the segment, which is a text as it stands."""
    for name in info.data.get("segment") or ():
        if name in formats:
            raise DeclarationMistake(
                f"{quoted(name)} is the segment, whose values are texts as they stand",
                "Leave out its format.",
            )


def refuse_segment_in_terms(terms: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """Refuse terms with the segment: the lines of segments have it already."""
    segment = info.data.get("segment") or ()
    for term in terms:
        for factor, _ in product_of(term):
            if column_of(factor, segment) in segment:
                raise DeclarationMistake(
                    f"{quoted(term)} contains the segment {quoted(factor)}",
                    "Leave the term out: the kind segment_least_squares has a line for each"
                    " segment.",
                )
    return terms


def segment_kinds(candidates: Candidates, info: ValidationInfo) -> Candidates:
    """Return the candidates with the kinds that there are where a segment is declared.

    Refuse a kind that has an equation for each segment where none is. What is declared, but
    refused, is a mistake of its own.
    """
    if "segment" not in info.data:
        return candidates
    if info.data["segment"]:
        if "kinds" in candidates.model_fields_set:
            return candidates
        return Candidates(frameworks=candidates.frameworks, kinds=KINDS)
    for kind in candidates.kinds:
        if kind in SEGMENT_KINDS:
            raise DeclarationMistake(
                f"the kind {kind!r} has an equation for each segment, but no 'segment' is declared",
                "Declare the column that tells segments apart, such as 'segment: shop', or leave"
                " the kind out.",
            )
    return candidates
