"""Seals of compiled code: what has changed since it was sealed is removed before it is loaded."""

import os

import pytest

from regressors.frameworks import compiled_code
from regressors.frameworks.compiled_code import discard_damaged, seal_new, set_aside


@pytest.fixture
def folder(tmp_path):
    """A folder like Theano's, with three sealed modules."""
    modules = tmp_path / "theano" / "compiledir_here"
    for name in ("tmpa", "tmpb", "lazylinker_ext"):
        (modules / name).mkdir(parents=True)
        (modules / name / f"{name}.so").write_bytes(name.encode() * 1000)
        (modules / name / "mod.cpp").write_text("int main() {}")
        if name != "lazylinker_ext":
            (modules / name / "key.pkl").write_bytes(b"\x80key" * 100)
    assert discard_damaged(tmp_path / "theano") == 0
    return modules


def is_cut(file):
    os.truncate(file, file.stat().st_size // 2)


def is_empty(file):
    os.truncate(file, 0)


def has_one_bit_flipped(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)


def is_gone(file):
    file.unlink()


@pytest.mark.parametrize(
    "file", ["tmpa/tmpa.so", "tmpa/key.pkl", "lazylinker_ext/lazylinker_ext.so"]
)
@pytest.mark.parametrize("change", [is_cut, is_empty, has_one_bit_flipped, is_gone])
def test_a_module_that_has_changed_since_it_was_sealed_is_removed(folder, file, change):
    change(folder / file)
    assert discard_damaged(folder.parent) == 1
    assert not (folder / file).parent.exists()
    assert (folder / "tmpb" / "tmpb.so").exists()
    assert discard_damaged(folder.parent) == 0


def test_what_a_killed_process_left_half_done_is_removed_without_a_word(folder):
    (folder / "tmpc").mkdir()
    (folder / "tmpc" / "mod.cpp").write_text("int main() {")
    assert discard_damaged(folder.parent) == 0
    assert not (folder / "tmpc").exists()


def test_modules_of_a_process_that_is_compiling_are_left_alone(folder):
    (folder / "tmpc").mkdir()
    with compiled_code._lock(folder) as ours:
        assert ours
        assert discard_damaged(folder.parent) == 0
    assert (folder / "tmpc").exists()


def test_modules_without_a_seal_are_sealed_and_then_guarded(folder):
    for module in ("tmpa", "lazylinker_ext"):
        (folder / module / "sha256").unlink()
    seal_new(folder)
    has_one_bit_flipped(folder / "tmpa" / "tmpa.so")
    assert discard_damaged(folder.parent) == 1


def test_at_most_one_folder_is_kept_aside(tmp_path):
    folder = tmp_path / "theano"
    for content in ("first", "second"):
        folder.mkdir()
        (folder / "file").write_text(content)
        aside = set_aside(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theano.damaged"]
    assert (aside / "file").read_text() == "second"
