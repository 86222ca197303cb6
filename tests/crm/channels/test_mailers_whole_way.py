"""A mail goes out by each provider's account and comes back to its row, with all in between real.

Rows keep the accounts with their secrets encrypted; the simulator takes the mails and reports.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from crm import accounts, callbacks, doubts, messages
from crm.channels import registry
from crm.doubts import DoubtPlan
from crm.models import Callback, ConsentDecision, Message, Suppression
from crm.simulator.mailers import MAILERS
from tests import making
from tests.crm.channels import test_mailers, test_mailers_brevo_to_unisender
from tests.crm.messages.letters import draft, send, write
from tests.mail_contracts import MailerContract

pytestmark = pytest.mark.django_db
CONTRACTS = {
    found.mailer: found
    for module in (test_mailers, test_mailers_brevo_to_unisender)
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, MailerContract) and found is not MailerContract
}
FATES = ("ann", "bounce", "soft", "complain", "leave")


@pytest.fixture(params=sorted(MAILERS))
def contract(request):
    return CONTRACTS[request.param]


@pytest.fixture
def account(contract, simulator, now, settings, tmp_path):
    settings.VAR_DIR = tmp_path
    secrets = dict(contract.secrets)
    if contract.mailer == "postal":
        secrets["public_key"] = simulator.provider.mail._mailer("postal").public_key
    url = f"{simulator.url}/{contract.mailer}{contract.path}"
    yield accounts.keep(
        new=accounts.NewAccount(
            name="mails",
            channel="email",
            provider=contract.mailer,
            told={**contract.options, **secrets, "url": url},
            sender="Shop <shop@rapport.example>",
        ),
        now=now,
    )
    registry.close_all()


def heard(simulator, now):
    """Whatever the provider posts is taken in, twice over."""
    while simulator.notices:
        request = simulator.callback()
        at = now + timedelta(seconds=1)
        for _ in range(2):
            callbacks.store(
                provider="mails",
                headers=request.headers,
                body=request.body,
                url=request.url,
                now=max(at, request.received_at),
            )
        callbacks.process_due(now=at)


def test_every_provider_has_a_contract():
    assert set(CONTRACTS) == set(MAILERS)


def test_what_becomes_of_mails_comes_back_to_their_rows(contract, account, simulator, now):
    people = {fate: making.subscriber(now=now, email=f"{fate}+x@people.example") for fate in FATES}
    letters = [draft(one) for one in people.values()]

    send(*letters, now=now)
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    heard(simulator, now)

    rows = {fate: Message.objects.get(customer=person) for fate, person in people.items()}
    assert (rows["ann"].state, rows["bounce"].state) == ("delivered", "bounced")
    assert (rows["bounce"].reason, rows["soft"].reason) == ("hard_bounce", "soft_bounce")
    closed = {"hard_bounce"}
    if "complain" not in contract.untold:
        assert rows["complain"].state == "complained"
        closed.add("complaint")
    assert sorted(Suppression.objects.values_list("reason", flat=True)) == sorted(closed)
    if "leave" not in contract.untold:
        last = ConsentDecision.objects.filter(customer=people["leave"], channel="email")
        assert last.latest("pk").state == "withdrawn"
    assert Callback.objects.filter(state="processed").count() == len(FATES)


def test_a_doubt_is_settled_by_asking_the_provider_that_can_be_asked(contract, account, simulator):
    at = timezone.now()  # as the simulator says when it took a mail
    taken, lost = (
        draft(making.subscriber(now=at, email=f"doubt+{n}@people.example")) for n in range(2)
    )
    send(taken, now=at)
    write(lost, now=at)
    # As a worker leaves them that was lost before it read the answers.
    facts = {"state": "in_doubt", "reason": "worker_lost", "provider": "mails", "settled_at": at}
    Message.objects.update(**facts, provider_message_id="", sent_at=None)
    first = Message.objects.get(pk=taken.message_id)
    plan = doubts.fate(message=first, now=at).plan

    doubts.reconcile(owner=messages.owner(), now=at + doubts.PATIENCE)

    states = [Message.objects.get(pk=one.message_id).state for one in (taken, lost)]
    if hasattr(contract.adapter_class, "look_up"):
        assert plan == DoubtPlan.ASK
        assert states in (["sent", "in_doubt"], ["delivered", "in_doubt"])
    elif contract.adapter_class.is_idempotent:
        # Resend is handed both again; it takes the first one once.
        assert (plan, states) == (DoubtPlan.SAME_KEY, ["sent", "sent"])
        assert len({one.provider_message_id for one in simulator.caught}) == 2
    else:
        assert (plan, states) == (DoubtPlan.NOTHING, ["in_doubt", "in_doubt"])


def test_no_secret_of_an_account_is_kept_in_the_clear(contract, account, simulator):
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM crm_provideraccount a")
        (row,) = cursor.fetchone()
    secrets = [value for value in contract.secrets.values() if value != "simulator"]

    assert not [one for one in secrets if one in row]
    assert accounts.for_provider(provider="mails").secrets
