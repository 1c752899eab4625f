"""Many texts are kept in little memory, in the order in which Python sorts its strings."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import data.texts
from data.texts import BATCH_ROWS, Texts

ALPHABET = ["\0", "0", "9", "a", "z", "é", "\uffff", "\U0001f600"]
"""Of one to four bytes in UTF-8; UTF-16 would put the last one before the last but one."""

SHORT = st.lists(
    st.builds(str.__add__, st.sampled_from(["", "0" * 7, "a" * 9]), st.text(ALPHABET, max_size=4)),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(SHORT)
def test_texts_are_sorted_as_python_sorts_them_and_equal_ones_keep_their_order(texts):
    expected = sorted(range(len(texts)), key=texts.__getitem__)
    assert Texts.of(texts).order().tolist() == expected
    assert Texts.of(texts).is_sorted() == (texts == sorted(texts))


@settings(max_examples=60, deadline=None)
@given(SHORT, SHORT)
def test_each_text_is_found_where_it_is_among_others(texts, others):
    texts, others = [*dict.fromkeys(texts)], [*dict.fromkeys(others)]
    expected = [others.index(text) if text in others else -1 for text in texts]
    whole = data.texts.BATCH_ROWS
    try:
        for data.texts.BATCH_ROWS in (3, whole):
            assert Texts.of(texts).positions_in(Texts.of(others)).tolist() == expected
            assert Texts.of(texts).is_in(Texts.of(others)).tolist() == [at >= 0 for at in expected]
    finally:
        data.texts.BATCH_ROWS = whole


def test_texts_are_numbered_in_their_order():
    numbers, texts = Texts.of(["b", None, "a", "b", "ä"]).numbered()
    assert numbers.tolist() == [1, -1, 0, 1, 2]
    assert texts == ["a", "b", "ä"]


def test_parts_of_texts_are_texts_however_they_are_chosen():
    texts = Texts.of(pa.chunked_array([["d", "c"], ["b", None]]))
    assert texts[0] == "d"
    assert texts[-1] is None
    assert texts[1:3] == ["c", "b"]
    assert texts[1:3].order().tolist() == [1, 0]
    assert texts[np.array([True, False, False, True])] == ["d", None]
    assert texts[np.array([2, 0])].tolist() == ["b", "d"]
    assert [*texts] == texts.tolist() == ["d", "c", "b", None]
    assert Texts.of(texts) is texts


@pytest.mark.parametrize("count", [0, 1])
def test_few_texts_are_in_order(count):
    texts = Texts.of(["a"] * count)
    assert texts.is_sorted()
    assert texts.order().tolist() == [*range(count)]
    assert texts == ["a"] * count


def test_many_texts_are_never_all_pythons_own():
    texts = Texts.of(pa.array(np.arange(400_000)).cast(pa.string()))
    others = texts[np.arange(0, len(texts), 2)]
    tracemalloc.start()
    try:
        found = texts.positions_in(others)
        assert sum(map(len, texts)) > 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found >= 0).sum() == len(others)
    assert peak < 400_000 * 60  # a string and its place in a list are 62 bytes or more


@pytest.mark.parametrize("rows", [2, 1_000, 2 * BATCH_ROWS + 1])
def test_texts_that_repeat_are_found_wherever_they_are(rows):
    texts = [f"{number * 7919 % 1_000_003:07d}" for number in range(rows)]
    assert Texts.of(texts).first_repeated()[1] == 0
    for again in {0, rows // 2, rows - 1}:
        places, number = Texts.of([*texts, texts[again], texts[again]]).first_repeated()
        assert (places.tolist(), number) == ([again, rows, rows + 1], 1)
    places, number = Texts.of([*texts, *texts[::-1]]).first_repeated()
    assert (places.tolist(), number) == ([0, 2 * rows - 1], rows)
    assert Texts.of([]).first_repeated()[1] == 0
