"""One-click unsubscribe, line by line as RFC 8058 has it, and the same by a mail."""

from base64 import urlsafe_b64decode
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from crm import accounts, messages, returned_mail
from crm.messages.outgoing import outgoing_many
from crm.models import Customer, Mailbox, Message
from tests.crm.messages.letters import draft, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def letter(ada: Customer, now: datetime, settings: Any) -> messages.Draft:
    """A marketing mail that Ada got."""
    settings.PUBLIC_URL = "https://shop.example"
    made = draft(ada)
    send(made, now=now)
    return made


def headers(letter: messages.Draft) -> dict[str, str]:
    """The headers that the letter goes out with."""
    account = accounts.for_channel(channel="email")
    return dict(outgoing_many(drafts=[letter], account=account)[0].headers)


def way_out(letter: messages.Draft) -> str:
    return urlsplit(headers(letter)["List-Unsubscribe"].strip("<>")).path


def state(customer: Customer) -> str:
    return str(customer.consents.get(channel="email", purpose="marketing").state)


def test_the_header_has_one_https_address_and_the_only_value_there_is(
    letter: messages.Draft,
) -> None:
    """Section 3.1: one HTTPS URI; List-Unsubscribe-Post: List-Unsubscribe=One-Click."""
    found = headers(letter)

    assert found["List-Unsubscribe"].count("<https://") == 1
    assert found["List-Unsubscribe"].count("<") == 1
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_address_is_opaque_and_of_this_message_alone(
    letter: messages.Draft, ada: Customer, now: datetime
) -> None:
    """Section 3.1: who unsubscribes from what stands in the URI, and cannot be forged."""
    other = draft(ada)

    token = way_out(letter).rpartition("/")[2]

    assert letter.message_id.to_bytes(8, "big") not in urlsafe_b64decode(token)
    assert "ada" not in token.lower()
    assert way_out(other) != way_out(letter)


@pytest.mark.parametrize("form", ["multipart", "urlencoded", "urlencoded\r\n"])
def test_a_post_unsubscribes_at_once_without_cookie_redirect_or_question(
    letter: messages.Draft, ada: Customer, form: str
) -> None:
    """Sections 3.2 and 6: either encoding, no context, no redirect, no further step."""
    client = Client(enforce_csrf_checks=True)
    if form == "multipart":
        answer = client.post(way_out(letter), ONE_CLICK)
    else:
        body = "List-Unsubscribe=One-Click" + form.removeprefix("urlencoded")
        kind = "application/x-www-form-urlencoded"
        answer = client.post(way_out(letter), body, content_type=kind)

    assert answer.status_code == 200
    assert not answer.cookies
    assert state(ada) == "withdrawn"
    assert ada.consent_decisions.get(state="withdrawn").source == "one_click"


def test_twice_is_no_more_than_once(letter: messages.Draft, ada: Customer) -> None:
    for _ in range(2):
        assert Client().post(way_out(letter), ONE_CLICK).status_code == 200

    assert state(ada) == "withdrawn"


@pytest.mark.parametrize("method", ["get", "head", "options", "put", "delete", "patch"])
def test_no_other_method_unsubscribes(letter: messages.Draft, ada: Customer, method: str) -> None:
    """Section 3.2: never by GET; section 4: what only looks changes nothing."""
    answer = getattr(Client(), method)(f"{way_out(letter)}?List-Unsubscribe=One-Click")

    assert answer.status_code in {200, 405}
    assert not answer.cookies
    assert state(ada) == "granted"


@pytest.mark.parametrize(
    "said", [{}, {"List-Unsubscribe": "one-click"}, {"List-Unsubscribe": "Two-Click"}, {"x": "y"}]
)
def test_a_post_that_says_something_else_unsubscribes_nobody(
    letter: messages.Draft, ada: Customer, said: dict[str, str]
) -> None:
    answer = Client().post(way_out(letter), said)

    assert b"<button" in answer.content
    assert state(ada) == "granted"


def test_a_mail_ends_it_too_where_a_mailbox_is_read(
    letter: messages.Draft, ada: Customer, now: datetime
) -> None:
    """RFC 2369: an address beside it, which does the same."""
    Mailbox.objects.create(name="Bounces", host="mail.example", user="b", created_at=now)

    https, mailto = headers(letter)["List-Unsubscribe"].split(", ")
    address = mailto.removeprefix("<mailto:").removesuffix(">")
    raw = f"From: ada@shop.example\nTo: {address}\nSubject: unsubscribe\n\n".encode()
    returned_mail.take(raw=raw, recipient=address, now=now)

    assert https.startswith("<https://")
    assert state(ada) == "withdrawn"
    assert ada.consent_decisions.get(state="withdrawn").proof["by"] == "mail"


@pytest.mark.parametrize(("said", "is_named"), [("on", True), ("off", False), ("auto", False)])
def test_the_settings_may_say_whether_a_mail_would_be_read(
    letter: messages.Draft, settings: Any, said: str, is_named: bool
) -> None:
    settings.UNSUBSCRIBE_BY_MAIL = said

    assert ("mailto:" in headers(letter)["List-Unsubscribe"]) == is_named


def test_a_mail_is_read_where_a_provider_posts_mails_to_us(
    letter: messages.Draft, settings: Any
) -> None:
    settings.POSTED_MAIL_TOKEN = "a word of ours"

    assert "mailto:" in headers(letter)["List-Unsubscribe"]


def test_a_transactional_mail_has_no_way_out(ada: Customer, settings: Any) -> None:
    settings.UNSUBSCRIBE_BY_MAIL = "on"

    assert "List-Unsubscribe" not in headers(draft(ada, purpose="transactional"))


def test_an_address_signed_with_a_key_of_before_still_works(
    letter: messages.Draft, settings: Any
) -> None:
    address = messages.unsubscribe_address(message_id=letter.message_id)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 50

    assert messages.message_of_unsubscribe(recipient=address) == letter.message_id
    assert messages.message_of_unsubscribe(recipient=address.replace("+", "+9")) is None


@pytest.mark.parametrize("page", ["view_url", "preferences_url"])
def test_a_crawler_is_not_shown_who_somebody_is(
    letter: messages.Draft, page: str, client: Client
) -> None:
    path = urlsplit(getattr(messages.links(message_id=letter.message_id), page)).path
    agents = (
        "",
        "curl/8.5.0",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "WhatsApp/2.23.20.0",
    )

    answers = [client.get(path, headers={"user-agent": agent}) for agent in agents]

    assert [answer.status_code for answer in answers] == [200, 200, 404, 404]
    assert {answer["X-Robots-Tag"] for answer in answers[:2]} == {"noindex, nofollow, noarchive"}
    token = path.strip("/").rpartition("/")[2]
    assert letter.message_id.to_bytes(8, "big") not in urlsafe_b64decode(token)
    assert Message.objects.count() == 1
