"""A regular expression finds the same in linear time as Python's own engine finds in any time."""

import random
import re
import warnings

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from helpers.timing import within

from data.declarations.patterns import linear
from data.errors import DeclarationMistake

ATOMS = [
    *"abkKsSiI19_ \n.$^éÉßſKİıΣς٣ǅμ",
    *(r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\Z", r"\A", r"\b", r"\x41", r"\.", r"[\]a]"),
    *("[a-k]", "[^a-k]", "[A-Z]", r"[\w-]", r"[^\d\s]", "[à-ü]", "[^à-ü]", r"[\W_]", "[^\n]"),
]
FLAGS = ("", "", "(?i)", "(?a)", "(?m)", "(?s)", "(?ai)", "(?x)")
PLAIN = "abcdkKsSiIzZ019_ \n.-\x0b\x1c"
LETTERS = PLAIN + "éÉßſKİıΣςσ٣ǅǆДдÀµμẞ\x85\u2028"


def expression(chance: random.Random, depth: int) -> str:
    """Return a part of an expression."""
    kind = chance.random()
    if depth == 0 or kind < 0.5:
        return chance.choice(ATOMS)
    inner = expression(chance, depth - 1)
    if kind < 0.65:
        return inner + expression(chance, depth - 1)
    if kind < 0.75:
        return f"({inner}|{expression(chance, depth - 1)})"
    if kind < 0.9:
        return f"(?:{inner}){chance.choice(('*', '+', '?', '{2}', '{0,3}', '*?', '+?', '{2,}'))}"
    return f"{chance.choice(('(?i:', '(?s:', '(?m:', '(?-i:'))}{inner})"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_is_accepted_finds_what_python_finds(ascii_only):
    chance = random.Random(20240229)
    compared = refused = 0
    while compared < 150:
        parts = [expression(chance, 3) for _ in range(chance.randint(1, 3))]
        pattern = chance.choice(FLAGS) + "".join(parts)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                own = re.compile(pattern)
            written = linear(pattern, ascii_only=ascii_only)
        except (re.error, DeclarationMistake):
            refused += 1
            continue
        letters = PLAIN if ascii_only else LETTERS
        texts = ["", "\n", "a\n"]
        texts += ["".join(chance.choices(letters, k=chance.randint(1, 6))) for _ in range(20)]
        found = pc.match_substring_regex(pa.array(texts), written).to_pylist()
        assert found == [bool(own.search(text)) for text in texts], (pattern, written)
        compared += 1
    assert refused < compared


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 100_000 + "!"),
        ("(a|a)*b", "a" * 100_000),
        (r"^(\w+\s?)*$", "word " * 20_000 + "!"),
        ("(.*)*x", "y" * 100_000),
        ("(a?){500}a{500}", "a" * 499),
        ("[ab]*a[ab]{900}c", "ab" * 20_000),
    ],
)
def test_no_expression_that_is_accepted_takes_for_ever(pattern, text):
    with within(2):
        found = pc.match_substring_regex(pa.array([text]), linear(pattern))
        assert found.to_pylist() == [False]
