"""The page of a sending domain: what is to be published, and who may do what."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils.translation import override

from crm import domains, tasks
from crm.admin import domain_words
from crm.mail_choices import SigningAlgorithm, SigningKeyState
from crm.models import SendingDomain, SigningKey
from tests.crm.domains.world import World

pytestmark = pytest.mark.django_db
NAME = "shop.example"


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    bells: list[str] = []
    monkeypatch.setattr(tasks, "ring", lambda task, *_: bells.append(task.name))
    return bells


@pytest.fixture
def shop() -> SendingDomain:
    return SendingDomain.objects.create(domain=NAME)


def address(shop: SendingDomain, verb: str = "change") -> str:
    return f"/admin/crm/sendingdomain/{shop.pk}/{verb}/"


def page(client: Client, shop: SendingDomain) -> str:
    return client.get(address(shop)).content.decode()


def clerk(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def test_a_key_goes_its_way_on_the_page(
    admin: Client, shop: SendingDomain, rung: list[str], now: datetime
) -> None:
    admin.post(address(shop, "generate"), {"algorithm": SigningAlgorithm.ED25519})
    key = SigningKey.objects.get()
    shown = page(admin, shop)
    world = World().tell(key.host, "TXT", key.record)
    domains.check_due(now=now + timedelta(days=900), resolver=world)
    admin.post(address(shop, "activate"), {"key": key.pk})
    key.refresh_from_db()

    assert key.record in shown
    assert key.host in shown
    assert key.state == SigningKeyState.ACTIVE
    assert key.private_key.splitlines()[1] not in shown + page(admin, shop)
    assert "crm.tasks.look_after_domains" in rung

    admin.post(address(shop, "rotate"))
    admin.post(address(shop, "retire"), {"key": key.pk})
    key.refresh_from_db()
    assert key.state == SigningKeyState.RETIRED
    assert SigningKey.objects.filter(replaces=key).exists()
    assert "leave its record" in page(admin, shop)


def test_check_now_rings_for_dns(admin: Client, shop: SendingDomain, rung: list[str]) -> None:
    admin.post(address(shop, "check"))

    standing, _ = domains.standing_of(domain=shop)
    assert standing is not None
    assert standing.check_wanted_at is not None
    assert rung == ["crm.tasks.look_after_domains"]
    assert 'hx-trigger="every 2s"' in admin.get(address(shop, "standing")).content.decode()


def test_who_may_only_look_sees_no_buttons_and_may_do_nothing(
    shop: SendingDomain, now: datetime
) -> None:
    key = domains.generate(domain_id=shop.pk, algorithm=SigningAlgorithm.ED25519, now=now)
    client = clerk("view_sendingdomain")

    shown = page(client, shop)

    assert key.record in shown
    assert "data-once" not in shown
    for verb in ("check", "generate", "rotate", "activate", "retire"):
        assert client.post(address(shop, verb), {"key": key.pk}).status_code == 403
    assert clerk_without_rights().get(address(shop, "standing")).status_code == 403


def clerk_without_rights() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("stranger", is_staff=True))
    return client


def test_a_key_of_another_domain_is_not_touched(
    admin: Client, shop: SendingDomain, now: datetime
) -> None:
    other = SendingDomain.objects.create(domain="other.example")
    key = domains.generate(domain_id=other.pk, algorithm=SigningAlgorithm.ED25519, now=now)

    answers = [admin.post(address(shop, "retire"), {"key": named}) for named in (key.pk, "x", "")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    key.refresh_from_db()
    assert key.state == SigningKeyState.PLANNED


def test_what_is_found_is_said_in_both_languages(
    admin: Client, shop: SendingDomain, now: datetime, settings: Any
) -> None:
    settings.EMAIL_BOUNCE_DOMAIN = f"bounce.{NAME}"
    domains.check_due(now=now, resolver=World())
    _, found = domains.standing_of(domain=shop)

    shown = page(admin, shop)
    with override("zh-hans"):
        chinese = [domain_words.words(one) for one in found]

    assert {one.code for one in found} >= {"dkim_none", "spf_none", "dmarc_none", "mx_none"}
    assert "does not say who may send for it" in shown
    assert "v=DMARC1; p=none; rua=mailto:postmaster@shop.example" in shown
    assert all(any("一" <= letter <= "鿿" for letter in text) for text in chinese)


def test_every_code_has_words(now: datetime) -> None:
    facts = {
        name: "x"
        for name in (
            "selector", "algorithm", "envelope", "lookups", "detail", "hosts", "domain", "policy",
            "what", "providers",
        )
    }  # fmt: skip

    for code in domain_words.WORDS:
        assert domain_words.words(domains.Finding("dkim", "good", code, facts))
