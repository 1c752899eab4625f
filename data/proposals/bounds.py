"""Whether a target is an amount, of which there is nothing below zero."""

from data.proposals.facts import ColumnFacts
from data.proposals.names import has_word
from data.sources.name_words import words_of
from data.split import MIN_LABELLED_ROWS

AMOUNTS = frozenset({
    *("price", "prices", "sales", "amount", "revenue", "wage", "wages", "income", "salary"),
    *("charges", "cost", "costs", "spend", "spending", "expenditure", "expenses", "demand"),
    *("turnover", "rent", "fare", "earnings", "yield", "tip", "medv", "count", "cnt", "total"),
    *("quantity", "volume", "consumption", "usage", "weight", "mass", "duration", "distance"),
    *("length", "size", "area", "population", "users", "visitors", "orders", "units", "mpg"),
    *("gdp", "strength", "preis", "umsatz", "betrag", "lohn", "kosten", "prix", "montant"),
    *("precio", "ventas"),
})  # fmt: skip
"""Words of names of what there is much or little of, but never less than nothing."""

SIGNED = frozenset({
    *("profit", "loss", "gain", "net", "balance", "change", "growth", "return", "returns"),
    *("margin", "difference", "diff", "delta", "deviation", "anomaly", "error", "residual"),
    *("log", "ln", "temperature", "temp", "celsius", "score", "index", "delay", "trend"),
    *("surplus", "deficit", "saldo", "gewinn"),
})  # fmt: skip
"""Words of names of what may well be negative where these rows are not."""

NEAR = 0.1
"""The share of the largest value that is near zero."""


def why_never_negative(target: ColumnFacts) -> str:
    """Return why no interval of a target should reach below zero, "" where nothing says so.

    It is never negative, and called like an amount, or most of its values are at the lower end of
    their range, near zero.
    """
    least, most = target.least, target.most
    if target.filled < MIN_LABELLED_ROWS or least is None or most is None or least < 0 or most <= 0:
        return ""
    if has_word(target.name, SIGNED) or any(
        word.startswith("log") for word in words_of(target.name)
    ):
        return ""
    ends = " to ".join(target.ends or ())
    if has_word(target.name, AMOUNTS):
        return f"an amount by its name, here {ends}: no interval reaches below zero"
    if least <= NEAR * most and 2 * sum(target.bars[:2]) > target.filled:
        return f"{ends}, and mostly near zero, as amounts are: no interval reaches below zero"
    return ""
