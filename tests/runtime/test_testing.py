"""`manage.py test` keeps away from real data and uses the cores it finds."""

import os

import pytest

from marketing.runtime import testing


def test_the_whole_suite_runs_on_every_core() -> None:
    assert testing.parallel(["-k", "consent"])[:2] == ["-n", "auto"]


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
