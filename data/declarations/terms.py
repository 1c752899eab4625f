"""Terms of the linear kinds: products of features, written as in the table `coefficient`."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from data.declarations.lags import lags_of
from data.declarations.mistakes import nearest
from data.declarations.parts import column_of, part_of
from data.declarations.sections import Column
from data.errors import MAX_QUOTED, DeclarationMistake, quoted, shortened

Product = tuple[tuple[str, int], ...]
"""Columns with their powers: (("age", 2), ("education", 1)) is age^2:education."""

MAX_LISTED = 20
"""Features that a message lists."""
MAX_COLUMNS = 20
"""Columns of a term."""
POWERS = tuple("23456789")
GRAMMAR = (
    "A term joins columns with ':' and raises them with '^2' to '^9', for example age^2:education."
)


def product_of(term: str) -> Product:
    """Return the columns of a term and their powers, in the order written.

    Anything that is not a term is a `DeclarationMistake`.
    """
    if term.count(":") >= MAX_COLUMNS:
        raise DeclarationMistake(f"{quoted(term)} has more than {MAX_COLUMNS} columns")
    product = tuple(_factor(text, term) for text in term.split(":"))
    if len({name for name, _ in product}) < len(product):
        raise DeclarationMistake(_repeated_column(product, term))
    return product


def text_of(product: Product) -> str:
    """Return a product as it is written: `age^2:education`."""
    return ":".join(name if power == 1 else f"{name}^{power}" for name, power in product)


def refuse_same_terms(terms: Iterable[str]) -> None:
    """Refuse two terms that differ only in the order of their columns."""
    seen: dict[frozenset[tuple[str, int]], str] = {}
    for term in terms:
        same = seen.setdefault(frozenset(product_of(term)), term)
        if same != term:
            raise DeclarationMistake(f"{quoted(same)} and {quoted(term)} are the same term")


def hint_for(name: str, features: Sequence[str]) -> str:
    """Return advice on a column of a term that is not one of the features."""
    if any(character in name for character in "^*+,"):
        return GRAMMAR
    names = shortened(", ".join(features[:MAX_LISTED]), MAX_QUOTED)
    return nearest(name, features).strip() or f"The features are {names}."


def _refuse_single_column(product: Product, term: str) -> None:
    if product[0][1] == 1:
        raise DeclarationMistake(
            f"{quoted(term)} is a single column, which needs no term to be a feature", GRAMMAR
        )


def _factor(text: str, term: str) -> tuple[str, int]:
    name, caret, power = text.rpartition("^")
    if not (caret and re.fullmatch(r"[-+.0-9]+", power)):
        name, power = text, "1"
    elif power not in POWERS:
        raise DeclarationMistake(f"in {quoted(text)} the power is not a whole number from 2 to 9")
    if not name:
        raise DeclarationMistake(f"in {quoted(term)} a column is missing", GRAMMAR)
    return name, int(power)


def _repeated_column(product: Product, term: str) -> str:
    """Return which column a term has twice, and how to write the term with the column once."""
    powers: Counter[str] = Counter()
    for name, power in product:
        powers[name] += power
    names = [name for name, _ in product]
    repeated = next(name for name in powers if names.count(name) > 1)
    twice = f"{quoted(term)} has {quoted(repeated)} twice"
    if max(powers.values()) > int(POWERS[-1]):
        return f"{twice}, and no power can be above {POWERS[-1]}"
    return f"{twice}: write {shortened(text_of(tuple(powers.items())), MAX_QUOTED)}"


def refuse_target(name: str, info: ValidationInfo) -> None:
    """Refuse the target, or a part of it, as a feature or in a term."""
    if name == info.data.get("target") or column_of(name, ()) == info.data.get("target"):
        raise DeclarationMistake(f"{quoted(name)} is the target and cannot explain itself")


def _refuse_other_columns(term: str, info: ValidationInfo) -> str:
    features, time = info.data.get("features"), info.data.get("time")
    lags = {lag.name for lag in lags_of(info.data.get("lags", {}))}
    product = product_of(term)
    for name, _ in product:
        refuse_target(name, info)
        is_time = name == time or part_of(name) is not None
        if features and name not in features and not is_time and name not in lags:
            raise DeclarationMistake(
                f"{quoted(name)} is not one of the 'features'", partial(hint_for, name, features)
            )
        if len(product) == 1 and not is_time:
            _refuse_single_column(product, term)
    return term


def _refuse_mapping(value: object) -> object:
    # YAML makes a mapping of `age: 2` and of `age: education`.
    if isinstance(value, dict):
        raise DeclarationMistake(
            "this is a mapping, but a term is text",
            "Write age^2, or age:education without a space after the colon.",
        )
    return value


Term = Annotated[Column, BeforeValidator(_refuse_mapping), AfterValidator(_refuse_other_columns)]
