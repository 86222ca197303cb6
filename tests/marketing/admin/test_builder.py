"""What the builder offers: a form for every kind of condition, starters that hold, real values."""

import pytest
from django.urls import reverse

from crm import events
from crm.choices import AttributeState
from crm.models import AttributeDefinition
from marketing import segments
from marketing.admin import builder
from marketing.admin.builder import catalogue, gallery
from marketing.admin.builder.kinds import forms
from marketing.rules import compile_rules, explain
from marketing.rules.registry import conditions
from tests import making

VALUES = reverse("admin:marketing_segment_values")


def offered(client, **asked):
    return [found["value"] for found in client.get(VALUES, asked).json()["values"]]


@pytest.fixture
def looked(db, greta, now):
    """Greta looked at tea."""
    seen = events.NewEvent(
        customer_id=greta.pk,
        name="product.viewed",
        occurred_at=now,
        key="seen-1",
        properties={"category": "Tea"},
    )
    events.record_many(events=[seen], now=now)


@pytest.fixture
def reader(client, django_user_model):
    """May see segments, and people only masked."""
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create(username="rita", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_segment"))
    client.force_login(user)
    return client


def test_every_kind_of_condition_has_a_form():
    assert set(conditions.names()) == set(forms.names())


def test_a_kind_without_a_form_is_edited_as_json(db, monkeypatch):
    monkeypatch.setattr(forms, "_paths", {})

    [form] = catalogue.forms_of("field")

    assert form["is_raw"]
    assert form["kind"] == "field"


def test_every_form_writes_the_key_that_names_its_kind(db):
    for form in builder.build()["entries"]:
        controls = [control["key"] for control in form.get("controls", [])]
        keys = {*form.get("fixed", {}), form.get("subject", {}).get("key"), *controls}

        assert form["kind"] in keys


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_starter_holds_and_is_said(db, now, settings, language):
    settings.LANGUAGE_CODE = language

    for starter in gallery.offered():
        said = explain(rules=starter["rules"])

        assert said
        assert compile_rules(rules=starter["rules"], now=now).sql
        assert segments.preview(rules=starter["rules"], now=now).total == 0


def test_spending_of_vips_is_told_from_real_customers(db, greta, now):
    making.order(now=now, customer=greta)

    [vips] = [starter for starter in gallery.offered() if starter["icon"] == "diamond"]

    assert vips["rules"]["all"][0]["value"] == 25


def test_values_come_from_real_data_with_the_usual_first(admin, greta, ben, now):
    making.customer(now=now, country="FR")

    found = admin.get(VALUES, {"of": "field", "name": "country"}).json()["values"]

    assert found == [
        {"value": "FR", "label": "FR", "share": 67},
        {"value": "DE", "label": "DE", "share": 33},
    ]


def test_values_that_begin_with_the_text_come_first(admin, now, db):
    for city in ("Bonn", "Lisbon"):
        making.customer(now=now, city=city)

    assert offered(admin, of="field", name="city", text="bon") == ["Bonn", "Lisbon"]


def test_nobody_is_offered_the_addresses_of_people(admin, greta):
    assert offered(admin, of="field", name="email") == []


def test_events_their_properties_and_values_are_offered(admin, looked):
    assert "product.viewed" in offered(admin, of="events")
    assert offered(admin, of="properties", event="product.viewed") == ["category"]
    assert offered(admin, of="property", event="product.viewed", name="category") == ["Tea"]


def test_products_are_found_by_name_and_named_by_number(admin, now, db):
    making.product(now=now)

    assert offered(admin, of="products", name="product", text="green") == ["TEA-1"]
    [named] = admin.get(VALUES, {"of": "products", "name": "product", "sku": "TEA-1"}).json()[
        "values"
    ]
    assert named["label"] == "Green tea · TEA-1"


def test_attributes_that_may_be_personal_are_masked_for_who_may_not_see_them(reader, now):
    made = {"plan": "gold", "nickname": "Gretel"}
    making.customer(now=now, attributes=made)
    AttributeDefinition.objects.all().delete()
    for name in made:
        AttributeDefinition.objects.create(
            name=name,
            is_personal=name == "nickname",
            state=AttributeState.ADOPTED,
            created_at=now,
        )

    assert offered(reader, of="attribute", name="plan") == ["gold"]
    assert offered(reader, of="attribute", name="nickname") == []


def test_properties_of_events_are_masked_for_who_may_not_see_them(reader, looked):
    assert offered(reader, of="property", event="product.viewed", name="category") == []


def test_newcomers_are_offered_nothing(newcomer):
    assert newcomer.get(VALUES, {"of": "events"}).status_code == 403


@pytest.mark.parametrize("asked", [{}, {"of": "passwords"}, {"of": "field", "name": "id; --"}])
def test_what_nobody_knows_has_no_values(admin, asked):
    assert offered(admin, **asked) == []
