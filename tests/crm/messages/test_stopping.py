"""What was written down and has not begun does not begin any more once it must not."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from crm import consent, customers, messages
from crm.channels.memory import MemoryAdapter
from crm.choices import DecisionSource
from crm.messages import NewMessage, Watch, held, stopping
from crm.models import Customer, HandOver, Message, TemplateVersion
from tests import making
from tests.crm.messages.letters import draft as letter
from tests.crm.messages.letters import write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ask_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "LOOK_EVERY", 0.0)


def people(now: datetime, count: int = 3) -> list[Customer]:
    return [making.subscriber(now=now) for _ in range(count)]


def states() -> list[tuple[str, str, str]]:
    return list(Message.objects.order_by("pk").values_list("state", "reason", "detail"))


def test_whoever_unsubscribes_during_a_batch_gets_nothing_of_it(
    now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = people(now)
    drafts = [letter(person) for person in crowd]
    write(*drafts, now=now)
    answer = provider._answer

    def answer_and_lose_the_next(outgoing: Any) -> Any:
        consent.withdraw(
            customer_id=crowd[1].pk,
            channel="email",
            purpose="marketing",
            source=DecisionSource.ONE_CLICK,
            now=now,
        )
        return answer(outgoing)

    monkeypatch.setattr(provider, "_answer", answer_and_lose_the_next)

    messages.send_many(drafts=drafts, now=now, stop=Watch(drafts, now=now))

    assert states() == [
        ("sent", "", ""),
        ("failed", "not_allowed", "unsubscribed"),
        ("sent", "", ""),
    ]
    assert [one.recipient for one in provider.sent] == [crowd[0].email, crowd[2].email]


def test_a_long_batch_outlives_its_lease(
    now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = [letter(person) for person in people(now)]
    write(*drafts, now=now)
    watch = Watch(drafts, now=now)
    answer = provider._answer
    held_until = []

    def answer_slowly(outgoing: Any) -> Any:
        held_until.append(HandOver.objects.get().lease_until_at - now)
        watch._began -= held.LEASE.total_seconds()
        return answer(outgoing)

    monkeypatch.setattr(provider, "_answer", answer_slowly)

    messages.send_many(drafts=drafts, now=now, stop=watch)

    late = [round(one / held.LEASE, 3) for one in held_until]
    assert late == [1, 2, 3]
    assert not HandOver.objects.exists()


def test_who_is_merged_during_a_batch_gets_their_mail_and_who_is_erased_none(
    now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, merged, erased, refused, kept, opted_out = people(now, 6)
    drafts = [letter(person) for person in (first, merged, erased, refused)]
    write(*drafts, now=now)
    answer = provider._answer

    def change(outgoing: Any) -> Any:
        if outgoing.message_id == drafts[0].message_id:
            customers.forget_many(customer_ids=[erased.pk], now=now)
            consent.withdraw_all(
                customer_id=opted_out.pk, channel="email", source="staff", proof={}, now=now
            )
            for into, one in ((kept, merged), (opted_out, refused)):
                customers.merge(
                    kept_id=into.pk,
                    merged_id=one.pk,
                    cause="staff",
                    reason="The same",
                    by=None,
                    now=now,
                )
        return answer(outgoing)

    monkeypatch.setattr(provider, "_answer", change)

    messages.send_many(drafts=drafts, now=now, stop=Watch(drafts, now=now))

    assert [one.recipient for one in provider.sent] == [first.email, merged.email]
    assert states() == [
        ("sent", "", ""),
        ("sent", "", ""),
        ("failed", "not_allowed", "unsubscribed"),
    ]


def test_nothing_is_begun_with_a_template_that_was_withdrawn(
    now: datetime, provider: MemoryAdapter, newsletter: TemplateVersion, ada: Customer
) -> None:
    message = NewMessage(
        customer_id=ada.pk,
        channel="email",
        author="system",
        purpose="transactional",
        template_version_id=newsletter.pk,
        variables={"customer": {"first_name": "Ada", "id": 1}, "at": now},
    )
    messages.say(message=message, now=now)
    TemplateVersion.objects.filter(pk=newsletter.pk).update(withdrawn_at=now)

    messages.send_queued(owner=messages.owner(), now=now)

    assert states() == [("failed", "stopped", "The template was withdrawn.")]
    assert provider.sent == []


def test_looking_costs_nothing_between_two_looks(
    now: datetime,
    provider: MemoryAdapter,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: Any,
) -> None:
    drafts = [letter(person) for person in people(now)]
    monkeypatch.setattr(stopping, "LOOK_EVERY", 60.0)
    watch = Watch(drafts, now=now)

    with django_assert_max_num_queries(1):
        for draft in drafts:
            assert watch(draft.message_id, list) is None


def test_an_adapter_with_a_loop_of_its_own_may_ask_too(now: datetime, ada: Customer) -> None:
    drafts: Sequence[Any] = [letter(ada)]
    watch = Watch(drafts, now=now)

    async def ask() -> Any:
        return [watch(drafts[0].message_id, list) for _ in range(2)]

    assert asyncio.run(ask()) == [None, None]


def test_of_what_has_begun_nobody_asks_any_more_unless_it_begins_anew(
    now: datetime, ada: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts = [letter(ada), letter(making.subscriber(now=now))]
    first, second = (draft.message_id for draft in drafts)
    watch = Watch(drafts, now=now)
    begun: list[int] = []
    assert watch(first, lambda: set(begun)) is None
    begun.append(first)
    asked: list[list[int]] = []
    check = consent.check_many

    def remember(**asks: Any) -> Any:
        asked.append(list(asks["customer_ids"]))
        return check(**asks)

    monkeypatch.setattr(stopping.consent, "check_many", remember)

    watch(second, lambda: set(begun))
    monkeypatch.setattr(stopping, "LOOK_EVERY", 60.0)
    begun.clear()
    watch(second, lambda: set(begun))
    watch(first, lambda: set(begun))
    watch(first, lambda: set(begun))

    assert list(map(sorted, asked)) == [[drafts[1].customer_id], [ada.pk, drafts[1].customer_id]]
