"""The checks of what explains: the features, and the terms that are made of them."""

from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.checks.findings import Finding, finding, not_numbers, plain, row_rule
from data.declarations.model import Declaration
from data.declarations.terms import Product, hint_for, text_of
from data.sources.columns import infinite, kind_of

RARE_ROWS, MOST_LEVELS = 10, 200
"""What `regressors.encoding.columns` gives a level a term for; a test holds the two together."""

MOST_NAME_BYTES = 2_000
"""Of a term's name as UTF-8: the database has an index of them, and PostgreSQL's take no more."""

LABEL_BYTES = len("[((missing))]")
"""What the name of a term has beside those of its column and its level."""


def term_findings(declaration: Declaration, table: pa.Table) -> Iterator[Finding]:
    """Check that each declared term can be made of the features."""
    for product in declaration.products:
        sentences = (_unfit(product, name, declaration, table) for name, _ in product)
        yield finding("term_can_be_made", text_of(product), next(filter(None, sentences), ""))


def products_of(declaration: Declaration, features: Collection[str]) -> tuple[Product, ...]:
    """Return the declared terms that are made of `features` alone."""
    return tuple(
        product for product in declaration.products if all(name in features for name, _ in product)
    )


def _unfit(product: Product, name: str, declaration: Declaration, table: pa.Table) -> str:
    """Say why a column cannot stand in a term with its power."""
    term = f"The term {text_of(product)!r}"
    features = declaration.feature_names(table.column_names)
    if name not in features:
        for role, column in (("weight", declaration.weight), ("group", declaration.split.group)):
            if name == column:
                return f"{term} has the {role} {name!r}, a feature only where 'features' lists it."
        return f"{term} has {name!r}, and there is no such feature. {hint_for(name, features)}"
    if kind_of(table[name].type) == "time":
        return (
            f"{term} has the time {name!r}, which can be no part of a term. Leave it out, or give"
            " what matters of it, such as the year, as a number of its own."
        )
    if dict(product)[name] == 1:
        return ""
    raising = f"{term} raises {name!r}, which"
    way_out = "Correct the term or the source."
    return not_numbers(raising, table[name], name, "can be raised to a power", way_out)


def _without(name: str, declaration: Declaration) -> str:
    """Say what the models lose with a feature."""
    lost = [text_of(one) for one in declaration.products if name in dict(one)]
    noun = "term" if len(lost) == 1 else "terms"
    terms = f", and without the {noun} {', '.join(lost)}" if lost else ""
    return f"tonight's models do without it{terms}."


def feature_findings(
    declaration: Declaration, table: pa.Table, kept: np.ndarray, labelled: np.ndarray
) -> list[Finding]:
    """Check that no feature is infinite, and which of them vary among the `labelled` rows."""
    found, varying, widths = [], [], {}
    for name in declaration.feature_names(table.column_names):
        if pa.types.is_floating(table[name].type):
            found.append(
                row_rule(
                    "feature_is_finite",
                    (name,),
                    np.flatnonzero(kept & infinite(table[name])),
                    declaration,
                    table,
                    "The feature {column!r} is infinite in {n}: {example}. Correct it, leave it"
                    " empty, or declare 'infinite: missing'.",
                )
            )
        column = table[name].filter(pa.array(labelled))
        frequent = _frequent(column) if kind_of(column.type) == "category" else None
        if frequent is not None:
            found.append(_levels(name, len(frequent)))
        longest = pc.max(pc.binary_length(frequent)).as_py() if frequent is not None else 0
        widths[name] = len(name.encode()) + LABEL_BYTES + (longest or 0)
        flaw = _flaw(column)
        found.append(
            finding(
                "feature_varies",
                name,
                f"The feature {name!r} {flaw}: {_without(name, declaration)}" if flaw else "",
                severity="warning",
                observed=flaw or "varies",
            )
        )
        if not flaw:
            varying.append(name)
    sentence = (
        "No feature varies among the rows with a target, so nothing can explain it. Declare other"
        " 'features', or see what became of the source."
    )
    found.append(
        finding("some_feature_varies", None, "" if varying else sentence, observed=varying)
    )
    return [*found, *_terms_have_names(declaration, table, varying, widths)]


def _terms_have_names(
    declaration: Declaration, table: pa.Table, features: list[str], widths: dict[str, int]
) -> Iterator[Finding]:
    """Check that the terms of the linear kinds have names that differ, and fit into an index.

    `widths` has the bytes of the longest name that a feature's terms have.
    """
    if set(declaration.candidates.kinds) == {"ann"}:
        return
    products = products_of(declaration, features)
    long = dict(sorted(widths.items(), key=lambda one: -one[1])[:1])
    long |= {text_of(one): sum(widths[name] for name, _ in one) for one in products}
    name = max(long, key=long.__getitem__, default="")
    sentence = (
        f"A term of {_start(name)} has a name of about {long.get(name, 0):,} bytes, and at most"
        f" {MOST_NAME_BYTES:,} are possible. Shorten the column's name or its texts that are in"
        f" {RARE_ROWS} rows or more, or declare 'features' without it."
    )
    fits = long.get(name, 0) <= MOST_NAME_BYTES
    yield finding(
        "term_names_are_short",
        None,
        "" if fits else sentence,
        kwargs={"max_value": MOST_NAME_BYTES},
        observed=long.get(name, 0),
    )
    taken = {text_of(one): "a declared term" for one in products}
    taken |= {"intercept": "the constant"} if declaration.intercept else {}
    numbers = (name for name in features if kind_of(table[name].type) == "number")
    for name in filter(taken.__contains__, numbers):
        yield finding(
            "term_names_differ",
            name,
            f"The feature {name!r} is called as {taken[name]} is, and their coefficients could not"
            " be told apart. Give the column another name.",
        )


def _start(name: str) -> str:
    """Return a name in quotes, no longer than a message can bear."""
    return repr(name if len(name) <= 50 else f"{name[:50]}…")


def _frequent(column: pa.ChunkedArray) -> pa.Array:
    """Return the levels that are in rows enough for a term of their own."""
    counts = pc.value_counts(column.drop_null())
    enough = pc.greater_equal(counts.field("counts"), RARE_ROWS)
    return counts.field("values").filter(enough)


def _levels(name: str, frequent: int) -> Finding:
    """Check that a category has no more frequent levels than get a term of their own."""
    sentence = (
        f"The feature {name!r} has {frequent:,} levels of {RARE_ROWS} rows or more: the"
        f" {MOST_LEVELS} most frequent have terms of their own, the others share one."
    )
    return finding(
        "feature_levels_are_few",
        name,
        sentence if frequent > MOST_LEVELS else "",
        severity="warning",
        kwargs={"max_value": MOST_LEVELS},
        observed=frequent,
    )


def _flaw(column: pa.ChunkedArray) -> str:
    """Say why a column explains nothing; a lone value beside gaps may tell rows apart."""
    if column.null_count == len(column):
        return "is missing in every row with a target"
    ends = pc.min_max(column).as_py()
    if column.null_count == 0 and ends["min"] == ends["max"]:
        return f"is {plain(ends['min'])!r} in every row with a target"
    return ""
