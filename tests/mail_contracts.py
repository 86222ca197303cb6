"""What every adapter that hands mails to a provider's API must keep, and how it is tried."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any, ClassVar

import pytest

from crm.channels.base import (
    FAILED,
    IN_DOUBT,
    REASONS,
    SENT,
    CallbackNews,
    CallbackRefused,
    LooksUp,
)
from crm.channels.http_wire import Answer, Call
from tests.contracts import (
    HARD_TEXT,
    RememberingJournal,
    outgoing,
)
from tests.provider_contracts import ProviderContract

HARD_SUBJECT = "Grüße “ja” & 50 % {{to}} 你好 😀"
WAY_OUT = "https://shop.example/u/abc?x=1&y=2"
HEADERS = (
    ("List-Unsubscribe", f"<{WAY_OUT}>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ("List-Id", "<marketing.rapport.example>"),
    ("Feedback-ID", "campaign-1:marketing:email:rapport"),
    ("Precedence", "bulk"),
)


class MailerContract(ProviderContract):
    """For providers of e-mail: `mailer` is what the simulator knows one by."""

    mailer: str
    somebody = "ann@people.example"
    nobody, put_off = "refuse+ann@people.example", "defer+ann@people.example"
    is_content_signed = False
    unreadable = (b'"x"',)
    # Headers of ours that the provider does not let through, in lower case.
    kept_back: ClassVar[frozenset[str]] = frozenset()
    # Fates that the provider does not tell of.
    untold: ClassVar[frozenset[str]] = frozenset()
    # Where in the JSON of a request tracking is switched off: dotted places and their values.
    says: ClassVar[Mapping[str, object]] = {}

    @property
    def played(self):
        return self.mailer

    def sent(self, adapter, recipient="", **changes):
        message = outgoing(1, recipient or self.somebody, **changes)
        (outcome,) = adapter.send_many([message], journal=RememberingJournal())
        return outcome

    def test_a_mail_is_taken_with_both_parts_and_has_the_providers_id(self, adapter, simulator):
        html = f"<p>{HARD_TEXT}</p>"
        outcome = self.sent(adapter, text=HARD_TEXT, html=html, subject=HARD_SUBJECT)

        assert (outcome.state, outcome.detail) == (SENT, "")
        (caught,) = simulator.caught
        mail = message_from_bytes(caught.raw, policy=policy.default)
        plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
        assert plain.get_content().strip() == HARD_TEXT
        assert rich.get_content().strip() == html
        assert (caught.subject, caught.recipient) == (HARD_SUBJECT, "ann@people.example")
        assert "Shop" in str(mail["From"])
        assert "shop@rapport.example" in str(mail["From"])
        assert outcome.provider_message_id == caught.provider_message_id

    @pytest.mark.parametrize("only", ["text", "html"])
    def test_a_mail_of_one_part_is_taken(self, adapter, simulator, only):
        other = {"text": "html", "html": "text"}[only]
        outcome = self.sent(adapter, **{only: "<p>Hello</p>", other: ""})

        assert (outcome.state, outcome.detail) == (SENT, "")
        mail = message_from_bytes(simulator.caught[0].raw, policy=policy.default)
        assert mail.get_content_type() == {"text": "text/plain", "html": "text/html"}[only]

    def test_our_headers_reach_the_reader(self, adapter, simulator):
        self.sent(adapter, headers=HEADERS)

        mail = message_from_bytes(simulator.caught[0].raw, policy=policy.default)
        wanted = {name: value for name, value in HEADERS if name.lower() not in self.kept_back}
        assert {name: mail[name] for name in wanted} == wanted
        if "message-id" not in self.kept_back:
            assert mail["Message-ID"] == "<key-1@rapport.example>"

    def test_no_header_can_be_made_of_a_name(self, adapter, simulator):
        hard = "x\r\nBcc: eve@evil.example\n\n<b>"
        outcome = self.sent(adapter, subject=hard, sender=f"{hard} <shop@rapport.example>")

        assert outcome.state in {SENT, FAILED}
        for caught in simulator.caught:
            mail = message_from_bytes(caught.raw, policy=policy.default)
            assert mail["Bcc"] is None

    def test_the_providers_own_tracking_is_off(self, adapter):
        call = adapter.write(outgoing(1, headers=HEADERS))

        assert isinstance(call, Call)
        said = json.loads(call.body) if self.says else {}
        assert {place: _at(said, place) for place in self.says} == dict(self.says)

    @pytest.mark.parametrize(
        "address", ["nobody", "a@b.example\nBcc: c@d.example", "grün@x.example"]
    )
    def test_what_is_no_address_leaves_us_never(self, adapter, simulator, address):
        outcome = self.sent(adapter, address)

        assert (outcome.state, outcome.reason) == (FAILED, "invalid_address")
        assert simulator.caught == []

    def test_a_domain_of_another_script_goes_in_ascii(self, adapter, simulator):
        self.sent(adapter, "ann@bücher.example")

        assert simulator.caught[0].recipient == "ann@xn--bcher-kva.example"

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_provider_that_breaks_down_may_have_taken_the_mail(self, adapter, status):
        outcome = adapter.read(outgoing(1), Answer(status, {}, b"<html>oops"))

        wanted = FAILED if adapter.is_idempotent else IN_DOUBT
        assert outcome.state == wanted
        assert outcome.reason in REASONS

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b"<html>", b'"x"', b'{"id": null}'])
    def test_every_answer_has_an_outcome(self, adapter, body):
        for status in (200, 202, 400, 403, 404, 422, 503):
            outcome = adapter.read(outgoing(1), Answer(status, {}, body))

            assert outcome.state in {SENT, FAILED, IN_DOUBT}
            assert outcome.state == SENT or outcome.reason in REASONS
            assert outcome.provider_message_id or outcome.state != SENT

    @pytest.mark.parametrize(
        ("wish", "kind", "reason"),
        [
            ("ann", "delivered", ""),
            ("bounce", "bounced", "hard_bounce"),
            ("soft", "bounced", "soft_bounce"),
            ("complain", "complained", ""),
            ("leave", "unsubscribed", ""),
        ],
    )
    def test_a_report_is_proven_and_finds_its_message(self, adapter, simulator, wish, kind, reason):
        if wish in self.untold:
            return  # the provider has no word for it
        address = f"{wish}+x@people.example"
        outcome = self.sent(adapter, address)
        request = simulator.callback()

        adapter.verify_callback(request)
        (news,) = adapter.read_callback(request)

        assert isinstance(news, CallbackNews)
        assert (news.kind, news.reason) == (kind, reason)
        assert (news.key or "").partition("@")[0] == "key-1"
        assert news.provider_message_id == outcome.provider_message_id
        assert news.recipient == address
        assert abs(news.occurred_at - request.received_at) < timedelta(minutes=1)
        assert json.dumps(dict(news.raw))

    def test_a_mail_in_doubt_can_be_asked_for(self, adapter):
        if not isinstance(adapter, LooksUp):
            return  # the provider has no search by anything of ours
        key = f"doubt-{self.played}"
        outcome = self.sent(adapter, "doubt+x@people.example", key=key)
        asked = [outgoing(n, "doubt+x@people.example", key=k) for n, k in ((1, key), (2, "other"))]

        found = adapter.look_up(asked)

        assert {one.key for one in found} == {key}
        assert {one.provider_message_id for one in found} <= {outcome.provider_message_id, ""}
        assert {one.kind for one in found} <= {"sent", "delivered"}
        assert adapter.look_up(asked[1:]) == []

    def test_another_mail_to_the_same_address_at_the_same_time_proves_nothing(self, adapter):
        if not isinstance(adapter, LooksUp):
            return  # the provider has no search by anything of ours
        address = f"alone+{self.played}@people.example"
        self.sent(adapter, address, key=f"known-{self.played}")
        now = datetime.now(UTC)
        asked = outgoing(2, address, key=f"lost-{self.played}", between=(now, now))

        assert adapter.look_up([asked]) == []

    def test_a_changed_callback_is_refused(self, adapter, simulator):
        if not self.is_content_signed:
            names = {field.name for field in self.adapter_class.fields}
            assert "callback_password" in names
            return  # the provider signs nothing; its callbacks carry a word of ours
        self.sent(adapter)
        request = simulator.callback()

        with pytest.raises(CallbackRefused):
            adapter.verify_callback(replace(request, body=request.body.replace(b"ann", b"eve")))


def _at(data: Any, place: str) -> object:
    """What lies at a dotted place; numbers are places of lists."""
    for step in place.split("."):
        data = data[int(step)] if isinstance(data, list) else data.get(step)
    return data
