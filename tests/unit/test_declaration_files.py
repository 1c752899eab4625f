"""What is wrong with one file in the folder of declarations stops no other dataset."""

import os

import pytest

from data.declarations.file import declared_datasets, load_dataset
from data.errors import CallError

GOOD = "source: {path: rows.csv}\nkey: id\ntarget: y\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def refusal(name, folder) -> str:
    """Return why a dataset is refused, while the good one is not."""
    assert load_dataset("good", folder).target == "y"
    assert set(declared_datasets(folder)) == {"good", name}
    with pytest.raises(CallError) as caught:
        load_dataset(name, folder)
    assert str(caught.value).startswith(str(folder))
    return str(caught.value)


def test_what_is_not_a_file_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe.yaml")
    assert "This is a pipe, a socket or a device" in refusal("pipe", folder)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/dev/zero", "x.yaml: This is a pipe, a socket or a device, but a declaration is a file."),
        ("nowhere", "x.yaml: This link leads to no file. Correct or remove it."),
        ("x.yaml", "x.yaml: This link leads back to itself."),
        ("/proc/self/mem", "x.yaml: The file cannot be read: Input/output error."),
        (".", "x.yaml: This is a folder, but a declaration is a file."),
    ],
)
def test_a_link_is_a_declaration_only_if_it_leads_to_one(folder, target, message):
    (folder / "x.yaml").symlink_to(target)
    assert message in refusal("x", folder)


def test_two_files_of_one_name_stop_only_that_dataset(folder):
    for name in ("x.yaml", "x.yml"):
        (folder / name).write_text(GOOD)
    assert "x.yaml and " in refusal("x", folder)
    assert "2 declarations have the name 'x'." in refusal("x", folder)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a b.yaml", "a_b"),
        ("-x.yaml", "_x"),
        ("café.yml", "caf_"),
        ("a\n\x1b[31mb.yaml", "a___31mb"),
        ("x" * 101 + ".yaml", "x" * 100),
    ],
)
def test_a_file_whose_name_cannot_name_a_dataset_is_refused_under_a_similar_name(
    folder, file, name
):
    (folder / file).write_text(GOOD)
    message = refusal(name, folder)
    assert "cannot name a dataset" in message
    assert message.isprintable()
    (folder / file).write_text(GOOD + "name: proper\n")
    assert load_dataset("proper", folder).name == "proper"


def test_a_name_of_any_bytes_can_be_printed_and_stored(folder):
    (folder / os.fsdecode(b"a\xff.yaml")).write_text(GOOD)
    assert refusal("a_", folder).encode()


def test_hidden_files_and_other_endings_are_no_declarations(folder):
    for name in (".#good.yaml", "._good.yaml", "good.yaml~", "notes.txt", "good.YAML.bak"):
        (folder / name).write_text("[")
    assert declared_datasets(folder) == ("good",)


def test_a_name_that_only_an_escape_spells_is_read(folder):
    (folder / "x.yaml").write_text(GOOD + '"\\x6eame": other\n')
    assert declared_datasets(folder) == ("good", "other")


def test_a_folder_that_cannot_be_listed_is_a_sentence(folder):
    with pytest.raises(CallError, match="This is a file, not a folder"):
        declared_datasets(folder / "good.yaml")
    with pytest.raises(CallError, match="There is no folder"):
        declared_datasets(folder / "gone")
    (folder / "loop").symlink_to("loop")
    with pytest.raises(CallError, match="Too many levels of symbolic links: the folder"):
        declared_datasets(folder / "loop")
