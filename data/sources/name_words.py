"""The words that the name of a column is made of."""

import re


def words_of(name: str) -> list[str]:
    """Return the words of a name in small letters: "customerID" and "customer_id" have the same."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [word for word in re.split(r"[\W_]+", spaced.lower()) if word]
