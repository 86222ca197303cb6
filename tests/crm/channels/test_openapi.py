"""Requests as the official descriptions of providers' APIs ask for them, and answers as they say.

What is kept of a description are the names, types and limits of an operation, with its licence;
texts are left out. Providers whose description is not public, has no licence, or one that asks the
same of whoever copies it, are not here. `since` are fields that are younger than the description.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import jsonschema
import pytest

from crm.channels import asking
from crm.channels.base import Account
from crm.channels.registry import adapter_class
from crm.simulator import mailers, vendors
from crm.simulator.http import Request, Response
from tests.contracts import HARD_TEXT, outgoing
from tests.mail_contracts import HARD_SUBJECT, HEADERS

HERE = Path(__file__).parent / "openapi"
DESCRIBED = sorted(path.stem for path in HERE.glob("*.json"))
TOLD = {
    "amazon_ses": {"region": "eu-central-1", "access_key_id": "AKID", "configuration_set": "set"},
    "tencent_sms": {"sdk_app_id": "1400006666", "sign_name": "拉波", "template_id": "1110"},
    "twilio": {"account_sid": "AC" + "0" * 32, "messaging_service_sid": "MG" + "0" * 32},
}
SMS = {"twilio", "vonage", "tencent_sms"}
SEARCHED = [one for one in DESCRIBED if "search" in json.loads((HERE / f"{one}.json").read_text())]


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
    body = {name: value for name, value in body.items() if name not in said.get("since", ())}

    jsonschema.Draft202012Validator(closed(said["request"])).validate(body)
    assert place == said["operation"].replace("{AccountSid}", "AC" + "0" * 32)


@pytest.mark.parametrize("provider", DESCRIBED)
def test_a_misspelt_field_would_be_noticed(provider: str) -> None:
    check = jsonschema.Draft202012Validator(closed(description(provider)["request"]))
    _place, body = request_of(provider)

    assert not check.is_valid(body | {"Tracking_setings": {}})
    assert not check.is_valid({name: 1 for name in body})


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


def exchanges(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[httpx.Request, httpx.Response]]:
    """What we ask the simulator of a mail in doubt, and what it answers."""
    keys, found = mailers.Keys("", "secret"), []
    played: Any = mailers.mailer(provider, keys)
    taken = [mailers.TakenMail("m-1", "key-1", "shop@rapport.example", "ann@people.example")]

    def handle(request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        place = request.url.raw_path.decode()
        asked = Request(request.method, place, headers, request.content)
        said = played.found(asked, taken)
        answer = httpx.Response(said.status, json=said.data)
        found.append((request, answer))
        return answer

    client = httpx.Client(transport=httpx.MockTransport(handle))
    monkeypatch.setattr(asking, "provider_client", lambda _: client)
    looks_up: Any = adapter_class(provider)(Account(provider, "https://api.example"))
    (news, *_more) = looks_up.look_up([outgoing(1, "ann@people.example")])
    assert news.key == "key-1"
    return found


@pytest.mark.parametrize("provider", SEARCHED)
def test_a_search_for_a_mail_in_doubt_and_its_answer_are_as_the_provider_describes_them(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = description(provider)["search"]

    asked = exchanges(provider, monkeypatch)

    assert len(asked) == len(described)
    for (request, answer), said in zip(asked, described, strict=True):
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(said["operation"]))
        assert re.fullmatch(pattern, f"{request.method} {request.url.path}")
        assert set(request.url.params) <= set(said.get("parameters", ()))
        if "request" in said:
            body = json.loads(request.content)
            jsonschema.Draft202012Validator(closed(said["request"])).validate(body)
        jsonschema.Draft202012Validator(closed(said["answer"])).validate(answer.json())


@pytest.mark.parametrize("provider", SEARCHED)
def test_an_answer_of_another_shape_would_be_noticed(provider: str) -> None:
    for said in description(provider)["search"]:
        check = jsonschema.Draft202012Validator(closed(said["answer"]))

        assert not check.is_valid({"found": []})
        assert not check.is_valid({name: 1 for name in said["answer"]["properties"]})


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
