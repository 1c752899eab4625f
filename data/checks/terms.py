"""The checks of what is made of columns: the parts of times, and the terms of the linear kinds."""

from collections.abc import Collection, Iterator

from data.checks.findings import Finding, finding, why_not_numbers
from data.checks.table import Table
from data.declarations.model import Declaration, Kind
from data.declarations.parts import PARTS, column_of, part_of
from data.declarations.terms import Product, hint_for, text_of
from data.sources.columns import PLURAL, kind_of
from data.vocabulary import part_name

DAYS = "days"
"""The part of a time that a term means which names the time alone."""


def products_of(
    declaration: Declaration, table: Table, inputs: Collection[str]
) -> tuple[Product, ...]:
    """Return the declared terms that consist of columns in `inputs` alone, times as their parts."""
    columns = table.column_names
    return tuple(
        _in_parts(product, table)
        for product in declaration.products
        if all(column_of(name, columns) in inputs for name, _ in product)
    )


def part_findings(declaration: Declaration, table: Table) -> Iterator[Finding]:
    """Check that each feature that names a part of a time can be made."""
    for name, parts in declaration.time_parts(table.column_names).items():
        kind, feature = kind_of(table.schema.field(name).type), f"{name}[{parts[0]}]"
        sentence = ""
        if kind != "time":
            sentence = f"The feature {feature!r} {_not_of_a_time(name, kind)}"
        elif name in (declaration.features or ()):
            sentence = (
                f"The features list both {name!r} and {feature!r}, a part of it. List the column,"
                " whose parts then enter as far as they say something, or single parts."
            )
        yield finding("time_has_parts", name, sentence, observed=list(parts))


def term_findings(declaration: Declaration, table: Table) -> Iterator[Finding]:
    """Check that each declared term can be made of the features and of times."""
    made: dict[frozenset[tuple[str, int]], str] = {}
    for product in declaration.products:
        reasons = (_why_unfit(product, name, declaration, table) for name, _ in product)
        sentence = next(filter(None, reasons), "")
        if not sentence:
            resolved = _in_parts(product, table)
            sentence = _why_not_alone(product, resolved, declaration, table)
            same = made.setdefault(frozenset(resolved), text_of(product))
            if same != text_of(product):
                sentence = (
                    f"The terms {same!r} and {text_of(product)!r} are the same, since a time in a"
                    f" term is its {DAYS}. Remove one of them."
                )
        yield finding("term_can_be_made", text_of(product), sentence)


def _in_parts(product: Product, table: Table) -> Product:
    """Return a product with each time as its days: `quarter_end[days]`."""
    return tuple((_in_part(name, table), power) for name, power in product)


def _in_part(name: str, table: Table) -> str:
    if name in table.column_names and kind_of(table.schema.field(name).type) == "time":
        return part_name(name, DAYS)
    return name


def _not_of_a_time(column: str, kind: Kind | None) -> str:
    return (
        f"is a part of {column!r}, which holds {PLURAL[kind]}, but only times have"
        " parts. Correct the source or the declaration."
    )


def _why_unfit(product: Product, name: str, declaration: Declaration, table: Table) -> str:
    """Return why a column cannot be in a term with its power; "" if it can."""
    term, columns = f"The term {text_of(product)!r}", table.column_names
    features = declaration.feature_names(columns)
    column = column_of(name, columns)
    if column in {lag.name for lag in declaration.lagged}:
        return ""
    kind = kind_of(table.schema.field(column).type) if column in columns else None
    part = part_of(name) if column != name else None
    if part and column in columns and kind != "time":
        return f"{term} has {name!r}, which {_not_of_a_time(column, kind)}"
    if sum(_in_part(other, table) == _in_part(name, table) for other, _ in product) > 1:
        return (
            f"{term} has the {DAYS} of {column!r} twice, since a time in a term is its {DAYS}:"
            " write a power of it."
        )
    if column not in features and kind != "time" and column != declaration.time:
        return _why_no_feature(term, name, declaration, table)
    if dict(product)[name] == 1:
        return ""
    raising = f"{term} raises {name!r}, which"
    way_out = "Correct the term or the source."
    if kind == "time":
        if _in_part(name, table) in (part_name(column, DAYS), part_name(column, "hour")):
            return ""
        return f"{raising} is a category, but only numbers can be raised to a power. {way_out}"
    return why_not_numbers(raising, table, name, "can be raised to a power", way_out)


def _why_no_feature(term: str, name: str, declaration: Declaration, table: Table) -> str:
    for role, column in (("weight", declaration.weight), ("group", declaration.split.group)):
        if name == column:
            return (
                f"{term} contains the {role} {name!r}, which is not a feature. List it in"
                " 'features', or remove the term."
            )
    if name in declaration.key:
        return (
            f"{term} contains the key {name!r}, which is a feature only where 'features' lists"
            " it. List it, or remove the term."
        )
    features = declaration.feature_names(table.column_names)
    parts = f" The parts of a time are {PARTS}." if name.endswith("]") else ""
    hint = f"{hint_for(name, features)}{parts}"
    return f"{term} contains {name!r}, but there is no such feature. {hint}"


def _why_not_alone(
    product: Product, resolved: Product, declaration: Declaration, table: Table
) -> str:
    """Return why a term of a single column adds nothing; "" if it does, or has several."""
    if len(product) > 1 or product[0][1] > 1:
        return ""
    columns, (name, _) = table.column_names, resolved[0]
    column = column_of(name, columns)
    listed = declaration.time_parts(columns).get(column)
    if column not in declaration.feature_names(columns):
        return ""
    if listed is not None and part_of(name) and name not in (declaration.features or ()):
        return ""
    return (
        f"The term {text_of(product)!r} is a single column, which is a feature already or can be"
        f" one: list {name!r} in 'features' instead."
    )
