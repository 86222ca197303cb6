"""Mail of these tests goes to the fake provider and journals into a folder of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from crm.channels import registry
from crm.messages import journals


@pytest.fixture(autouse=True)
def _fake_provider(settings: Settings, tmp_path: Path) -> Iterator[None]:
    settings.EMAIL_URL = "memory://"
    settings.VAR_DIR = tmp_path
    registry.close_all()
    yield
    journals.abandon()
    registry.close_all()
