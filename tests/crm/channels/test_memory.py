"""The fake provider keeps what real ones keep."""

import json

import pytest

from crm.channels.base import (
    FAILED,
    IN_DOUBT,
    Account,
    CallbackRefused,
    CallbackRequest,
    Outcome,
)
from crm.channels.memory import MemoryAdapter
from tests.contracts import NOW, RememberingJournal, SendingContract, outgoing


class TestMemoryAdapterKeepsTheContract(SendingContract):
    @pytest.fixture
    def adapter(self):
        return MemoryAdapter(Account("memory", "memory:"))


def test_it_answers_as_it_is_told():
    adapter = MemoryAdapter(Account("memory", "memory:"))
    adapter.script += [
        Outcome(0, FAILED, reason="rejected"),
        Outcome(0, IN_DOUBT, reason="unanswered"),
    ]

    outcomes = list(
        adapter.send_many([outgoing(1), outgoing(2), outgoing(3)], journal=RememberingJournal())
    )

    assert [outcome.state for outcome in outcomes] == ["failed", "in_doubt", "sent"]
    assert [mail.message_id for mail in adapter.sent] == [2, 3]


def test_its_callbacks_need_the_secret():
    adapter = MemoryAdapter(Account("memory", "memory:", callback_secret="s"))
    body = json.dumps({"kind": "delivered", "occurred_at": NOW.isoformat(), "id": "1"}).encode()

    with pytest.raises(CallbackRefused):
        adapter.verify_callback(CallbackRequest({}, body, "", NOW))
    request = CallbackRequest({"authorization": "s"}, body, "", NOW)
    adapter.verify_callback(request)
    (news,) = adapter.read_callback(request)

    assert (news.kind, news.occurred_at) == ("delivered", NOW)
