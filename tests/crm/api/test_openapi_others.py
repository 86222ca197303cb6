"""The API keeps what its OpenAPI document promises: the other half of those who may call."""

from datetime import datetime
from typing import Any

import pytest

from tests.crm.api.callers import CALLERS
from tests.crm.api.conforming import assert_conforms

OTHERS = ["write", "manage", "little staff", "superuser"]


def test_everybody_who_may_call_does() -> None:
    assert {"anonymous", "read", "track", "all", *OTHERS} == CALLERS.keys()


@pytest.mark.django_db
@pytest.mark.parametrize("name", OTHERS)
def test_whoever_calls_is_answered_as_the_document_says(
    name: str, now: datetime, settings: Any
) -> None:
    assert_conforms(name, now, settings)
