"""The rows of crm."""

from .api_key import ApiKey, IdempotentCall
from .attribute import AttributeDefinition
from .callback import Callback
from .change import Change
from .company import Company, CompanyMember, CompanyStatistics
from .consent import Consent, ConsentDecision, ContactPreference, MarketingPause, Suppression
from .conversation import Conversation, Note
from .customer import Customer, Identity, OrderStatistics
from .desk import CustomerNote, CustomerTask, FieldLock
from .domain import DomainStanding, SigningKey
from .event import Event, EventBatch, EventDay, RejectedEvent
from .imports import ExportRun, ImportRun, RejectedRow
from .mailbox import Mailbox, MailboxUid, ReturnedMail
from .merge import CustomerAlias, DuplicateCandidate, Merge
from .message import HandOver, KeptVariables, Message
from .order import Order, OrderLine, Product
from .outbox import CaughtMessage
from .privacy import AccessRecord, PrivacyRequest, RetentionRule
from .provider import AccountStanding, AccountTrial, Notice, ProviderAccount, SendingDomain
from .quality import QualityFinding, QualityRepair
from .shared_value import SharedValue
from .snippet import Snippet, SnippetUse, SnippetVersion
from .template import Template, TemplateVersion, TrackedLink
from .tracking import LinkDay, SpoolMark, TrackingRefusal, UncountedSighting
from .webhook import Webhook, WebhookDelivery

__all__ = [
    "AccessRecord",
    "AccountStanding",
    "AccountTrial",
    "ApiKey",
    "AttributeDefinition",
    "Callback",
    "CaughtMessage",
    "Change",
    "Company",
    "CompanyMember",
    "CompanyStatistics",
    "Consent",
    "ConsentDecision",
    "ContactPreference",
    "Conversation",
    "Customer",
    "CustomerAlias",
    "CustomerNote",
    "CustomerTask",
    "DomainStanding",
    "DuplicateCandidate",
    "Event",
    "EventBatch",
    "EventDay",
    "ExportRun",
    "FieldLock",
    "HandOver",
    "IdempotentCall",
    "Identity",
    "ImportRun",
    "KeptVariables",
    "LinkDay",
    "Mailbox",
    "MailboxUid",
    "MarketingPause",
    "Merge",
    "Message",
    "Note",
    "Notice",
    "Order",
    "OrderLine",
    "OrderStatistics",
    "PrivacyRequest",
    "Product",
    "ProviderAccount",
    "QualityFinding",
    "QualityRepair",
    "RejectedEvent",
    "RejectedRow",
    "RetentionRule",
    "ReturnedMail",
    "SendingDomain",
    "SharedValue",
    "SigningKey",
    "Snippet",
    "SnippetUse",
    "SnippetVersion",
    "SpoolMark",
    "Suppression",
    "Template",
    "TemplateVersion",
    "TrackedLink",
    "TrackingRefusal",
    "UncountedSighting",
    "Webhook",
    "WebhookDelivery",
]
