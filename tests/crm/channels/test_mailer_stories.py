"""A mail's whole way by a provider's API: an account of staff, out, the callback, what follows."""

from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from msgspec.structs import replace

from crm import accounts, callbacks, doubts, messages
from crm.channels import registry
from crm.models import AccountTrial, Message, Suppression
from tests.crm.channels import test_mailers, test_mailers_brevo_to_unisender
from tests.crm.messages.letters import draft, send, templated
from tests.mail_contracts import MailerContract

pytestmark = pytest.mark.django_db
EVERY = {
    one.mailer: one
    for module in (test_mailers, test_mailers_brevo_to_unisender)
    for one in vars(module).values()
    if isinstance(one, type) and issubclass(one, MailerContract) and one is not MailerContract
}


@pytest.fixture
def account(request, simulator, provider, now):
    """An account as staff would make it in the admin, at the simulator."""
    told = EVERY[request.param]
    secrets = dict(told.secrets)
    if request.param == "postal":
        secrets["public_key"] = simulator.provider.mail._mailer("postal").public_key
    row = accounts.keep(
        new=accounts.NewAccount(
            name="mine",
            channel="email",
            provider=request.param,
            told={
                "url": f"{simulator.url}/{request.param}{told.path}",
                **told.options,
                **secrets,
            },
            sender="Shop <shop@rapport.example>",
        ),
        now=now,
    )
    yield row
    registry.close_all()


@pytest.mark.parametrize("account", sorted(EVERY), indirect=True)
def test_a_bounce_comes_home_and_closes_the_address(account, ada, newsletter, simulator, now):
    letter = templated(ada, newsletter, now)
    send(replace(letter, provider="mine", address="bounce+ada@people.example"), now=now)
    message = Message.objects.get()

    request = simulator.callback()
    callbacks.store(
        provider="mine",
        headers=request.headers,
        body=request.body,
        url=request.url,
        now=datetime.now(UTC),
    )
    settled = callbacks.process_due(now=datetime.now(UTC))

    assert (message.state, message.provider, settled) == ("sent", "mine", 1)
    mail = message_from_bytes(simulator.caught[0].raw, policy=policy.default)
    assert "List-Unsubscribe" in mail
    assert mail.get_content_type() == "multipart/alternative"
    message.refresh_from_db()
    assert (message.state, message.reason) == ("bounced", "hard_bounce")
    assert Suppression.objects.get().reason == "hard_bounce"


@pytest.mark.parametrize("account", ["mailgun"], indirect=True)
def test_staff_send_a_test_and_see_that_it_was_taken(account, simulator, now):
    accounts.send_test(account_id=account.pk, address="staff@shop.example", by=None, now=now)

    accounts.run_trials(now=now)

    trial = AccountTrial.objects.get()
    assert (trial.state, trial.detail) == ("sent", "")
    assert simulator.caught[0].recipient == "staff@shop.example"


@pytest.mark.parametrize("account", ["mailgun"], indirect=True)
def test_a_doubt_is_settled_by_asking(account, ada, simulator, now):
    letter = draft(ada, provider="mine", address="ada@people.example")
    send(letter, now=now)
    Message.objects.update(
        state="in_doubt", reason="connection_lost", settled_at=now, provider_message_id=""
    )

    moved = doubts.reconcile(owner=messages.owner(), now=now + doubts.PATIENCE * 2)

    assert (moved, Message.objects.get().state) == (1, "delivered")
