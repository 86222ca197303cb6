"""The admin of crm: one module per noun, loaded here so that all are registered."""

from crm.admin import (
    api_key,
    callback,
    consent,
    conversation,
    customer,
    duplicate,
    event,
    exports,
    imports,
    inbox,
    merge,
    message,
    order,
    outbox,
    template,
)

__all__ = [
    "api_key",
    "callback",
    "consent",
    "conversation",
    "customer",
    "duplicate",
    "event",
    "exports",
    "imports",
    "inbox",
    "merge",
    "message",
    "order",
    "outbox",
    "template",
]
