"""The checks of what explains the target: the features, and the terms made of them."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.entering import Entry
from data.checks.findings import Finding, finding, plain, row_finding, why_not_numbers
from data.checks.keys import key_feature_finding, why_it_only_identifies
from data.checks.steps import Steps
from data.checks.table import Table, filtered
from data.declarations.model import Declaration
from data.declarations.parts import part_of
from data.declarations.terms import Product, hint_for, text_of
from data.errors import shortened
from data.sources.columns import PLURAL, infinite, infinity_in_words, kind_of
from data.sources.distinct import MAX_SHOWN
from data.vocabulary import MAX_CODED_LEVELS

MAX_TERM_NAME_BYTES = 2_000
"""In UTF-8. The database has an index on the names, and PostgreSQL limits the size of an entry."""

LABEL_BYTES = len("[((missing))]")
"""What the name of a term contains besides its column and its level."""


def products_of(declaration: Declaration, features: Collection[str]) -> tuple[Product, ...]:
    """Return the declared terms that consist of `features` alone."""
    return tuple(
        product for product in declaration.products if all(name in features for name, _ in product)
    )


def part_findings(declaration: Declaration, table: Table) -> Iterator[Finding]:
    """Check that each feature that names a part of a time can be made."""
    for name, parts in declaration.time_parts(table.column_names).items():
        kind, feature = kind_of(table.schema.field(name).type), f"{name}[{parts[0]}]"
        sentence = ""
        if kind != "time":
            sentence = (
                f"The feature {feature!r} is a part of {name!r}, which holds {PLURAL[kind]}, but"
                " only times have parts. Correct the source or the declaration."
            )
        elif name in (declaration.features or ()):
            sentence = (
                f"The features list both {name!r} and {feature!r}, a part of it. List the column,"
                " whose parts then enter as far as they say something, or single parts."
            )
        yield finding("time_has_parts", name, sentence, observed=list(parts))


def term_findings(declaration: Declaration, table: Table) -> Iterator[Finding]:
    """Check that each declared term can be made of the features."""
    for product in declaration.products:
        reasons = (_why_unfit(product, name, declaration, table) for name, _ in product)
        yield finding("term_can_be_made", text_of(product), next(filter(None, reasons), ""))


def _why_unfit(product: Product, name: str, declaration: Declaration, table: Table) -> str:
    """Return why a column cannot be in a term with its power; "" if it can."""
    term = f"The term {text_of(product)!r}"
    features = declaration.feature_names(table.column_names)
    time = part_of(name)
    if name not in features and time and time[0] in features:
        name = time[0]
    if name not in features:
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
        return f"{term} contains {name!r}, but there is no such feature. {hint_for(name, features)}"
    if kind_of(table.schema.field(name).type) == "time":
        return (
            f"{term} contains the time {name!r}, but times cannot be part of a term. Leave it out,"
            " or add what matters about it, for example the year, as a column of numbers."
        )
    if dict(product)[name] == 1:
        return ""
    raising = f"{term} raises {name!r}, which"
    way_out = "Correct the term or the source."
    return why_not_numbers(raising, table, name, "can be raised to a power", way_out)


def feature_findings(
    declaration: Declaration,
    table: Table,
    kept: np.ndarray,
    labelled: np.ndarray,
    entries: Mapping[str, Entry],
    steps: Steps,
) -> list[Finding]:
    """Check that no feature is infinite in the `kept` rows, and which vary in the `labelled` ones.

    Both are masks (n,); `entries` say how each feature enters models of the labelled rows.
    """
    findings: list[Finding] = []
    varying: list[str] = []
    widths: dict[str, int] = {}
    for name in declaration.feature_names(table.column_names):
        steps.done()
        if pa.types.is_floating(table.schema.field(name).type):
            findings.append(_finite_finding(name, declaration, table, kept))
        column = filtered(table.column(name), labelled)
        entry = entries[name]
        longest = max((len(level.encode()) for level in entry.levels), default=0)
        widths[name] = len(name.encode()) + LABEL_BYTES + longest
        flaw = why_left_out(name, declaration, column)
        findings.append(
            finding(
                "feature_varies",
                name,
                f"The feature {name!r} {flaw}: {_consequence(name, declaration)}" if flaw else "",
                observed=flaw or "varies",
            )
        )
        if not flaw:
            varying.append(name)
            findings += _entry_findings(declaration, name, entry, kind_of(column.type))
    sentence = (
        "No feature varies among the rows with a target, so nothing can explain it. Declare other"
        " 'features', or check what happened to the source."
    )
    findings.append(
        finding("some_feature_varies", None, "" if varying else sentence, observed=varying)
    )
    findings.append(key_feature_finding(declaration, varying))
    return [*findings, *_term_name_findings(declaration, table, varying, widths)]


def _finite_finding(name: str, declaration: Declaration, table: Table, kept: np.ndarray) -> Finding:
    column = table.column(name)
    rows = np.flatnonzero(kept & infinite(column))
    how = infinity_in_words(column) if len(rows) else "infinite"
    return row_finding(
        "feature_is_finite",
        (name,),
        rows,
        declaration,
        table,
        f"The feature {{column!r}} is {how} in {{n}}: {{example}}."
        " Correct it, leave it empty, or"
        " declare 'infinite: missing'.",
    )


def _consequence(name: str, declaration: Declaration) -> str:
    """Return what the models lose with a feature."""
    lost = _lost_terms(name, declaration)
    return f"tonight's models do without it{f', and without {lost}' if lost else ''}."


def _lost_terms(name: str, declaration: Declaration) -> str:
    """Return "the terms age^2, age:level": those that contain a feature; "" for none."""
    lost = [text_of(product) for product in declaration.products if name in dict(product)]
    return f"the {'term' if len(lost) == 1 else 'terms'} {', '.join(lost)}" if lost else ""


def _term_name_findings(
    declaration: Declaration, table: Table, features: list[str], widths: dict[str, int]
) -> Iterator[Finding]:
    """Check that the names of the linear kinds' terms differ and fit into an index.

    `widths` are the bytes of the longest name among each feature's own terms.
    """
    if set(declaration.candidates.kinds) == {"ann"}:
        return
    products = products_of(declaration, features)
    yield _name_length_finding(products, widths)
    taken = {text_of(product): "a declared term" for product in products}
    taken |= {"intercept": "the intercept"} if declaration.intercept else {}
    numbers = (name for name in features if kind_of(table.schema.field(name).type) == "number")
    for name in filter(taken.__contains__, numbers):
        yield finding(
            "term_names_differ",
            name,
            f"The feature {name!r} has the same name as {taken[name]}, so their coefficients could"
            " not be told apart. Rename the column.",
        )


def _name_length_finding(products: tuple[Product, ...], widths: dict[str, int]) -> Finding:
    widest_feature = max(widths, key=widths.__getitem__, default="")
    lengths = {widest_feature: widths.get(widest_feature, 0)}
    lengths |= {text_of(product): sum(widths[name] for name, _ in product) for product in products}
    name = max(lengths, key=lengths.__getitem__)
    sentence = (
        f"A term of {shortened(name, MAX_SHOWN)!r} has a name of about {lengths[name]:,} bytes, but"
        f" at most {MAX_TERM_NAME_BYTES:,} are possible. Shorten the column's name or its most"
        " frequent texts, or declare 'features' without it."
    )
    return finding(
        "term_names_are_short",
        None,
        sentence if lengths[name] > MAX_TERM_NAME_BYTES else "",
        kwargs={"max_value": MAX_TERM_NAME_BYTES},
        observed=lengths[name],
    )


def _entry_findings(
    declaration: Declaration, name: str, entry: Entry, kind: str | None
) -> Iterator[Finding]:
    """Check that every kind of model has a category, and all its frequent levels."""
    if kind not in ("category", "boolean"):
        return
    lost = _lost_terms(name, declaration)
    warning = (
        f"{entry.warning} It takes {lost} with it." if entry.warning and lost else entry.warning
    )
    yield finding("feature_enters_every_kind", name, warning, observed=entry.words)
    sentence = (
        f"The feature {name!r} has {entry.frequent:,} levels with {entry.needed} rows or more: the"
        f" {MAX_CODED_LEVELS} most frequent have terms of their own, and the others share one."
    )
    yield finding(
        "feature_levels_are_few",
        name,
        sentence if entry.frequent > MAX_CODED_LEVELS else "",
        kwargs={"max_value": MAX_CODED_LEVELS},
        observed=entry.frequent,
    )


def why_left_out(name: str, declaration: Declaration, column: pa.ChunkedArray) -> str:
    """Return why a feature, as the rows with a target have it, enters no model; "" if it does."""
    return why_it_explains_nothing(column) or why_it_only_identifies(name, declaration, column)


def why_it_explains_nothing(column: pa.ChunkedArray) -> str:
    """Return why a column explains nothing, or "".

    A single value among missing ones may explain something, since it distinguishes rows.
    """
    if column.null_count == len(column):
        return "is missing in every row with a target"
    ends = pc.min_max(column).as_py()
    if column.null_count == 0 and ends["min"] == ends["max"]:
        return f"is {plain(ends['min'])!r} in every row with a target"
    return ""
