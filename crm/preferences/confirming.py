"""Double opt-in: somebody asks, the address is written to, and only its owner's answer counts."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from crm import accounts, consent, links, messages, normalise
from crm.choices import Author, Channel, ConsentState, DecisionSource, Purpose
from crm.models import Consent, ConsentDecision, Customer
from crm.variables import shop

# Who presses a sign-up button again and again is written to once.
_ASKED_AGAIN_AFTER = timedelta(hours=1)


class NotWaiting(LookupError):  # noqa: N818 - it names what it found
    """There is nothing to confirm any more: it was confirmed, withdrawn, or is too old."""


@dataclass(frozen=True, slots=True)
class SignUp:
    """Somebody gave an address and asked for messages; what they were shown, and from where."""

    customer_id: int
    channel: str
    purposes: tuple[str, ...]
    source: str
    text_shown: str = ""
    ip_address: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a customer is asked to confirm."""

    customer_id: int
    language: str
    channel: Channel
    purposes: tuple[Purpose, ...]
    asked_at: datetime
    is_confirmed: bool


@transaction.atomic
def ask(*, sign_up: SignUp, now: datetime) -> bool:
    """Note that somebody asks for messages and write to the address to have it confirmed.

    Nothing happens, and the answer is no, for what is granted or was asked for within the hour.
    Locks the customer.
    """
    customer = Customer.objects.select_for_update(no_key=True).get(pk=sign_up.customer_id)
    wanted = _unanswered(sign_up, now)
    if not wanted:
        return False
    asked = [
        consent.NewDecision(
            customer_id=sign_up.customer_id,
            channel=sign_up.channel,
            purpose=purpose,
            state=ConsentState.PENDING,
            source=sign_up.source,
            decided_at=now,
            text_shown=sign_up.text_shown,
            ip_address=sign_up.ip_address,
        )
        for purpose in wanted
    ]
    decision_ids = consent.decide_many(decisions=asked, now=now)
    if decision_ids:
        _write(customer, Channel(sign_up.channel), wanted, decision_ids[0], now)
    return bool(decision_ids)


def find(*, decision_id: int, now: datetime) -> Confirmation:
    """What a confirmation link is about; NotWaiting if it cannot be confirmed any more."""
    decision = ConsentDecision.objects.select_related("customer").filter(pk=decision_id).first()
    oldest = now - timedelta(days=settings.CONSENT_CONFIRM_DAYS)
    if decision is None or decision.state != ConsentState.PENDING or decision.decided_at < oldest:
        raise NotWaiting("There is nothing to confirm here any more.")
    asked = _asked_with(decision)
    standing = Consent.objects.filter(
        customer_id=decision.customer_id, channel=decision.channel, purpose__in=asked
    )
    states = set(standing.values_list("state", flat=True))
    if ConsentState.WITHDRAWN in states:
        raise NotWaiting("It was withdrawn since.")
    return Confirmation(
        customer_id=decision.customer_id,
        language=decision.customer.language,
        channel=Channel(decision.channel),
        purposes=asked,
        asked_at=decision.decided_at,
        is_confirmed=states == {ConsentState.GRANTED},
    )


@transaction.atomic
def confirm(*, decision_id: int, now: datetime, ip_address: str | None = None) -> Confirmation:
    """Grant what a link was sent to confirm; a second press changes nothing.

    Locks the customer: presses follow one another, and a withdrawal at the same moment is seen.
    """
    _lock(decision_id)
    waiting = find(decision_id=decision_id, now=now)
    if waiting.is_confirmed:
        return waiting
    consent.decide_many(
        decisions=[
            consent.NewDecision(
                customer_id=waiting.customer_id,
                channel=waiting.channel,
                purpose=purpose,
                state=ConsentState.GRANTED,
                source=DecisionSource.CONFIRMATION,
                decided_at=now,
                proof={"decision_id": decision_id, "asked_at": waiting.asked_at.isoformat()},
                ip_address=ip_address,
            )
            for purpose in waiting.purposes
        ],
        now=now,
    )
    return waiting


def _lock(decision_id: int) -> None:
    asker = Customer.objects.select_for_update(no_key=True, of=("self",))
    asker.filter(consent_decisions=decision_id).first()


def _unanswered(sign_up: SignUp, now: datetime) -> list[Purpose]:
    known = Consent.objects.filter(customer_id=sign_up.customer_id, channel=sign_up.channel)
    just_asked = Q(state=ConsentState.PENDING, decided_at__gt=now - _ASKED_AGAIN_AFTER)
    settled = known.filter(Q(state=ConsentState.GRANTED) | just_asked)
    answered = set(settled.values_list("purpose", flat=True))
    asked = {Purpose(purpose) for purpose in sign_up.purposes}
    return [one for one in Purpose if one in asked and one.needs_consent and one not in answered]


def _asked_with(decision: ConsentDecision) -> tuple[Purpose, ...]:
    """Everything that was asked for at the same moment, by the same form."""
    together = ConsentDecision.objects.filter(
        customer_id=decision.customer_id,
        channel=decision.channel,
        state=ConsentState.PENDING,
        decided_at=decision.decided_at,
    )
    return tuple(
        Purpose(name) for name in together.order_by("pk").values_list("purpose", flat=True)
    )


def _write(
    customer: Customer,
    channel: Channel,
    purposes: Collection[Purpose],
    decision_id: int,
    now: datetime,
) -> None:
    token = links.sign(purpose=links.CONFIRM, value=decision_id, key=accounts.link_keys()[0])
    url = f"{settings.PUBLIC_URL}/s/{token}"
    with translation.override(normalise.spoken(customer.language)):
        name = shop()["name"]
        said = {"shop": name, "url": url, "what": ", ".join(str(one.label) for one in purposes)}
        subject = _("Please confirm: messages from %(shop)s") % said
        if channel == Channel.EMAIL:
            text = _(
                "Somebody, probably you, asked %(shop)s to write to this address (%(what)s).\n\n"
                "To confirm, open this page and press the button:\n%(url)s\n\n"
                "If it was not you, do nothing: we will not write again."
            )
        else:
            text = _("%(shop)s: confirm that you want our messages (%(what)s): %(url)s")
        message = messages.NewMessage(
            customer_id=customer.pk,
            channel=channel,
            author=Author.SYSTEM,
            subject=subject,
            text=text % said,
            purpose=Purpose.TRANSACTIONAL,
        )
    messages.say(message=message, now=now)
