"""The demo shop is believable, complete, and the same for the same seed and day."""

import hashlib
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from campaigns import preflight
from campaigns.models import Answer, Campaign, CannedReply
from crm import templates
from crm.choices import PrivacyState
from crm.models import (
    AttributeDefinition,
    CompanyMember,
    Consent,
    ContactPreference,
    Conversation,
    Customer,
    CustomerNote,
    CustomerTask,
    DuplicateCandidate,
    Event,
    EventBatch,
    EventDay,
    ExportRun,
    FieldLock,
    ImportRun,
    MarketingPause,
    Merge,
    Order,
    OrderLine,
    PrivacyRequest,
    Product,
    QualityFinding,
    RejectedEvent,
    Suppression,
    Template,
    WebhookDelivery,
)
from crm.rendering import Rendered
from marketing import training, understanding
from marketing.choices import RunKind
from marketing.models import Intent, Segment, TrainingRun
from marketing.recommendations import shelves
from tests import sharing

pytestmark = pytest.mark.django_db


# The 300, and whom the market stall, a file and old papers bring beside.
PEOPLE = 378
OWN_HOSTS = {"letters.example", "home.example", "shop.example", "mail.test", "post.test"}
# Slips of the pen in the last part of a name, which the net does not have.
HOSTS_OF_NOBODY = {"gmail.con", "hotmail.cmo", "gmial.con"}


FAULTS = {"typo_domain", "bad_name", "bad_attribute", "outlying", "stale", "no_country"}


# The same words and products, written in HTML and in MJML.
RECOMMENDING = ("recommended", "recommended_mjml")


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    """What the demo shop imports and exports lies in a folder of its own."""
    settings.VAR_DIR = tmp_path


def shown_by_starter(name: str, language: str, customer: Customer, now: datetime) -> Rendered:
    """A template begun with a starter, published as it is."""
    (starter,) = (
        one for one in templates.starters() if (one.name, one.language) == (name, language)
    )
    template = Template.objects.create(
        name=f"{name} {language}", channel=starter.channel, created_at=now
    )
    version = templates.publish(
        template=template,
        subject=starter.subject,
        html=starter.html,
        text=starter.text,
        by=None,
        now=now,
    )
    return templates.preview_version(version=version, customer_id=customer.pk, now=now)


@pytest.fixture
def learning() -> Iterator[None]:
    """What another test learnt was rolled back with it."""
    shelves.forget()
    yield
    shelves.forget()


def demo(*arguments: str) -> str:
    said = io.StringIO()
    call_command("demo", "--customers=300", "--today=2026-04-14", *arguments, stdout=said)
    return said.getvalue()


def fingerprint() -> str:
    """Everything that was made, without the numbers that databases give."""
    facts: list[Any] = [
        *Customer.objects.order_by("email", "phone", "created_at").values_list(
            "email", "phone", "first_name", "city", "bucket", "created_at", "last_seen_at"
        ),
        *Order.objects.order_by("number").values_list("number", "placed_at", "total", "state"),
        *OrderLine.objects.order_by("order__number", "product__sku").values_list(
            "order__number", "product__sku", "quantity"
        ),
        *Event.objects.filter(key__startswith="demo:")
        .order_by("key")
        .values_list("key", "occurred_at"),
        *Consent.objects.order_by("customer__created_at", "channel").values_list(
            "channel", "state", "decided_at"
        ),
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def test_the_same_seed_and_day_give_the_same_shop() -> None:
    demo("--seed=5")
    first = fingerprint()
    for table in (Order, Product, Customer, Suppression, Merge):
        table.objects.all().delete()

    demo("--seed=5")

    assert fingerprint() == first


def test_another_seed_gives_another_shop() -> None:
    demo("--seed=5")
    first = set(Customer.objects.values_list("email", flat=True))

    demo("--seed=6", "--again")

    assert len(set(Customer.objects.values_list("email", flat=True)) - first) > 200


def test_a_database_with_customers_is_left_alone_unless_told_again() -> None:
    demo()
    orders = Order.objects.count()

    with pytest.raises(CommandError, match="--again"):
        demo()

    demo("--again")
    assert Order.objects.count() == orders
    assert Customer.objects.count() == PEOPLE


@pytest.fixture(scope="class")
def said(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """What was said while the shop was made; it is there for a whole class, and gone after it."""
    folder = tmp_path_factory.mktemp("demo")
    with override_settings(VAR_DIR=folder), sharing.for_a_class(django_db_blocker):
        yield demo()


@pytest.mark.usefixtures("said")
class TestTheShop:
    """One shop, looked at from all sides."""

    def test_the_demo_shop_is_believable(self, said: str) -> None:
        assert f"{PEOPLE} customers, 400 products" in said
        assert Product.objects.values("category").distinct().count() == 12
        assert not Product.objects.filter(description="").exists()
        assert Customer.objects.values("country").distinct().count() >= 8
        assert Customer.objects.values("time_zone").distinct().count() >= 8
        assert Customer.objects.filter(language="zh-hans", first_name__regex="[一-鿿]").exists()
        assert Order.objects.filter(state="cancelled").exists()
        assert {"product.viewed", "cart.left", "order.placed", "consent.granted"} <= set(
            Event.objects.values_list("name", flat=True)
        )
        left = Consent.objects.filter(state="withdrawn").count()
        assert 0.03 < left / Consent.objects.count() < 0.15
        assert Suppression.objects.exists()
        assert MarketingPause.objects.count() == 1
        newest = Order.objects.latest("placed_at").placed_at
        oldest = Order.objects.earliest("placed_at").placed_at
        assert newest - oldest > timedelta(days=500)
        assert not Event.objects.filter(occurred_at__date__gt="2026-04-14").exists()

    def test_the_demo_shop_writes_to_nobody_real(self) -> None:
        hosts = {
            email.rpartition("@")[2] for email in Customer.objects.values_list("email", flat=True)
        }
        assert hosts <= {"", *OWN_HOSTS, *HOSTS_OF_NOBODY}
        for phone in Customer.objects.exclude(phone="").values_list("phone", flat=True):
            number = phonenumbers.parse(phone)
            is_fictional = phone[:2] == "+1" and phone[5:10] == "55501"
            assert is_fictional or not phonenumbers.is_valid_number(number), phone

    def test_segments_are_filled_and_drafts_are_ready_to_launch(self, now: datetime) -> None:
        assert Segment.objects.count() >= 8
        assert not Segment.objects.exclude(error="").exists()
        assert Segment.objects.get(name="Newsletter readers").member_count > 150
        for campaign in Campaign.objects.all():
            problems = preflight.check_launch(campaign=campaign, now=now)
            stopping = preflight.stopping(problems=problems)
            assert [problem.code for problem in stopping if problem.code != "nobody"] == []

    def test_every_template_can_be_shown_to_every_kind_of_customer(self, now: datetime) -> None:
        for template in Template.objects.all():
            version = templates.latest(template_id=template.pk)
            assert version is not None
            for language in ("en", "zh-hans", "ja", "de"):
                customer = Customer.objects.filter(language=language).first()
                assert customer is not None
                shown = templates.preview(
                    channel=template.channel,
                    subject=version.subject,
                    html=version.html,
                    text=version.text,
                    customer_id=customer.pk,
                    now=now,
                )
                assert "[[" not in shown.html + shown.text
                assert "{{" not in shown.html + shown.text

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_the_recommending_starters_show_people_the_same_products(
        self, language: str, learning: None, now: datetime
    ) -> None:
        training.run(run_id=training.request(kind=RunKind.RECOMMENDATIONS, now=now).pk, now=now)
        picture = "https://shop.example/p.png"
        Product.objects.update(image_url=picture)
        buyers = Customer.objects.filter(language=language, orders__isnull=False)
        buyer = buyers.order_by("pk").first()
        assert buyer is not None

        shown = {name: shown_by_starter(name, language, buyer, now) for name in RECOMMENDING}

        names = [re.findall(r"<b\b[^>]*>([^<]+)</b>", shown[name].html) for name in RECOMMENDING]
        assert names[0] == names[1]
        assert len(names[0]) == 4
        for rendered in shown.values():
            assert len(re.findall(r'href="[^"]*/products/[^"]*"', rendered.html)) == 4
            assert rendered.html.count(f'src="{picture}"') == 4
            assert escape(buyer.email) in rendered.html
            assert "<mj-" not in rendered.html

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_who_nothing_is_recommended_to_is_shown_the_way_to_what_is_new(
        self, language: str, learning: None, now: datetime
    ) -> None:
        customer = Customer.objects.filter(language=language).order_by("pk").first()
        assert customer is not None
        Product.objects.update(is_active=False)

        for name in RECOMMENDING:
            rendered = shown_by_starter(name, language, customer, now)
            assert "<b" not in rendered.html.partition("<body")[2].replace("<br", "")
            assert {"en": "Have a look around", "zh-hans": "欢迎看看"}[language] in rendered.text

    def test_the_bot_knows_what_customers_ask(self) -> None:
        assert Answer.objects.filter(language="zh-hans").exists()
        assert CannedReply.objects.count() >= 5
        assert Conversation.objects.filter(waiting_since_at__isnull=False).count() >= 5
        for intent in Intent.objects.all():
            for phrase in intent.phrases.splitlines():
                assert understanding.read_text(text=phrase).intent_code == intent.code, phrase

    def test_no_page_of_the_record_is_empty(self) -> None:
        held = [
            AttributeDefinition.objects.filter(state="seen"),
            AttributeDefinition.objects.filter(state="adopted"),
            CompanyMember.objects.all(),
            ContactPreference.objects.all(),
            Consent.objects.filter(state="pending"),
            Consent.objects.filter(purpose="newsletter"),
            CustomerNote.objects.filter(is_pinned=True),
            CustomerTask.objects.filter(done_at=None),
            FieldLock.objects.all(),
            Merge.objects.filter(undone_at=None),
            EventDay.objects.filter(name="product.viewed"),
            Event.objects.filter(name="order.refunded"),
            WebhookDelivery.objects.filter(webhook__is_active=False),
            ImportRun.objects.filter(state="finished", rejected__gt=0),
            ExportRun.objects.filter(state="finished"),
            RejectedEvent.objects.all(),
        ]
        reasons = DuplicateCandidate.objects.values_list("reason", flat=True)
        checks = QualityFinding.objects.values_list("check_name", flat=True)
        assert all(rows.exists() for rows in held)
        assert {"same_phone", "similar_name"} <= set(reasons)
        assert set(checks) >= FAULTS
        assert set(PrivacyRequest.objects.values_list("state", flat=True)) == set(
            PrivacyState.values
        )
        assert not EventBatch.objects.exists()

    def test_training_is_asked_for(self) -> None:
        assert set(TrainingRun.objects.values_list("kind", "state")) == {
            ("buys_90_days", "queued"),
            ("clusters", "queued"),
            ("recommendations", "queued"),
        }
