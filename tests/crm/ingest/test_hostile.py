"""Odd and hostile texts in every field of the tracking API: taken exactly, or put aside."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from crm.models import Customer, Event, RejectedEvent
from tests.crm import hostile
from tests.crm.ingest.test_drain import Tell

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = 400


@pytest.fixture
def texts(shared_corpora: Path) -> list[str]:
    """The naughty strings and every attack, as they can be stored."""
    return [text for text in hostile.texts(shared_corpora) if hostile.storable(text)]


def test_properties_and_traits_come_back_as_they_came(
    tell: Tell, drained: Any, texts: list[str]
) -> None:
    said = [{"note": text, text: "key", "deep": [{"in": text}]} for text in texts]
    for start in range(0, len(texts), BATCH):
        tell(
            *(
                call
                for number, words in enumerate(said[start : start + BATCH], start)
                for call in (
                    track(number, properties=words),
                    {"type": "identify", "userId": f"n-{number}", "traits": words},
                )
            )
        )

    drained()

    events = Event.objects.filter(name="Tea Brewed").values_list("key", "properties")
    kept = {int(key.rpartition(":")[2]): properties for key, properties in events}
    people = Customer.objects.values_list("identities__value", "attributes")
    known = {value: attributes for value, attributes in people}
    assert len(texts) > 1000
    assert [kept[number] for number in range(len(texts))] == said
    assert [known[f"n-{number}"] for number in range(len(texts))] == said


def test_no_text_in_any_field_is_lost_without_a_word(
    tell: Tell, drained: Any, texts: list[str], now: datetime
) -> None:
    told = 0
    for start in range(0, len(texts), BATCH):
        calls = [call for text in texts[start : start + BATCH] for call in everywhere(text)]
        told += len(calls)
        for first in range(0, len(calls), BATCH):
            tell(*calls[first : first + BATCH])

    drained()

    distinct = len({repr(call) for text in texts for call in everywhere(text)})
    recorded, rejected = Event.objects.count(), RejectedEvent.objects.count()
    assert recorded
    assert distinct <= recorded + rejected <= told


def track(number: int, **more: Any) -> dict[str, Any]:
    """A track call of the person of that number."""
    names = {"userId": f"n-{number}", "event": "Tea Brewed", "messageId": str(number)}
    return {"type": "track", **names, **more}


def everywhere(text: str) -> list[dict[str, Any]]:
    """A text in every field that a client writes."""
    return [
        track(0, messageId="", event=text),
        {**track(0, messageId=""), "userId": text},
        {**track(0), "messageId": text},
        track(0, messageId="", timestamp=text),
        track(0, messageId="", context={"campaign": {"name": text}, "locale": text}),
        track(0, messageId="", event="Product Viewed", properties={"sku": text, "name": text}),
        {"type": "page", "anonymousId": text, "name": text, "category": text},
        {"type": "identify", "userId": "n-0", "traits": dict.fromkeys(TRAITS, text)},
        {"type": "group", "userId": "n-0", "groupId": text, "traits": {"name": text}},
    ]


TRAITS = ("email", "phone", "firstName", "lastName", "name", "address", "createdAt", "language")
