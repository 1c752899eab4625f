"""What the names of columns say: people name keys, years, codes and targets alike."""

import re

from data.sources.name_words import words_of

KEYS = frozenset({"id", "ids", "key", "uuid", "guid", "pk", "rowid", "identifier", "serial"})
KEY_HINTS = frozenset({"code", "no", "nr", "index", "idx", "ref", "sku", "isbn", "ean", "row"})
YEARS = frozenset({"year", "yr", "years", "jahr", "annee", "ano", "anno", "season", "vintage"})
TIMES = frozenset({
    *("date", "day", "time", "timestamp", "datetime", "month", "week", "quarter", "period"),
    *("datum", "dt", "ts", "moment", "hour", "created", "ordered"), *YEARS,
})  # fmt: skip
BIRTHS = frozenset({"birth", "born", "dob", "birthday", "birthdate", "built", "founded"})
AFTERWARDS = frozenset({
    *("closed", "completed", "delivered", "delivery", "end", "ended", "finish", "finished"),
    *("modified", "paid", "resolved", "returned", "updated", "settled", "shipped", "until"),
})  # fmt: skip
CODES = frozenset({
    *("zip", "zipcode", "plz", "postcode", "postal", "phone", "fax", "fips", "sic", "naics"),
    *("code", "area_code", "iso", "isic", "hs", "isbn", "ean", "sku", "icd", "gvkey", "cusip"),
})  # fmt: skip
CLASSES = frozenset({
    *("type", "class", "category", "kind", "region", "state", "district", "cluster", "segment"),
    *("zone", "sector", "industry", "occupation", "race", "ethnicity", "status", "mode", "brand"),
})  # fmt: skip
ENTITIES = frozenset({
    *("account", "animal", "city", "client", "company", "country", "county", "customer"),
    *("device", "driver", "employee", "establishment", "family", "firm", "household", "item"),
    *("machine", "member", "participant", "patient", "person", "plant", "player", "product"),
    *("pupil", "respondent", "school", "sensor", "shop", "site", "state", "station", "store"),
    *("student", "subj", "subject", "team", "teacher", "user", "vehicle", "village", "worker"),
})  # fmt: skip
TARGETS = (
    frozenset({"target", "y", "label", "response", "outcome"}),
    frozenset({
        *("price", "prices", "sales", "amount", "revenue", "wage", "wages", "income", "salary"),
        *("charges", "cost", "costs", "spend", "value", "demand", "lwage", "turnover", "profit"),
        *("rent", "fare", "earnings", "yield", "tip", "medv"),
        *("preis", "umsatz", "betrag", "lohn", "kosten", "prix", "montant", "precio", "ventas"),
    }),
    frozenset({
        *("score", "rating", "mpg", "count", "total", "quantity", "consumption", "usage", "rate"),
        *("weight", "mass", "duration", "delay", "temperature", "expenditure", "gdp", "strength"),
        *("output", "progress", "result", "grade", "usd", "eur", "cnt"),
    }),
)  # fmt: skip
"""Words of names that people give to what they want to predict, the plainest first."""


def has_word(name: str, words: frozenset[str]) -> bool:
    """Return whether one of the words of a name is among others."""
    return not words.isdisjoint(words_of(name))


def key_rank(name: str) -> int:
    """Return how far a name looks like that of a key: 2 as `order_id`, 1 as `code`, else 0."""
    words = words_of(name)
    if not KEYS.isdisjoint(words) or (
        len(words) == 1 and re.fullmatch(r"[a-z]{2,}_?id", words[0]) and words[0] not in NOT_IDS
    ):
        return 2
    return 1 if not KEY_HINTS.isdisjoint(words) else 0


NOT_IDS = frozenset(
    {
        "acid",
        "aid",
        "bid",
        "covid",
        "grid",
        "humid",
        "paid",
        "rapid",
        "solid",
        "valid",
        "void",
        "mid",
        "lipid",
        "fluid",
        "android",
        "liquid",
        "raid",
        "druid",
        "hybrid",
        "prepaid",
        "unpaid",
        "said",
        "laid",
        "kid",
        "lid",
        "rid",
    }
)


def target_rank(name: str) -> int:
    """Return how far a name looks like that of a target: 3 as `target`, 2 as `price`, 1, else 0."""
    found = [3 - place for place, words in enumerate(TARGETS) if has_word(name, words)]
    return max(found, default=0)
