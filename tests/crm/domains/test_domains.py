"""Sending domains: keys that sign only once the world can read them, and what DNS says."""

from datetime import datetime, timedelta
from typing import Any

import dkim as dkimpy
import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from crm import accounts, domains, signatures
from crm.accounts import NewAccount
from crm.channels import dkim
from crm.domains import looking
from crm.mail_choices import SigningAlgorithm, SigningKeyState
from crm.models import Notice, SendingDomain, SigningKey
from tests.crm.domains.world import World

pytestmark = pytest.mark.django_db
NAME = "shop.example"
SENDER = f"Shop <news@{NAME}>"


@pytest.fixture(autouse=True)
def _settings(settings: Any) -> None:
    settings.EMAIL_BOUNCE_DOMAIN = f"bounce.{NAME}"
    settings.EMAIL_SENDING_HOSTS = []
    settings.DKIM_ROTATE_MONTHS = 0
    settings.PROVIDER_ALLOWED_HOSTS = ["192.0.2.9"]


@pytest.fixture
def shop() -> SendingDomain:
    return SendingDomain.objects.create(domain=NAME)


@pytest.fixture
def relay(now: datetime) -> None:
    told = {"host": "192.0.2.9", "security": "none"}
    accounts.keep(new=NewAccount("relay", "email", "email", told, sender=SENDER), now=now)


@pytest.fixture
def world() -> World:
    """A domain whose DNS is as it should be."""
    made = World().tell(f"bounce.{NAME}", "TXT", "v=spf1 ip4:192.0.2.9 -all")
    made.tell(f"bounce.{NAME}", "MX", f"mail.{NAME}").tell(f"mail.{NAME}", "A", "192.0.2.9")
    return made.tell(f"_dmarc.{NAME}", "TXT", "v=DMARC1; p=reject")


def published(world: World, key: SigningKey) -> None:
    world.tell(f"{key.selector}._domainkey.{NAME}", "TXT", key.record)


def signing(shop: SendingDomain, world: World, now: datetime) -> SigningKey:
    """A key that has come all the way."""
    key = domains.generate(domain_id=shop.pk, algorithm=SigningAlgorithm.ED25519, now=now)
    published(world, key)
    domains.ask(domain_id=shop.pk, now=now)
    domains.check_due(now=now, resolver=world)
    return domains.activate(key_id=key.pk, now=now)


@pytest.fixture
def signed(shop: SendingDomain, world: World, relay: None, now: datetime) -> SendingDomain:
    """A domain that sends by a server and signs."""
    signing(shop, world, now)
    return shop


def codes(shop: SendingDomain, world: World) -> dict[str, str]:
    return {one.code: one.light for one in looking.look(domain=shop, resolver=world)}


def test_a_key_signs_only_after_its_record_was_seen(
    shop: SendingDomain, world: World, now: datetime
) -> None:
    key = domains.generate(domain_id=shop.pk, algorithm=SigningAlgorithm.ED25519, now=now)
    domains.check_due(now=now, resolver=world)
    with pytest.raises(ValidationError):
        domains.activate(key_id=key.pk, now=now)
    assert signatures.of_sender(sender=SENDER) == ()

    published(world, key)
    domains.check_due(now=now + timedelta(minutes=11), resolver=world)
    key = domains.activate(key_id=key.pk, now=now)

    signers = signatures.of_sender(sender=SENDER)
    assert key.state == SigningKeyState.ACTIVE
    assert [(one.domain, one.selector) for one in signers] == [(NAME, key.selector)]
    raw = dkim.signed(b"From: a@shop.example\r\n\r\nHello\r\n", signers)
    assert dkimpy.verify(raw, dnsfunc=lambda *_, **__: key.record.encode())
    assert signatures.of_sender(sender="x@other.example") == ()


def test_a_domain_signs_twice_with_keys_of_both_kinds(
    shop: SendingDomain, world: World, now: datetime
) -> None:
    for algorithm in SigningAlgorithm:
        published(world, domains.generate(domain_id=shop.pk, algorithm=algorithm, now=now))
    domains.check_due(now=now, resolver=world)
    for key in SigningKey.objects.all():
        domains.activate(key_id=key.pk, now=now)

    signers = signatures.of_sender(sender=SENDER)

    assert {one.algorithm for one in signers} == {dkim.RSA, dkim.ED25519}


def test_keys_are_read_now_and_then_and_decrypted_once(
    shop: SendingDomain,
    world: World,
    now: datetime,
    django_assert_num_queries: Any,
) -> None:
    signing(shop, world, now)
    signatures.forget()

    with django_assert_num_queries(2):
        first = [signatures.of_sender(sender=SENDER) for _ in range(50)]
    signatures.forget()
    with django_assert_num_queries(1):
        second = signatures.of_sender(sender=SENDER)

    assert first[0][0] is second[0]


def test_a_successor_takes_over_once_it_is_seen(
    shop: SendingDomain, world: World, now: datetime
) -> None:
    old = signing(shop, world, now)

    [new] = domains.rotate(domain_id=shop.pk, now=now)
    domains.check_due(now=now + timedelta(minutes=11), resolver=world)
    before = signatures.of_sender(sender=SENDER)
    published(world, new)
    domains.check_due(now=now + timedelta(minutes=22), resolver=world)
    after = signatures.of_sender(sender=SENDER)

    old.refresh_from_db()
    assert new.selector != old.selector
    assert [one.selector for one in (*before, *after)] == [old.selector, new.selector]
    assert (old.state, old.private_key) == (SigningKeyState.RETIRED, "")
    assert old.retired_at == now + timedelta(minutes=22)


def test_a_key_waits_for_its_record_once_only(shop: SendingDomain, now: datetime) -> None:
    domains.generate(domain_id=shop.pk, algorithm=SigningAlgorithm.ED25519, now=now)

    with pytest.raises(ValidationError):
        domains.generate(domain_id=shop.pk, algorithm=SigningAlgorithm.ED25519, now=now)
    with pytest.raises(ValidationError):
        domains.rotate(domain_id=shop.pk, now=now)


def test_old_keys_get_successors_where_the_settings_name_months(
    shop: SendingDomain, world: World, now: datetime, settings: Any
) -> None:
    signing(shop, world, now)
    later = now + timedelta(days=200)
    assert domains.rotate_due(now=later) == 0

    settings.DKIM_ROTATE_MONTHS = 6
    assert domains.rotate_due(now=now + timedelta(days=100)) == 0
    assert domains.rotate_due(now=later) == 1
    assert domains.rotate_due(now=later) == 0

    assert SigningKey.objects.filter(state=SigningKeyState.PLANNED).count() == 1
    assert Notice.objects.get().detail == NAME


def test_a_retired_key_signs_nothing_and_its_private_half_is_gone(
    shop: SendingDomain, world: World, now: datetime
) -> None:
    key = signing(shop, world, now)

    domains.retire(key_id=key.pk, now=now)

    key.refresh_from_db()
    assert signatures.of_sender(sender=SENDER) == ()
    assert key.private_key == ""
    with pytest.raises(ValidationError):
        domains.retire(key_id=key.pk, now=now)


def test_a_private_key_is_encrypted_at_rest(shop: SendingDomain, now: datetime) -> None:
    domains.generate(domain_id=shop.pk, algorithm=SigningAlgorithm.ED25519, now=now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT private_key FROM crm_signingkey")
        [kept] = cursor.fetchone()

    assert kept.startswith("enc:")
    assert "PRIVATE" not in kept


def test_a_domain_that_is_right_is_all_green(
    shop: SendingDomain, world: World, relay: None, now: datetime
) -> None:
    signing(shop, world, now)

    found = codes(shop, world)

    assert found.pop("dkim_only_ed25519") == "warn"
    assert set(found) == {"dkim_good", "spf_good", "dmarc_good", "dmarc_passes", "mx_good"}
    assert set(found.values()) == {"good"}


@pytest.mark.parametrize(
    ("record", "values", "found"),
    [
        ((f"bounce.{NAME}", "TXT"), [], ("spf_none", "bad")),
        ((f"bounce.{NAME}", "TXT"), ["v=spf1 -all", "v=spf1 ~all"], ("spf_several", "bad")),
        ((f"bounce.{NAME}", "TXT"), ["v=spf1 everybody"], ("spf_unreadable", "bad")),
        ((f"bounce.{NAME}", "TXT"), ["v=spf1 include:x.example -all"], ("spf_include", "bad")),
        ((f"bounce.{NAME}", "TXT"), ["v=spf1 +all"], ("spf_open", "bad")),
        ((f"bounce.{NAME}", "TXT"), ["v=spf1 ip4:192.0.2.1 -all"], ("spf_refuses", "warn")),
        ((f"_dmarc.{NAME}", "TXT"), [], ("dmarc_none", "warn")),
        ((f"_dmarc.{NAME}", "TXT"), ["v=DMARC1; p=maybe"], ("dmarc_unreadable", "bad")),
        ((f"_dmarc.{NAME}", "TXT"), ["v=DMARC1; p=none"], ("dmarc_watches", "warn")),
        (
            (f"_dmarc.{NAME}", "TXT"),
            ["v=DMARC1; p=reject; aspf=s"],
            ("dmarc_passes_by_dkim", "warn"),
        ),
        ((f"bounce.{NAME}", "MX"), [], ("mx_none", "bad")),
        ((f"bounce.{NAME}", "MX"), [""], ("mx_refuses", "bad")),
        ((f"bounce.{NAME}", "MX"), ["gone.example"], ("mx_nowhere", "bad")),
    ],
)
def test_what_is_wrong_is_found(
    signed: SendingDomain,
    world: World,
    record: tuple[str, str],
    values: list[str],
    found: tuple[str, str],
) -> None:
    world.tell(*record, *values)

    assert found in codes(signed, world).items()


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (None, "dkim_missing"),
        ("v=DKIM1; k=ed25519; p=", "dkim_revoked"),
        ("v=DKIM1; k=ed25519; p=b3RoZXI=", "dkim_other"),
    ],
)
def test_mails_that_would_fail_are_red_and_staff_are_told(
    shop: SendingDomain, world: World, now: datetime, record: str | None, code: str
) -> None:
    key = signing(shop, world, now)
    domains.check_due(now=now + timedelta(days=2), resolver=world)

    world.tell(f"{key.selector}._domainkey.{NAME}", "TXT", *([record] if record else []))
    for day in (4, 6):
        domains.check_due(now=now + timedelta(days=day), resolver=world)

    standing, found = domains.standing_of(domain=shop)
    lights = {one.code: one.light for one in found}
    assert standing is not None
    assert lights[code] == "bad"
    assert lights["dmarc_fails"] == "bad"
    assert next(one for one in found if one.code == code).records[0].value == key.record
    assert Notice.objects.count() == 1


def test_a_record_to_publish_lets_our_hosts_pass(
    shop: SendingDomain, world: World, relay: None
) -> None:
    world.tell(f"bounce.{NAME}", "TXT", "v=spf1 ip4:192.0.2.1 -all")

    [refused] = [one for one in looking.look(domain=shop, resolver=world) if one.about == "spf"]
    world.tell(f"bounce.{NAME}", "TXT", refused.records[0].value)

    assert codes(shop, world)["spf_good"] == "good"


def test_dns_that_says_nothing_changes_nothing(
    shop: SendingDomain, world: World, now: datetime
) -> None:
    key = signing(shop, world, now)
    world.silent |= {f"{key.selector}._domainkey.{NAME}", f"bounce.{NAME}"}

    domains.check_due(now=now + timedelta(days=2), resolver=world)

    key.refresh_from_db()
    assert key.state == SigningKeyState.ACTIVE
    assert [one.code for one in domains.standing_of(domain=shop)[1]].count("unanswered") == 3
    assert not Notice.objects.exists()


def test_dns_is_asked_once_a_day_and_when_somebody_wants_it(
    shop: SendingDomain, world: World, now: datetime
) -> None:
    assert domains.check_due(now=now, resolver=world) == 1
    assert domains.check_due(now=now + timedelta(hours=1), resolver=world) == 0

    domains.ask(domain_id=shop.pk, now=now + timedelta(hours=1))

    assert domains.check_due(now=now + timedelta(hours=1), resolver=world) == 1
    assert domains.check_due(now=now + timedelta(hours=26), resolver=world) == 1


def test_a_launch_is_warned_of_what_was_found(
    shop: SendingDomain, world: World, relay: None, now: datetime, settings: Any
) -> None:
    settings.EMAIL_BOUNCE_DOMAIN = "bounce.relay.example"
    domains.check_due(now=now, resolver=world)

    doubts = {one.code for one in domains.doubts_about(sender=SENDER)}

    assert doubts == {"not_signed", "dmarc_would_fail", "envelope_apart"}


def test_a_launch_from_a_domain_that_is_right_is_not_warned(
    shop: SendingDomain, world: World, relay: None, now: datetime
) -> None:
    signing(shop, world, now)
    domains.check_due(now=now + timedelta(days=2), resolver=world)

    assert domains.doubts_about(sender=SENDER) == []


def test_the_catcher_is_no_way_into_the_world(settings: Any) -> None:
    settings.EMAIL_URL, settings.EMAIL_FROM = "smtp://127.0.0.1:2525", SENDER

    assert domains.doubts_about(sender=SENDER) == []


def test_what_a_provider_signs_is_said_and_not_called_failing(
    shop: SendingDomain, now: datetime
) -> None:
    told = {"server_token": "token", "callback_password": "word"}
    new = NewAccount("mails", "email", "postmark", told, sender=SENDER)
    accounts.keep(new=new, now=now)

    found = looking.look(domain=shop, resolver=World())

    assert {one.code: one.light for one in found} == {
        "dkim_theirs": "accent",
        "spf_theirs": "accent",
        "dmarc_none": "warn",
        "dmarc_theirs": "accent",
        "mx_theirs": "accent",
    }
    assert found[0].facts["providers"] == "Postmark"


def test_beside_a_server_of_ours_a_provider_excuses_nothing(
    shop: SendingDomain, world: World, relay: None, now: datetime
) -> None:
    told = {"server_token": "token", "callback_password": "word"}
    new = NewAccount("mails", "email", "postmark", told, sender=SENDER)
    accounts.keep(new=new, now=now)

    found = codes(shop, world)

    assert found["dkim_theirs"] == "accent"
    assert found["dkim_none"] == "warn"
    assert "spf_good" in found


def test_no_record_is_proposed_that_lets_nobody_send(shop: SendingDomain) -> None:
    found = {one.code: one for one in looking.look(domain=shop, resolver=World())}

    assert found["spf_none"].records == ()
