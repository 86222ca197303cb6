"""A member of staff with every right, one without any, and a shop with something of everything."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from crm import (
    attributes,
    audit,
    companies,
    consent,
    conversations,
    customers,
    duplicates,
    orders,
    privacy,
    products,
    retention,
)
from crm.choices import AccessKind, MergeCause, PrivacyKind
from crm.models import (
    ApiKey,
    Callback,
    CaughtMessage,
    Conversation,
    Customer,
    ExportRun,
    ImportRun,
    LinkDay,
    Mailbox,
    Merge,
    Message,
    ProviderAccount,
    RejectedEvent,
    ReturnedMail,
    SendingDomain,
    Snippet,
    TemplateVersion,
    TrackingRefusal,
    UncountedSighting,
    Webhook,
    WebhookDelivery,
)
from tests import making

MAIL = (
    b"From: shop@rapport.example\r\nTo: ada@shop.example\r\nSubject: Spring\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<h1>Spring</h1>\r\n"
)
TWINS = ("bea@shop.example", "bea.smith@shop.example")


@pytest.fixture
def now() -> datetime:
    """Pages read the clock: what they show is told from now."""
    return timezone.now()


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("maria", "maria@shop.example", "a-long-password")


@pytest.fixture
def admin(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def newcomer(db: None) -> Client:
    """Signed in, but without a right to anything."""
    client = Client()
    client.force_login(User.objects.create_user("noah", password="x" * 20, is_staff=True))
    return client


@pytest.fixture
def order(ada: Customer, now: datetime) -> int:
    products.record_products(
        products=[products.NewProduct(sku="T1", name="Teapot", price=Decimal(30), currency="EUR")],
        now=now,
    )
    line = orders.NewLine(sku="T1", quantity=2, unit_price=Decimal(30))
    placed = orders.NewOrder(
        number="R-1", customer_id=ada.pk, placed_at=now, currency="EUR", lines=(line,)
    )
    return orders.record_many(orders=[placed], now=now)["R-1"]


@pytest.fixture
def question(ada: Customer, now: datetime) -> Message:
    """Ada asked something by mail."""
    inbound = conversations.NewInbound(
        channel="email",
        sender=ada.email,
        recipient="shop@rapport.example",
        subject="Teapot",
        text="Where is my teapot?",
        provider="email",
        provider_message_id="in-1",
        occurred_at=now,
    )
    return Message.objects.get(pk=conversations.receive(inbound=inbound, now=now))


@pytest.fixture
def talk(question: Message) -> Conversation:
    assert question.conversation is not None
    return question.conversation


@pytest.fixture
def caught(db: None) -> CaughtMessage:
    return CaughtMessage.objects.create(
        channel="email",
        key="message-1@rapport.example",
        sender="shop@rapport.example",
        recipient="ada@shop.example",
        subject="Spring",
        raw=MAIL,
    )


@pytest.fixture
def records(ada: Customer, now: datetime) -> None:
    """What the record of Ada brings with it: a company, twins, a merge, a question about data."""
    twins = [making.customer(now=now, phone="", email=mail) for mail in TWINS]
    Customer.objects.filter(pk__in=[twin.pk for twin in twins]).update(phone="+441134960999")
    duplicates.find(now=now)
    merge(ada, making.customer(now=now), now)
    company = companies.record_many(
        companies=[companies.NewCompany(key="engines", name="Engines Ltd")], now=now
    )
    assert company
    companies.join_many(memberships=[companies.Membership("engines", ada.pk)], now=now)
    attributes.define(wanted=attributes.Definition("size", "Size", "number"), now=now)
    privacy.order(kind=PrivacyKind.EXPORT, customer_id=ada.pk, by=None, source="staff", now=now)
    access = audit.Access(AccessKind.VIEWED, "customer", program="Shop")
    audit.note(access=access, customer_ids=[ada.pk], now=now)


def merge(kept: Customer, merged: Customer, now: datetime) -> Merge:
    """Staff say that two are one person."""
    return customers.merge(
        kept_id=kept.pk,
        merged_id=merged.pk,
        cause=MergeCause.STAFF,
        reason="Said so on the phone",
        by=None,
        now=now,
    )


@pytest.fixture
def traffic(caught: CaughtMessage, seen: None, now: datetime) -> None:
    """What goes in and out: a subscriber and what it was told, an export, a refused event."""
    webhook = Webhook.objects.create(
        name="Books", url="https://books.example/", events=["*"], secrets="whsec_", created_at=now
    )
    WebhookDelivery.objects.create(
        webhook=webhook, key="evt_1", event_name="order.placed", payload={}, created_at=now
    )
    ExportRun.objects.create(kind="customers", options={"format": "csv"}, created_at=now)
    RejectedEvent.objects.create(key="1", reason="no_event", payload="<script>", received_at=now)
    box = Mailbox.objects.create(name="Bounces", host="mail.example", user="ada", created_at=now)
    ReturnedMail.objects.create(mailbox=box, uid="0.1", detail="<script>", taken_at=now)


@pytest.fixture
def seen(newsletter: TemplateVersion, caught: CaughtMessage, ada: Customer, now: datetime) -> None:
    """What is known of openings and clicks, and that Ada wants less of it."""
    message = Message.objects.create(
        **{"customer": ada, "direction": "out", "channel": "email", "purpose": "marketing"},
        **{"author": "campaign", "key": "seen-1", "state": "sent", "created_at": now},
    )
    UncountedSighting.objects.create(
        message=message, kind="clicked", reason="crawler", times=2, first_at=now, last_at=now
    )
    LinkDay.objects.create(version=newsletter, position=1, seen_date=now.date(), people=3)
    TrackingRefusal.objects.create(customer=ada, mode="aggregate", refused_at=now)


@pytest.fixture
def shop(
    talk: Conversation,
    newsletter: TemplateVersion,
    order: int,
    records: None,
    traffic: None,
    now: datetime,
) -> None:
    """At least one row of every model that has a page."""
    retention.fill_in()
    consent.suppress(
        suppression=consent.NewSuppression("email", "gone@shop.example", "hard_bounce"), now=now
    )
    talk.customer.pauses.create(
        reason="Asked for it", created_at=now, expires_at=now + timedelta(days=3)
    )
    Callback.objects.create(provider="sms_http", key="1", body=b"<script>", received_at=now)
    run = ImportRun.objects.create(
        kind="orders", filename="a.csv", report={"rows": 3}, started_at=now
    )
    run.rejected_rows.create(line=2, reason="bad_email", heading="E-mail", cells=["ada@"])
    ApiKey.objects.create(name="Shop", key_hash="0" * 64, scopes=["read"], created_at=now)
    ProviderAccount.objects.create(
        name="relay",
        channel="email",
        provider="email",
        options={"host": "127.0.0.1", "security": "none"},
        created_at=now,
    )
    SendingDomain.objects.create(domain="shop.example")
    footer = Snippet.objects.create(name="footer", created_at=now)
    footer.versions.create(number=1, html="<p>Tea</p>", created_at=now)
