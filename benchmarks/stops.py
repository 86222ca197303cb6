"""How soon nothing begins any more: real workers and a slow mail server, stopped for each cause."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from django.utils import timezone

from benchmarks import letter, scratch, shop
from benchmarks.crashing.sink import CountingSink
from benchmarks.senders import senders
from campaigns import broadcasts
from campaigns.models import Campaign, Delivery, Step
from crm import consent, templates
from crm.choices import Channel, ConsentState, DecisionSource, Purpose, SuppressionReason
from crm.consent import NewDecision, NewSuppression
from crm.models import Customer, Suppression

LIMIT_MILLISECONDS = 1_000.0
# A mail takes the server so long: a batch goes on for many times the limit.
_SECONDS_A_MAIL = 0.05
_BEFORE_IT_STOPS = 8
_PATIENCE = 30.0


class _Clock(CountingSink):
    """Notes when the newest mail came."""

    came_at = 0.0

    def count(self, mail: bytes) -> None:
        """Write a mail down with its moment."""
        super().count(mail)
        self.came_at = time.monotonic()


def run(*, recipients: int, rounds: int) -> dict[str, Any]:
    """Begin a campaign, stop it by each cause, and report how long anything still began."""
    measured: dict[str, list[float]] = {cause: [] for cause in _CAUSES}
    with ExitStack() as held:
        address = held.enter_context(scratch.database())
        sink = held.enter_context(_Clock())
        sink.delay = _SECONDS_A_MAIL
        working = held.enter_context(senders(workers=2, address=address, port=sink.port))
        for number in range(1, rounds + 1):
            for cause, stop in _CAUSES.items():
                _everybody_anew(recipients)
                campaign = _launched(f"{cause} {number}")
                sink.total = 0
                working.begin(campaign.pk)
                if not sink.wait_for(_BEFORE_IT_STOPS, seconds=_PATIENCE):
                    raise RuntimeError("No mail came: see what the workers wrote above.")
                stop(campaign)
                stopped_at = time.monotonic()
                working.end()
                if sink.total >= recipients:
                    raise RuntimeError(f"{cause}: everybody was written to all the same.")
                measured[cause].append(max(0.0, sink.came_at - stopped_at) * 1_000)
    worst = {cause: round(max(found)) for cause, found in measured.items()}
    return {
        "bench": "stops",
        "recipients": recipients,
        "rounds": rounds,
        "worst_milliseconds": worst,
        "limit": {"worst_milliseconds": LIMIT_MILLISECONDS},
        "is_within_limit": max(worst.values()) <= LIMIT_MILLISECONDS,
    }


def _everybody_anew(recipients: int) -> None:
    """People whom nobody has written to and who allow everything."""
    Campaign.objects.update(state="cancelled")
    Delivery.objects.all().delete()
    Customer.objects.all().delete()
    Suppression.objects.all().delete()
    shop.fill_people(count=recipients, now=timezone.now())


def _launched(name: str) -> Campaign:
    now = timezone.now()
    return shop.plan(name=name, letter=letter.FIELDS, now=now, later=now + timedelta(minutes=1))


def _pause(campaign: Campaign) -> None:
    broadcasts.pause(campaign_id=campaign.pk, by=None, reason="measured", now=timezone.now())


def _cancel(campaign: Campaign) -> None:
    broadcasts.cancel(campaign_id=campaign.pk, by=None, reason="measured", now=timezone.now())


def _unsubscribe(campaign: Campaign) -> None:
    now = timezone.now()
    channel, purpose = Channel.EMAIL, Purpose.MARKETING
    withdrawn, source = ConsentState.WITHDRAWN, DecisionSource.ONE_CLICK
    decisions = [
        NewDecision(customer_id, channel, purpose, withdrawn, source, now, {})
        for customer_id in Customer.objects.values_list("pk", flat=True)
    ]
    consent.decide_many(decisions=decisions, now=now)


def _complain(campaign: Campaign) -> None:
    suppressions = [
        NewSuppression(Channel.EMAIL, address, SuppressionReason.COMPLAINT)
        for address in Customer.objects.values_list("email", flat=True)
    ]
    consent.suppress_many(suppressions=suppressions, now=timezone.now())


def _withdraw(campaign: Campaign) -> None:
    version_id = Step.objects.get(campaign=campaign).template_version_id
    assert version_id is not None
    templates.withdraw(version_id=version_id, reason="measured", by=None, now=timezone.now())


_CAUSES: dict[str, Callable[[Campaign], None]] = {
    "pause": _pause,
    "cancel": _cancel,
    "unsubscribe": _unsubscribe,
    "complaint": _complain,
    "template withdrawn": _withdraw,
}
