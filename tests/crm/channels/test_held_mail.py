"""Mails that a provider keeps for us are fetched once it has proven itself, and taken in."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from crm import accounts, callbacks, messages
from crm.channels import fetching, registry
from crm.channels.base import Account, CallbackRefused, HeldMail, ProviderAway
from crm.channels.mailers.resend import ResendAdapter
from crm.models import Callback, Customer, Message, ReturnedMail, Suppression
from tests.contracts import SECRET
from tests.crm.messages.letters import draft, write

HELD = HeldMail("m-1", "shop@rapport.example")
SECRETS = (("api_key", "simulator"), ("signing_secret", SECRET))
ME = "shop@rapport.example"


@pytest.fixture
def adapter(simulator: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ResendAdapter]:
    url = f"{simulator.url}/resend"
    here = ("127.0.0.1",)
    made = ResendAdapter(Account("resend", url, name="m", secrets=SECRETS, guarded_but=here))
    yield made
    made.close()


def write_in(simulator: Any, key: str = "simulator", **mail: str) -> int:
    told = {"from": "ann@people.example", "to": ME, "subject": "Hello", "text": "Hi!"} | mail
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{simulator.url}/resend/inbound"
    return httpx.post(url, json=told, headers=headers, trust_env=False).status_code


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[httpx.Request], object]) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        said = answer(request)
        return said if isinstance(said, httpx.Response) else httpx.Response(200, json=said)

    client = httpx.Client(transport=httpx.MockTransport(handle))
    monkeypatch.setattr("crm.channels.asking.provider_client", lambda _: client)


# --- The adapter --------------------------------------------------------------------------------


def test_resend_tells_the_id_and_keeps_the_mail_as_it_came(
    adapter: ResendAdapter, simulator: Any
) -> None:
    assert write_in(simulator, text="Grüße") == 202
    assert write_in(simulator, key="wrong") == 401
    request = simulator.callback()

    adapter.verify_callback(request)
    (held,) = adapter.read_callback(request)

    assert isinstance(held, HeldMail)
    assert held.recipient == ME
    raw = adapter.fetch_mail(held)
    assert b"From: ann@people.example\n" in raw
    assert b"Subject: Hello\n" in raw


def test_a_mail_that_resend_does_not_have_any_more_is_none(adapter: ResendAdapter) -> None:
    with pytest.raises(CallbackRefused, match="no such mail"):
        adapter.fetch_mail(HELD)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_resend_is_asked_again_later_where_it_gives_nothing_now(
    adapter: ResendAdapter, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    answering(monkeypatch, lambda _: httpx.Response(status))

    with pytest.raises(ProviderAway, match=str(status)):
        adapter.fetch_mail(HELD)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://10.0.0.1/x", "file:///etc/passwd", "http://[::1]/", "x"]
)
def test_no_address_in_our_own_network_is_fetched_from(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    answering(monkeypatch, lambda _: {"id": "m-1", "raw": {"download_url": url}})
    adapter = ResendAdapter(Account("resend", secrets=SECRETS))

    with pytest.raises(ProviderAway):
        adapter.fetch_mail(HELD)


def test_the_key_goes_to_resend_and_not_to_where_the_mail_lies(
    adapter: ResendAdapter, simulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"From: a@b.example\n\nHi")

    client = httpx.Client(transport=httpx.MockTransport(handle))
    monkeypatch.setattr(fetching, "guarded_client", lambda **_: client)
    url = "https://held.example/m-1?Signature=s"
    answering(monkeypatch, lambda _: {"id": "m-1", "raw": {"download_url": url}})

    assert adapter.fetch_mail(HELD).endswith(b"Hi")
    assert "authorization" not in seen[0].headers


def test_only_the_beginning_of_a_large_mail_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * 700_000
        yield b"x" * 700_000
        raise AssertionError("more was fetched than is of use")

    handle = httpx.MockTransport(lambda _: httpx.Response(200, content=pieces()))
    monkeypatch.setattr(fetching, "guarded_client", lambda **_: httpx.Client(transport=handle))

    assert len(fetching.fetch("https://held.example/")) == fetching.MOST_BYTES


def test_a_mail_that_resend_tells_in_parts_is_put_together(
    adapter: ResendAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {
        "from": "ann@people.example",
        "subject": "Re: Hello",
        "headers": {"In-Reply-To": "<key-1@rapport.example>"},
        "text": "Thank you\nBcc: eve@evil.example",
        "raw": None,
    }
    answering(monkeypatch, lambda _: parts)

    head, _line, body = adapter.fetch_mail(HELD).partition(b"\r\n\r\n")

    assert b"In-Reply-To: <key-1@rapport.example>" in head
    assert b"Bcc" not in head
    assert b"Thank you" in body


# --- The whole way ------------------------------------------------------------------------------


@pytest.fixture
def account(adapter: ResendAdapter, simulator: Any, now: datetime) -> Iterator[None]:
    told = {**dict(SECRETS), "url": f"{simulator.url}/resend"}
    accounts.keep(
        new=accounts.NewAccount(
            name="mails", channel="email", provider="resend", told=told, sender=f"Shop <{ME}>"
        ),
        now=now,
    )
    yield
    registry.close_all()


def sent(customer: Customer, now: datetime) -> Message:
    letter = draft(customer)
    write(letter, now=now)
    outcome = messages.Settlement(letter.message_id, "sent", provider="mails")
    messages.settle_many(outcomes=[outcome], now=now)
    return Message.objects.get(pk=letter.message_id)


def heard(simulator: Any, now: datetime) -> None:
    request = simulator.callback()
    callbacks.store(
        provider="mails",
        headers=request.headers,
        body=request.body,
        url=request.url,
        now=request.received_at,
    )
    callbacks.process_due(now=now)


@pytest.mark.django_db
def test_a_bounce_that_came_by_mail_to_resend_closes_the_address(
    account: None, simulator: Any, ada: Customer, now: datetime
) -> None:
    message = sent(ada, now)
    text = f"<{message.address}>: 550 5.1.1 no such user"
    write_in(
        simulator,
        **{"from": "MAILER-DAEMON@mx.example", "subject": "Undelivered"},
        text=text,
        in_reply_to=f"<{message.key}@rapport.example>",
    )

    heard(simulator, now)

    message.refresh_from_db()
    assert (message.state, message.reason) == ("bounced", "hard_bounce")
    assert Suppression.objects.count() == 1
    assert Callback.objects.get(provider="mails").state == "processed"


@pytest.mark.django_db
def test_an_answer_that_came_to_resend_goes_into_the_conversation(
    account: None, simulator: Any, ada: Customer, now: datetime
) -> None:
    reply = f"<{sent(ada, now).key}@rapport.example>"
    write_in(simulator, **{"from": ada.email, "in_reply_to": reply}, text="Thank you!")

    heard(simulator, now)

    inbound = Message.objects.get(direction="in")
    assert (inbound.customer_id, inbound.text.strip()) == (ada.pk, "Thank you!")


@pytest.mark.django_db
def test_a_mail_is_fetched_again_until_resend_gives_it(
    account: None, simulator: Any, monkeypatch: pytest.MonkeyPatch, ada: Customer, now: datetime
) -> None:
    for number in range(2):
        write_in(simulator, text=f"Letter {number}")
    asked: list[str] = []

    def away(self: ResendAdapter, held: HeldMail) -> bytes:
        asked.append(held.identity)
        raise ProviderAway("The provider answers 500.")

    with monkeypatch.context() as patched:
        patched.setattr(ResendAdapter, "fetch_mail", away)
        heard(simulator, now)
        heard(simulator, now + timedelta(seconds=1))
        for minutes in range(2, 6):
            callbacks.process_due(now=now + timedelta(minutes=minutes))
    rows = Callback.objects.filter(provider="mails")
    waiting = {row.state for row in rows}
    errors = {row.error for row in rows if row.error}
    tries = len(asked)
    for minutes in (10, 20):
        callbacks.process_due(now=now + timedelta(minutes=minutes))

    assert (waiting, errors) == ({"received"}, {"The provider answers 500."})
    # While it is away one mail a round is asked for, not each.
    assert tries <= 7
    assert {row.state for row in rows.all()} == {"processed"}
    assert ReturnedMail.objects.count() == 2
