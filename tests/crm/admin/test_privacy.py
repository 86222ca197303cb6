"""Staff order an erasure: they type whom they mean, by what they are shown."""

from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from crm import customers
from crm.models import Customer, PrivacyRequest
from tests import making

pytestmark = pytest.mark.django_db

MAY_ERASE = ("view_customer", "erase_customer", "view_privacyrequest")


@pytest.fixture
def veiled(db: None) -> Client:
    """May erase, but sees names and addresses masked."""
    client = Client()
    user = User.objects.create_user("vera", password="x" * 20, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=MAY_ERASE))
    client.force_login(user)
    return client


def asked_to_type(client: Client, customer: Customer) -> str:
    page = client.get(reverse("admin:crm_customer_change", args=[customer.pk])).content.decode()
    return unescape(page.partition("Type “")[2].partition("” to confirm")[0])


def erase(client: Client, customer: Customer, typed: str) -> bool:
    address = reverse("admin:crm_privacyrequest_order", args=[customer.pk])
    assert client.post(address, {"kind": "erasure", "typed": typed}).status_code == 302
    return PrivacyRequest.objects.filter(customer=customer, state="confirmed").exists()


def test_whoever_sees_the_name_types_the_name(admin: Client, ada: Customer) -> None:
    words = asked_to_type(admin, ada)

    assert words == "Ada Lovelace"
    assert not erase(admin, ada, f"#{ada.pk}")
    assert not erase(admin, ada, "")
    assert erase(admin, ada, "Ada  Lovelace ")


def test_whoever_sees_the_name_masked_types_the_number(veiled: Client, ada: Customer) -> None:
    words = asked_to_type(veiled, ada)

    assert words == f"#{ada.pk}"
    assert not erase(veiled, ada, "A••• L•••")
    assert not erase(veiled, ada, "Ada Lovelace")
    assert erase(veiled, ada, words)


def test_the_number_of_another_customer_erases_nobody(
    veiled: Client, ada: Customer, now: object
) -> None:
    other = making.customer(now=now)  # type: ignore[arg-type]

    assert not erase(veiled, ada, f"#{other.pk}")
    assert not PrivacyRequest.objects.exists()


@pytest.mark.parametrize("name", ["Ada\u200bLovelace", "\u202eecalevoL", "Ada\x07", "\u00ad"])
def test_a_name_that_no_keyboard_writes_is_confirmed_by_number(
    admin: Client, now: object, name: str
) -> None:
    person = customers.Person(external_id="7", first_name=name)
    odd = Customer.objects.get(pk=customers.identify(person=person, now=now))  # type: ignore[arg-type]

    words = asked_to_type(admin, odd)

    assert words == f"#{odd.pk}"
    assert erase(admin, odd, words)


def test_a_name_over_several_lines_is_typed_in_one(admin: Client, now: object) -> None:
    person = customers.Person(external_id="7", first_name="Ada\nMary", last_name="Lovelace")
    odd = Customer.objects.get(pk=customers.identify(person=person, now=now))  # type: ignore[arg-type]

    assert erase(admin, odd, asked_to_type(admin, odd))


def test_who_was_erased_meanwhile_is_not_found(admin: Client, ada: Customer) -> None:
    address = reverse("admin:crm_privacyrequest_order", args=[ada.pk])
    ada.delete()

    assert admin.post(address, {"kind": "export"}).status_code == 404
