"""How simulated providers read the mails of their JSON APIs, and sign what they report."""

import hmac
import re
from collections.abc import Mapping
from email.headerregistry import Address

from crm.simulator.http import Posted, Request
from crm.simulator.mailers.shapes import TakenMail
from crm.simulator.vendors.shapes import as_json

# Variables and tags of the template languages that providers read in every mail.
_VARIABLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{\$.*?\}", re.DOTALL)


def inside(data: object, *names: str) -> dict[str, object]:
    """An object inside of others; empty where there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def every(data: object) -> list[dict[str, object]]:
    """The objects of a list; empty where it is none."""
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def said(data: Mapping[str, object], name: str) -> str:
    """A word of an object; empty where there is none."""
    value = data.get(name)
    return "" if value is None else str(value)


def mailbox(data: object, *, name: str = "name", email: str = "email") -> str:
    """An address of two fields as it stands in a mail."""
    told = inside(data)
    return str(Address(said(told, name), addr_spec=said(told, email) or "nobody@invalid"))


def first(people: object) -> str:
    """The address of the first of a list of people."""
    return next((said(one, "email") for one in every(people)), "")


def paired(data: object, *, name: str, value: str) -> dict[str, str]:
    """Headers that come as a list of names and values."""
    return {said(one, name): said(one, value) for one in every(data)}


def bearer(request: Request) -> str:
    """The token that a request shows."""
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def is_sendable(taken: TakenMail) -> bool:
    """Whether there is something to send."""
    return bool(taken.text or taken.html)


def rendered(text: str) -> str:
    """What readers see: variables that nobody set are gone, and a word joiner takes no room."""
    return _VARIABLE.sub("", text).replace("\u2060", "")


def signed(url: str, data: object, *, header: str, secret: str) -> Posted:
    """A callback with HMAC-SHA256 over its body, in hex."""
    body = as_json(data)
    return Posted(url, body, ((header, hmac.digest(secret.encode(), body, "sha256").hex()),))
