"""A group is never split: its rows share role and fold, whatever rows come and go."""

import hashlib

import numpy as np
from helpers.splits import refusal, roles_and_folds_of
from hypothesis import given, settings
from hypothesis import strategies as st

from data.split import Split, group_numbers, split_rows
from data.texts import Texts

KEYS = [f"row {i}" for i in range(2000)]
GROUPS = [f"customer {i % 400}" for i in range(2000)]
texts = st.text(max_size=8)


def by_group(keys, group, *, labelled=None, share=0.2, folds=5) -> Split:
    labelled = np.ones(len(keys), bool) if labelled is None else np.asarray(labelled)
    return split_rows(
        dataset="shop", keys=keys, labelled=labelled, share=share, folds=folds, group=group
    )


def with_single_rows(groups, *, every=7):
    return [None if i % every == 0 else text for i, text in enumerate(groups)]


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, min_size=1, max_size=20), st.integers(2, 6), st.integers(0, 999))
def test_rows_of_one_group_share_role_and_fold(others, every, seed):
    rng = np.random.default_rng(seed)
    group = with_single_rows([*GROUPS[:600], *(others * 100)[:100]], every=every)
    rng.shuffle(group)
    labelled = rng.random(700) < 0.8
    split = by_group(KEYS[:700], group, labelled=labelled)
    for text in set(group) - {None}:
        rows = [i for i, own in enumerate(group) if own == text and labelled[i]]
        assert len({(split.role[i], split.fold[i]) for i in rows}) <= 1


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(texts, st.none() | texts, max_size=50), st.randoms())
def test_adding_removing_and_reordering_rows_moves_no_other_row(others, random):
    before = dict(zip(KEYS[:300], with_single_rows(GROUPS[:300]), strict=True))
    after = [*list(before.items())[30:], *((k, g) for k, g in others.items() if k not in before)]
    random.shuffle(after)
    was = roles_and_folds_of(list(before), by_group(list(before), list(before.values())))
    keys = [key for key, _ in after]
    now = roles_and_folds_of(keys, by_group(keys, [group for _, group in after]))
    stayed = set(before) & set(keys)
    assert {key: was[key] for key in stayed} == {key: now[key] for key in stayed}


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 0.5), st.floats(0.05, 0.5))
def test_a_larger_share_keeps_the_test_groups_of_a_smaller_one(first, second):
    small, large = sorted((first, second))
    in_small = by_group(KEYS, with_single_rows(GROUPS), share=small).role == "test"
    in_large = by_group(KEYS, with_single_rows(GROUPS), share=large).role == "test"
    assert not (in_small & ~in_large).any()


def test_shares_and_folds_of_groups_are_right_to_sampling_error():
    groups = [f"customer {i}" for i in range(20_000)]
    split = by_group([f"{text}, {part}" for text in groups for part in "ab"], np.repeat(groups, 2))
    test = split.role == "test"
    assert abs(test.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / len(groups))
    within_test = np.bincount(split.fold[test], minlength=6)[1:] / test.sum()
    assert np.abs(within_test - 0.2).max() < 4 * np.sqrt(0.2 * 0.8 / (test.sum() / 2))


def test_the_hash_is_as_documented():
    group = with_single_rows(GROUPS)
    roles_and_folds = roles_and_folds_of(KEYS, by_group(KEYS, group))
    for key, text in zip(KEYS[:60], group, strict=False):
        hashed = b"\0shop\0" + key.encode() if text is None else b"shop\0" + text.encode()
        digest = hashlib.sha256(hashed).digest()
        in_test = int.from_bytes(digest[:8], "big") / 2**64 < 0.2
        fold = 1 + int.from_bytes(digest[8:16], "big") % 5
        assert roles_and_folds[key] == ("test" if in_test else "train", fold)


def test_a_row_without_a_group_stands_alone_apart_from_a_group_named_like_its_key():
    group = with_single_rows(KEYS, every=2)
    alone = by_group(KEYS, group)
    called = by_group(KEYS, KEYS)
    assert (alone.role[1::2] == called.role[1::2]).all()
    assert 0.5 < (alone.role[::2] == called.role[::2]).mean() < 0.8
    assert len(set(alone.fold[::2])) == 5


def test_groups_are_numbered_by_their_texts_and_single_rows_after_them():
    groups = Texts.of(["b", None, "a", "b", "", None, "a\0"])
    assert group_numbers(groups).tolist() == [3, 4, 1, 3, 0, 5, 2]
    assert group_numbers(Texts.of([])).tolist() == []


def test_too_few_test_groups_are_refused_with_the_number_of_groups_not_rows():
    message = refusal(lambda: by_group(KEYS[:80], GROUPS[:4] * 20, folds=2))
    assert "of 4 labelled groups are test groups at a share of 0.2" in message
    assert message.endswith("Declare a larger 'split.test', or collect more groups.")


def test_an_empty_fold_is_refused_with_the_sizes_in_groups():
    message = refusal(lambda: by_group(KEYS, [f"{i % 20}" for i in range(2000)], folds=15))
    assert "training groups fall into 15 folds" in message
    sizes = message.partition("folds of ")[2].partition(".")[0].split(", ")
    assert sum(map(int, sizes)) < 20


def test_a_group_counts_if_any_of_its_rows_has_a_target():
    labelled = np.array([text < "customer 3" for text in GROUPS])
    labelled[:400] = False  # the first row of each group
    expected = len({text for text in GROUPS if text < "customer 3"})
    message = refusal(lambda: by_group(KEYS, GROUPS, labelled=labelled, share=1e-9))
    assert f"0 of {expected} labelled groups" in message
