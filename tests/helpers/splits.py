"""What tests check of a split: roles and folds by key, and why it was refused."""

import pytest

from data.errors import CannotSplit
from data.split import Split


def roles_and_folds_of(keys, split: Split) -> dict[str, tuple[str, int]]:
    return dict(zip(keys, zip(split.role.tolist(), split.fold.tolist(), strict=True), strict=True))


def refusal(call) -> str:
    with pytest.raises(CannotSplit) as caught:
        call()
    assert str(caught.value).startswith("shop: ")
    return str(caught.value)
