"""The veil: what is loaded behind it is masked and cannot be saved."""

from datetime import datetime

import pytest

from crm.models import AttributeDefinition, Customer, veil
from tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(now: datetime) -> Customer:
    AttributeDefinition.objects.create(
        name="tier", state="adopted", is_personal=False, created_at=now
    )
    return making.customer(
        now=now,
        first_name="Ada",
        last_name="Lovelace",
        email="ada@shop.example",
        phone="+441134960123",
        attributes={"tier": "gold", "child": "Byron"},
    )


def test_names_addresses_and_personal_attributes_are_masked(ada: Customer) -> None:
    with veil.drawn():
        seen = Customer.objects.get(pk=ada.pk)
        handles = {identity.value for identity in seen.identities.all()}

    assert (seen.full_name, seen.email, seen.phone) == ("A••• L•••", "a•••@•••.example", "•••23")
    assert seen.attributes == {"tier": "gold", "child": "•••"}
    assert not any("lovelace" in handle or "ada@" in handle for handle in handles)


def test_a_past_state_is_masked_too(ada: Customer) -> None:
    ada.first_name = "Augusta"
    ada.save()

    with veil.drawn():
        assert ada.history.first().first_name == "A•••"


def test_what_was_masked_is_never_saved(ada: Customer) -> None:
    with veil.drawn():
        seen = Customer.objects.get(pk=ada.pk)

    with pytest.raises(veil.SavedUnderVeil):
        seen.save()


def test_an_operation_behind_the_veil_can_lift_it(ada: Customer) -> None:
    with veil.drawn(), veil.lifted():
        assert Customer.objects.get(pk=ada.pk).first_name == "Ada"

    assert not veil.is_drawn()


def test_without_the_veil_everything_is_as_it_is(ada: Customer) -> None:
    assert Customer.objects.get(pk=ada.pk).email == "ada@shop.example"
