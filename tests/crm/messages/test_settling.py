"""News come twice, late and out of order; what happened to a message stays true."""

from datetime import datetime, timedelta
from itertools import combinations, permutations

import pytest

from crm import consent, messages, normalise
from crm.channels.base import Outcome
from crm.channels.memory import MemoryAdapter
from crm.choices import Refusal
from crm.messages import Settlement
from crm.models import Customer, Event, Message, Suppression
from crm.signals import messages_settled

from .letters import draft, send, write

pytestmark = pytest.mark.django_db


def tell(state: str, now: datetime, reason: str = "") -> list[int]:
    """Take in one piece of news about the only message."""
    news = Settlement(Message.objects.get().pk, state, reason, occurred_at=now)
    return messages.settle_many(outcomes=[news], now=now)


def test_a_late_receipt_does_not_clear_a_bounce(ada: Customer, now: datetime) -> None:
    send(draft(ada), now=now)
    tell("bounced", now, "soft_bounce")

    changed = tell("delivered", now)

    assert changed == []
    assert Message.objects.get().state == "bounced"


def test_the_same_news_twice_is_one_event(ada: Customer, now: datetime) -> None:
    send(draft(ada), now=now)

    tell("delivered", now + timedelta(minutes=1))
    tell("delivered", now + timedelta(minutes=2))

    assert Event.objects.filter(name="message.delivered").count() == 1
    assert Message.objects.get().delivered_at == now + timedelta(minutes=1)


def test_news_that_overtake_the_settling_hold(ada: Customer, now: datetime) -> None:
    write(draft(ada), now=now)
    tell("delivered", now)

    tell("sent", now)

    assert Message.objects.get().state == "delivered"
    assert set(Event.objects.filter(customer=ada).values_list("name", flat=True)) >= {
        "message.sent",
        "message.delivered",
    }


def test_a_doubt_is_settled_by_what_comes_back(ada: Customer, now: datetime) -> None:
    write(draft(ada), now=now)
    tell("in_doubt", now, "worker_lost")

    tell("delivered", now)

    message = Message.objects.get()
    assert (message.state, message.reason) == ("delivered", "")


def test_what_failed_on_the_way_is_not_sent_by_an_older_report(
    ada: Customer, now: datetime
) -> None:
    send(draft(ada), now=now)
    tell("failed", now, "undeliverable")

    tell("sent", now)

    assert Message.objects.get().state == "failed"


@pytest.mark.parametrize(
    ("state", "reason"), [("bounced", "hard_bounce"), ("failed", "undeliverable")]
)
def test_an_address_that_does_not_exist_is_not_written_to_again(
    ada: Customer, now: datetime, state: str, reason: str
) -> None:
    send(draft(ada), now=now)

    tell(state, now, reason)

    verdict = consent.check_many(
        customer_ids=[ada.pk], channel="email", purpose="transactional", now=now
    )
    assert verdict[ada.pk].refusal == Refusal.SUPPRESSED


def test_a_soft_bounce_closes_no_address(ada: Customer, now: datetime) -> None:
    send(draft(ada), now=now)

    tell("bounced", now, "soft_bounce")

    assert not Suppression.objects.exists()


def test_a_hard_bounce_after_a_soft_one_closes_the_address(ada: Customer, now: datetime) -> None:
    send(draft(ada), now=now)
    tell("bounced", now, "soft_bounce")

    changed = tell("bounced", now + timedelta(hours=1), "hard_bounce")

    message = Message.objects.get()
    assert changed == [message.pk]
    assert (message.state, message.reason) == ("bounced", "hard_bounce")
    assert Suppression.objects.get().reason == "hard_bounce"


def test_a_soft_bounce_after_a_hard_one_changes_nothing(ada: Customer, now: datetime) -> None:
    send(draft(ada), now=now)
    tell("bounced", now, "hard_bounce")

    assert tell("bounced", now, "soft_bounce") == []
    assert Message.objects.get().reason == "hard_bounce"


def test_an_answer_that_waits_for_another_try_and_has_arrived_is_not_sent_again(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    provider.script.append(Outcome(0, "failed", reason="deferred", retry_after=60.0))
    send(draft(ada, purpose="conversation", source_kind=""), now=now)

    tell("delivered", now)

    assert messages.send_queued(owner=messages.owner(), now=now + timedelta(hours=1)) == 0
    assert Message.objects.get().state == "delivered"


NEWS = [
    ("sent", ""),
    ("failed", "never_handed_over"),
    ("failed", "deferred"),
    ("failed", "rejected"),
    ("failed", "unknown"),
    ("failed", "undeliverable"),
    ("delivered", ""),
    ("bounced", "soft_bounce"),
    ("bounced", "rejected"),
    ("bounced", "hard_bounce"),
    ("complained", "complaint"),
]


@pytest.mark.parametrize("first", ["in_doubt", "sent"])
def test_news_in_any_order_leave_one_state_and_one_set_of_suppressions(
    ada: Customer, now: datetime, first: str
) -> None:
    orders = [order for some in combinations(NEWS, 3) for order in permutations(some)]
    everybody = [draft(ada, address=f"ada{n}@shop.example") for n in range(len(orders))]
    write(*everybody, now=now)
    ids = [letter.message_id for letter in everybody]
    begun = [Settlement(pk, first, "worker_lost" if first == "in_doubt" else "") for pk in ids]
    messages.settle_many(outcomes=begun, now=now)

    for place in range(3):
        news = [Settlement(pk, *order[place]) for pk, order in zip(ids, orders, strict=True)]
        messages.settle_many(outcomes=news, now=now)

    ends: dict[frozenset[tuple[str, str]], set[tuple[str, str, str]]] = {}
    closed = dict(Suppression.objects.values_list("address_hash", "reason"))
    found = Message.objects.in_bulk(ids)
    for letter, order in zip(everybody, orders, strict=True):
        message = found[letter.message_id]
        reason = closed.get(normalise.address_hash(channel="email", address=letter.address), "")
        ends.setdefault(frozenset(order), set()).add((message.state, message.reason, reason))
    assert {news: end for news, end in ends.items() if len(end) > 1} == {}


def test_news_told_together_end_as_told_one_by_one(ada: Customer, now: datetime) -> None:
    together, apart = draft(ada), draft(ada)
    write(together, apart, now=now)

    told = [Settlement(together.message_id, *news) for news in reversed(NEWS)]
    messages.settle_many(outcomes=told, now=now)
    for news in NEWS:
        messages.settle_many(outcomes=[Settlement(apart.message_id, *news)], now=now)

    ends = Message.objects.values_list("state", "reason").distinct().order_by()
    assert list(ends) == [("complained", "complaint")]


def test_a_complaint_withdraws_consent_too(ada: Customer, now: datetime) -> None:
    send(draft(ada), now=now)

    tell("complained", now + timedelta(hours=1), "complaint")

    states = ada.consents.filter(channel="email").values_list("state", flat=True)
    assert set(states) == {"withdrawn"}
    assert ada.consents.get(channel="sms").state == "granted"
    assert Suppression.objects.get().reason == "complaint"


def test_an_answer_that_was_put_off_is_tried_again_later(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    provider.script.append(Outcome(0, "failed", reason="deferred", retry_after=60.0))

    send(draft(ada, purpose="conversation", source_kind=""), now=now)

    message = Message.objects.get()
    assert (message.state, message.due_at) == ("queued", now + timedelta(seconds=60))


def test_what_is_put_off_again_and_again_is_tried_ever_later(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    """Ten tries take most of a day: a server that greylists, or is being mended, gets its time."""
    provider.script += [Outcome(0, "failed", reason="deferred", retry_after=300.0)] * 10
    send(draft(ada, purpose="conversation", source_kind=""), now=now)

    waits = []
    while (message := Message.objects.get()).due_at:
        waits.append((message.due_at - now).total_seconds())
        now = message.due_at
        messages.send_queued(owner=messages.owner(), now=now)

    assert waits[:3] == [300, 600, 1200]
    assert max(waits) == 6 * 3600
    assert (message.state, len(waits)) == ("failed", 9)


def test_a_campaign_plans_its_next_try_itself(
    ada: Customer, now: datetime, provider: MemoryAdapter
) -> None:
    provider.script.append(Outcome(0, "failed", reason="unreachable", retry_after=60.0))

    send(draft(ada), now=now)

    assert Message.objects.get().state == "failed"


def test_news_of_settled_messages_leave_after_the_commit(
    ada: Customer, now: datetime, django_capture_on_commit_callbacks: object
) -> None:
    heard: list[object] = []

    def listen(sender: object, **news: object) -> None:
        heard.append(news["message_ids"])

    messages_settled.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            send(draft(ada), now=now)
    finally:
        messages_settled.disconnect(listen)

    assert heard == [[Message.objects.get().pk]]
