"""Staff send themselves what a preview shows: on record, and said to no customer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from redis import ConnectionError as RedisConnectionError

from crm import accounts, template_trials, templates
from crm.accounts import NewAccount
from crm.channels import base, registry
from crm.channels.memory import MemoryAdapter
from crm.choices import Channel
from crm.models import AccessRecord, Customer, Message
from crm.rendering import Rendered
from crm.template_trials import Standing, Trial

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


def send(asked: Trial, *, by: User, now: datetime) -> Standing:
    """Ask for a test, let a worker send it, and look what became of it."""
    token = template_trials.ask(trial=asked, by=by, now=now)
    template_trials.run(token=token, now=now)
    found = template_trials.standing(token=token, by=by, now=now)
    assert found is not None
    return found


def test_a_test_is_what_the_preview_shows_with_its_mark_in_the_subject(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    told = send(trial(shown, ada), by=maria, now=now)

    mail = sent[0]
    assert told.state == base.SENT
    assert (mail.recipient, mail.subject) == ("maria@shop.example", "[Test] 100% tea")
    assert (mail.html, mail.text) == (shown.html, shown.text)
    assert mail.headers == (("Auto-Submitted", "auto-generated"),)


def test_a_test_is_not_tracked_and_unsubscribes_nobody(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    send(trial(shown, ada), by=maria, now=now)

    assert 'href="https://shop.example/tea"' in sent[0].html
    assert 'href="#"' in sent[0].html
    assert "<img" not in sent[0].html
    assert (sent[0].unsubscribe_url, sent[0].unsubscribe_mail) == ("", "")


def test_a_test_is_no_message_to_the_customer_but_on_record(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    for _ in range(2):
        send(trial(shown, ada), by=maria, now=now)

    records = AccessRecord.objects.values_list("staff", "kind", "customer_id", "where", "detail")
    told = (maria.pk, "exported", ada.pk, "template/test", "maria@shop.example")
    assert list(records) == [told, told]
    assert not Message.objects.exists()
    assert len({mail.key for mail in sent}) == 2


@pytest.mark.parametrize(
    "refusal",
    [
        (Channel.EMAIL, "stranger@shop.example", "addresses of staff only"),
        (Channel.EMAIL, "maria", "no address of that channel"),
        (Channel.EMAIL, "", "no address of that channel"),
        (Channel.WEBHOOK, "http://127.0.0.1:8000/", "cannot be reached from outside"),
        (Channel.WEBHOOK, "ftp://x.example/", "no web address"),
        (Channel.WEBHOOK, "maria", "no web address"),
    ],
)
def test_a_test_to_where_none_may_go_is_refused_and_leaves_no_record(
    sent: list[base.Outgoing],
    shown: Rendered,
    ada: Customer,
    maria: User,
    now: datetime,
    refusal: tuple[Channel, str, str],
) -> None:
    channel, address, said = refusal
    User.objects.create_user("past", "stranger@shop.example", is_staff=True, is_active=False)

    with pytest.raises(ValidationError, match=said):
        send(trial(shown, ada, channel=channel, address=address), by=maria, now=now)

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
    send(asked, by=maria, now=now)

    assert (sent[0].recipient, sent[0].text) == ("+441134960000", "Hello Ada")
    assert (sent[0].subject, sent[0].html, sent[0].headers) == ("", "", ())
    assert "4960" not in AccessRecord.objects.get().detail


def test_nobody_sends_more_than_a_few_tests_a_minute(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    for _ in range(template_trials.AT_MOST):
        send(trial(shown, ada), by=maria, now=now)

    with pytest.raises(ValidationError, match="wait a moment"):
        send(trial(shown, ada), by=maria, now=now)
    send(trial(shown, ada), by=maria, now=now + timedelta(minutes=1))

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

    told = send(trial(shown, ada), by=maria, now=now)

    assert (told.state, told.detail) == (base.FAILED, "550 no")


def test_what_nothing_carries_is_refused(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    new = NewAccount("relay", "email", "memory", {"url": "memory://"})
    accounts.stop(account_id=accounts.keep(new=new, now=now).pk)

    with pytest.raises(ValidationError, match="No account"):
        send(trial(shown, ada), by=maria, now=now)
    with pytest.raises(ValidationError, match="subscribed browsers only"):
        send(trial(shown, ada, channel=Channel.PUSH), by=maria, now=now)

    assert not sent


def test_a_webhook_is_posted_to_a_receiver_of_staff_and_says_that_it_is_a_test(
    sent: list[base.Outgoing], ada: Customer, maria: User, now: datetime, settings: Any
) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["hooks.example.com"]
    new = NewAccount("hooks", "webhook", "memory", {"url": "memory://"})
    accounts.keep(new=new, now=now)
    text = templates.preview(
        channel="webhook",
        subject="",
        html="",
        text="Hello {{ customer.first_name }}",
        customer_id=ada.pk,
        now=now,
    )

    asked = trial(
        text, ada, channel=Channel.WEBHOOK, address="https://hooks.example.com/t0p-s3cret"
    )
    told = send(asked, by=maria, now=now)

    assert told.state == base.SENT
    assert (sent[0].recipient, sent[0].text) == (
        "https://hooks.example.com/t0p-s3cret",
        "Hello Ada\n",
    )
    assert (sent[0].subject, sent[0].is_test) == ("[Test]", True)
    assert AccessRecord.objects.get().detail == "hooks.example.com"


def test_nothing_is_sent_until_a_worker_comes(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    token = template_trials.ask(trial=trial(shown, ada), by=maria, now=now)

    found = template_trials.standing(token=token, by=maria, now=now)

    assert found is not None
    assert (found.state, found.is_settled, sent) == ("queued", False, [])


def test_a_bell_that_rings_twice_sends_once(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    token = template_trials.ask(trial=trial(shown, ada), by=maria, now=now)

    for _ in range(3):
        template_trials.run(token=token, now=now)
    template_trials.run(token="unknown", now=now)

    assert len(sent) == 1


def test_two_workers_at_once_send_once(
    sent: list[base.Outgoing],
    shown: Rendered,
    ada: Customer,
    maria: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second reads the letter before the first has taken it."""
    token = template_trials.ask(trial=trial(shown, ada), by=maria, now=now)
    waiting = template_trials._kept(token)
    template_trials.run(token=token, now=now)
    monkeypatch.setattr(template_trials, "_kept", lambda _: waiting)

    template_trials.run(token=token, now=now)

    assert len(sent) == 1


def test_only_whoever_asked_is_told(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    other = User.objects.create_superuser("boss", "boss@shop.example", "x" * 20)
    token = template_trials.ask(trial=trial(shown, ada), by=maria, now=now)

    assert template_trials.standing(token=token, by=other, now=now) is None
    assert template_trials.standing(token="unknown", by=maria, now=now) is None


def test_a_worker_that_dies_leaves_a_doubt(
    shown: Rendered,
    ada: Customer,
    maria: User,
    now: datetime,
    provider: MemoryAdapter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(accounts, "hand_over", die)
    token = template_trials.ask(trial=trial(shown, ada), by=maria, now=now)
    with pytest.raises(KeyboardInterrupt):
        template_trials.run(token=token, now=now)

    soon = template_trials.standing(token=token, by=maria, now=now)
    later = template_trials.standing(
        token=token, by=maria, now=now + template_trials.PATIENCE + timedelta(seconds=1)
    )

    assert soon is not None
    assert later is not None
    assert (soon.state, later.state, later.reason) == ("sending", "in_doubt", "worker_lost")


def test_what_waits_is_not_plain_in_the_cache_and_its_content_goes_with_the_worker(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    token = template_trials.ask(trial=trial(shown, ada), by=maria, now=now)
    waiting = cache.get(f"template-test:{token}")
    template_trials.run(token=token, now=now)
    kept = template_trials._kept(token)

    assert waiting.startswith("enc:")
    assert "Ada" not in waiting
    assert kept is not None
    assert kept.letter is None


def test_an_account_that_was_stopped_meanwhile_sends_nothing(
    sent: list[base.Outgoing], shown: Rendered, ada: Customer, maria: User, now: datetime
) -> None:
    new = NewAccount("relay", "email", "memory", {"url": "memory://"})
    row = accounts.keep(new=new, now=now)
    token = template_trials.ask(trial=trial(shown, ada), by=maria, now=now)
    accounts.stop(account_id=row.pk)

    template_trials.run(token=token, now=now)

    found = template_trials.standing(token=token, by=maria, now=now)
    assert found is not None
    assert (found.state, sent) == ("failed", [])


def test_where_no_worker_can_be_reached_it_is_said(
    sent: list[base.Outgoing],
    shown: Rendered,
    ada: Customer,
    maria: User,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: Any) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(cache, "set", away)

    with pytest.raises(ValidationError, match="try again later"):
        send(trial(shown, ada), by=maria, now=now)
