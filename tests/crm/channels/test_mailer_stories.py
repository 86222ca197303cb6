"""Accounts of staff at providers of e-mail: mails of templates, tests, and doubts."""

from email import message_from_bytes, policy

import pytest
from msgspec.structs import replace

from crm import accounts, doubts, messages
from crm.channels import registry
from crm.models import AccountTrial, Message
from tests.crm.channels import test_mailers
from tests.crm.messages.letters import draft, send, templated

pytestmark = pytest.mark.django_db
EVERY = {one.mailer: one for one in (test_mailers.TestMailgun, test_mailers.TestPostmark)}


@pytest.fixture
def account(request, simulator, provider, now):
    """An account as staff would make it in the admin, at the simulator."""
    told = EVERY[request.param]
    row = accounts.keep(
        new=accounts.NewAccount(
            name="mine",
            channel="email",
            provider=request.param,
            told={
                "url": f"{simulator.url}/{request.param}{told.path}",
                **told.options,
                **told.secrets,
            },
            sender="Shop <shop@rapport.example>",
        ),
        now=now,
    )
    yield row
    registry.close_all()


@pytest.mark.parametrize("account", sorted(EVERY), indirect=True)
def test_a_mail_of_a_template_goes_out_with_both_parts(account, ada, newsletter, simulator, now):
    letter = templated(ada, newsletter, now)

    send(replace(letter, provider="mine", address="ada@people.example"), now=now)

    message = Message.objects.get()
    assert (message.state, message.provider) == ("sent", "mine")
    mail = message_from_bytes(simulator.caught[0].raw, policy=policy.default)
    assert "List-Unsubscribe" in mail
    assert mail.get_content_type() == "multipart/alternative"


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
