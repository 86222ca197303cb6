"""What a broadcast by SMS will cost is said before it is launched, and its texts say a way out."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from campaigns import audiences, broadcasts, costs, preflight
from campaigns.models import Campaign
from crm import accounts, messages
from crm.accounts import book
from crm.channels import registry
from crm.channels.memory import MemoryAdapter
from crm.models import Customer, Message, ProviderAccount
from tests import making
from tests.campaigns import staging

pytestmark = pytest.mark.django_db


def carried(now: datetime, **told: str) -> ProviderAccount:
    """An account that carries SMS."""
    return accounts.keep(
        new=accounts.NewAccount(
            name="texts",
            channel="sms",
            provider="sms_http",
            told={"url": "https://sms.example/messages", **told},
        ),
        now=now,
    )


def texts(customers: Collection[Customer], now: datetime, text: str) -> Campaign:
    """A broadcast of one SMS."""
    campaign = staging.draft(customers=customers, now=now)
    sms = staging.template(now=now, channel="sms", html="", text=text)
    campaign.steps.update(channel="sms", template=sms)
    return campaign


def cost_of(campaign: Campaign, now: datetime) -> costs.Cost | None:
    card = audiences.card(campaign=campaign, now=now)
    return costs.estimate(campaign=campaign, card=card, now=now)


def test_people_by_country_are_multiplied_by_sms_and_price(now: datetime) -> None:
    people = [making.subscriber(now=now) for _ in range(3)]
    people += [making.subscriber(now=now, phone="+4915123456789", country="DE")]
    people += [making.subscriber(now=now, phone="+12025550123", country="US")]
    people += [making.customer(now=now, phone="+12025550124", country="US")]
    carried(now, prices="+44 0.04\n+49 0.075", currency="EUR")

    cost = cost_of(texts(people, now, "a" * 161), now)

    assert cost is not None
    assert (cost.segments, cost.encoding, cost.currency) == (2, "GSM-7", "EUR")
    assert [(one.beginning, one.people, one.amount) for one in cost.parts] == [
        ("+44", 3, Decimal("0.24")),
        ("+49", 1, Decimal("0.150")),
    ]
    assert (cost.amount, cost.unpriced) == (Decimal("0.390"), 1)


def test_a_finer_beginning_has_its_own_price_and_all_others_one(now: datetime) -> None:
    people = [making.subscriber(now=now, phone=f"+49{n}1234567") for n in (151, 30, 160)]
    carried(now, prices="1\n+49 2\n+4915 3")

    cost = cost_of(texts(people, now, "Tea"), now)

    assert cost is not None
    assert [(one.beginning, one.people) for one in cost.parts] == [("+49", 2), ("+4915", 1)]
    assert (cost.amount, cost.unpriced, cost.currency) == (7, 0, "USD")


@pytest.mark.parametrize(
    ("text", "told", "segments", "encoding"),
    [
        ("a" * 150, {"opt_out_text": "Reply STOP to end"}, 2, "GSM-7"),
        ("“a”" + "a" * 100, {}, 2, "UCS-2"),
        ("“a”" + "a" * 100, {"smart_characters": "yes"}, 1, "GSM-7"),
    ],
)
def test_texts_are_measured_as_they_leave(
    now: datetime, text: str, told: dict[str, str], segments: int, encoding: str
) -> None:
    carried(now, prices="0.05", **told)

    cost = cost_of(texts([making.subscriber(now=now)], now, text), now)

    assert cost is not None
    assert (cost.segments, cost.encoding) == (segments, encoding)


def test_a_mail_costs_nothing_and_neither_does_an_account_without_prices(now: datetime) -> None:
    people = [making.subscriber(now=now)]
    carried(now)

    assert cost_of(staging.draft(customers=people, now=now), now) is None
    assert cost_of(texts(people, now, "Tea"), now) is None


def test_a_price_that_is_none_is_refused_when_it_is_said(now: datetime) -> None:
    with pytest.raises(ValidationError, match="is no price"):
        carried(now, prices="+44 cheap")


def test_an_account_that_adds_the_way_out_needs_none_in_the_text(now: datetime) -> None:
    campaign = texts([making.subscriber(now=now)], now, "Tea is here")
    carried(now, opt_out_text="Reply STOP to end")

    assert preflight.check_launch(campaign=campaign, now=now) == []


def test_marketing_leaves_with_the_way_out_and_is_shown_with_it(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried(now, opt_out_text="+44 Reply STOP to end")
    sent = MemoryAdapter(registry.Account("memory"))
    monkeypatch.setattr(registry, "adapter_for", lambda account: sent)
    ada = making.subscriber(now=now)
    campaign = texts([ada], now, "Tea is here")

    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)
    broadcasts.start_due(now=now + staging.LONG_ENOUGH)
    staging.send(campaign=campaign, now=now + staging.LONG_ENOUGH)

    message = Message.objects.get(channel="sms")
    assert [one.text for one in sent.sent] == ["Tea is here Reply STOP to end"]
    assert messages.show(message=message).text == "Tea is here Reply STOP to end"
    assert messages.show(message=message).is_exact

    ProviderAccount.objects.update(options={"opt_out_text": "Text NO to end"})
    book.forget()
    assert not messages.show(message=message).is_exact


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ("Text NO... or STOP", "Tea is here Text NO... or STOP"),
        ("+44 Just STOP", "Tea is here Just STOP"),
        ("+49 Stopp", "Tea is here Reply STOP to end"),
    ],
)
def test_words_of_the_campaign_go_before_those_of_the_account(
    now: datetime, monkeypatch: pytest.MonkeyPatch, own: str, sent: str
) -> None:
    carried(now, opt_out_text="Reply STOP to end")
    adapter = MemoryAdapter(registry.Account("memory"))
    monkeypatch.setattr(registry, "adapter_for", lambda account: adapter)
    ada = making.subscriber(now=now)
    campaign = texts([ada], now, "Tea is here")
    Campaign.objects.update(opt_out_text=own)

    broadcasts.launch(campaign_id=campaign.pk, by=None, now=now)
    broadcasts.start_due(now=now + staging.LONG_ENOUGH)
    staging.send(campaign=campaign, now=now + staging.LONG_ENOUGH)

    message = Message.objects.get(channel="sms")
    assert [one.text for one in adapter.sent] == [sent]
    assert (messages.show(message=message).text, messages.show(message=message).is_exact) == (
        sent,
        True,
    )
    # What was sent stays what it was, whatever the campaign or its account say later.
    Campaign.objects.update(opt_out_text="Antworte STOP")
    assert messages.show(message=message).is_exact


def test_words_of_the_campaign_are_counted_before_the_launch(now: datetime) -> None:
    ada = making.subscriber(now=now)
    carried(now, prices="0.05", opt_out_text="STOP")
    campaign = texts([ada], now, "a" * 150)

    before = cost_of(campaign, now)
    campaign.opt_out_text = "+44 Reply STOP to end it"

    after = cost_of(campaign, now)
    assert (before and before.segments, after and after.segments) == (1, 2)
    assert costs.as_sent(campaign=campaign, customer=ada, text="Tea") == (
        "Tea Reply STOP to end it"
    )


def test_what_needs_no_consent_says_no_way_out(now: datetime) -> None:
    ada = making.subscriber(now=now)
    carried(now, opt_out_text="Reply STOP to end")
    campaign = texts([ada], now, "Your tea is on its way")
    campaign.purpose = "transactional"
    campaign.save()

    assert costs.as_sent(campaign=campaign, customer=ada, text="Sent") == "Sent"
    assert preflight.check_launch(campaign=campaign, now=now) == []


def test_every_account_that_may_carry_it_has_to_have_words(now: datetime) -> None:
    people = [making.subscriber(now=now), making.subscriber(now=now, phone="+4915123456789")]
    carried(now, opt_out_text="Reply STOP to end")
    campaign = texts(people, now, "Tea is here")
    assert preflight.check_launch(campaign=campaign, now=now) == []

    accounts.keep(
        new=accounts.NewAccount(
            name="second",
            channel="sms",
            provider="sms_http",
            told={"url": "https://two.example/messages", "opt_out_text": "+49 Antworte STOP"},
        ),
        now=now,
    )
    problems = preflight.check_launch(campaign=campaign, now=now)
    assert [(one.code, one.stops) for one in problems] == [("not_all_opt_out_words", True)]
    assert problems[0].message.startswith("1 person ")

    campaign.opt_out_text = "+44 Reply STOP"
    assert preflight.check_launch(campaign=campaign, now=now) == []
