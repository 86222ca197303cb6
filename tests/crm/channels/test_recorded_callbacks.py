"""What django-anymail's tests say of the callbacks of every provider, held against ours.

The recordings lie beside the checkout; a provider that is registered and has one is tried.
"""

import base64
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.channels.base import CallbackNews, CallbackRefused, CallbackRequest
from crm.channels.registry import PROVIDERS, adapter_class
from tests import documented
from tests.contracts import CALLBACK_URL, NOW
from tests.crm.channels.callback_proofs import account, proven

RECORDED = (
    "amazon_ses",
    "brevo",
    "mailersend",
    "mailgun",
    "mailjet",
    "mailtrap",
    "mandrill",
    "postal",
    "postmark",
    "resend",
    "sendgrid",
    "sparkpost",
    "unisender_go",
)
BUILT = [name for name in RECORDED if name in PROVIDERS]
# Their word for an event, and ours.
KINDS = {
    "queued": "sent",
    "sent": "sent",
    "deferred": "deferred",
    "delivered": "delivered",
    "opened": "opened",
    "clicked": "clicked",
    "bounced": "bounced",
    "rejected": "failed",
    "failed": "failed",
    "complained": "complained",
    "unsubscribed": "unsubscribed",
    "unknown": "unknown",
}
# Bounces are hard in these recordings but for those of these tests.
CLASSES = {
    "test_soft_bounce_event": "soft_bounce",
    "test_soft_bounced_event": "soft_bounce",
    "test_suppressed_event": "block",
}
# Where we mean something else on purpose: a switch of theirs that we do not have, and why.
OTHERWISE = {
    ("sparkpost", "test_initial_open_event_as_unknown"): "opened",  # they have a switch for it
    ("mailjet", "test_click_event"): "opened",  # so it is: their test posts an opening
}
# They take the moment of the envelope, we that of the event inside of it.
EARLIER = frozenset({"amazon_ses"})


@dataclass(frozen=True)
class Recording:
    """One request, the status it had, and what it was taken for."""

    provider: str
    test: str
    status: int | None
    events: list[dict[str, Any]]
    request: CallbackRequest

    @property
    def tracked(self) -> list[dict[str, Any]]:
        return [one for one in self.events if one["kind"] == "tracking"]


def recordings(folder, provider):
    path = folder / "webhooks_anymail" / f"{provider}.json"
    return [_recording(provider, one) for one in json.loads(path.read_text(encoding="utf-8"))]


def _recording(provider, one):
    body = one["body"].encode() if "body" in one else base64.b64decode(one["body_b64"])
    headers = one["headers"] | {"content-type": one["content_type"]}
    request = CallbackRequest(headers, body, CALLBACK_URL, NOW)
    test = one["test"].rpartition(".")[2]
    return Recording(provider, test, one["status"], one["events"], request)


def is_refused(adapter, request):
    try:
        adapter.verify_callback(request)
    except CallbackRefused:
        return True
    return False


@pytest.fixture(params=BUILT)
def provider(request):
    return request.param


@dataclass(frozen=True)
class Certificate:
    """What is known of Amazon's key."""

    key: Any

    def public_key(self):
        return self.key


@pytest.fixture
def adapter(provider, rsa_key, monkeypatch):
    if provider == "amazon_ses":
        from crm.channels import sns

        monkeypatch.setattr(sns, "_certificate", lambda url, trusted: Certificate(rsa_key.public))
    return adapter_class(provider)(account(provider, rsa_key.pem))


def test_every_recording_has_its_provider_or_waits_for_it(shared_corpora):
    found = {path.stem for path in (shared_corpora / "webhooks_anymail").glob("*.json")}

    assert found == set(RECORDED)


def test_a_request_is_taken_only_with_a_proof_of_ours(provider, adapter, rsa_key, shared_corpora):
    for one in recordings(shared_corpora, provider):
        assert is_refused(adapter, one.request), one.test
        if one.status == 200:
            assert not is_refused(adapter, proven(provider, one.request, pem=rsa_key.pem)), one.test


def test_what_is_read_says_the_same(provider, adapter, rsa_key, shared_corpora):
    compared = 0
    for one in recordings(shared_corpora, provider):
        if one.status != 200 or not one.tracked:
            continue
        news = _news(adapter, proven(provider, one.request, pem=rsa_key.pem))

        assert len(news) == len(one.tracked), one.test
        for ours, theirs in zip(news, one.tracked, strict=True):
            assert _differences(ours, theirs, one) == [], one.test
            compared += 1

    assert compared == sum(len(one.tracked) for one in recordings(shared_corpora, provider))


@pytest.mark.parametrize(
    ("word", "meaning", "wrong"),
    [("hard_bounce", "delivered", "kind"), ("delivered", "unknown", "kind")],
)
def test_a_word_that_is_read_wrongly_is_found(word, meaning, wrong, rsa_key, monkeypatch):
    from crm.channels.mailers import brevo

    monkeypatch.setitem(brevo.WORDS, word, meaning)
    body = json.dumps({"event": word, "email": "a@b.example"}).encode()
    theirs = {"event_type": {"hard_bounce": "bounced"}.get(word, word), "recipient": "a@b.example"}
    theirs |= {"timestamp": None, "event_id": None}
    one = Recording("brevo", "", 200, [theirs], CallbackRequest({}, body, CALLBACK_URL, NOW))

    (news,) = _news(brevo.BrevoAdapter(account("brevo", rsa_key.pem)), one.request)

    assert [said.split()[0] for said in _differences(news, theirs, one)][:1] == [wrong]
    assert _differences(news, theirs | {"recipient": "c@d.example"}, one)[-1].startswith(
        "recipient"
    )


def test_whatever_is_posted_is_read_or_refused(provider, adapter, shared_corpora):
    for one in recordings(shared_corpora, provider):
        for cut in (len(one.request.body), len(one.request.body) // 2, 1):
            body = one.request.body[:cut]
            request = CallbackRequest(one.request.headers, body, CALLBACK_URL, NOW)
            try:
                found = adapter.read_callback(request)
            except CallbackRefused:
                continue
            assert all(isinstance(each.raw, dict) for each in found if hasattr(each, "raw"))


def test_the_figures_in_the_documentation_are_those_of_the_recordings(shared_corpora):
    every = [one for name in RECORDED for one in recordings(shared_corpora, name)]
    events = sum(len(one.tracked) for one in every)

    said = f"{len(every)} recorded requests of {len(RECORDED)} providers, with {events} events"
    assert said in " ".join(documented.page("channels.md").split())


def _news(adapter, request):
    return [one for one in adapter.read_callback(request) if isinstance(one, CallbackNews)]


def _differences(ours, theirs, recording):
    kind = OTHERWISE.get((recording.provider, recording.test), KINDS[theirs["event_type"]])
    found = []
    if ours.kind != kind:
        found.append(f"kind {ours.kind}, not {kind}")
    if kind == "bounced" and ours.reason != CLASSES.get(recording.test, "hard_bounce"):
        found.append(f"class {ours.reason}")
    if kind == "failed" and not ours.reason:
        found.append("no reason")
    if theirs["recipient"] and ours.recipient.lower() != theirs["recipient"].lower():
        found.append(f"recipient {ours.recipient}")
    if theirs["timestamp"]:
        wanted = datetime.fromisoformat(theirs["timestamp"])
        is_earlier = recording.provider in EARLIER and ours.occurred_at < wanted
        if abs(ours.occurred_at - wanted) > timedelta(seconds=1) and not is_earlier:
            found.append(f"moment {ours.occurred_at}")
    if theirs["event_id"] and not _keeps(ours, str(theirs["event_id"]), recording):
        found.append("the event's id is lost")
    return found


def _keeps(ours, identity, recording):
    """Whether the id of the event is kept: in the raw words, or in what was posted with them."""
    posted = recording.request.body.decode("utf-8", "replace")
    headers = " ".join(recording.request.headers.values())
    return any(identity in text for text in (json.dumps(ours.raw), posted, headers))
