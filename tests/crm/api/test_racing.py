"""Programs and staff who call at the very same moment leave exactly one right result."""

from collections import Counter
from datetime import datetime
from functools import partial
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from crm import customers
from crm.models import Customer, IdempotentCall, Identity, Order, Webhook
from tests import making
from tests.crm.api.test_api import ADA, ORDER, Shop
from tests.crm.racing import at_once, errors, times

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5
CALLERS = 8


@pytest.fixture
def shop(settings: Any) -> Shop:
    settings.API_RATE = "100000000/min"
    settings.WEBHOOK_ALLOWED_HOSTS = ["hooks.example.com"]
    cache.clear()
    return Shop()


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("maria", password="a-long-password"))
    return client


def once(shop: Shop, path: str, data: Any, key: str) -> Any:
    return shop._client.post(
        f"/api/v1/{path}/", data, "application/json", headers={"idempotency-key": key}
    )


class _Form(HTMLParser):
    """What a browser sends for the form of a page as it is shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._text = ""
        self._is_inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = known.get("id") == "customer_form"
        if not self._is_inside or not known.get("name"):
            return
        if tag == "input" and known.get("type") != "submit":
            self.sent[known["name"]] = known.get("value", "")
        if tag == "textarea":
            self._text, self.sent[known["name"]] = known["name"], ""

    def handle_endtag(self, tag: str) -> None:
        self._text = "" if tag == "textarea" else self._text
        self._is_inside = self._is_inside and tag != "form"

    def handle_data(self, data: str) -> None:
        if self._text:
            self.sent[self._text] += data


def form_of(client: Client, address: str) -> dict[str, str]:
    """The form of a customer as a browser has it before anything is typed."""
    return _Form(client.get(address).content.decode()).sent


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("orders", {"orders": [ORDER]}),
        ("customers", {"customers": [ADA]}),
        ("webhooks", {"name": "B", "url": "https://hooks.example.com/", "events": ["*"]}),
    ],
)
def test_one_key_used_by_eight_at_once_does_one_thing(
    shop: Shop, now: datetime, path: str, data: Any
) -> None:
    making.product(now=now)
    for number in range(ROUNDS):
        answers = at_once(*times(CALLERS, once, shop=shop, path=path, data=data, key=f"k-{number}"))

        later = once(shop, path, data, f"k-{number}")
        assert errors(answers) == []
        met = Counter(answer.status_code for answer in answers)
        first = [a for a in answers if a.status_code < 400 and "Idempotent-Replayed" not in a]
        # Whoever comes while the first is at work is told so, and whoever comes after it is told
        # what the first was told.
        assert len(first) == 1 if number == 0 or path != "webhooks" else not first
        assert set(met) <= {200, 201, 409}
        assert later["Idempotent-Replayed"] == "true"
        same = [answer.content for answer in answers if answer.status_code < 400]
        assert set(same) <= {later.content}
        assert IdempotentCall.objects.count() == number + 1
    assert Order.objects.count() == (path == "orders")
    assert Webhook.objects.count() == (path == "webhooks")
    assert Customer.objects.count() == (path != "webhooks")


def test_eight_keys_at_once_with_the_same_batch_make_one_customer(shop: Shop) -> None:
    calls = [
        partial(once, shop, "customers", {"customers": [ADA]}, f"k-{number}")
        for number in range(CALLERS)
    ]

    answers = at_once(*calls)

    assert errors(answers) == []
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert Customer.objects.count() == 1


def test_a_change_by_a_program_and_one_by_staff_at_once_both_last(
    shop: Shop, admin: Client, now: datetime
) -> None:
    for number in range(ROUNDS):
        ada = making.customer(now=now, city="Hull", attributes={"plan": "gold", "old": 1})
        address = reverse("admin:crm_customer_edit", args=[ada.pk])
        form = form_of(admin, address) | {"last_name": f"King {number}"}
        told = {"city": "Leeds", "attributes": {"size": number, "old": None}}

        answers = at_once(
            partial(admin.post, address, form),
            partial(shop.call, "PATCH", f"customers/{ada.pk}", told),
        )

        assert errors(answers) == []
        assert [answer.status_code for answer in answers] == [302, 200]
        ada.refresh_from_db()
        assert (ada.last_name, ada.city) == (f"King {number}", "Leeds")
        assert ada.attributes == {"plan": "gold", "size": number}


def test_what_a_program_changed_while_staff_typed_is_kept(
    shop: Shop, admin: Client, now: datetime
) -> None:
    ada = making.customer(now=now, city="Hull", attributes={"plan": "gold"})
    address = reverse("admin:crm_customer_edit", args=[ada.pk])
    form = form_of(admin, address)
    shop.call("PATCH", f"customers/{ada.pk}", {"city": "Leeds", "attributes": {"size": 7}})

    form |= {"first_name": "Augusta", "attributes": '{"plan": "silver"}'}
    answer = admin.post(address, form)

    assert answer.status_code == 302
    ada.refresh_from_db()
    assert (ada.first_name, ada.city) == ("Augusta", "Leeds")
    assert ada.attributes == {"plan": "silver", "size": 7}


def test_two_new_addresses_at_once_leave_the_one_that_leads_to_the_customer(
    shop: Shop, admin: Client, now: datetime
) -> None:
    for number in range(ROUNDS):
        ada = making.customer(now=now)
        address = reverse("admin:crm_customer_edit", args=[ada.pk])
        form = form_of(admin, address) | {"email": f"staff{number}@shop.example"}
        told = {"email": f"program{number}@shop.example", "phone": f"+4411349621{number:02d}"}

        answers = at_once(
            partial(admin.post, address, form),
            partial(shop.call, "PATCH", f"customers/{ada.pk}", told),
        )

        assert errors(answers) == []
        assert {answer.status_code for answer in answers} <= {200, 302}
        ada.refresh_from_db()
        assert ada.email in {f"staff{number}@shop.example", told["email"]}
        assert ada.phone == told["phone"]
        kept = ada.identities.filter(kind="email").values_list("value", flat=True)
        assert list(kept) == [ada.email]


def test_handles_added_changed_and_removed_at_once_meet_no_deadlock(now: datetime) -> None:
    for number in range(ROUNDS):
        ada = making.customer(now=now, anonymous_id=f"b-{number}")
        phone = Identity.objects.get(customer=ada, kind="phone")
        new = {"email": f"new{number}@shop.example", "phone": f"+4411349622{number:02d}"}
        known = customers.Person(external_id=f"x-{number}", email=new["email"], phone=phone.value)

        answers = at_once(
            partial(customers.remove_identity, identity_id=phone.pk, now=now),
            partial(
                customers.add_identity,
                customer_id=ada.pk,
                kind="phone",
                value=phone.value,
                now=now,
            ),
            partial(customers.change, customer_id=ada.pk, values=new, now=now),
            partial(customers.identify, person=known, now=now),
        )

        assert not [error for error in errors(answers) if "deadlock" in str(error)]
        ada.refresh_from_db()
        held = {i.kind: i.value for i in ada.identities.filter(value__in=[ada.email, ada.phone])}
        assert held.get("email", "") == ada.email
        assert held.get("phone", "") == ada.phone


def test_whoever_is_merged_away_while_they_are_changed_is_not_an_error_of_ours(
    shop: Shop, now: datetime
) -> None:
    for _ in range(ROUNDS):
        kept, merged = making.customer(now=now), making.customer(now=now)
        told = {"kept_id": kept.pk, "merged_id": merged.pk}

        answers = at_once(
            partial(shop.post, "merges", told),
            partial(shop.call, "PATCH", f"customers/{merged.pk}", {"city": "Leeds"}),
            partial(shop.post, "merges", told),
            partial(shop.call, "PATCH", f"customers/{merged.pk}", {"city": "York"}),
        )

        assert errors(answers) == []
        statuses = [answer.status_code for answer in answers]
        assert sorted((statuses[0], statuses[2])) == [201, 409]
        assert {statuses[1], statuses[3]} <= {200, 404}
