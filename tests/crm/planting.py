"""One row of every model, all of one person, with something to look for in every text."""

import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import models

from crm.models import Customer
from crm.normalise import address_hash

APPS = frozenset({"crm", "marketing", "campaigns"})
NAME = "Zanzibarina"
STREET = "Quokkaway 7"
LOCAL = "wombat.queen"
ADDRESS = f"{LOCAL}@shop.example"
DIGITS = "1134960778"
PHONE = f"+44{DIGITS}"
SECRET = "xylophagous"
# What must be in no answer, in no log, and after an erasure in no row: in small letters.
CANARIES = tuple(word.lower() for word in (NAME, "Quokkaway", LOCAL, DIGITS, SECRET))
WORDS = f"{NAME} {SECRET} {ADDRESS} {PHONE}"

# What staff or shops write, not people: it says nothing of anybody.
_OURS = frozenset(
    {
        *("ApiKey", "AttributeDefinition", "Product", "Template", "TemplateVersion"),
        *("TrackedLink", "RetentionRule", "Webhook", "Intent", "Cluster", "Segment", "Campaign"),
        *("Step", "CampaignAction", "Answer", "CannedReply", "TrainingRun", "Score"),
        *("EventBatch", "Change", "AccessRecord", "Company", "PrivacyRequest"),
        *("ProviderAccount", "AccountStanding", "SendingDomain", "Notice", "Mailbox", "MailboxUid"),
        *("ProductNeighbour", "Bestseller", "RecommendationOverride"),
        *("Snippet", "SnippetVersion", "SnippetUse"),
        *("SigningKey", "DomainStanding", "SharedValue", "LinkDay", "SpoolMark", "Claim"),
    }
)
# Names that mean something to the program, on rows about people.
_WORDS_OF_OURS = frozenset(
    {
        *("name", "event_name", "currency", "key", "language", "provider", "owner", "caller"),
        *("check_name", "field", "source_kind", "body_hash", "address_hash", "request_hash"),
        *("filename", "path", "program", "number", "where", "heading"),
        *("provider_message_id", "role", "text_shown", "handed_over_because"),
    }
)


def models_of_ours() -> Iterator[type[models.Model]]:
    """Every model with a table of its own, histories and links between models aside."""
    for model in apps.get_models():
        if model._meta.app_label in APPS and not hasattr(model, "history_id"):
            yield model


class Planter:
    """Plants one row of each model, and remembers which."""

    def __init__(self, *, customer: Customer, other: Customer, by: User, now: datetime) -> None:
        self.customer, self.other, self.by, self.now = customer, other, by, now
        self.rows: dict[str, models.Model] = {"crm.Customer": customer}
        self._now_planting: set[str] = set()

    def plant_all(self) -> dict[str, models.Model]:
        """A row of every model there is; gives them by label."""
        for model in models_of_ours():
            self.row(model)
        return self.rows

    def row(self, model: type[models.Model]) -> models.Model:
        """The row of this model, planted now if it is not yet."""
        label = model._meta.label
        if label not in self.rows:
            self._now_planting.add(label)
            self.rows[label] = self._plant(model)
            self._now_planting.discard(label)
        return self.rows[label]

    def _plant(self, model: type[models.Model]) -> models.Model:
        values = {
            field.name: self._value(model, field)
            for field in model._meta.local_concrete_fields
            if not isinstance(field, models.AutoField) and not getattr(field, "generated", False)
        }
        values |= _SPECIAL.get(model.__name__, lambda planter: {})(self)
        unique = [field.name for field in model._meta.local_concrete_fields if field.unique]
        known = {name: values[name] for name in unique if values.get(name)}
        found = model._default_manager.filter(**known).first() if known else None
        return found or model._default_manager.create(**values)

    def _value(self, model: type[models.Model], field: Any) -> Any:
        if field.is_relation:
            return self._related(model, field)
        if field.has_default() and not isinstance(field, models.JSONField):
            return field.get_default()
        if field.choices:
            return field.choices[0][0]
        return self._plain(model, field)

    def _related(self, model: type[models.Model], field: Any) -> Any:
        target = field.related_model
        if target is Customer:
            return self.customer
        if target is User:
            return self.by
        if target._meta.label in self._now_planting:
            return None
        return self.row(target)

    def _plain(self, model: type[models.Model], field: Any) -> Any:
        says = model.__name__ not in _OURS and field.name not in _WORDS_OF_OURS
        for kind, make in _MAKERS:
            if isinstance(field, kind):
                return make(self, field, says)
        raise TypeError(f"{model._meta.label}.{field.name}: say in planting.py what to plant.")


def _text(planter: Planter, field: Any, says: bool) -> str:
    text = WORDS if says else f"plain-{field.name}"
    return text[: field.max_length] if field.max_length else text


def _json(planter: Planter, field: Any, says: bool) -> dict[str, Any]:
    return {"note": WORDS, "first_name": NAME, "deep": [{"email": ADDRESS}]} if says else {}


_MAKERS: tuple[tuple[Any, Callable[[Planter, Any, bool], Any]], ...] = (
    (models.GenericIPAddressField, lambda planter, field, says: "203.0.113.77"),
    (models.UUIDField, lambda planter, field, says: uuid.uuid4()),
    (models.URLField, lambda planter, field, says: "https://shop.example/hook"),
    ((models.CharField, models.TextField), _text),
    (models.JSONField, _json),
    (models.BinaryField, lambda planter, field, says: (WORDS if says else "plain").encode()),
    (models.DateTimeField, lambda planter, field, says: planter.now - timedelta(hours=1)),
    (models.DateField, lambda planter, field, says: date(2026, 4, 14)),
    (models.DecimalField, lambda planter, field, says: Decimal(10)),
    (models.FloatField, lambda planter, field, says: 0.5),
    (models.BooleanField, lambda planter, field, says: True),
    (models.IntegerField, lambda planter, field, says: 1),
    (models.Field, lambda planter, field, says: []),
)

_SPECIAL: dict[str, Callable[[Planter], dict[str, Any]]] = {
    "ReturnedMail": lambda planter: {"reason": "user_unknown"},
    "Identity": lambda planter: {"kind": "telegram", "value": f"{LOCAL}-{SECRET}"},
    "DuplicateCandidate": lambda planter: {
        "left": min(planter.customer, planter.other, key=lambda one: one.pk),
        "right": max(planter.customer, planter.other, key=lambda one: one.pk),
    },
    "Merge": lambda planter: {
        "kept_id": planter.customer.pk,
        "merged_id": 990_001,
        "undo": {"rows": {}, "customer": {"first_name": NAME, "email": ADDRESS}},
    },
    "CustomerAlias": lambda planter: {"old_id": 990_001},
    "Suppression": lambda planter: {
        "address_hash": address_hash(channel="email", address=ADDRESS),
        "source": "staff",
    },
    "ImportRun": lambda planter: {
        "kind": "customers",
        "error": f"duplicate key: {ADDRESS}, {PHONE}",
        **{name: {} for name in ("report", "mapping", "format", "options")},
    },
    "ExportRun": lambda planter: {
        "error": f"duplicate key: {ADDRESS}, {PHONE}",
        "kind": "orders",
        "options": {},
    },
    "Delivery": lambda planter: {"detail": f"550 {ADDRESS} {PHONE}"},
    "Callback": lambda planter: {"error": f"{ADDRESS} {PHONE}"},
    "RejectedEvent": lambda planter: {"reason": "too_large", "key": "r-1"},
    "QualityFinding": lambda planter: {"check_name": "bad_email", "field": "email"},
    "Event": lambda planter: {"name": "page.viewed"},
    "EventDay": lambda planter: {"name": "page.viewed"},
    "WebhookDelivery": lambda planter: {
        "customer_id": planter.customer.pk,
        "log": [{"at": planter.now.isoformat(), "status": 500, "answer": WORDS}],
    },
    "QualityRepair": lambda planter: {
        "changes": [{"customer": planter.customer.pk, "field": "email", "before": ADDRESS}]
    },
    "RejectedRow": lambda planter: {"cells": [NAME, ADDRESS, PHONE, SECRET], "line": 2},
    "Message": lambda planter: {
        "channel": "email",
        "direction": "in",
        "state": "received",
        "address": ADDRESS,
        "template_version": None,
        "author": "customer",
        "detail": f"550 {ADDRESS} {PHONE}",
    },
    "KeptVariables": lambda planter: {"variables": {"customer": {"first_name": NAME}}},
    "Conversation": lambda planter: {"channel": "email", "state": "open"},
    "Product": lambda planter: {"currency": "EUR"},
    "Order": lambda planter: {"currency": "EUR", "number": "Z-1"},
    "Segment": lambda planter: {"kind": "rule", "rules": {}},
    "Template": lambda planter: {"channel": "email"},
    "CaughtMessage": lambda planter: {"recipient": ADDRESS, "channel": "email"},
    "ProviderAccount": lambda planter: {
        "name": "planted",
        "channel": "email",
        "provider": "memory",
        "url": "memory://",
        "sender": "",
        "secrets": "",
        "options": {},
    },
    "AccountTrial": lambda planter: {"address": ADDRESS, "detail": f"550 {ADDRESS} {PHONE}"},
    "PrivacyRequest": lambda planter: {"kind": "export", "state": "received"},
}
