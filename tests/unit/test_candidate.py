"""A candidate as text, and which kinds are linear."""

import pytest

from regressors.candidate import KINDS, LINEAR_KINDS, POOLED_KINDS, Candidate


def test_text_of_a_candidate_is_parsed_to_the_same_candidate():
    candidate = Candidate("torch", "ann")
    assert str(candidate) == f"{candidate}" == "torch/ann"
    assert Candidate.parse("torch/ann") == candidate


@pytest.mark.parametrize("text", ["", "torch", "torch/", "/ann", "torch/ann/2", "/"])
def test_anything_else_is_not_a_candidate(text):
    with pytest.raises(ValueError, match="is not a candidate"):
        Candidate.parse(text)


def test_candidate_of_a_framework_that_is_gone_is_still_read():
    assert Candidate.parse("mxnet/forest") == Candidate("mxnet", "forest")


def test_all_kinds_but_the_network_are_linear():
    linear = [kind for kind in KINDS if Candidate("torch", kind).is_linear]
    assert tuple(linear) == LINEAR_KINDS == KINDS[:-1]


def test_pooled_kinds_are_those_without_segments():
    pooled = [kind for kind in KINDS if not Candidate("torch", kind).is_segmented]
    assert tuple(pooled) == POOLED_KINDS == ("least_squares", "gradient_descent", "ann")
