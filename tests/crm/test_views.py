"""What customers and providers meet when they follow our addresses."""

import json
import time
from datetime import datetime

import pytest
from django.test import Client

from crm import messages, views
from crm.channels.callbacks import signature
from crm.models import Callback, Customer, MarketingPause, Message, TemplateVersion
from tests.crm.messages.letters import send, templated

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]
BROWSER = {"user-agent": "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Safari/605.1.15"}


@pytest.fixture
def urls(ada: Customer, newsletter: TemplateVersion, now: datetime, settings: object) -> object:
    """The links of a newsletter that Ada got."""
    settings.PUBLIC_URL = "http://testserver"  # type: ignore[attr-defined]
    send(templated(ada, newsletter, now), now=now)
    return messages.links(message_id=Message.objects.get().pk)


@pytest.mark.parametrize(
    "path", ["/c/nonsense/1", "/u/nonsense", "/p/nonsense", "/v/nonsense", "/u/" + "A" * 32]
)
def test_a_broken_link_gets_a_friendly_page(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 404
    assert "This link does not work" in response.content.decode()


def test_a_token_of_one_kind_opens_no_other(client: Client, urls: object) -> None:
    token = urls.preferences_url.rpartition("/")[2]

    assert client.get(f"/u/{token}").status_code == 404


def test_a_link_that_was_altered_is_not_ours(client: Client, urls: object) -> None:
    url = urls.unsubscribe_url
    altered = url[:-1] + ("A" if url[-1] != "A" else "B")

    assert client.get(altered).status_code == 404


def test_looking_at_the_unsubscribe_page_changes_nothing(
    client: Client, urls: object, ada: Customer
) -> None:
    response = client.get(urls.unsubscribe_url, headers=BROWSER)

    assert b"<button" in response.content
    assert ada.consents.get(channel="email").state == "granted"


def test_one_click_of_a_mail_program_unsubscribes(urls: object, ada: Customer) -> None:
    strict = Client(enforce_csrf_checks=True)

    response = strict.post(urls.unsubscribe_url, {"List-Unsubscribe": "One-Click"})

    assert response.status_code == 200
    assert ada.consents.get(channel="email").state == "withdrawn"
    assert ada.consent_decisions.filter(source="one_click").count() == 1


def test_the_button_unsubscribes_and_offers_a_way_back(
    client: Client, urls: object, ada: Customer
) -> None:
    response = client.post(urls.unsubscribe_url, {"confirm": "yes"})

    assert urls.preferences_url in response.content.decode()
    assert ada.consents.get(channel="email").state == "withdrawn"


def test_public_pages_run_nothing_and_load_only_our_style_sheet(
    client: Client, urls: object
) -> None:
    response = client.get(urls.preferences_url)

    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert b"<script" not in response.content
    assert b"style=" not in response.content
    assert response["Referrer-Policy"] == "no-referrer"


def test_a_customer_chooses_channels(client: Client, urls: object, ada: Customer) -> None:
    response = client.post(urls.preferences_url, {"granted": ["email:marketing"]})

    assert "Saved" in response.content.decode()
    assert ada.consents.get(channel="email").state == "granted"
    assert ada.consents.get(channel="sms").state == "withdrawn"


def test_a_customer_asks_for_thirty_quiet_days(client: Client, urls: object, ada: Customer) -> None:
    page = client.post(urls.preferences_url, {"pause": "30"}).content.decode()

    assert "Done: we keep quiet for a while." in page
    assert MarketingPause.objects.filter(customer=ada).exists()
    assert ada.consents.get(channel="email").state == "granted"


def test_the_page_speaks_the_language_of_the_customer(
    client: Client, urls: object, ada: Customer
) -> None:
    Customer.objects.filter(pk=ada.pk).update(language="zh-cn")

    response = client.get(urls.preferences_url)

    assert response["Content-Language"] == "zh-hans"
    assert '<html lang="zh-hans">' in response.content.decode()


def test_a_message_in_the_browser_is_the_message_and_runs_nothing(
    client: Client, urls: object, ada: Customer
) -> None:
    response = client.get(urls.view_url)

    assert f"{urls.click_url}1" in response.content.decode()
    assert "sandbox" in response["Content-Security-Policy"]
    assert "default-src 'none'" in response["Content-Security-Policy"]


def told(client: Client, body: bytes, secret: str = "s3cret") -> int:
    """A provider calls us; the status of our answer."""
    timestamp = str(int(time.time()))
    headers = {
        "X-Rapport-Timestamp": timestamp,
        "X-Rapport-Signature": signature(secret=secret, timestamp=timestamp, body=body),
    }
    response = client.post(
        "/callbacks/sms_http/", body, content_type="application/json", headers=headers
    )
    return response.status_code


@pytest.fixture
def provider_settings(provider: object, settings: object) -> None:
    settings.SMS_CALLBACK_SECRET = "s3cret"  # type: ignore[attr-defined]
    settings.SMS_URL = "http://127.0.0.1:1/sms"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("provider_settings")
def test_a_genuine_callback_is_kept_once(client: Client) -> None:
    body = json.dumps({"id": "sms_1", "status": "delivered"}).encode()

    assert [told(client, body), told(client, body)] == [204, 204]
    assert bytes(Callback.objects.get().body) == body


@pytest.mark.usefixtures("provider_settings")
def test_a_forged_callback_is_refused_and_not_kept(client: Client) -> None:
    assert told(client, b"{}", secret="guessed") == 403
    assert not Callback.objects.exists()


@pytest.mark.usefixtures("provider_settings")
def test_a_callback_too_large_is_refused(client: Client) -> None:
    assert told(client, b"x" * (views.MAX_CALLBACK + 1)) == 413


@pytest.mark.usefixtures("provider_settings")
def test_a_callback_may_be_larger_than_a_form(client: Client) -> None:
    assert told(client, b"x" * 3_000_000) == 204
    assert len(bytes(Callback.objects.get().body)) == 3_000_000


@pytest.mark.usefixtures("provider_settings")
def test_a_provider_may_try_whether_an_address_is_there(client: Client) -> None:
    assert client.head("/callbacks/sms_http/").status_code == 200
    assert client.head("/mails/").status_code == 200
    assert client.head("/callbacks/nobody/").status_code == 404
    assert not Callback.objects.exists()


def test_an_unknown_provider_is_not_found(client: Client) -> None:
    assert client.post("/callbacks/nobody/", b"{}", content_type="text/plain").status_code == 404
    assert client.get("/callbacks/nobody/").status_code == 404
    assert client.put("/callbacks/nobody/").status_code == 405
