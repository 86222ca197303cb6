"""Staff send themselves what a preview shows: on record, and said to no customer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from crm import accounts, template_trials, templates
from crm.accounts import NewAccount
from crm.channels import base, registry
from crm.channels.memory import MemoryAdapter
from crm.choices import Channel
from crm.models import AccessRecord, Customer, Message
from crm.rendering import Rendered
from crm.template_trials import Trial

pytestmark = pytest.mark.django_db
HTML = '<p>{{ customer.first_name }} <a href="https://shop.example/tea">tea</a></p>'
WAY_OUT = '<a href="{{ unsubscribe_url }}">Unsubscribe</a>'


@pytest.fixture
def maria(db: None) -> User:
    return User.objects.create_user("maria", "Maria@shop.example", "x" * 20, is_staff=True)


@pytest.fixture
def sent(
    provider: MemoryAdapter, maria: User, monkeypatch: pytest.MonkeyPatch
) -> list[base.Outgoing]:
    """What reaches the provider, by whatever connection."""
    monkeypatch.setattr(registry, "adapter_class", lambda name: lambda account: provider)
    return provider.sent


@pytest.fixture
def shown(ada: Customer, now: datetime) -> Rendered:
    return templates.preview(
        channel="email",
        subject="100% tea",
        html=HTML + WAY_OUT,
        text="",
        customer_id=ada.pk,
        now=now,
    )


def trial(shown: Rendered, ada: Customer, **changes: Any) -> Trial:
    facts = {"channel": Channel.EMAIL, "address": "maria@shop.example", **changes}
    return Trial(shown=shown, customer_id=ada.pk, **facts)


def test_a_test_is_what_the_preview_shows_with_its_mark_in_the_subject(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    outcome = template_trials.send(trial=trial(shown, ada), by=maria, now=now)

    mail = sent[0]
    assert outcome.state == base.SENT
    assert (mail.recipient, mail.subject) == ("maria@shop.example", "[Test] 100% tea")
    assert (mail.html, mail.text) == (shown.html, shown.text)
    assert mail.headers == (("Auto-Submitted", "auto-generated"),)


def test_a_test_is_not_tracked_and_unsubscribes_nobody(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    template_trials.send(trial=trial(shown, ada), by=maria, now=now)

    assert 'href="https://shop.example/tea"' in sent[0].html
    assert 'href="#"' in sent[0].html
    assert "<img" not in sent[0].html
    assert (sent[0].unsubscribe_url, sent[0].unsubscribe_mail) == ("", "")


def test_a_test_is_no_message_to_the_customer_but_on_record(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    for _ in range(2):
        template_trials.send(trial=trial(shown, ada), by=maria, now=now)

    records = AccessRecord.objects.values_list("staff", "kind", "customer_id", "where", "detail")
    told = (maria.pk, "exported", ada.pk, "template/test", "maria@shop.example")
    assert list(records) == [told, told]
    assert not Message.objects.exists()
    assert len({mail.key for mail in sent}) == 2


@pytest.mark.parametrize("address", ["stranger@shop.example", "maria", ""])
def test_a_mail_goes_to_staff_only(
    sent: list[base.Outgoing],
    shown: Rendered,
    ada: Customer,
    maria: User,
    now: datetime,
    address: str,
) -> None:
    User.objects.create_user("past", "stranger@shop.example", is_staff=True, is_active=False)

    with pytest.raises(ValidationError):
        template_trials.send(trial=trial(shown, ada, address=address), by=maria, now=now)

    assert not sent
    assert not AccessRecord.objects.exists()


def test_a_text_goes_to_any_number_and_the_record_hides_whose(
    sent: list[base.Outgoing], ada: Customer, maria: User, now: datetime
) -> None:
    text = templates.preview(
        channel="sms",
        subject="",
        html="",
        text="Hello {{ customer.first_name }}",
        customer_id=ada.pk,
        now=now,
    )

    asked = trial(text, ada, channel=Channel.SMS, address="+44 113 496 0000")
    template_trials.send(trial=asked, by=maria, now=now)

    assert (sent[0].recipient, sent[0].text) == ("+441134960000", "Hello Ada")
    assert (sent[0].subject, sent[0].html, sent[0].headers) == ("", "", ())
    assert "4960" not in AccessRecord.objects.get().detail


def test_nobody_sends_more_than_a_few_tests_a_minute(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    for _ in range(template_trials.AT_MOST):
        template_trials.send(trial=trial(shown, ada), by=maria, now=now)

    with pytest.raises(ValidationError, match="wait a moment"):
        template_trials.send(trial=trial(shown, ada), by=maria, now=now)
    template_trials.send(trial=trial(shown, ada), by=maria, now=now + timedelta(minutes=1))

    assert len(sent) == template_trials.AT_MOST + 1


def test_what_the_provider_says_is_the_answer(
    sent: list[base.Outgoing],
    provider: MemoryAdapter,
    shown: Rendered,
    ada: Customer,
    maria: User,
    now: datetime,
) -> None:
    provider.script.append(base.Outcome(0, base.FAILED, reason="rejected", detail="550 no"))

    outcome = template_trials.send(trial=trial(shown, ada), by=maria, now=now)

    assert (outcome.state, outcome.detail) == (base.FAILED, "550 no")


def test_what_nothing_carries_is_refused(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    new = NewAccount("relay", "email", "memory", {"url": "memory://"})
    accounts.stop(account_id=accounts.keep(new=new, now=now).pk)

    with pytest.raises(ValidationError, match="No account"):
        template_trials.send(trial=trial(shown, ada), by=maria, now=now)
    with pytest.raises(ValidationError, match="e-mail and SMS only"):
        template_trials.send(trial=trial(shown, ada, channel=Channel.PUSH), by=maria, now=now)

    assert not sent
