"""The import contract holds, and it bites: every forbidden arrow we draw breaks the build."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import house

LINT = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]

FORBIDDEN_ARROWS = {
    "crm knows marketing": ("crm/consent.py", "import marketing.segments"),
    "crm knows campaigns": ("crm/choices.py", "import campaigns.models"),
    "marketing knows campaigns": ("marketing/segments.py", "import campaigns.audiences"),
    "an operation rings a task": ("crm/messages/__init__.py", "import crm.tasks"),
    "an operation knows Celery": ("crm/consent.py", "import celery"),
    "a craft knows an operation": ("crm/links.py", "import crm.consent"),
    "a craft knows a view": ("marketing/rules/__init__.py", "import marketing.admin"),
    "a model knows an operation": ("campaigns/models/campaign.py", "import campaigns.broadcasts"),
    "the API knows the admin": ("crm/api/__init__.py", "import crm.admin"),
    "an adapter knows another": ("crm/channels/sms_http.py", "import crm.channels.memory"),
    "a page loads scikit-learn": ("marketing/scoring.py", "import sklearn"),
    "a campaign renders for itself": ("campaigns/sending/__init__.py", "import jinja2"),
    "a room without a floor": ("crm/attic.py", "X = 1"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(LINT, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def said_of_all(tmp_path_factory):
    """What is said of a copy of the house in which every forbidden arrow is drawn."""
    copy = tmp_path_factory.mktemp("house")
    for app in house.APPS:
        shutil.copytree(house.ROOT / app, copy / app, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(house.ROOT / "pyproject.toml", copy)
    for name, line in FORBIDDEN_ARROWS.values():
        path = copy / where(name)
        text = path.read_text(encoding="utf-8") if path.exists() else '"""New."""\n'
        path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    result = lint(copy)
    assert result.returncode != 0
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def where(name):
    """A room may be one file or a folder."""
    path = Path(name)
    if not (house.ROOT / path).exists() and path.name == "__init__.py":
        return path.parent.with_suffix(".py")
    return path


def test_every_arrow_points_down():
    result = lint(house.ROOT)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("arrow", FORBIDDEN_ARROWS)
def test_a_forbidden_arrow_breaks_the_build(arrow, said_of_all):
    name, line = FORBIDDEN_ARROWS[arrow]
    room = ".".join(where(name).with_suffix("").parts).removesuffix(".__init__")
    _, _, target = line.partition("import ")

    drawn = f"- {room} -> {target} (l." if target else f"- {room}"

    assert any(one.startswith(drawn) for one in said_of_all), said_of_all
