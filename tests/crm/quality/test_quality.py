"""What is wrong with the data is found, mended by one press, and put back by another."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError

from crm import attributes, consent, desk, quality
from crm.models import Customer, MarketingPause, Order, QualityFinding, QualityRepair
from tests import making

pytestmark = pytest.mark.django_db


def person(now: datetime, **known) -> Customer:
    plain = {"first_name": "Ada", "last_name": "Lovelace", "country": "GB"}
    return making.customer(now=now, **{**plain, **known})


def found(check: str) -> list[tuple[str, str, str]]:
    rows = QualityFinding.objects.filter(check_name=check).order_by("pk")
    return list(rows.values_list("field", "value", "suggestion"))


def broken(now: datetime, **columns) -> Customer:
    """A customer with what no way in lets through any more, as older data has it."""
    customer = person(now, external_id=f"old-{columns}"[:90])
    Customer.objects.filter(pk=customer.pk).update(**columns)
    customer.refresh_from_db()
    return customer


def test_a_clean_record_has_nothing_wrong(now: datetime) -> None:
    person(now, email="ada@engines.net", phone="+441134960123")

    quality.look(now=now)

    assert not QualityFinding.objects.exists()


@pytest.mark.parametrize(
    ("check", "columns", "expected"),
    [
        ("no_address", {"email": "", "phone": ""}, ("", "", "")),
        (
            "no_country",
            {"country": "", "phone": "+4930123456", "email": ""},
            ("country", "", "DE"),
        ),
        ("no_country", {"country": "", "phone": "+12025550123"}, ("country", "", "")),
        ("bad_email", {"email": "ada@@engines"}, ("email", "ada@@engines", "")),
        ("bad_email", {"email": "noreply@engines.net"}, ("email", "noreply@engines.net", "")),
        ("typo_domain", {"email": "ada@gmial.com"}, ("email", "ada@gmial.com", "ada@gmail.com")),
        ("bad_phone", {"phone": "0113 49"}, ("phone", "0113 49", "")),
        ("bad_phone", {"phone": "+440000000000"}, ("phone", "+440000000000", "")),
        ("bad_name", {"last_name": "LOVELACE"}, ("last_name", "LOVELACE", "Lovelace")),
        ("bad_name", {"first_name": "Ada  May"}, ("first_name", "Ada  May", "Ada May")),
    ],
)
def test_each_kind_of_fault_is_found_with_a_suggestion(
    now: datetime, check: str, columns: dict[str, str], expected: tuple[str, str, str]
) -> None:
    broken(now, **columns)

    quality.look(now=now)

    assert found(check) == [expected]


def test_an_order_far_from_all_others_stands_out(now: datetime) -> None:
    customer = person(now, email="ada@engines.net")
    totals = [20, 25, 30, 35, 40, 45, 50, 1_000_000]
    for number, total in enumerate(totals):
        Order.objects.create(
            number=f"A-{number}", customer=customer, placed_at=now, currency="EUR", total=total
        )

    quality.look(now=now)

    assert found("outlying") == [("order A-7", "1000000.00 EUR", "")]


def test_an_attribute_of_another_type_is_found_and_turned(now: datetime) -> None:
    for name, kind in (("size", "number"), ("member", "boolean"), ("tier", "choice")):
        attributes.define(
            wanted=attributes.Definition(name=name, type=kind, choices=("gold", "silver")), now=now
        )
    customer = broken(now, attributes={"size": "38", "member": "yes", "tier": "Gold"})

    quality.look(now=now)
    quality.repair(check="bad_attribute", finding_ids=None, by=None, now=now)

    customer.refresh_from_db()
    assert customer.attributes == {"size": 38, "member": True, "tier": "gold"}


def test_a_repair_is_applied_and_taken_back(now: datetime) -> None:
    customer = person(now, email="ada@gmial.com")
    quality.look(now=now)

    done = quality.repair(check="typo_domain", finding_ids=None, by=None, now=now)
    customer.refresh_from_db()
    assert (customer.email, done.done) == ("ada@gmail.com", 1)
    assert customer.identities.filter(kind="email", value="ada@gmail.com").exists()

    assert quality.undo(repair_id=done.repair_id, by=None, now=now) == 1
    customer.refresh_from_db()
    assert customer.email == "ada@gmial.com"
    with pytest.raises(ValidationError):
        quality.undo(repair_id=done.repair_id, by=None, now=now)


def test_an_address_that_cannot_be_right_is_taken_away_and_put_back(now: datetime) -> None:
    customer = broken(now, email="ada@@engines")
    quality.look(now=now)

    done = quality.repair(check="bad_email", finding_ids=None, by=None, now=now)
    customer.refresh_from_db()
    assert customer.email == ""

    quality.undo(repair_id=done.repair_id, by=None, now=now)
    customer.refresh_from_db()
    assert customer.email == "ada@@engines"


def test_what_was_changed_since_is_not_put_back(now: datetime) -> None:
    customer = broken(now, last_name="LOVELACE")
    quality.look(now=now)
    done = quality.repair(check="bad_name", finding_ids=None, by=None, now=now)
    Customer.objects.filter(pk=customer.pk).update(last_name="Byron")

    assert quality.undo(repair_id=done.repair_id, by=None, now=now) == 0

    customer.refresh_from_db()
    assert customer.last_name == "Byron"


def test_a_locked_field_is_left_and_said(now: datetime) -> None:
    customer = broken(now, last_name="LOVELACE")
    desk.lock_field(customer_id=customer.pk, field="last_name", reason="So spelt", by=None, now=now)
    quality.look(now=now)

    done = quality.repair(check="bad_name", finding_ids=None, by=None, now=now)

    assert done.done == 0
    assert sum(done.left.values()) == 1
    assert not QualityRepair.objects.exists()


def test_who_went_quiet_gets_a_rest_that_can_be_lifted(now: datetime) -> None:
    customer = person(now - timedelta(days=1000), email="ada@engines.net")
    Customer.objects.update(created_at=now - timedelta(days=1000), last_seen_at=None)
    consent.grant(
        customer_id=customer.pk, channel="email", source="checkout", now=now - timedelta(days=1000)
    )
    Customer.objects.update(last_seen_at=None)
    quality.look(now=now)
    assert len(found("stale")) == 1

    done = quality.repair(check="stale", finding_ids=None, by=None, now=now)
    assert MarketingPause.objects.filter(lifted_at=None).count() == 1

    quality.undo(repair_id=done.repair_id, by=None, now=now)
    assert not MarketingPause.objects.filter(lifted_at=None).exists()


def test_what_is_left_on_purpose_stays_left_until_it_changes(now: datetime) -> None:
    customer = broken(now, last_name="LOVELACE")
    quality.look(now=now)
    quality.accept(finding_ids=list(QualityFinding.objects.values_list("pk", flat=True)))

    assert quality.look(now=now)["bad_name"] == 0
    assert QualityFinding.objects.filter(is_accepted=True).count() == 1

    Customer.objects.filter(pk=customer.pk).update(last_name="BYRON")
    assert quality.look(now=now)["bad_name"] == 1
    assert QualityFinding.objects.filter(is_accepted=False).count() == 1


def test_what_was_mended_elsewhere_is_listed_no_more(now: datetime) -> None:
    customer = broken(now, last_name="LOVELACE")
    quality.look(now=now)
    Customer.objects.filter(pk=customer.pk).update(last_name="Lovelace")

    quality.look(now=now)

    assert not QualityFinding.objects.exists()
