"""The documentation holds together: links, named files, line lengths, README."""

import re
from pathlib import Path

import pytest

from tests import documented
from tests.documented import DOCS, ROOT

LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|txt)")
LONGEST_LINE = 110


def test_every_extension_registry_is_in_the_architecture():
    text = documented.page("architecture.md")

    assert not [name for name in documented.registries() if f"`{name}`" not in text]


@pytest.mark.parametrize("path", documented.pages(), ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path):
    text = documented.FENCE.sub("", path.read_text(encoding="utf-8"))

    for _, target in LINK.findall(text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, heading = target.partition("#")
        found = (path.parent / file) if file else path
        assert found.exists(), target
        if heading:
            assert heading in anchors(found), target


def anchors(path: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("path", documented.pages(), ids=lambda path: path.name)
def test_every_file_that_is_named_is_there(path: Path):
    said = documented.in_code(path.read_text(encoding="utf-8"))
    rooms = {entry.name for entry in ROOT.iterdir()} - {"var", ".venv"}
    named = {
        word
        for word in said
        if PATH.fullmatch(word) and word.split("/")[0] in rooms and "<" not in word
    }

    assert not [word for word in named if not (ROOT / word).exists()]


@pytest.mark.parametrize("path", documented.pages(), ids=lambda path: path.name)
def test_lines_of_the_documentation_stay_short(path: Path):
    lines = path.read_text(encoding="utf-8").splitlines()

    assert not [line for line in lines if len(line) > LONGEST_LINE]


def test_every_page_is_reached_from_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert not [path.name for path in DOCS.glob("*.md") if f"docs/{path.name}" not in readme]


def test_the_readme_names_the_two_commands_and_every_room():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = [
        entry.name
        for entry in ROOT.iterdir()
        if entry.is_dir() and not entry.name.startswith((".", "_")) and entry.name != "var"
    ]

    assert "python3 manage.py start" in readme
    assert "python3 manage.py test" in readme
    assert not [room for room in rooms if f"`{room}/`" not in readme]
