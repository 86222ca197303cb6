"""Every field that the document lets callers write takes every odd text, or says why not."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from crm import companies, keys, webhooks
from crm.choices import ApiScope, IdentityKind
from crm.companies import NewCompany
from crm.webhooks import NewWebhook
from tests import making
from tests.crm.api.test_api import Shop
from tests.crm.api.test_naughty import _storable, _strings

pytestmark = pytest.mark.django_db

Schema = Mapping[str, Any]
Leaf = tuple[str, ...]
ANSWERS = {200, 201, 204, 400, 404, 409, 413, 422}
# Every text where RAPPORT_LONG asks for it, else one of so many.
STEP = 1 if os.environ.get("RAPPORT_LONG") else 250
ITEM = "[]"
# What names things in a body; without them nothing is reached behind the first check.
KNOWN: dict[str, Any] = {
    "channel": "email",
    "address": "ada@shop.example",
    "reason": "staff",
    "kind": IdentityKind.ANONYMOUS.value,
    "type": "text",
    "url": "https://hooks.example.com/in",
    "currency": "EUR",
    "sku": "TEA-1",
    "name": "tea.brewed",
    "occurred_at": "2026-04-01T12:00:00Z",
    "placed_at": "2026-04-01T12:00:00Z",
    "decided_at": "2026-04-01T12:00:00Z",
    "unit_price": 1,
    "price": 1,
    "quantity": 1,
    "choices": ["a"],
}
# Kinds differ by address: an export's is another than an identity's.
BY_PATH: dict[str, dict[str, Any]] = {
    "/api/v1/exports/": {"kind": "customers"},
    "/api/v1/webhooks/": {"events": ["order.*"]},
}
# Free texts come back exactly; around names and places white space is left out.
EXACT = {"label", "detail", "heading"}
TRIMMED = {"first_name", "last_name", "city", "postcode", "street"}


class Document:
    """The OpenAPI document: what can be written where."""

    def __init__(self) -> None:
        headers = {"accept": "application/json"}
        self.whole = Client().get("/api/v1/schema/", headers=headers).json()

    def operations(self) -> Iterator[tuple[str, str, Schema]]:
        """Every address that takes JSON, with its method and what it takes."""
        for path, methods in self.whole["paths"].items():
            for method, operation in methods.items():
                content = operation.get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    yield method.upper(), path, self.told(content["application/json"]["schema"])

    def told(self, schema: Schema) -> Schema:
        """A schema itself where there is but a reference to it."""
        inner = schema.get("allOf", [schema])[0]
        if "$ref" not in inner:
            return inner
        found: Any = self.whole
        for step in inner["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self.told(found)

    def leaves(self, schema: Schema) -> Iterator[Leaf]:
        """The paths of all texts and free objects, words of a list aside."""
        schema = self.told(schema)
        if schema.get("type") == "array":
            yield from ((ITEM, *leaf) for leaf in self.leaves(schema["items"]))
        elif "properties" in schema:
            for name, inner in schema["properties"].items():
                yield from ((name, *leaf) for leaf in self.leaves(inner))
        elif "enum" not in schema and schema.get("type") in {"string", "object"}:
            yield ()

    def sample(self, schema: Schema, known: Mapping[str, Any]) -> Any:
        """The least that is taken."""
        schema = self.told(schema)
        if schema.get("type") == "array":
            return [self.sample(schema["items"], known)]
        if "properties" not in schema:
            return schema["enum"][0] if "enum" in schema else "1" if "string" in str(schema) else 1
        wanted = [*schema.get("required", ()), *(["external_id"] if "anyOf" in schema else [])]
        return {
            name: known.get(name, self.sample(schema["properties"][name], known)) for name in wanted
        }


def _put(body: Any, leaf: Leaf, text: str) -> None:
    """Write a text where the leaf says, as text or as key and value of an object."""
    here = body
    for step, following in pairwise(leaf):
        if step == ITEM:
            here = here[0]
        elif not isinstance(here.get(step), list if following == ITEM else dict):
            here[step] = here = [{}] if following == ITEM else {}
        else:
            here = here[step]
    is_object = leaf[-1] in {"attributes", "properties", "proof"}
    here[0 if leaf[-1] == ITEM else leaf[-1]] = {"note": text, text: 1} if is_object else text


@pytest.fixture
def texts(shared_corpora: Path) -> list[str]:
    """All naughty strings and attacks, or some of them."""
    files = [shared_corpora / "naughty_strings" / "blns.json"]
    files += sorted((shared_corpora / "attack_payloads").glob("*.json"))
    return [one for file in files for one in _strings(json.loads(file.read_text("utf-8")))][::STEP]


@pytest.fixture
def places(settings: Any, now: datetime) -> dict[str, str]:
    """Something at every address."""
    settings.API_RATE = "100000000/min"
    settings.WEBHOOK_ALLOWED_HOSTS = ["hooks.example.com"]
    cache.clear()
    making.product(now=now)
    companies.record_many(companies=[NewCompany("G-1")], now=now)
    firm = companies.record_many(companies=[NewCompany("G-1")], now=now)["G-1"]
    new = NewWebhook("Hook", "https://hooks.example.com/in", ("order.*",))
    hook = webhooks.subscribe(new=new, now=now).webhook
    secret = keys.create(name="Files", scopes=ApiScope.values, now=now).secret
    file = SimpleUploadedFile("people.csv", b"E-mail\nada@shop.example\n")
    client = Client(headers={"authorization": f"Bearer {secret}"})
    run = client.post("/api/v1/imports/", {"file": file}).json()
    return {
        "customer_id": str(making.customer(now=now).pk),
        "company_id": str(firm),
        "webhook_id": str(hook.pk),
        "import_id": str(run["id"]),
    }


def test_every_field_takes_every_text_or_says_why_not(
    texts: list[str], places: dict[str, str]
) -> None:
    document, shop, asked = Document(), Shop(), 0
    wrong: list[str] = []
    answers: Counter[int] = Counter()

    for method, path, schema in document.operations():
        address = path.format(**places).removeprefix("/api/v1/").rstrip("/")
        known = KNOWN | BY_PATH.get(path, {})
        for leaf in document.leaves(schema):
            asked += 1
            for body in _bodies(document.sample(schema, known), leaf, texts):
                answer = shop.call(method, address, body)
                answers[answer.status_code] += 1
                if answer.status_code not in ANSWERS:
                    wrong.append(f"{method} {path} {leaf}: {answer.status_code} {body!r}"[:500])
                wrong += _changed(answer, body, f"{method} {path}")

    print(f"{asked} fields, {len(texts)} texts, {sum(answers.values())} calls, {dict(answers)}")
    assert asked > 90
    assert not wrong, "\n".join(wrong[:20])


def _bodies(sample: Any, leaf: Leaf, texts: list[str]) -> Iterator[Any]:
    """One body a text; where the address takes a batch all texts come in one, and good ones again.

    Every entry is somebody else's, as two who share a handle are one.
    """
    made = []
    for number, text in enumerate(texts):
        body = deepcopy(sample)
        _number(body, f"n-{number}")
        _put(body, leaf, text)
        made.append(body)
    name = leaf[0]
    if len(leaf) == 1 or leaf[1] != ITEM or len(sample) > 1:
        yield from made
        return
    good = [body for body, text in zip(made, texts, strict=True) if _storable(text)]
    for some in (made, good, [b for b in good if len(str(b)) < 250]):
        for start in range(0, len(some), 1000):
            yield {name: [body[name][0] for body in some[start : start + 1000]]}
    yield from made[:2]


def _number(body: Any, number: str) -> None:
    for name, inner in body.items() if isinstance(body, dict) else ():
        if name in {"external_id", "key", "number"}:
            body[name] = number
        if name == "address":
            body[name] = f"{number}@shop.example"
        for one in inner if isinstance(inner, list) else [inner]:
            _number(one, number)


def _changed(answer: Any, body: Any, told: str) -> list[str]:
    """What was taken and came back as something else."""
    if answer.status_code not in {200, 201}:
        return []
    shown = answer.json()
    return [
        f"{told}: {name} {body[name]!r} came back as {shown[name]!r}"
        for name in (EXACT | TRIMMED) & shown.keys() & body.keys()
        if shown[name] != (body[name].strip() if name in TRIMMED else body[name])
    ]
