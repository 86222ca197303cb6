"""The API keeps what its OpenAPI document promises, whoever calls and whatever they send."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as pace
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, FailureGroup

from crm.models import Customer
from marketing.wsgi import application
from tests import making
from tests.crm.api.callers import CALLERS

# In the suite some examples of every address, and many more where RAPPORT_LONG asks for them.
EXAMPLES = 60 if os.environ.get("RAPPORT_LONG") else 3
HURRIED = pace(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
JSON = {"accept": "application/json"}


def document() -> Any:
    """The document as a caller reads it, and how examples are made of it."""
    config = SchemathesisConfig.from_dict(
        {
            # NUL is refused in every text, which a schema cannot say of free objects.
            # Who calls is the test's to say.
            "generation": {"allow-x00": False, "with-security-parameters": False},
            # 422 is for what is well-formed and cannot be done, such as an unknown product.
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "409", "422"]
                }
            },
        }
    )
    return schemathesis.openapi.from_wsgi(
        "/api/v1/schema/", application, config=config, headers=JSON
    )


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


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Calls share the connection of the test, as they do with Django's own client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def record(now: Any) -> Customer:
    """Somebody to be asked about."""
    ada = making.subscriber(now=now)
    making.order(now=now, customer=ada)
    return ada


@pytest.mark.django_db
@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("name", CALLERS)
def test_whoever_calls_is_answered_as_the_document_says(
    name: str, record: Customer, settings: Any
) -> None:
    settings.API_RATE = "100000000/min"
    settings.ALLOWED_HOSTS = ["*"]
    headers = CALLERS[name]()
    failures: list[str] = []

    for operation in document().get_all_operations():
        failures += _failures(operation.ok(), headers)

    assert not failures, "\n\n".join(failures[:20])


def _failures(operation: Any, headers: dict[str, str]) -> list[str]:
    """What an address does against the document, told with how to call it again."""
    found: list[str] = []

    def call(case: Any) -> None:
        try:
            case.call_and_validate(headers=headers)
        except (Failure, FailureGroup) as error:
            found.append(f"{operation.label}: {error}\n{getattr(error, 'exceptions', '')}")

    for mode in GenerationMode:
        HURRIED(given(case=operation.as_strategy(generation_mode=mode))(call))()
    return found
