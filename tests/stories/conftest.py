"""A set that was started before: tables are made once for the stories that begin without a shop."""

from pathlib import Path

import pytest

from tests.stories import running


@pytest.fixture
def var(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder of a set that was started once, without the demo, and stopped."""
    return running.copy_of_first(tmp_path_factory, tmp_path / "var")
