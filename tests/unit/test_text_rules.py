"""Text that cannot be stored is refused, with its column and row, before anything is fitted."""

import random
import string

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.sources import refusal, rows, written

from data.declarations.file import declared_datasets, load_dataset
from data.errors import CallError
from data.sources.keys import row_keys
from data.sources.text_rules import MAX_KEY_BYTES

RANDOM = "".join(random.Random(7).choices(string.printable[:94], k=10_000))


def parquet(folder, **columns):
    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("column", ["id", "level", "note"])
def test_a_nul_character_is_refused_with_its_column_and_row(tmp_path, column):
    texts = {name: ["a", "b"] for name in ("id", "level", "note")} | {column: ["a", "b\0c"]}
    message = f"Column '{column}' contains a NUL character in row 2"
    declared = {"features": ["level"]}
    path = parquet(tmp_path, **texts, y=[1.0, 2.0])
    assert message in refusal(path, tmp_path, **declared)
    lines = [",".join((*row, "1")) for row in zip(*texts.values(), strict=True)]
    path = written(tmp_path, "\n".join(["id,level,note,y", *lines]))
    assert message in refusal(path, tmp_path, **declared)


def test_a_nul_character_in_the_name_of_a_column_is_refused(tmp_path):
    message = r"The name of column 'x\x00' contains a NUL character"
    assert message in refusal(parquet(tmp_path, id=["a"], y=[1.0], **{"x\0": [1]}), tmp_path)
    assert message in refusal(written(tmp_path, "id,y,x\0\na,1,2\n"), tmp_path)


@pytest.mark.parametrize("raw", [b"\xff", b"\xed\xa0\x80", b"caf\xe9", b"\xc0\x80"])
@pytest.mark.parametrize(
    ("binary", "dtype"),
    [
        (pa.binary(), pa.string()),
        (pa.large_binary(), pa.large_string()),
        (pa.binary_view(), pa.string_view()),
    ],
)
def test_text_in_a_parquet_file_that_is_not_utf8_is_refused(tmp_path, raw, binary, dtype):
    text = pa.array([b"a", None, raw], binary).view(dtype)
    for column in ("id", "note"):
        texts = {"id": ["a", "b", "c"], column: text}
        message = refusal(parquet(tmp_path, **texts, y=[1.0, 2.0, 3.0]), tmp_path)
        assert f"Column '{column}' has text in row 3 that is not UTF-8: {raw!r}" in message


def test_levels_of_a_parquet_file_that_are_not_utf8_are_refused(tmp_path):
    levels = pa.array([b"a", b"\xff"]).view(pa.string())
    text = pa.DictionaryArray.from_arrays(pa.array([0, None, 1], pa.int32()), levels)
    message = refusal(parquet(tmp_path, id=["a", "b", "c"], note=text, y=[1.0, 2.0, 3.0]), tmp_path)
    assert "Column 'note' has text in row 3 that is not UTF-8: b'\\xff'" in message


def test_the_name_of_a_column_in_a_parquet_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [1], "y": [1.0], "qqqq": [1]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"qqqq", b"\xff\xfe\xfd\xfc"))
    assert "The name of a column is not UTF-8" in refusal(path, tmp_path)


def test_a_key_that_no_index_can_hold_is_refused_with_its_row(tmp_path):
    longest = "é" * (MAX_KEY_BYTES // 2)
    for content in (["a", longest + "b"], ["a", RANDOM]):
        message = refusal(parquet(tmp_path, id=content, y=[1.0, 2.0]), tmp_path)
        assert f"'id' has {len(content[1].encode()):,} bytes in UTF-8 in row 2" in message
        assert "at most 2,000 are allowed. Declare columns with shorter values" in message
    kept = rows(parquet(tmp_path, id=["a", longest], y=[1.0, 2.0]), tmp_path)
    assert row_keys(kept, ["id"]) == ["a", longest]


def test_a_key_of_several_columns_is_as_long_as_its_json(tmp_path):
    for half, fits in (("x" * 990, True), ("x" * 1_000, False), ('"' * 600, False)):
        path = parquet(tmp_path, a=[half], b=[half], y=[1.0])
        if fits:
            assert len(rows(path, tmp_path, key=["a", "b"])) == 1
            (tmp_path / "home").rename(tmp_path / "kept")
        else:
            assert "The key 'a, b' has 2," in refusal(path, tmp_path, key=["a", "b"])


def test_other_hostile_texts_are_read_as_they_are(tmp_path):
    hostile = [
        "'; DROP TABLE run; --",
        '"`\\',
        "\u202eabc\u202c",
        "e\u0301",
        "é",
        "🦊",
        " a ",
        "%s",
    ]
    hostile += ["\x1b[31m", "[red]", "{x}", ":name", "select", "a\nb\t", RANDOM[:1_500]]
    path = parquet(tmp_path, id=hostile, note=[RANDOM] * len(hostile), y=[1.0] * len(hostile))
    kept = rows(path, tmp_path)
    assert row_keys(kept, ["id"]) == hostile
    assert kept["note"].to_pylist() == [RANDOM] * len(hostile)


GOOD = "source: {path: rows.csv}\nkey: id\ntarget: y\n"


@pytest.mark.parametrize(
    "line",
    [
        r'description: "a\0b"',
        r'description: "a\ud800b"',
        r'features: ["a\0"]',
        r'types: {"\udfff": number}',
        r'expectations: [{type: expect_column_to_exist, kwargs: {column: "\ud83e"}}]',
        r'expectations: [{type: expect_column_to_exist, kwargs: {"a\0": 1}}]',
    ],
)
def test_characters_that_cannot_be_stored_are_refused_in_a_declaration_with_their_line(
    tmp_path, line
):
    (tmp_path / "shop.yaml").write_text(f"{GOOD}{line}\n")
    with pytest.raises(CallError, match=r"line 4: A NUL character or half of a surrogate pair"):
        load_dataset("shop", tmp_path)


def test_hostile_texts_in_a_declaration_are_kept(tmp_path):
    text = r'"\e[31m\u202e[red] %s {x} :name \\ '.replace("'", "") + "é" * 5_000 + '"'
    kept = f"\x1b[31m\u202e[red] %s {{x}} :name \\ {'é' * 5_000}"
    rule = f"{{type: expect_column_to_exist, kwargs: {{column: {text}}}}}"
    (tmp_path / "shop.yaml").write_text(f"{GOOD}description: {text}\nexpectations: [{rule}]\n")
    shop = load_dataset("shop", tmp_path)
    assert shop.description == kept
    assert shop.expectations[0].kwargs == {"column": kept}
    assert type(shop).model_validate_json(shop.model_dump_json()) == shop


@pytest.mark.parametrize(
    "name",
    ["../shop", "a/b", "a b", "é", ".a", "-a", "a.b", "a\\nb", "a\\n", "x" * 101, "", "\\e[1m"],
)
def test_a_name_that_no_file_should_have_is_refused_with_its_line(tmp_path, name):
    (tmp_path / "shop.yaml").write_text(f'{GOOD}name: "{name}"\n')
    assert declared_datasets(tmp_path) == ("shop",)
    with pytest.raises(CallError, match="line 4: 'name' should be") as caught:
        load_dataset("shop", tmp_path)
    assert "\x1b" not in str(caught.value)


def test_a_name_of_100_characters_is_allowed(tmp_path):
    (tmp_path / "shop.yaml").write_text(f"{GOOD}name: {'x' * 100}\n")
    assert load_dataset("x" * 100, tmp_path).name == "x" * 100
