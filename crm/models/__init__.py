"""The rows of crm."""

from .api_key import ApiKey
from .callback import Callback
from .consent import Consent, ConsentDecision, MarketingPause, Suppression
from .conversation import Conversation, Note
from .customer import Customer, Identity, OrderStatistics
from .event import Event
from .imports import ImportRun
from .message import Message
from .order import Order, OrderLine, Product
from .outbox import CaughtMessage
from .template import Template, TemplateVersion, TrackedLink

__all__ = [
    "ApiKey",
    "Callback",
    "CaughtMessage",
    "Consent",
    "ConsentDecision",
    "Conversation",
    "Customer",
    "Event",
    "Identity",
    "ImportRun",
    "MarketingPause",
    "Message",
    "Note",
    "Order",
    "OrderLine",
    "OrderStatistics",
    "Product",
    "Suppression",
    "Template",
    "TemplateVersion",
    "TrackedLink",
]
