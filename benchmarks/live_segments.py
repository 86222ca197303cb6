"""Many live segments of all shapes, and a stream of events that touches them."""

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from benchmarks import posting
from marketing.models import Segment

# So many segments are entered by a single event of their own: one event in ten is such a one.
MARKS = 10
_EVERY = 10
# Calls in one request, as the libraries of shops send them.
CALLS = 10
# How `history` gives out events, of a thousand.
_STREAM = {
    "page.viewed": 500,
    "product.viewed": 330,
    "cart.product_added": 120,
    "checkout.started": 40,
    "support.asked": 9,
    "tea.subscribed": 1,
}

# Which segment, which customer.
Entry = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and who enters what by it."""

    request: bytes
    entries: Sequence[Entry]


def make_marks() -> list[int]:
    """Make the segments that have an event of their own; the next sweep computes them."""
    marks = [
        Segment.objects.create(
            name=f"Mark {number}",
            rules={
                "version": 1,
                "all": [
                    {"event": _mark(number), "within_days": 7 + number},
                    {"consent": "granted", "channel": "email"},
                    {"field": "email", "op": "known"},
                ],
            },
        )
        for number in range(MARKS)
    ]
    return [segment.pk for segment in marks]


def _mark(number: int) -> str:
    return f"mark.{number}"


class Teller:
    """Tells events as `history` gives them out, and between them those that let people enter."""

    def __init__(self, marks: Sequence[int], secret: str) -> None:
        self._marks, self._secret = marks, secret
        self._random = random.Random(11)
        with connection.cursor() as cursor:
            cursor.execute("SELECT max(id) FROM crm_customer")
            [self._people] = cursor.fetchone()
        self._names = self._random.choices(list(_STREAM), list(_STREAM.values()), k=100_000)
        self._entered: set[Entry] = set()

    def calls(self, *, events: int) -> list[Call]:
        """Requests of ten events each."""
        return [self._call() for _ in range(events // CALLS)]

    def _call(self) -> Call:
        told: list[dict[str, Any]] = []
        entries: list[Entry] = []
        for number in range(CALLS):
            if number % _EVERY == 0:
                mark, customer_id = self._entry()
                told.append(self._event(customer_id, _mark(mark)))
                entries.append((self._marks[mark], customer_id))
            else:
                told.append(self._event(self._anybody(), self._random.choice(self._names)))
        body = json.dumps({"batch": told}).encode()
        return Call(posting.request("/v1/batch", self._secret, body), entries)

    def _entry(self) -> tuple[int, int]:
        """Somebody whom `history` gave consent, and who has not entered that segment."""
        while True:
            entry = self._random.randrange(len(self._marks)), self._anybody()
            if entry[1] % 10 < 7 and entry not in self._entered:
                self._entered.add(entry)
                return entry

    def _anybody(self) -> int:
        return 1 + int(self._random.random() ** 1.6 * (self._people - 1))

    def _event(self, customer_id: int, name: str) -> dict[str, Any]:
        number = self._random.randrange(500)
        told = {"path": f"/p/{number}"} if name == "page.viewed" else {"sku": f"P-{number % 200}"}
        return {
            "type": "track",
            "messageId": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "userId": f"C{customer_id}",
            "event": name,
            "properties": told,
        }
