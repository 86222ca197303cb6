"""Trials of templates: what a preview shows, sent to staff, untracked and said to no customer.

A worker sends them: no web process waits for a provider. What is to be sent and what became of it
lie encrypted in the cache for a while, and only whoever asked is told. A lost one is not sent.
"""

import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from redis import RedisError

from crm import accounts, audit, masking, normalise, webhooks
from crm.channels import base
from crm.choices import AccessKind, Channel, FailureReason, Purpose, TrialState
from crm.models.encrypted import decrypt, encrypt
from crm.rendering import Rendered

CHANNELS = (Channel.EMAIL, Channel.SMS, Channel.WEBHOOK)
# Nobody's mailbox is filled by it, and no strangers are reached.
AT_MOST, WITHIN = 5, timedelta(minutes=1)
# What no worker has taken by then is not sent any more, and what became of it is forgotten.
KEPT = timedelta(minutes=15)
# A worker that has been sending for so long is dead: providers are given less time.
PATIENCE = timedelta(minutes=3)
_WHERE = "template/test"
_MARKED = frozenset({Channel.EMAIL, Channel.WEBHOOK})


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried: as a preview drew it for a customer, and where it is to go."""

    channel: Channel
    shown: Rendered
    customer_id: int
    address: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a test stands, for whoever asked for it."""

    address: str
    state: str = TrialState.QUEUED
    reason: str = ""
    detail: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state not in {TrialState.QUEUED, TrialState.SENDING}


@dataclass(frozen=True, slots=True)
class _Letter:
    """What a worker needs to send it."""

    number: int
    channel: str
    carrier: str
    recipient: str
    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """A test as it lies in the cache; the letter is gone once a worker has it."""

    staff_id: int
    since: float
    standing: Standing
    letter: _Letter | None = None


def ask(*, trial: Trial, by: AbstractBaseUser, now: datetime) -> str:
    """Lay a test out for a worker, by the account that carries the channel; gives its token.

    No message arises: it is not said to the customer. What is sent to whom is put on record.
    """
    address = _checked(trial)
    carrier = _carrier(trial.channel, now)
    number = _noted(trial, address, by, now)
    shown, is_mail = trial.shown, trial.channel == Channel.EMAIL
    subject = _("[Test] %(subject)s") % {"subject": shown.subject}
    letter = _Letter(
        number=number,
        channel=trial.channel,
        carrier=carrier.name,
        recipient=address,
        subject=subject.strip() if trial.channel in _MARKED else "",
        html=shown.html if is_mail else "",
        text=shown.text,
    )
    token = secrets.token_urlsafe(24)
    try:
        _keep(token, _Kept(int(by.pk), now.timestamp(), Standing(address), letter))
    except RedisError as error:
        raise ValidationError(_("No worker can be reached now: try again later.")) from error
    return token


def run(*, token: str, now: datetime) -> None:
    """Send a test that waits, once, however often the bell rings for it."""
    kept = _kept(token)
    if kept is None or kept.letter is None:
        return
    if not cache.add(f"{_key(token)}:taken", 1, KEPT.total_seconds()):
        return
    letter, waiting = kept.letter, replace(kept, letter=None, since=now.timestamp())
    _keep(token, replace(waiting, standing=replace(kept.standing, state=TrialState.SENDING)))
    outcome = _sent(letter)
    standing = Standing(kept.standing.address, outcome.state, outcome.reason, outcome.detail)
    _keep(token, replace(waiting, standing=standing))


def standing(*, token: str, by: AbstractBaseUser, now: datetime) -> Standing | None:
    """How a test stands, if it is one of this member of staff and not forgotten yet."""
    kept = _kept(token)
    if kept is None or kept.staff_id != by.pk:
        return None
    told = kept.standing
    is_lost = now.timestamp() - kept.since > PATIENCE.total_seconds()
    if told.state == TrialState.SENDING and is_lost:
        return replace(told, state=TrialState.IN_DOUBT, reason=FailureReason.WORKER_LOST)
    return told


def _sent(letter: _Letter) -> base.Outcome:
    order = accounts.in_order(channel=letter.channel)
    carrier = next((one for one in order if one.name == letter.carrier), None)
    if carrier is None:
        return base.Outcome(letter.number, base.FAILED, reason=FailureReason.UNREACHABLE)
    outgoing = base.Outgoing(
        message_id=letter.number,
        key=f"template-test-{letter.number}",
        sender=carrier.sender,
        recipient=letter.recipient,
        subject=letter.subject,
        html=letter.html,
        text=letter.text,
    )
    return accounts.hand_over(outgoing=outgoing, by=carrier)


def _key(token: str) -> str:
    return f"template-test:{token}"


def _keep(token: str, kept: _Kept) -> None:
    """Write it down, encrypted: it holds what a person's data made of the template."""
    cache.set(_key(token), encrypt(json.dumps(asdict(kept))), KEPT.total_seconds())


def _kept(token: str) -> _Kept | None:
    raw = cache.get(_key(token))
    if raw is None:
        return None
    told = json.loads(decrypt(raw))
    letter = _Letter(**told["letter"]) if told["letter"] else None
    return _Kept(told["staff_id"], told["since"], Standing(**told["standing"]), letter)


def _checked(trial: Trial) -> str:
    """The address in its one form; mails go to staff only, and a push has nobody to go to."""
    if trial.channel not in CHANNELS:
        raise ValidationError(_("A push reaches subscribed browsers only: it has no test."))
    address = accounts.readable(channel=trial.channel, address=trial.address)
    if trial.channel == Channel.EMAIL and address not in _staff_addresses():
        raise ValidationError(_("Tests go to addresses of staff only."))
    if trial.channel == Channel.WEBHOOK:
        webhooks.check_url(url=address)
    return address


def _staff_addresses() -> set[str]:
    staff = get_user_model().objects.filter(is_active=True, is_staff=True)
    return {normalise.email(address) for address in staff.values_list("email", flat=True)}


def _carrier(channel: str, now: datetime) -> accounts.Kept:
    for purpose in (Purpose.MARKETING, ""):
        kept = accounts.usable(channel=channel, purpose=purpose, now=now)
        if kept:
            return kept
    raise ValidationError(_("No account carries this channel now."))


@transaction.atomic
def _noted(trial: Trial, address: str, by: AbstractBaseUser, now: datetime) -> int:
    """Put the trial on record unless there were too many; locks the row of who sends it."""
    get_user_model().objects.select_for_update().get(pk=by.pk)
    if audit.count_since(by=by, where=_WHERE, since=now - WITHIN) >= AT_MOST:
        raise ValidationError(_("Those were many tests within a minute: wait a moment."))
    access = audit.Access(AccessKind.EXPORTED, _WHERE, by=by, detail=_told(trial, address))
    return audit.note_again(access=access, customer_id=trial.customer_id, now=now)


def _told(trial: Trial, address: str) -> str:
    """Where it went, for the record: a number may be anybody's, and a path may be a password."""
    if trial.channel == Channel.EMAIL:
        return address
    if trial.channel == Channel.WEBHOOK:
        return urlsplit(address).hostname or ""
    return masking.phone(address)
