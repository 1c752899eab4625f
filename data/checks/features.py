"""The checks of what explains the target: the features, and the names of the terms."""

from collections.abc import Iterator, Mapping

from data.checks.by_column import ColumnFacts
from data.checks.entering import Entry
from data.checks.findings import Finding, finding
from data.checks.keys import key_feature_finding
from data.checks.table import Table
from data.checks.terms import products_of
from data.declarations.model import Declaration
from data.declarations.parts import column_of
from data.declarations.terms import Product, text_of
from data.errors import shortened
from data.sources.columns import kind_of
from data.sources.distinct import MAX_SHOWN
from data.vocabulary import MAX_CODED_LEVELS

MAX_TERM_NAME_BYTES = 2_000
"""In UTF-8. The database has an index on the names, and PostgreSQL limits the size of an entry."""

LABEL_BYTES = len("[((missing))]")
"""What the name of a term contains besides its column and its level."""


def feature_findings(
    declaration: Declaration,
    table: Table,
    entries: Mapping[str, Entry],
    facts: Mapping[str, ColumnFacts],
) -> list[Finding]:
    """Check that no feature is infinite, and which vary among the rows with a target.

    `entries` say how each feature enters models of these, and `facts` what its values say.
    """
    findings: list[Finding] = []
    varying: list[str] = []
    widths: dict[str, int] = {}
    features = {*declaration.feature_names(table.column_names)}
    for name in declaration.input_names(table.column_names):
        entry, of = entries[name], facts[name]
        if of.finite is not None:
            findings.append(of.finite)
        longest = max((len(level.encode()) for level in entry.levels), default=0)
        widths[name] = len(name.encode()) + LABEL_BYTES + longest
        findings.append(
            finding(
                "feature_varies",
                name,
                f"The {'feature' if name in features else 'column'} {name!r} {of.flaw}:"
                f" {_consequence(name, declaration)}"
                if of.flaw
                else "",
                observed=of.flaw or "varies",
            )
        )
        if not of.flaw:
            varying.append(name)
            kind = kind_of(table.schema.field(name).type)
            findings += _entry_findings(declaration, name, entry, kind)
    sentence = (
        "No feature varies among the rows with a target, so nothing can explain it. Declare other"
        " 'features', or check what happened to the source."
    )
    findings.append(
        finding("some_feature_varies", None, "" if varying else sentence, observed=varying)
    )
    findings.append(key_feature_finding(declaration, varying))
    return [*findings, *_term_name_findings(declaration, table, varying, widths)]


def _consequence(name: str, declaration: Declaration) -> str:
    """Return what the models lose with a feature."""
    lost = _lost_terms(name, declaration)
    return f"tonight's models do without it{f', and without {lost}' if lost else ''}."


def _lost_terms(name: str, declaration: Declaration) -> str:
    """Return "the terms age^2, age:level": those that contain a feature; "" for none."""
    lost = [
        text_of(product)
        for product in declaration.products
        if any(column_of(factor, [name]) == name for factor, _ in product)
    ]
    return f"the {'term' if len(lost) == 1 else 'terms'} {', '.join(lost)}" if lost else ""


def _term_name_findings(
    declaration: Declaration, table: Table, features: list[str], widths: dict[str, int]
) -> Iterator[Finding]:
    """Check that the names of the linear kinds' terms differ and fit into an index.

    `widths` are the bytes of the longest name among each feature's own terms.
    """
    if set(declaration.candidates.kinds) == {"ann"}:
        return
    lags = [lag.name for lag in declaration.lagged]
    widths = {**widths, **{name: len(name.encode()) + LABEL_BYTES for name in lags}}
    products = products_of(declaration, table, [*features, *lags])
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
    lengths |= {
        text_of(product): sum(widths[column_of(n, widths)] for n, _ in product)
        for product in products
    }
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
