"""`manage.py test` keeps away from real data and uses the cores it finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from marketing.runtime import testing
from tests import conftest, house


def test_the_whole_suite_runs_on_every_core_and_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert testing.parallel(["-k", "consent"])[:2] == ["-n", "3"]


@pytest.mark.parametrize(
    "arguments",
    [["tests/crm/test_consent.py"], ["tests/crm/test_consent.py::test_one"], ["-n0"], ["-p", "no"]],
)
def test_a_picked_file_or_a_choice_of_ones_own_is_respected(arguments: list[str]) -> None:
    assert testing.parallel(arguments) == []


def test_nothing_of_the_installation_reaches_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*testing.OF_THE_INSTALLATION, "TEST_DATABASE_URL", "RAPPORT_ENV_FILE"):
        monkeypatch.setenv(name, "real")
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://throw-away/")

    testing.forget_the_installation()

    assert os.environ["DATABASE_URL"] == "postgresql://throw-away/"
    assert "EMAIL_URL" not in os.environ
    assert "SMS_URL" not in os.environ
    assert os.environ["RAPPORT_ENV_FILE"] == os.devnull


def test_what_is_compiled_is_kept_for_all_processes_and_not_beside_the_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tea.py").write_text("")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "")

    testing.keep_what_is_compiled(tmp_path / "compiled")

    subprocess.run([sys.executable, "-c", "import tea"], cwd=tmp_path, check=True)
    assert [path.name for path in tmp_path.rglob("tea.*.pyc")] == [
        f"tea.{sys.implementation.cache_tag}.pyc"
    ]
    assert not (tmp_path / "__pycache__").exists()


def test_bytecode_stays_where_python_keeps_it_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)

    testing.keep_what_is_compiled(tmp_path)

    assert "PYTHONPYCACHEPREFIX" not in os.environ


def test_the_files_that_are_to_begin_early_are_there() -> None:
    found = {f"{path.parent.name}/{path.stem}" for path in house.ROOT.glob("tests/**/test_*.py")}

    assert set(conftest.LONG) <= found
