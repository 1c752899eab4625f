"""Theano's folder of compiled code: nothing damaged is loaded, nothing is compiled every night.

Functions without `test_` run in workers.
"""

import os

import numpy as np
import pytest

from regressors.frameworks.workers import Workers


def spread(framework):
    """Return a result of operations that Theano itself would compile anew every night."""
    tt = framework.tt
    x = tt.dmatrix()
    filled = tt.alloc(x.dimshuffle(1, 0), 2, 2) + tt.alloc(np.float64(1), x.shape[0], 2)
    return framework.theano.function([x], filled)(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()


SPREAD = [[2.0, 4.0], [3.0, 5.0]]


def modules_in(folder):
    return sorted(folder.glob("compiledir_*/tmp*/*.so"))


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def night(home):
    """Return the warnings of a night's process."""
    with Workers(("theano",), home=home, time_limit=120) as workers:
        assert workers.result(workers.submit("theano", spread)) == SPREAD
        return workers.take_warnings()


@pytest.fixture(scope="module")
def first_night(tmp_path_factory):
    """Return a home after the night that compiles, which takes long, and that night's warnings."""
    home = tmp_path_factory.mktemp("compiled") / "my home, sweet"
    return home, night(home)


def test_theano_compiles_into_a_home_with_a_space_and_a_comma(first_night):
    home, warnings = first_night
    assert warnings == ()
    assert list(home.glob("theano-*/*/*/*.so"))


def test_a_second_night_compiles_nothing_and_what_is_damaged_is_compiled_anew_and_told(first_night):
    home, _ = first_night
    (folder,) = home.glob("theano-*")
    before = modules_in(folder)
    assert len(before) > 1
    assert night(home) == ()
    assert modules_in(folder) == before

    cut(before[0])
    (warning,) = night(home)
    assert "1 module had changed on the disk" in warning
    assert len(modules_in(folder)) == len(before)
