"""Theano's modules with precompiled headers: g++ reads them, and makes the same code."""

import subprocess
import sysconfig

import numpy as np
import pytest

from regressors.frameworks.precompiled_headers import HEADERS, WORTH_IT, PrecompiledHeaders

FOLDERS = [str(HEADERS.parent), np.get_include(), sysconfig.get_path("include")]
OPTIONS = ["-O3", "-fPIC", "-include", "numpy2_compat.h"]
CODE = """#include <iostream>
#include <vector>
PyObject *f(double x) { return PyFloat_FromDouble(x / 3 + x * x); }
"""


@pytest.fixture
def compile_module(tmp_path):
    """A function that compiles CODE; it returns the code, and the precompiled headers it read."""

    def compile_it(name, *, include_dirs, preargs):
        source, made = tmp_path / "module.cpp", tmp_path / f"{name}.o"
        source.write_text(CODE)
        folders = [f"-I{folder}" for folder in [*include_dirs, *FOLDERS]]
        command = ["g++", "-H", "-g", *preargs, "-fvisibility=hidden", *folders, "-c"]
        run = subprocess.run(
            [*command, str(source), "-o", str(made)], capture_output=True, text=True, check=True
        )
        read = [line.split()[1] for line in run.stderr.splitlines() if line.startswith("! ")]
        return made.read_bytes(), read

    return compile_it


def test_from_the_third_module_on_headers_are_precompiled_and_the_code_is_the_same(compile_module):
    headers = PrecompiledHeaders(compile_module, "g++", FOLDERS)
    done = [headers.compile(f"m{i}", preargs=OPTIONS) for i in range(WORTH_IT + 1)]
    assert [len(read) for _, read in done] == [0] * (WORTH_IT - 1) + [1, 1]
    assert len({code for code, _ in done}) == 1
    assert headers.compile("other", preargs=["-O0", *OPTIONS[1:]])[1] == []


def test_headers_that_cannot_be_precompiled_are_read_by_every_module(compile_module, caplog):
    headers = PrecompiledHeaders(compile_module, "g++", [])
    done = [headers.compile(f"m{i}", preargs=OPTIONS) for i in range(WORTH_IT + 1)]
    assert all(read == [] for _, read in done)
    assert "the headers are not precompiled" in caplog.text


def test_a_compiler_that_cannot_be_run_is_told_by_the_module_not_by_the_headers(compile_module):
    headers = PrecompiledHeaders(compile_module, "/no/such/g++", FOLDERS)
    done = [headers.compile(f"m{i}", preargs=OPTIONS) for i in range(WORTH_IT)]
    assert all(read == [] for _, read in done)
