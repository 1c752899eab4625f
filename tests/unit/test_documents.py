"""The documents: what is generated is current, every command is described, and every link works."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from data.declarations.model import Declaration
from data.settings import ROOT, Settings
from data.store.views import VIEWS

DOCUMENTS = sorted(
    file.relative_to(ROOT)
    for folder, pattern in ((".", "*.md"), ("docs", "**/*.md"), ("data", "**/*.md"))
    for file in (ROOT / folder).glob(pattern)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """Return the script that writes the generated blocks."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a document."""
    prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(prose)
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_to_a_file_leads_somewhere(document: Path):
    broken = []
    for link in LINK.findall((ROOT / document).read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_command_is_documented(generate: ModuleType):
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    names = [name for name, _ in generate.registered_commands(generate.app)]
    assert {"predict", "db upgrade"} <= set(names)
    assert re.findall(r"^## `nightfit (.+)`$", text, flags=re.MULTILINE) == names


def test_help_of_query_lists_every_view(generate: ModuleType):
    shown = CliRunner().invoke(generate.app, ["query", "--help"])
    assert shown.exit_code == 0
    assert [name for name in VIEWS if name not in shown.output] == []


def test_every_setting_is_documented():
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `NIGHTFIT_(\w+)` \|", text, flags=re.MULTILINE)
    assert listed == [name.upper() for name in Settings.model_fields]


def test_every_key_of_a_declaration_is_documented():
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", text.partition("## Every key")[2], flags=re.MULTILINE)
    names = list(Declaration.model_fields)
    assert listed[: len(names)] == names


def test_generated_text_is_written_between_its_marks(generate: ModuleType):
    text = "before\n\n<!-- generated: x -->\nold\n<!-- end -->\n\nafter\n"
    new = generate.replaced(text, "x", "new")
    assert new == "before\n\n<!-- generated: x -->\n\nnew\n\n<!-- end -->\n\nafter\n"
    assert generate.replaced(new, "x", "new") == new


def test_document_without_marks_is_refused(generate: ModuleType):
    with pytest.raises(SystemExit, match="generated: x"):
        generate.replaced("no marks", "x", "new")


def test_stale_block_fails_the_check_and_is_named(
    generate: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    (tmp_path / "page.md").write_text("<!-- generated: x -->\nold\n<!-- end -->\n")
    monkeypatch.setattr(generate, "DOCS", tmp_path)
    monkeypatch.setattr(generate, "BLOCKS", {"x": ("page.md", lambda: "new")})
    assert generate.main(["--check"]) == 1
    assert "docs/page.md (x)" in capsys.readouterr().err
    assert "old" in (tmp_path / "page.md").read_text()
    assert generate.main([]) == 0
    assert "new" in (tmp_path / "page.md").read_text()
    assert generate.main(["--check"]) == 0
