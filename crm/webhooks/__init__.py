"""Webhooks: tell subscribers what happened, signed, until they heard (Standard Webhooks)."""

from crm.webhooks.keeping import (
    NewWebhook,
    WebhookRefused,
    change,
    check_events,
    check_url,
    forget_old,
    replay,
    resume,
    rotate_secret,
    send_test,
    stop,
    subscribe,
)
from crm.webhooks.names import NEWS, TEST
from crm.webhooks.planning import News, plan, tell, tell_changed, tell_erasure, tell_merges
from crm.webhooks.sending import deliver_due
from crm.webhooks.signing import sign

__all__ = [
    "NEWS",
    "TEST",
    "NewWebhook",
    "News",
    "WebhookRefused",
    "change",
    "check_events",
    "check_url",
    "deliver_due",
    "forget_old",
    "plan",
    "replay",
    "resume",
    "rotate_secret",
    "send_test",
    "sign",
    "stop",
    "subscribe",
    "tell",
    "tell_changed",
    "tell_erasure",
    "tell_merges",
]
