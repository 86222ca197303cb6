"""Accounts: who carries each channel, in which order, how they stand, and the keys of our links.

Accounts are rows that staff keep; for a channel without any, the settings describe one.
"""

from crm.accounts.book import (
    Kept,
    NoAccount,
    UnknownAddress,
    for_channel,
    for_provider,
    forget,
    from_settings,
    in_order,
    limits,
    link_keys,
    named,
    names_of,
    sender,
    sender_of,
    usable,
)
from crm.accounts.keeping import (
    NewAccount,
    change,
    channel_of,
    check,
    fields_of,
    keep,
    label_of,
    move,
    providers_for,
    start,
    stop,
)
from crm.accounts.trials import ask, check_due, run_trials, send_test

__all__ = [
    "Kept",
    "NewAccount",
    "NoAccount",
    "UnknownAddress",
    "ask",
    "change",
    "channel_of",
    "check",
    "check_due",
    "fields_of",
    "for_channel",
    "for_provider",
    "forget",
    "from_settings",
    "in_order",
    "keep",
    "label_of",
    "limits",
    "link_keys",
    "move",
    "named",
    "names_of",
    "providers_for",
    "run_trials",
    "send_test",
    "sender",
    "sender_of",
    "start",
    "stop",
    "usable",
]
