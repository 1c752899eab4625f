"""Whatever a declaration's file holds, it loads, or is refused with its file, its line and why."""

import random

import pytest
from helpers.timing import within

from data.declarations.file import declared_datasets, load_dataset
from data.declarations.model import Declaration
from data.declarations.yaml_nodes import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES
from data.errors import CallError

GOOD = "source: {path: rows.csv}\nkey: id\ntarget: y\n"
SECONDS = 2.0
"""Of processor time, on a machine that is busy; all but the largest files take milliseconds."""


def loaded(folder, content) -> Declaration | str:
    """Return the declaration in this text or these bytes, or why it is refused, and be quick."""
    file = folder / "shop.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    outcome: Declaration | str
    with within(SECONDS):
        (name,) = declared_datasets(folder)
        try:
            outcome = load_dataset(name, folder)
        except CallError as error:
            outcome = str(error)
    if isinstance(outcome, Declaration):
        return outcome
    assert outcome.startswith(str(file))
    assert all(len(line) < 700 for line in outcome.splitlines())
    return outcome.removeprefix(str(file))


def bomb() -> str:
    lists = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lists += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    return GOOD + "\n".join(lists)


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("max_shrinkage: 2024-02-30", "'2024-02-30' cannot be read as a date: day is out of range"),
        ("interval: 0x_", "'0x_' cannot be read as a whole number: its digits are wrong"),
        ("intercept: !!bool q", "'q' cannot be read as true or false."),
        ("interval: !!float x", "'x' cannot be read as a number."),
        ("missing: !!timestamp x", "'x' cannot be read as a date."),
        ("missing: [2024-01-01T00:00:00+99:99]", "cannot be read as a date: offset must be"),
        ("interval: !!null x", "'x' cannot be read as an empty value."),
        ("interval: " + "9" * 5000, "cannot be read as a whole number: it has 5,000 characters."),
        ("missing: [0x" + "f" * 5000 + "]", "it has 5,002 characters"),
        ("missing: [18446744073709551616]", "it is beyond 64 bits"),
        ("interval: !!int 1:30", "'1:30' cannot be read as a whole number"),
        ("interval: 1e999", "'1e999' cannot be read as a number: it is beyond the largest double"),
        ("interval: .nan", "'interval': nan is not a share above 0 and below 1."),
        ("gradient_descent: {learning_rate: .inf}", "should be a finite number"),
        ("missing: &a [*a]", "'*a' is part of itself."),
        ("types: &a {x: *a}", "'*a' is part of itself."),
        ("time: *x", "'*x' stands for nothing."),
        ("missing: " + "[" * 1000, f"More than {MAX_DEPTH} lists and mappings are inside"),
        ("missing: " + "[" * 1000 + "]" * 1000, f"More than {MAX_DEPTH} lists and mappings"),
        ("features: !!set {a, b}", "The tag '!!set' cannot be used here."),
        ("description: !!python/object/apply:os.getcwd []", "The tag '!!python/object/apply:os."),
        ("description: !!binary aGk=", "The tag '!!binary' cannot be used here."),
        ("description: !!str [a]", "The tag '!!str' cannot be used here."),
        ("types: {[a]: number}", "A list or a mapping cannot be a name."),
        ("? {a: b}\n: c", "A list or a mapping cannot be a name."),
        ("types: {~: number}", "'~' is not text here, but each name is text. Put it in quotes."),
        ("types: {2024: number}", "'2024' is not text here"),
        ("types: {yes: number}", "'yes' is not text here"),
        ("split: {test: 0.1, test: 0.2}", "'test' appears twice."),
        ("split: {<<: [x]}", "'<<' takes over a mapping, or a list of mappings."),
        ("split: {<<: {folds: 3}, <<: {}}", "'<<' appears twice."),
        ("---\nkey: id", "A second YAML document begins here."),
        ('description: "a\\0b"', "A NUL character or half of a surrogate pair cannot be stored."),
        ('description: "\\ud800"', "A NUL character or half of a surrogate pair cannot be stored."),
        ("description: a\0b", "The character U+0000 cannot stand in YAML. Remove it."),
        ("description: a\x1bb", 'Remove it, or write it as "\\x1b" in double quotes.'),
        ("description: a\ufffeb", "The character U+FFFE cannot stand in YAML."),
        ("description: 'a", "This is not YAML: found unexpected end of stream."),
        ("terms: [" + "a:b," * 1001 + "]", "'terms' should be a list of at most 1,000 items"),
        (
            f"features: [{','.join(f'c{i}' for i in range(15_000))}]\n"
            f"terms: [{','.join(f'd{i}:c{i}' for i in range(1_000))}]",
            "'terms[1]': 'd0' is not one of the 'features'. The features are c0, c1, c2,",
        ),
        ("terms: ['" + ":".join(map(str, range(99))) + "']", "has more than 20 columns"),
        ("missing: [" + "x," * MAX_NODES + "]", "The declaration is too large: more than 20,000"),
        ("description: &a " + "x" * 600_000 + "\nmissing: [*a]", "The declaration is too large"),
        ("features: [" + "1," * 19_000 + "]", "There are more mistakes after these."),
        ("types: {" + ",".join(f"c{i}: x" for i in range(9_000)) + "}", "There are more mistakes"),
        ("unparsable: " + "x" * 900_000, "'unparsable' cannot be the text 'xxx"),
        ("x" * 1000 + ": 1", "xxx…' is not a key of a declaration."),
    ],
)
def test_what_is_wrong_in_a_file_is_a_sentence_with_its_line(tmp_path, addition, message):
    refused = loaded(tmp_path, f"{GOOD}{addition}\n")
    assert message in refused
    assert refused.startswith((", line 4: ", ", line 5: "))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bomb(), ", line 8: The declaration is too large"),
        ("[" * 900_000, ", line 1: More than 20 lists"),
        ("{a: " * 200_000, ", line 1: More than 20 lists"),
        ("- " * 400_000, ", line 1: More than 20 lists"),
        ("".join(" " * i + "a:\n" for i in range(1200)), ", line 21: More than 20 lists"),
        (GOOD + "#" * MAX_CHARACTERS, ": The file has more than 1,000,000 bytes."),
        (GOOD.encode("utf-16"), ", line 1: The file is UTF-16 or UTF-32. Save it as UTF-8."),
        (GOOD.encode() + b"description: caf\xe9\n", ", line 4: The file is not UTF-8: byte 59"),
        ("", ", line 1: The file is empty."),
        ("# nothing yet\n", ", line 1: The file is empty."),
        ("null\n", ", line 1: A declaration is a mapping of keys to values"),
        (bytes(range(256)), ", line 2: The file is not UTF-8: byte 128"),
    ],
)
def test_a_file_that_is_no_declaration_at_all_is_refused(tmp_path, content, message):
    assert message in loaded(tmp_path, content)


@pytest.mark.parametrize(
    ("addition", "value"),
    [
        ("missing: [1:30, 12:00:00]", ("1:30", "12:00:00")),
        ("missing: [=, <<, '1e999']", ("=", "<<", "1e999")),
        ("missing: [1.5e3, -.5, 1e-3]", ("1500.0", "-0.5", "0.001")),
        ("missing: &m [a]\ndescription: x", ("a",)),
        ("<<: {missing: [a], target: other}", ("a",)),
        ('missing: ["\\x1b[31m", "\\u0000é"]', None),
        ("missing: [!!str 5, ! 5]", ("5", "5")),
        ("missing: [007, 0x1F, 0b11, 1_000]", ("7", "31", "3", "1000")),
    ],
)
def test_yaml_is_read_as_its_page_says(tmp_path, addition, value):
    shop = loaded(tmp_path, f"{GOOD}{addition}\n")
    if value is None:
        assert "A NUL character" in shop
        return
    assert (shop.missing, shop.target) == (value, "y")


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(tmp_path):
    text = GOOD.replace("\n", "\r\n").encode()
    assert loaded(tmp_path, b"\xef\xbb\xbf" + text).target == "y"
    assert ", line 3: " in loaded(tmp_path, text.replace(b"target: y", b"target: 2024-13-01"))


def test_a_message_about_many_mistakes_names_ten_and_gives_each_hint_once(tmp_path):
    refused = loaded(tmp_path, GOOD + "".join(f"c{i}: x\n" for i in range(9_000)))
    assert len(refused.splitlines()) == 11
    assert refused.count("Its keys are") == 1
    assert len(refused) < 1500


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("loop.csv", "leads nowhere, because a link leads back to itself."),
        ("~nobody_of_that_name/rows.csv", "leads nowhere, because there is no such user."),
    ],
)
def test_a_path_that_leads_nowhere_is_a_mistake_of_the_declaration(tmp_path, path, why):
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert why in loaded(tmp_path, GOOD.replace("rows.csv", path))


RICH = b"""# A declaration with a bit of everything.
description: "Sales, \\x1b[31m or so"
source: {path: sales.csv}
key: [shop, order]
target: amount
time: sold_at
features: &f [age, sold_at[month], region]
types: {age: number, region: category}
missing: [unknown, -999, 1.5]
terms: [age^2, age:region]
max_age: 36 hours
max_shrinkage: 0.2
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: age, min_value: 0, max_value: 2024-03-31}
    severity: warning
  - type: expect_column_values_to_not_be_null
    kwargs:
      column: age
      row_condition: {type: nullity, column: {name: amount}, is_null: false}
    quarantine: true
gradient_descent: {learning_rate: 1e-3, epochs: 10_000}
ann: {hidden: [64, 64]}
interval: 0.9
"""
PIECES = (
    b"[ ] { } : , - ? & * ! | > % @ ` # ' \" \\ ~ << --- ... &f *f !!set !!int 0x_ 1:30 2024-02-30"
    b" .nan .inf 1e999 (a+)+$ \xff \xc3 \x00 \x07 \xef\xbb\xbf \\ud800 null yes 999999999999999999"
).split(b" ")


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return the bytes with a few of them changed, cut out, repeated, or moved."""
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        end = min(end, at + chance.choice((1, 3, 40)))
        lines = content.splitlines(keepends=True)
        match chance.randrange(6):
            case 0:
                content = content[:at] + content[end:]
            case 1:
                content = content[:at] + chance.choice(PIECES) + content[at:]
            case 2:
                content = content[:at] + chance.choice(PIECES) + content[end:]
            case 3:
                content = content[:at] + content[at:end] * chance.choice((2, 30)) + content[end:]
            case 4:
                chance.shuffle(lines)
                content = b"".join(lines)
            case _:
                content = content[:at] + bytes([chance.randrange(256)]) + content[end:]
    return content or b" "


def test_a_changed_declaration_loads_or_is_refused_in_sentences(tmp_path):
    assert loaded(tmp_path, RICH).target == "amount"
    outcomes = []
    for seed in range(200):
        content = mutated(RICH, random.Random(seed))
        try:
            outcomes.append(loaded(tmp_path, content))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {content!r}") from error
    assert 10 < sum(isinstance(outcome, Declaration) for outcome in outcomes) < 150
    assert all(", line " in text for text in outcomes if isinstance(text, str))
