"""A lack of memory is called that, whoever reports it, and in whichever words."""

import numpy as np
import pytest

from regressors.frameworks.memory import verdict
from tasks.run.memory import out_of_memory


@pytest.mark.parametrize(
    "words",
    [
        "MemoryError: ",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate"
        " memory: you tried to allocate 8000000000 bytes.",
        "ResourceExhaustedError: {{function_node __wrapped__}} OOM when allocating tensor",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "OpenBLAS error: Memory allocation still failed after 10 attempts, giving up.",
        "ImportError: libtorch_cpu.so: failed to map segment from shared object",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_words_for_a_lack_of_memory_are_recognised_and_the_limit_is_named(words):
    assert verdict(words, 0.5) == (
        "ran out of memory; its limit is 0.5 GiB (NIGHTFIT_FIT_MEMORY_LIMIT)"
    )
    assert "its limit is 0.63 GiB" in verdict(words, 0.628643)
    assert verdict(words, None) == "ran out of memory"


def test_a_thread_that_cannot_start_is_probably_a_lack_of_memory():
    assert verdict("RuntimeError: can't start new thread", None) == "probably ran out of memory"


@pytest.mark.parametrize("words", ["", "ValueError: no such column", "Segmentation fault"])
def test_other_words_are_not_taken_for_a_lack_of_memory(words):
    assert verdict(words, 0.5) is None


def test_arrays_that_do_not_fit_into_memory_are_no_bug_of_ours():
    with pytest.raises(MemoryError) as caught:
        np.ones(2**50)
    error = out_of_memory(caught.value)
    assert error is not None
    assert str(error).startswith("nightfit's own process ran out of memory.")
    assert out_of_memory(ValueError("no such column")) is None
