"""Requests as the official descriptions of providers' APIs ask for them, and answers as they say.

What is kept of a description are the names, types and limits of one operation, with its licence;
texts are left out. Providers whose description is not public, or has no licence, are not here.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest

from crm.channels.base import Account
from crm.channels.registry import adapter_class
from crm.simulator import mailers, vendors
from crm.simulator.http import Response
from tests.contracts import HARD_TEXT, outgoing
from tests.mail_contracts import HARD_SUBJECT, HEADERS

HERE = Path(__file__).parent / "openapi"
DESCRIBED = sorted(path.stem for path in HERE.glob("*.json"))
TOLD = {
    "amazon_ses": {"region": "eu-central-1", "access_key_id": "AKID", "configuration_set": "set"},
    "twilio": {"account_sid": "AC" + "0" * 32, "messaging_service_sid": "MG" + "0" * 32},
}
SMS = {"twilio"}


def description(provider: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / f"{provider}.json").read_text(encoding="utf-8"))
    return found


def closed(schema: Any) -> Any:
    """The same schema that knows no field but its own: a misspelt one is a mistake."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict):
        found["properties"] = {name: closed(one) for name, one in schema["properties"].items()}
        found.setdefault("additionalProperties", False)
    return found


def request_of(provider: str, **options: str) -> tuple[str, dict[str, Any]]:
    """The path and the body of what we send."""
    told = TOLD.get(provider, {}) | options
    account = Account(
        provider,
        "https://api.example",
        callback_url="https://shop.example/callbacks/mine/",
        options=tuple(told.items()),
    )
    person = "+441134960100" if provider in SMS else "Ann Müller <ann@people.example>"
    message = outgoing(
        1, person, subject=HARD_SUBJECT, text=HARD_TEXT, html=HARD_TEXT, headers=HEADERS
    )
    call = adapter_class(provider)(account).write(message)
    kind = dict(call.headers)["Content-Type"]
    body = dict(parse_qsl(call.body.decode())) if "form" in kind else json.loads(call.body)
    return f"{call.method} {call.url.removeprefix('https://api.example')}", body


@pytest.mark.parametrize("provider", DESCRIBED)
def test_a_request_is_as_the_provider_describes_it(provider: str) -> None:
    said = description(provider)

    place, body = request_of(provider)

    jsonschema.Draft202012Validator(closed(said["request"])).validate(body)
    assert place == said["operation"].replace("{AccountSid}", "AC" + "0" * 32)


@pytest.mark.parametrize("provider", DESCRIBED)
def test_a_misspelt_field_would_be_noticed(provider: str) -> None:
    check = jsonschema.Draft202012Validator(closed(description(provider)["request"]))
    _place, body = request_of(provider)

    assert not check.is_valid(body | {"Tracking_setings": {}})
    assert not check.is_valid({})


@pytest.mark.parametrize("provider", DESCRIBED)
def test_the_simulator_answers_as_the_provider_describes_it(provider: str) -> None:
    said = description(provider)["answer"]
    if said is None:
        return  # an empty answer needs no description
    keys = mailers.Keys("key", "secret")
    if provider in SMS:
        taken: Any = vendors.Taken("SM" + "0" * 32, "key", "+44", "+441134960100", "Hello")
        answer: Response = vendors.VENDORS[provider](keys).accepted(taken)
    else:
        taken = mailers.TakenMail("49a3999c-0ce1-4ea6-ab68-afcd6dc2e794", "key", "a", "b")
        answer = mailers.mailer(provider, keys).accepted(taken)

    assert isinstance(answer.data, dict)
    jsonschema.Draft202012Validator(closed(said)).validate(answer.data)


def test_every_description_names_its_source_and_its_licence() -> None:
    for provider in DESCRIBED:
        said = description(provider)

        assert said["source"].startswith("https://github.com/")
        assert said["licence"].partition(",")[0] in {"MIT", "Apache-2.0"}
        assert "Copyright" in said["licence"]
        assert said["commit"]


def test_a_sender_of_an_account_of_twilio_is_described_too() -> None:
    _place, body = request_of("twilio", messaging_service_sid="")

    jsonschema.Draft202012Validator(closed(description("twilio")["request"])).validate(body)
