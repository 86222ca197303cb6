"""Preferences: what customers decide for themselves about how we write to them."""

from crm.preferences.choosing import (
    FREQUENCIES,
    TRACKING,
    ChannelChoices,
    Preferences,
    PurposeChoice,
    choose,
    choose_frequency,
    go_on,
    leave,
    of_customer,
    pause,
)
from crm.preferences.confirming import Confirmation, NotWaiting, SignUp, ask, confirm, find

__all__ = [
    "FREQUENCIES",
    "TRACKING",
    "ChannelChoices",
    "Confirmation",
    "NotWaiting",
    "Preferences",
    "PurposeChoice",
    "SignUp",
    "ask",
    "choose",
    "choose_frequency",
    "confirm",
    "find",
    "go_on",
    "leave",
    "of_customer",
    "pause",
]
