"""Messages under test go to the fake provider; journals lie in a folder of their own."""

import pytest

from crm.channels.memory import MemoryAdapter


@pytest.fixture(autouse=True)
def _provided(provider: MemoryAdapter) -> None:
    """Nothing in these tests leaves the process."""
