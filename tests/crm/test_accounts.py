"""Accounts: staff keep them in rows, the settings stand in where there are none."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from crm import accounts
from crm.accounts import NewAccount
from crm.channels import registry
from crm.channels.base import Account, Field
from crm.channels.memory import MemoryAdapter
from crm.choices import BreakerState, Lane
from crm.models import AccountStanding, AccountTrial, ProviderAccount

pytestmark = pytest.mark.django_db


def kept(now: datetime, name: str = "first", **facts: Any) -> ProviderAccount:
    facts = {"channel": "email", "provider": "memory", "told": {"url": "memory://"}, **facts}
    return accounts.keep(new=NewAccount(name=name, **facts), now=now)


def names(**asked: Any) -> list[str]:
    return [one.name for one in accounts.in_order(channel="email", **asked)]


class AskedAdapter(MemoryAdapter):
    """A provider that says what is wrong, and wants a region and a token."""

    label = "Asked Mail"
    fields = (
        Field("region", "Region", choices=("eu", "us"), default="eu", is_needed=False),
        Field("token", "Token", is_secret=True),
    )
    answer = ""

    def check(self) -> str:
        return self.answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> type[AskedAdapter]:
    monkeypatch.setitem(registry.PROVIDERS, "asked", f"{__name__}.AskedAdapter")
    registry.adapter_class.cache_clear()
    monkeypatch.setattr(registry, "adapter_class", lambda name: CLASSES[name])
    return AskedAdapter


CLASSES = {"asked": AskedAdapter, "memory": MemoryAdapter}


def test_without_any_row_the_settings_carry_every_channel(settings: Any) -> None:
    settings.EMAIL_URL = "smtp://127.0.0.1:2525"

    account = accounts.for_channel(channel="email")

    assert (account.provider, account.name, account.url) == ("email", "email", settings.EMAIL_URL)
    assert accounts.sender(channel="sms") == settings.SMS_FROM


def test_rows_go_before_the_settings_in_their_order(now: datetime) -> None:
    kept(now, "first")
    second = kept(now, "second")

    before = names()
    accounts.move(account_id=second.pk, places=-1)

    assert before == ["first", "second"]
    assert names() == ["second", "first"]
    assert accounts.for_channel(channel="email").name == "second"


def test_who_stops_the_last_account_wants_nothing_to_leave(now: datetime) -> None:
    row = kept(now)

    accounts.stop(account_id=row.pk)

    assert names() == []
    assert accounts.usable(channel="email", purpose="marketing", now=now) is None
    with pytest.raises(accounts.NoAccount):
        accounts.for_channel(channel="email")
    assert accounts.for_provider(provider="first") is not None, "callbacks still come"


def test_an_account_for_what_is_urgent_carries_no_broadcast(now: datetime) -> None:
    kept(now, "quick", lane=Lane.URGENT)
    kept(now, "mass", lane=Lane.BULK)

    assert names(purpose="conversation") == ["quick"]
    assert names(purpose="transactional") == ["quick"]
    assert names(purpose="newsletter") == ["mass"]


def test_an_account_left_alone_is_passed_over(now: datetime) -> None:
    kept(now, "first")
    kept(now, "second")
    AccountStanding.objects.create(name="first", breaker=BreakerState.OPEN, reason="errors")
    accounts.forget()

    found = accounts.usable(channel="email", purpose="marketing", now=now)

    assert found is not None
    assert found.name == "second"


def test_an_account_rests_as_long_as_its_provider_asked(now: datetime) -> None:
    kept(now)
    until = now + timedelta(seconds=30)
    AccountStanding.objects.create(name="first", rests_until_at=until)
    accounts.forget()

    assert accounts.usable(channel="email", purpose="", now=now) is None
    assert accounts.usable(channel="email", purpose="", now=until) is not None


def test_secrets_are_encrypted_and_stay_where_nothing_new_is_told(
    now: datetime, asked: type[AskedAdapter]
) -> None:
    told = {"region": "us", "token": "tok-canary"}
    row = kept(now, provider="asked", told=told)

    wanted = NewAccount("first", "email", "asked", {"region": "eu", "token": ""})
    accounts.change(account_id=row.pk, wanted=wanted)

    account = accounts.for_channel(channel="email")
    assert (account.option("region"), account.secret("token")) == ("eu", "tok-canary")
    assert "tok-canary" not in repr(account)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM crm_provideraccount")
        assert "tok-canary" not in cursor.fetchone()[0]
    assert not hasattr(row.history.first(), "secrets")


def test_what_a_provider_needs_is_asked_for(now: datetime, asked: type[AskedAdapter]) -> None:
    with pytest.raises(ValidationError, match="Token"):
        kept(now, provider="asked", told={})

    assert not ProviderAccount.objects.exists()


def test_a_password_in_an_address_is_kept_apart_from_it(now: datetime) -> None:
    told = {"url": "https://ada:s3cret%40x@sms.example/send", "callback_token": "t"}
    facts = {"channel": "sms", "provider": "http_template"}
    row = kept(now, **facts, told=told)

    again = {**told, "url": row.url}
    accounts.change(account_id=row.pk, wanted=NewAccount("first", "sms", "http_template", again))

    row.refresh_from_db()
    assert row.url == "https://ada@sms.example/send"
    assert accounts.for_channel(channel="sms").url == told["url"]


def test_a_mail_server_is_told_field_by_field(now: datetime) -> None:
    told = {"host": "smtp.example", "user": "ada", "password": "s3cret"}
    row = kept(now, provider="email", told=told)

    again = {"host": "smtp.example", "user": "bob", "security": "tls"}
    accounts.change(account_id=row.pk, wanted=NewAccount("first", "email", "email", again))

    account = accounts.for_channel(channel="email")
    assert dict(account.options) == again
    assert account.secret("password") == "s3cret"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "no name of a server"),
        ({"host": "smtp://old.example"}, "no name of a server"),
        ({"host": "smtp.example", "port": "smtp"}, "Port"),
        ({"host": "smtp.example", "auth": "xoauth2", "user": "ada"}, "Address of tokens"),
        ({"host": "10.0.0.5"}, "private network"),
        ({"host": "smtp.example", "security": "none", "user": "ada"}, "Without TLS"),
        ({"host": "::ffff:127.0.0.1", "security": "tls"}, "private network"),
    ],
)
def test_a_mail_server_that_cannot_be_meant_is_refused(
    now: datetime, told: dict[str, str], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        kept(now, provider="email", told=told)

    assert not ProviderAccount.objects.exists()


def test_a_sender_that_is_no_address_is_refused(now: datetime) -> None:
    with pytest.raises(ValidationError):
        kept(now, sender="the shop")


def test_a_test_says_that_it_is_one_and_settles_once(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    row = kept(now, sender="Shop <shop@shop.example>")

    class Watched(MemoryAdapter):
        def close(self) -> None:
            sent.extend(self.sent)

    monkeypatch.setitem(CLASSES, "memory", Watched)
    monkeypatch.setattr(registry, "adapter_class", lambda name: CLASSES[name])
    trial = accounts.send_test(account_id=row.pk, address="Ada@shop.example", by=None, now=now)

    done = [accounts.run_trials(now=now), accounts.run_trials(now=now)]

    trial.refresh_from_db()
    assert done == [1, 0]
    assert (trial.state, trial.settled_at) == ("sent", now)
    assert [(one.recipient, one.sender) for one in sent] == [
        ("ada@shop.example", "Shop <shop@shop.example>")
    ]
    assert "test" in sent[0].subject.lower()


def test_a_test_to_no_address_is_refused(now: datetime) -> None:
    row = kept(now)

    with pytest.raises(ValidationError):
        accounts.send_test(account_id=row.pk, address="nobody", by=None, now=now)


def test_a_test_that_cannot_be_sent_says_why(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(MemoryAdapter):
        def send_many(self, batch: Any, *, journal: Any) -> Any:
            raise OSError("no route to host")

    row = kept(now)
    monkeypatch.setattr(registry, "adapter_class", lambda name: Broken)
    accounts.send_test(account_id=row.pk, address="ada@shop.example", by=None, now=now)

    accounts.run_trials(now=now)

    assert AccountTrial.objects.values_list("state", "detail").get() == (
        "failed",
        "no route to host",
    )


def test_a_test_whose_worker_was_lost_is_in_doubt_and_not_sent_again(now: datetime) -> None:
    row = kept(now)
    AccountTrial.objects.create(
        account=row,
        address="ada@shop.example",
        state="sending",
        created_at=now - timedelta(minutes=6),
    )

    accounts.run_trials(now=now)

    assert AccountTrial.objects.get().state == "in_doubt"


def test_the_light_says_what_the_provider_says(
    now: datetime, asked: type[AskedAdapter], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = kept(now, provider="asked", told={"token": "t"})
    monkeypatch.setattr(AskedAdapter, "answer", "The token has expired.")

    first = accounts.check_due(now=now)
    again = accounts.check_due(now=now + timedelta(seconds=5))
    standing = AccountStanding.objects.get()

    assert (first, again) == (1, 0)
    assert (standing.health, standing.health_detail) == ("ailing", "The token has expired.")
    monkeypatch.setattr(AskedAdapter, "answer", "")
    accounts.ask(account_id=row.pk, now=now + timedelta(seconds=6))
    accounts.check_due(now=now + timedelta(seconds=6))
    standing.refresh_from_db()
    assert (standing.health, standing.health_detail) == ("well", "")


def test_a_provider_that_cannot_be_asked_is_unknown(now: datetime) -> None:
    kept(now)

    accounts.check_due(now=now)

    assert AccountStanding.objects.get().health == "unknown"


def test_an_account_keeps_its_name_so_that_callbacks_find_it(now: datetime) -> None:
    row = kept(now)

    wanted = NewAccount("other", "email", "memory", {"url": "memory://"})
    accounts.change(account_id=row.pk, wanted=wanted)

    account = accounts.for_provider(provider="first")
    assert isinstance(account, Account)
    assert account.callback_url.endswith("/callbacks/first/")
    assert accounts.for_provider(provider="other") is None


def test_nobody_is_offered_the_fake() -> None:
    offered = dict(accounts.providers_for())

    assert "memory" not in offered
    assert offered["email"] == "SMTP"
    assert set(offered) == set(registry.PROVIDERS) - {"memory"}


def test_an_adapter_is_told_how_many_its_account_takes(now: datetime) -> None:
    limited = kept(now, "limited", per_second=12.5)
    free = kept(now, "free")

    told = {
        one.name: one.account.option("per_second") for one in accounts.in_order(channel="email")
    }

    assert told == {"limited": "12.5", "free": ""}
    assert limited.options == free.options == {}


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        ("sms_http", "http://169.254.169.254/latest/meta-data/"),
        ("sms_http", "https://[::ffff:10.0.0.1]:6379/"),
        ("twilio", "http://0x7f000001:8000"),
        ("http_template", "http://192.168.1.1/send?to={to}"),
        ("http_template", "http://[::1/"),
        ("smpp", "smpp://172.16.0.9:2775"),
        ("smpp", "smpp://smsc.example:99999"),
    ],
)
def test_an_account_in_a_private_network_is_not_kept(
    now: datetime, provider: str, url: str
) -> None:
    channel = accounts.channel_of(provider=provider)
    new = NewAccount("inside", channel, provider, {"url": url})

    for refuse in (
        lambda: accounts.check(wanted=new, account_id=None),
        lambda: accounts.keep(new=new, now=now),
    ):
        with pytest.raises(ValidationError, match=r"PROVIDER_ALLOWED_HOSTS|no web address"):
            refuse()

    assert not ProviderAccount.objects.exists()


def test_an_account_does_not_move_into_a_private_network(now: datetime) -> None:
    row = kept(now)
    wanted = NewAccount("first", "email", "memory", {"url": "smtp://127.0.0.1"})

    with pytest.raises(ValidationError, match="PROVIDER_ALLOWED_HOSTS"):
        accounts.change(account_id=row.pk, wanted=wanted)

    row.refresh_from_db()
    assert row.url == "memory://"


def test_where_the_operator_allows_it_an_account_may_be_inside(
    now: datetime, settings: Any
) -> None:
    settings.PROVIDER_ALLOWED_HOSTS = ["10.0.0.5:25"]

    row = kept(now, provider="email", told={"host": "10.0.0.5", "security": "none"})

    carried = accounts.named(name=row.name)
    assert carried is not None
    assert carried.account.guarded_but == ("10.0.0.5:25",)


def test_an_address_of_the_settings_is_the_operators_own_word(settings: Any) -> None:
    settings.EMAIL_URL, settings.PROVIDER_ALLOWED_HOSTS = "smtp://10.0.0.5", []

    assert accounts.for_channel(channel="email").guarded_but is None


def test_what_a_provider_says_is_kept_without_what_is_unseen(
    asked: type[AskedAdapter], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "answer", "\x1b[2Jno\x00 entry\r\n" + "x" * 900)
    row = kept(now, provider="asked", told={"token": "t"})
    accounts.ask(account_id=row.pk, now=now)

    accounts.check_due(now=now)

    detail = AccountStanding.objects.get(name=row.name).health_detail
    assert detail.startswith("[2Jno entry xxx")
    assert len(detail) == 500
