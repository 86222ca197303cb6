"""The API keeps what its OpenAPI document promises, whoever calls and whatever they send."""

import os
from datetime import datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.crm.api.conforming import JSON, assert_conforms


def test_the_document_is_valid() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull)


def test_every_error_answer_is_described() -> None:
    paths = Client().get("/api/v1/schema/", headers=JSON).json()["paths"]
    wanted = {"400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429", "500"}

    silent = {
        f"{method} {path}": wanted - set(operation["responses"])
        for path, operations in paths.items()
        for method, operation in operations.items()
    }

    assert len(silent) > 20
    assert not {name: statuses for name, statuses in silent.items() if statuses}


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["anonymous", "read", "track", "all"])
def test_whoever_calls_is_answered_as_the_document_says(
    name: str, now: datetime, settings: Any
) -> None:
    assert_conforms(name, now, settings)
