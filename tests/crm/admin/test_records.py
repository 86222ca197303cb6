"""Suppressions, API keys and messages: what staff do to records, and what they may read."""

import pytest
from django.urls import reverse

from crm import messages
from crm.messages import Settlement
from crm.models import ApiKey, Message, Suppression
from crm.models.api_key import hash_secret
from tests import making
from tests.crm.messages.letters import draft, write


def test_staff_suppress_an_address_with_a_reason(admin, db):
    posted = {"channel": "email", "address": "Gone@Shop.example", "detail": "Asked by letter"}

    admin.post(reverse("admin:crm_suppression_add"), posted)

    kept = Suppression.objects.get()
    assert (kept.reason, kept.detail) == ("staff", "Asked by letter")
    assert "gone" not in kept.address_hash


def test_what_is_no_address_is_not_suppressed(admin, db):
    answer = admin.post(
        reverse("admin:crm_suppression_add"),
        {"channel": "email", "address": "not an address", "detail": "x"},
    )

    assert not Suppression.objects.exists()
    assert "no address" in answer.content.decode()


def test_a_suppression_is_lifted_by_whoever_knows_the_address(admin, shop):
    lift = reverse("admin:crm_suppression_lift")

    wrong = admin.post(lift, {"channel": "email", "address": "other@shop.example"}, follow=True)
    admin.post(lift, {"channel": "email", "address": "gone@shop.example"})

    assert "is not suppressed" in wrong.content.decode()
    assert not Suppression.objects.exists()


def test_a_key_is_shown_once_and_kept_as_a_hash(admin, db):
    add = reverse("admin:crm_apikey_add")

    answer = admin.post(
        add,
        {"name": "Shop", "scopes": ["read"], "expires_at_0": "", "expires_at_1": ""},
        follow=True,
    )

    text = answer.content.decode()
    secret = text.split('rp-secret">')[1].split("<")[0]
    assert ApiKey.objects.get().key_hash == hash_secret(secret)
    assert secret not in admin.get(reverse("admin:crm_apikey_changelist")).content.decode()


def test_a_revoked_key_opens_nothing(admin, shop, now):
    key = ApiKey.objects.get()

    admin.post(reverse("admin:crm_apikey_revoke", args=[key.pk]))

    assert not ApiKey.objects.valid(now=now).exists()


def test_a_newcomer_neither_lifts_nor_revokes(newcomer, shop):
    lifted = newcomer.post(reverse("admin:crm_suppression_lift"), {"channel": "email"})
    revoked = newcomer.post(reverse("admin:crm_apikey_revoke", args=[ApiKey.objects.get().pk]))

    assert (lifted.status_code, revoked.status_code) == (403, 403)


def test_a_message_is_shown_as_the_customer_got_it(admin, ada, newsletter, now):
    message = messages.say(
        message=messages.NewMessage(
            customer_id=ada.pk,
            channel="email",
            author="campaign",
            template_version_id=newsletter.pk,
            variables={"customer": {"first_name": "Ada", "id": 7}, "at": now},
        ),
        now=now,
    )

    page = admin.get(reverse("admin:crm_message_change", args=[message.pk])).content.decode()
    content = admin.get(reverse("admin:crm_message_content", args=[message.pk]))

    assert "Tea for Ada" in page
    assert ">tea</a>" in content.content.decode()
    assert "sandbox" in content["Content-Security-Policy"]


def test_a_message_that_cannot_be_shown_says_why(admin, ada, newsletter, now):
    message = Message.objects.create(
        customer=ada,
        direction="out",
        channel="email",
        purpose="marketing",
        author="campaign",
        address=ada.email,
        template_version=newsletter,
        key="m1",
        state="sent",
        created_at=now,
    )

    text = admin.get(reverse("admin:crm_message_change", args=[message.pk])).content.decode()

    assert "customer" in text
    assert "rp-alert--bad" in text


@pytest.mark.parametrize("wanted", ["sent", "failed"])
def test_messages_are_found_by_their_state_whether_it_is_watched_or_not(admin, now, wanted):
    drafts = [draft(making.subscriber(now=now)) for _ in range(2)]
    write(*drafts, now=now)
    said = dict(zip(("sent", "failed"), (one.message_id for one in drafts), strict=True))
    settled = [Settlement(pk, state, "unknown" * (state == "failed")) for state, pk in said.items()]
    messages.settle_many(outcomes=settled, now=now)

    answer = admin.get(reverse("admin:crm_message_changelist"), {"state__exact": wanted})

    assert [one.pk for one in answer.context["cl"].result_list] == [said[wanted]]
