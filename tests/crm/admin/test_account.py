"""The pages of provider accounts and sending domains."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from crm import accounts, notices, tasks
from crm.accounts import NewAccount
from crm.choices import Lane
from crm.models import AccountStanding, AccountTrial, ProviderAccount, SendingDomain

pytestmark = pytest.mark.django_db
LIST = "/admin/crm/provideraccount/"
PASSWORD = "hunter2-canary"


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    bells: list[str] = []
    monkeypatch.setattr(tasks, "ring", lambda task, *_: bells.append(task.name))
    return bells


@pytest.fixture
def account(now: datetime) -> ProviderAccount:
    told = {"host": "smtp.example", "user": "ada", "password": PASSWORD}
    return accounts.keep(new=NewAccount("relay", "email", "email", told), now=now)


def typed(**changes: Any) -> dict[str, Any]:
    facts = {"name": "relay", "sender": "", "lane": Lane.ALL, "per_second": "5", "burst": ""}
    return {**facts, "told_host": "smtp.example", **changes}


def test_an_account_is_made_in_two_steps(admin: Client, rung: list[str]) -> None:
    choice = admin.get(LIST + "add/")
    form = admin.get(LIST + "add/?provider=email")
    answer = admin.post(LIST + "add/?provider=email", typed())

    row = ProviderAccount.objects.get()
    assert b"?provider=email" in choice.content
    assert form.status_code == 200
    assert "New account: SMTP" in form.content.decode()
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert (row.name, row.channel, row.per_second) == ("relay", "email", 5.0)
    assert rung == ["crm.tasks.look_after_accounts"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "two words"},
        {"sender": "nobody"},
        {"told_host": "gopher://x"},
        {"told_port": "x"},
        {"per_second": "-1"},
    ],
)
def test_what_cannot_be_is_said_in_the_form(admin: Client, changes: dict[str, str]) -> None:
    answer = admin.post(LIST + "add/?provider=email", typed(**changes))

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not ProviderAccount.objects.exists()


def test_what_stands_one_a_line_has_room_for_lines(admin: Client) -> None:
    said = typed(
        name="texts",
        told_url="https://sms.example/messages",
        told_prices="+44 0.04\r\n+49 0.075",
        told_senders="+44 SHOP\r\n+49 LADEN",
    )

    form = admin.get(LIST + "add/?provider=sms_http").content.decode()
    admin.post(LIST + "add/?provider=sms_http", said)

    account = accounts.for_channel(channel="sms")
    assert form.count("<textarea") >= 3
    assert account.option("prices").splitlines() == ["+44 0.04", "+49 0.075"]
    assert account.option("senders").splitlines() == ["+44 SHOP", "+49 LADEN"]


def test_a_name_is_given_once(admin: Client, account: ProviderAccount) -> None:
    answer = admin.post(LIST + "add/?provider=email", typed())

    assert answer.context["adminform"].form.errors["name"]


def test_a_secret_is_never_shown_again(admin: Client, account: ProviderAccount) -> None:
    shown = admin.get(f"{LIST}{account.pk}/change/").content.decode()
    history = admin.get(f"{LIST}{account.pk}/history/").content.decode()
    changed = typed(told_host="mail.example", told_user="ada", told_port="2525")
    admin.post(f"{LIST}{account.pk}/change/", changed)

    carried = accounts.for_channel(channel="email")
    assert PASSWORD not in shown + history
    assert 'value="smtp.example"' in shown
    assert "/callbacks/relay/" in shown
    assert (carried.option("host"), carried.option("port")) == ("mail.example", "2525")
    assert carried.secret("password") == PASSWORD


def test_the_list_shows_the_light(admin: Client, account: ProviderAccount) -> None:
    AccountStanding.objects.create(
        name="relay", breaker="open", reason="unreachable", detail="12 / 20: no route"
    )

    page = admin.get(LIST).content.decode()

    assert "rp-badge--bad" in page
    assert "12 / 20: no route" in page


@pytest.mark.parametrize(
    ("health", "said", "unsaid"),
    [
        ("well", "the next messages are its trial", "Does not work"),
        ("ailing", "Does not work", "On trial"),
    ],
)
def test_an_account_whose_rest_is_over_waits_for_its_trial_unless_it_is_known_to_fail(
    admin: Client, account: ProviderAccount, now: datetime, health: str, said: str, unsaid: str
) -> None:
    AccountStanding.objects.create(
        name="relay",
        breaker="half_open",
        reason="unreachable",
        opened_until_at=now - timedelta(minutes=1),
        health=health,
    )

    page = admin.get(LIST).content.decode()

    assert said in page
    assert unsaid not in page
    assert "next trial" not in page


def test_a_test_is_sent_and_settles_on_the_page(
    admin: Client, account: ProviderAccount, now: datetime, rung: list[str]
) -> None:
    admin.post(f"{LIST}{account.pk}/test/", {"address": "me@shop.example"})
    waiting = admin.get(f"{LIST}{account.pk}/standing/").content.decode()
    AccountTrial.objects.update(state="sent", settled_at=now)
    settled = admin.get(f"{LIST}{account.pk}/standing/").content.decode()

    assert rung == ["crm.tasks.look_after_accounts"]
    assert "hx-trigger" in waiting
    assert "me@shop.example" in settled
    assert "hx-trigger" not in settled


@pytest.mark.parametrize(
    ("verb", "is_active"), [("stop", False), ("check", True), ("up", True), ("down", True)]
)
def test_verbs_work_from_the_list(
    admin: Client, account: ProviderAccount, verb: str, is_active: bool
) -> None:
    answer = admin.post(f"{LIST}{account.pk}/{verb}/")

    account.refresh_from_db()
    assert answer.status_code == 302
    assert account.is_active is is_active


def test_a_stopped_account_starts_again(admin: Client, account: ProviderAccount) -> None:
    accounts.stop(account_id=account.pk)

    admin.post(f"{LIST}{account.pk}/start/")

    assert accounts.in_order(channel="email")


def test_each_right_is_needed(account: ProviderAccount) -> None:
    viewer = User.objects.create_user("vera", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_provideraccount"))
    client = Client()
    client.force_login(viewer)

    pages = [client.get(LIST), client.get(f"{LIST}{account.pk}/change/")]
    posts = [client.post(f"{LIST}{account.pk}/{verb}/") for verb in ("stop", "check", "test", "up")]
    add = client.get(LIST + "add/")

    assert [page.status_code for page in pages] == [200, 200]
    assert {post.status_code for post in posts} == {403}
    assert add.status_code == 403
    assert b"formaction" not in pages[0].content


def test_no_account_is_deleted(admin: Client, account: ProviderAccount) -> None:
    assert admin.get(f"{LIST}{account.pk}/delete/").status_code == 403


def test_a_domain_is_kept_with_its_plan_and_limits(admin: Client) -> None:
    facts = {
        "domain": "Shop.Example",
        "per_second": "",
        "warm_up_from_date": "2026-04-14",
        "warm_up_plan": "50, 100,200",
        "recipient_limits": "gmail.com 20\nqq.com 5",
    }
    answer = admin.post("/admin/crm/sendingdomain/add/", facts)

    row = SendingDomain.objects.get()
    assert answer.status_code == 302
    assert (row.domain, row.warm_up_plan) == ("shop.example", [50, 100, 200])
    assert row.recipient_limits == {"gmail.com": 20.0, "qq.com": 5.0}
    assert row.warm_up_from_date == date(2026, 4, 14)
    assert admin.get("/admin/crm/sendingdomain/").status_code == 200
    assert b"gmail.com 20" in admin.get(f"/admin/crm/sendingdomain/{row.pk}/change/").content


def test_a_domain_in_its_own_letters_is_kept_as_it_stands_in_dns(admin: Client) -> None:
    facts = {"domain": "Bücher.Example", "warm_up_plan": "", "recipient_limits": "straße.example 5"}

    admin.post("/admin/crm/sendingdomain/add/", facts)

    row = SendingDomain.objects.get()
    assert row.domain == "xn--bcher-kva.example"
    assert row.recipient_limits == {"xn--strae-oqa.example": 5.0}


@pytest.mark.parametrize(
    "changes",
    [{"domain": "shop"}, {"warm_up_plan": "many"}, {"recipient_limits": "gmail.com"}],
)
def test_a_plan_that_cannot_be_read_is_refused(admin: Client, changes: dict[str, str]) -> None:
    facts = {"domain": "shop.example", "warm_up_plan": "", "recipient_limits": "", **changes}

    admin.post("/admin/crm/sendingdomain/add/", facts)

    assert not SendingDomain.objects.exists()


def test_the_dashboard_says_what_staff_must_know(admin: Client, now: datetime) -> None:
    notices.tell(staff_ids=[], title="Something broke", detail="relay", path="/admin/", now=now)

    assert b"Something broke" in admin.get("/admin/").content
