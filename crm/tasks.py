"""The doorbells of crm; every one may ring twice, late or never."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from celery import Task, shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from crm import (
    accounts,
    breakers,
    callbacks,
    calls,
    domains,
    doubts,
    duplicates,
    exports,
    imports,
    mailboxes,
    messages,
    notices,
    privacy,
    quality,
    retention,
    template_trials,
    webhooks,
)

# A file is read from its start by whoever goes on with it, so an import is put down rarely.
IMPORT_SECONDS = 600.0
# Short, so that other tasks get their turn.
SLICE_SECONDS = 20.0


def ring(task: Task[Any, Any], *arguments: Any) -> None:
    """Ring for a task after the commit; a broker that is away is logged, a sweep comes anyway."""

    def call() -> None:
        task.delay(*arguments)

    transaction.on_commit(call, robust=True)


@shared_task
def process_callbacks() -> None:
    """Take in what providers told us."""
    _until_done(callbacks.process_due)


@shared_task
def fetch_callbacks() -> None:
    """Listen to providers that do not call us."""
    if callbacks.fetch_all(seconds=SLICE_SECONDS, now=timezone.now()):
        ring(process_callbacks)


@shared_task
def recover_messages() -> None:
    """Settle what dead workers were handing over."""
    if messages.recover(now=timezone.now()):
        ring(send_queued_messages)


@shared_task
def reconcile_doubts() -> None:
    """Settle what is in doubt, and send again what may be."""
    if doubts.reconcile(owner=messages.owner(), now=timezone.now()):
        ring(send_queued_messages)


@shared_task
def send_queued_messages() -> None:
    """Send the answers of staff and bot, and whatever else is queued."""
    _until_done(partial(messages.send_queued, owner=messages.owner()))


@shared_task
def mail_notices() -> None:
    """Mail staff what they must know."""
    notices.send_due(now=timezone.now())


@shared_task
def look_after_accounts() -> None:
    """Ask providers whether accounts work, and send the tests that staff asked for."""
    breakers.try_again(now=timezone.now())
    accounts.run_trials(now=timezone.now())
    accounts.check_due(now=timezone.now())


@shared_task
def send_template_test(token: str) -> None:
    """Send the test of a template that somebody asked for."""
    template_trials.run(token=token, now=timezone.now())


@shared_task
def look_after_domains() -> None:
    """Ask DNS about sending domains, and replace keys that are old."""
    domains.check_due(now=timezone.now())
    domains.rotate_due(now=timezone.now())


@shared_task
def deliver_webhooks() -> None:
    """Tell subscribers what is due."""
    _until_done(partial(webhooks.deliver_due, owner=messages.owner()))


@shared_task
def read_mailboxes() -> None:
    """Read the mailboxes that are due."""
    ends_at = time.monotonic() + SLICE_SECONDS
    while mailboxes.read_due(owner=messages.owner(), clock=timezone.now):
        if time.monotonic() > ends_at:
            return


@shared_task
def forget_old_calls() -> None:
    """Delete kept answers and old deliveries whose time is over."""
    calls.forget_old(now=timezone.now())
    webhooks.forget_old(now=timezone.now())


@shared_task
def run_imports() -> None:
    """Take in files of customers, one after the other."""
    ends_at = time.monotonic() + IMPORT_SECONDS
    while (left := ends_at - time.monotonic()) > 0:
        if not imports.run_due(owner=imports.owner(), clock=timezone.now, seconds=left):
            return


@shared_task
def write_exports() -> None:
    """Write the files that were asked for."""
    ends_at = time.monotonic() + SLICE_SECONDS
    while exports.write_due(clock=timezone.now) and time.monotonic() < ends_at:
        continue


@shared_task
def tidy_files() -> None:
    """Delete the files of imports and exports whose days are over."""
    now = timezone.now()
    exports.expire(now=now)
    imports.delete_files(before=now - timedelta(days=settings.IMPORT_KEEP_DAYS))


@shared_task
def find_duplicates() -> None:
    """Look for customers who may be one person."""
    duplicates.find(now=timezone.now())


@shared_task
def erase_customers() -> None:
    """Erase whoever confirmed that they want it."""
    _until_done(privacy.erase_due)


@shared_task
def look_at_quality() -> None:
    """Look the data of all customers through."""
    quality.look(now=timezone.now())


@shared_task
def delete_what_is_old() -> None:
    """Delete what the retention rules call too old."""
    retention.run_due(now=timezone.now())


def _until_done(work: Callable[..., int]) -> None:
    ends_at = time.monotonic() + SLICE_SECONDS
    while work(now=timezone.now()) and time.monotonic() < ends_at:
        continue
