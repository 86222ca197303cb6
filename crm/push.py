"""Push subscriptions: which browsers of a customer may be written to, and by which key."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import accounts, consent, customers
from crm.channels import web_push
from crm.choices import Channel, DecisionSource, IdentityKind
from crm.models import Identity

_LONGEST = 4_000


def public_key() -> str:
    """The key that browsers ask for; empty while no account carries web push."""
    order = accounts.in_order(channel=Channel.PUSH)
    secret = order[0].account.secret("private_key") if order else ""
    return web_push.public_text(secret) if secret else ""


@transaction.atomic
def subscribe(*, customer_id: int, told: bytes, proof: Mapping[str, Any], now: datetime) -> None:
    """Take a browser's subscription, as it says it in JSON, with the permission that it stands for.

    A browser that somebody else used before is now this customer's. Locks the handle.
    """
    line = _line(told)
    others = Identity.objects.filter(kind=IdentityKind.PUSH, value=line)
    others.exclude(customer_id=customer_id).delete()
    customers.add_identity(customer_id=customer_id, kind=IdentityKind.PUSH, value=line, now=now)
    consent.unsuppress(channel=Channel.PUSH, address=line, now=now)
    consent.grant(
        customer_id=customer_id,
        channel=Channel.PUSH,
        source=DecisionSource.PREFERENCES,
        proof=proof,
        now=now,
    )


def _line(told: bytes) -> str:
    """A subscription in one line: endpoint, key and secret."""
    try:
        if len(told) > _LONGEST:
            raise ValueError("too long")
        found = json.loads(told)
        keys = found["keys"]
        line = f"{found['endpoint']} {keys['p256dh']} {keys['auth']}"
        web_push.Subscription.of(line)
        if not line.startswith("https://") or len(line) > web_push.LONGEST_LINE:
            raise ValueError("no secure address, or too long")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValidationError(_("This is no push subscription.")) from error
    return line
