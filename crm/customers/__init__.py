"""Customers: who is who, how two become one and two again, and how somebody is forgotten."""

from crm.customers.addresses import readdress
from crm.customers.checking import MergeRefused, check_merge
from crm.customers.editing import add_identity, change, correct, remove_identity
from crm.customers.finding import search
from crm.customers.forgetting import forget_many
from crm.customers.identifying import identify, identify_many
from crm.customers.merging import merge, merge_visitors, preview, resolve, resolve_many
from crm.customers.parting import check_unmerge, unmerge
from crm.customers.pauses import lift_pause, pause
from crm.customers.people import NoIdentity, Person
from crm.customers.tables import table_titles

__all__ = [
    "MergeRefused",
    "NoIdentity",
    "Person",
    "add_identity",
    "change",
    "check_merge",
    "check_unmerge",
    "correct",
    "forget_many",
    "identify",
    "identify_many",
    "lift_pause",
    "merge",
    "merge_visitors",
    "pause",
    "preview",
    "readdress",
    "remove_identity",
    "resolve",
    "resolve_many",
    "search",
    "table_titles",
    "unmerge",
]
