"""Nothing that another test learnt is remembered."""

import pytest

from marketing.recommendations import shelves


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    shelves.forget()
