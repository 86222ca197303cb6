"""Nothing that another test learnt is remembered."""

import pytest

from crm.messages import keeping
from marketing.recommendations import shelves


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_known", {})
    shelves.forget()
