"""Requests: somebody asks for a copy or for erasure, proves the address, and is answered."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from crm import accounts, links, messages, normalise
from crm.choices import (
    Author,
    Channel,
    DecisionSource,
    PrivacyKind,
    PrivacyState,
    Purpose,
)
from crm.models import Customer, PrivacyRequest
from crm.privacy.subject import export_subject
from crm.variables import shop

# The law gives a month to answer.
ANSWER_WITHIN = timedelta(days=30)
# How long the link that proves an address works.
LINK_WORKS = timedelta(days=7)
_OPEN = (PrivacyState.RECEIVED, PrivacyState.CONFIRMED)


class NotOpen(LookupError):  # noqa: N818 - it names what it found
    """There is no such request, or it was answered, or its link is too old."""


@transaction.atomic
def ask(*, kind: str, customer_id: int, source: str, channel: str, now: datetime) -> PrivacyRequest:
    """Take a request down and send its link to the customer's own address. Locks the customer.

    Whoever holds a forwarded mail can ask, but only who reads the address can go on. Asked again
    while it is open, the same request gets no second letter within the hour.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    address = customer.email if channel == Channel.EMAIL else customer.phone
    if not address:
        raise ValidationError(_("There is no address to send the link to."))
    known = PrivacyRequest.objects.filter(
        customer=customer,
        kind=kind,
        state=PrivacyState.RECEIVED,
        requested_at__gt=now - timedelta(hours=1),
    ).first()
    if known is not None:
        return known
    request = _create(customer, PrivacyKind(kind), source, now)
    _write(customer, request, Channel(channel), now)
    return request


@transaction.atomic
def order(
    *, kind: str, customer_id: int, by: AbstractBaseUser | None, source: str, now: datetime
) -> PrivacyRequest:
    """Take down what somebody proved another way, by phone or to the shop: nothing to confirm.

    Locks the customer, then a request that is open.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    waiting = PrivacyRequest.objects.select_for_update().filter(state__in=_OPEN)
    known = waiting.filter(customer=customer, kind=kind).first()
    request = known or _create(customer, PrivacyKind(kind), source, now)
    request.state, request.done_by_id = PrivacyState.CONFIRMED, by.pk if by else None
    request.save(update_fields=["state", "done_by"])
    return request


def find(*, request_id: int, now: datetime) -> PrivacyRequest:
    """The request that a link is about, while it can be gone on with."""
    found = PrivacyRequest.objects.select_related("customer").filter(pk=request_id).first()
    if found is None or found.customer is None or found.requested_at < now - LINK_WORKS:
        raise NotOpen("There is no such request any more.")
    if found.state == PrivacyState.REFUSED:
        raise NotOpen("The request was answered.")
    return found


@transaction.atomic
def confirm(*, request_id: int, now: datetime) -> PrivacyRequest:
    """The owner of the address confirms a request; a second time changes nothing."""
    found = find(request_id=request_id, now=now)
    PrivacyRequest.objects.filter(pk=found.pk, state=PrivacyState.RECEIVED).update(
        state=PrivacyState.CONFIRMED
    )
    found.refresh_from_db()
    return found


@transaction.atomic
def hand_out(*, request_id: int, now: datetime) -> dict[str, Any]:
    """Give the copy that a request asked for, and note that it was given. Locks the request."""
    PrivacyRequest.objects.select_for_update().filter(pk=request_id).first()
    found = find(request_id=request_id, now=now)
    if found.kind != PrivacyKind.EXPORT or found.customer_id is None:
        raise NotOpen("This request is about something else.")
    copy = export_subject(customer_id=found.customer_id, now=now)
    PrivacyRequest.objects.filter(pk=found.pk).exclude(state=PrivacyState.DONE).update(
        state=PrivacyState.DONE,
        done_at=now,
        report={name: len(rows) for name, rows in copy.items() if isinstance(rows, list)},
    )
    return copy


def refuse(
    *, request_id: int, reason: str, by: AbstractBaseUser | None, now: datetime
) -> PrivacyRequest:
    """Say no to an open request, and why: it is not theirs, or the law demands otherwise."""
    if not reason.strip():
        raise ValidationError(_("Say why it is refused."))
    with transaction.atomic():
        found = PrivacyRequest.objects.select_for_update().get(pk=request_id)
        if found.state not in _OPEN:
            raise ValidationError(_("The request was answered already."))
        found.state, found.refusal = PrivacyState.REFUSED, reason.strip()[:500]
        found.done_at, found.done_by_id = now, by.pk if by else None
        found.save()
    return found


def _create(customer: Customer, kind: PrivacyKind, source: str, now: datetime) -> PrivacyRequest:
    channel = Channel.EMAIL if customer.email else Channel.SMS
    address = customer.email or customer.phone
    hashed = normalise.address_hash(channel=channel, address=address) if address else ""
    return PrivacyRequest.objects.create(
        kind=kind,
        customer=customer,
        address_hash=hashed,
        source=DecisionSource(source),
        requested_at=now,
        due_at=now + ANSWER_WITHIN,
    )


def _write(customer: Customer, request: PrivacyRequest, channel: Channel, now: datetime) -> None:
    token = links.sign(purpose=links.DATA, value=request.pk, key=accounts.link_keys()[0])
    said = {"url": f"{settings.PUBLIC_URL}/d/{token}", "days": LINK_WORKS.days}
    with translation.override(normalise.spoken(customer.language)):
        said["shop"] = shop()["name"]
        if request.kind == PrivacyKind.EXPORT:
            subject = _("Your data at %(shop)s") % said
            text = _(
                "You asked for a copy of your data. Open this page to see it and to download "
                "it:\n%(url)s\n\nThe link works for %(days)s days. Keep it to yourself: whoever "
                "has it sees your data."
            )
        else:
            subject = _("Erase your data at %(shop)s?") % said
            text = _(
                "You asked us to erase you. To confirm, open this page and press the button:\n"
                "%(url)s\n\nThe link works for %(days)s days. If it was not you, do nothing."
            )
        message = messages.NewMessage(
            customer_id=customer.pk,
            channel=channel,
            author=Author.SYSTEM,
            subject=subject,
            text=text % said,
            purpose=Purpose.TRANSACTIONAL,
        )
    messages.say(message=message, now=now)
