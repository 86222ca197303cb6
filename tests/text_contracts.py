"""What every adapter that hands texts to a provider's API must keep, and how it is tried."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from crm.channels.base import (
    FAILED,
    IN_DOUBT,
    REASONS,
    SENT,
    CallbackNews,
    CallbackRefused,
    Inbound,
    LooksUp,
)
from crm.channels.http_wire import Answer
from tests.contracts import HARD_TEXT, RememberingJournal, outgoing
from tests.provider_contracts import ProviderContract

STRANGE_ANSWERS = (
    b"",
    b"null",
    b"[" * 100_000,
    b"<html>Sign in to the network</html>",
    b'{"id": null, "errors": ["x"], "error": "x", "ErrorCode": "x", "code": {}}',
    b'{"Response": {"SendStatusSet": ["x"]}}',
    b'{"Response": {"Error": "x"}}',
)


class TextContract(ProviderContract):
    """For providers of SMS; numbers begin with `recipient`, and `person` is one who answers."""

    recipient, person = "+44113496", "+447700900123"
    unreadable = (b"[]",)

    @property
    def somebody(self):
        return f"{self.recipient}0100"

    @property
    def nobody(self):
        return f"{self.recipient}0003"

    @property
    def put_off(self):
        return f"{self.recipient}0004"

    @pytest.fixture
    def batch(self):
        return [outgoing(n, f"{self.recipient}010{n}") for n in range(1, 8)]

    def sent(self, adapter, address="", **changes):
        number = address or self.somebody
        message = outgoing(1, number, sender="+441134960000", **changes)
        (outcome,) = adapter.send_many([message], journal=RememberingJournal())
        return outcome

    def test_a_message_is_taken_with_its_text_and_has_the_providers_id(self, adapter, simulator):
        outcome = self.sent(adapter, text=HARD_TEXT)

        (caught,) = simulator.caught
        assert (outcome.state, outcome.detail) == (SENT, "")
        assert outcome.provider_message_id == caught.provider_message_id
        assert json.loads(caught.raw)["body"] == HARD_TEXT
        assert caught.recipient.lstrip("+") in f"{self.recipient}0100"

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_provider_that_breaks_down_may_have_taken_the_message(self, adapter, status):
        outcome = adapter.understand(outgoing(1), Answer(status, {}, b"<html>oops"))

        assert (outcome.state, outcome.reason) == (IN_DOUBT, "unanswered")

    @pytest.mark.parametrize("body", STRANGE_ANSWERS, ids=range(len(STRANGE_ANSWERS)))
    def test_only_an_answer_with_the_providers_id_says_that_it_is_sent(self, adapter, body):
        for status in (200, 202, 400, 403, 404, 422, 429, 503):
            outcome = adapter.understand(outgoing(1), Answer(status, {}, body))

            assert outcome.state in {FAILED, IN_DOUBT} or outcome.provider_message_id
            assert outcome.state == SENT or outcome.reason in REASONS

    @pytest.mark.parametrize(("ending", "kind"), [("0100", "delivered"), ("0001", "failed")])
    def test_a_report_is_proven_and_finds_its_message(self, adapter, simulator, ending, kind):
        outcome = self.sent(adapter, f"{self.recipient}{ending}")
        request = simulator.callback()

        adapter.verify_callback(request)
        (news,) = adapter.read_callback(request)

        assert isinstance(news, CallbackNews)
        assert (news.kind, news.provider_message_id) == (kind, outcome.provider_message_id)
        assert news.key == "key-1"
        assert not (news.reason and kind == "delivered")
        assert abs(news.occurred_at - request.received_at) < timedelta(minutes=1)
        assert json.dumps(dict(news.raw))

    def test_an_answer_of_a_person_is_proven_and_read(self, adapter, simulator):
        self.asked(simulator, {"from": self.person, "to": "+441134960000", "body": HARD_TEXT})
        request = simulator.callback()

        adapter.verify_callback(request)
        (inbound,) = adapter.read_callback(request)

        assert isinstance(inbound, Inbound)
        assert (inbound.channel, inbound.sender) == ("sms", self.person)
        assert (inbound.body, bool(inbound.provider_message_id)) == (HARD_TEXT, True)

    def asked(self, simulator, data):
        httpx.post(
            f"{simulator.url}/{self.played}/inbound",
            json=data,
            headers={"Authorization": "Bearer simulator"},
            trust_env=False,
        ).raise_for_status()

    def test_a_changed_callback_is_refused(self, adapter, simulator):
        if not self.is_content_signed:
            assert "callback_token" in {field.name for field in self.adapter_class.fields}
            return  # the provider signs nothing; its callbacks carry a token
        self.sent(adapter)
        request = simulator.callback()
        changed = replace(request, body=request.body + b"&x=1", url=request.url + "&x=1")

        with pytest.raises(CallbackRefused):
            adapter.verify_callback(changed)

    def test_a_message_in_doubt_can_be_asked_for(self, adapter):
        if not isinstance(adapter, LooksUp):
            return  # the provider has no search by anything of ours
        keys, number = (f"doubt-{self.played}", f"lost-{self.played}"), f"{self.recipient}0107"
        outcome = self.sent(adapter, number, key=keys[0])
        now = datetime.now(UTC)
        asked = [outgoing(n, number, key=key, between=(now, now)) for n, key in enumerate(keys)]

        (news,) = adapter.look_up(asked)

        assert (news.key, news.kind in {"sent", "delivered"}) == (keys[0], True)
        assert news.provider_message_id in {outcome.provider_message_id, ""}
        assert adapter.look_up(asked[1:]) == []
