"""Asking providers whether accounts work, and sending test messages through them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from msgspec import structs

from crm import normalise, signatures
from crm.accounts import book
from crm.channels import base, registry
from crm.choices import Channel, Health, TrialState
from crm.models import AccountStanding, AccountTrial, ProviderAccount

# So often every active account is asked by itself.
ASK_EVERY = timedelta(minutes=10)
# A trial that somebody began so long ago has lost its worker.
PATIENCE = timedelta(minutes=5)
_BATCH = 20


class _NoJournal:
    """A test is never sent again, whatever became of it: nothing has to survive a crash."""

    def mark(self, index: int, state: int) -> None:
        """Note nothing."""


def ask(*, account_id: int, now: datetime) -> None:
    """Have the provider asked as soon as somebody can whether the account works."""
    name = ProviderAccount.objects.values_list("name", flat=True).get(pk=account_id)
    AccountStanding.objects.update_or_create(name=name, defaults={"check_wanted_at": now})


def check_due(*, now: datetime) -> int:
    """Ask the providers of active accounts that nobody has asked for a while; gives how many.

    Each is asked outside of any transaction: an answer may take its time.
    """
    due = [name for name in _active_names() if _claim_check(name, now)]
    for name in due:
        kept = book.named(name=name)
        if kept is None:
            continue
        health, detail = _asked(kept.account)
        AccountStanding.objects.filter(name=name).update(
            health=health, health_detail=base.legible(detail), checked_at=now, check_wanted_at=None
        )
    return len(due)


def send_test(
    *, account_id: int, address: str, by: AbstractBaseUser | None, now: datetime
) -> AccountTrial:
    """Queue a message that says it is a test, to an address that staff typed."""
    account = ProviderAccount.objects.get(pk=account_id)
    return AccountTrial.objects.create(
        account=account,
        address=readable(channel=account.channel, address=address),
        by_id=by.pk if by else None,
        created_at=now,
    )


def run_trials(*, now: datetime) -> int:
    """Send the tests that are queued, each once; gives how many. What a crash left is in doubt."""
    AccountTrial.objects.filter(state=TrialState.SENDING, created_at__lt=now - PATIENCE).update(
        state=TrialState.IN_DOUBT, settled_at=now
    )
    with transaction.atomic():
        queued = AccountTrial.objects.filter(state=TrialState.QUEUED).order_by("pk")
        trials = list(
            queued.select_for_update(skip_locked=True, of=("self",)).select_related("account")[
                :_BATCH
            ]
        )
        AccountTrial.objects.filter(pk__in=[trial.pk for trial in trials]).update(
            state=TrialState.SENDING
        )
    for trial in trials:
        _run(trial, now)
    return len(trials)


def hand_over(*, outgoing: base.Outgoing, by: book.Kept) -> base.Outcome:
    """Send one test by an account, at once; whatever goes wrong is its answer."""
    outgoing = structs.replace(outgoing, is_test=True)
    if _is_mail(by.channel):
        automatic = (("Auto-Submitted", "auto-generated"),)
        signers = signatures.of_sender(sender=by.sender)
        outgoing = structs.replace(outgoing, headers=automatic, signers=signers)
    try:
        with _own_adapter(by.account) as adapter:
            outcome = next(iter(list(adapter.send_many([outgoing], journal=_NoJournal()))))
    # The test is for finding out.
    except Exception as error:
        outcome = base.Outcome(outgoing.message_id, base.FAILED, detail=_words(error))
    return structs.replace(outcome, detail=base.legible(outcome.detail))


def readable(*, channel: str, address: str) -> str:
    """The address in its one form; what cannot be one is refused."""
    if channel not in {Channel.EMAIL, Channel.SMS}:
        return address.strip()
    read = normalise.email(address) if _is_mail(channel) else normalise.phone(address)
    if not read:
        raise ValidationError(_("This is no address of that channel."))
    return read


def _active_names() -> list[str]:
    rows = ProviderAccount.objects.filter(is_active=True)
    return list(rows.values_list("name", flat=True))


def _claim_check(name: str, now: datetime) -> bool:
    """Whether this is due and nobody else asks just now: the moment is written before asking."""
    standing, _is_new = AccountStanding.objects.get_or_create(name=name)
    is_due = Q(checked_at=None) | Q(checked_at__lt=now - ASK_EVERY) | Q(check_wanted_at__lte=now)
    waiting = AccountStanding.objects.filter(is_due, pk=standing.pk)
    return bool(waiting.update(checked_at=now, check_wanted_at=None))


def _asked(account: base.Account) -> tuple[str, str]:
    with _own_adapter(account) as adapter:
        if not isinstance(adapter, base.Checks):
            return Health.UNKNOWN, ""
        try:
            wrong = adapter.check()
        # Whatever an adapter runs into, it is what staff must read.
        except Exception as error:
            wrong = _words(error)
    return (Health.AILING, wrong) if wrong else (Health.WELL, "")


def _words(error: Exception) -> str:
    """What went wrong; what is wrong on the way says so itself, all else needs its kind."""
    if isinstance(error, OSError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _run(trial: AccountTrial, now: datetime) -> None:
    kept = book.kept_of(row=trial.account)
    outcome = hand_over(outgoing=_message(trial, kept), by=kept)
    trial.state, trial.detail = outcome.state, outcome.detail or outcome.reason
    trial.settled_at = now
    AccountTrial.objects.filter(pk=trial.pk).update(
        state=trial.state, detail=trial.detail, settled_at=now
    )


@contextmanager
def _own_adapter(account: base.Account) -> Iterator[base.Adapter]:
    """Connections of its own, closed afterwards: the account may just have been changed."""
    adapter = registry.adapter_class(account.provider)(account)
    try:
        yield adapter
    finally:
        adapter.close()


def _message(trial: AccountTrial, kept: book.Kept) -> base.Outgoing:
    text = _("This is a test of the account “%(name)s”. Nobody needs to answer it.")
    return base.Outgoing(
        message_id=trial.pk,
        key=f"account-test-{trial.pk}",
        sender=kept.sender,
        recipient=trial.address,
        subject=_("Test of the account “%(name)s”") % {"name": kept.name},
        text=text % {"name": kept.name},
    )


def _is_mail(channel: str) -> bool:
    return channel == Channel.EMAIL
