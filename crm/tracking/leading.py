"""Where links lead: to the address that staff stored, and nowhere else, whatever is asked."""

import re
import time
from array import array
from collections.abc import Mapping
from functools import lru_cache

from django.db import DatabaseError, InterfaceError, connection

from crm import messages, templates
from crm.models import Message, TrackedLink
from crm.rendering import RenderError
from crm.rendering.slots import SLOT_SPAN
from crm.tracking.leaving import NotFound

_MOST_VERSIONS = 1024
_LARGEST = 2**63 - 1024
_HIGHEST = SLOT_SPAN * SLOT_SPAN
# Messages of a campaign stand side by side: whoever asks for one learns of its neighbours.
_BLOCK = 512
_MOST_BLOCKS = 4_096
# A message that was erased leads nowhere any more after so long.
_KEPT_SECONDS = 300
_VERSIONS = "SELECT id, template_version_id FROM crm_message WHERE id BETWEEN %s AND %s"
# What follows the host may be anything: it is quoted before it becomes a header.
_WEB = re.compile(r"https?://([^/?#\s\x00-\x20\x7f]+)(?:[/?#][\s\S]*)?\Z", re.IGNORECASE)
# Where a whole link is Jinja, a macro may have been given one of these.
_CONTACT = re.compile(r"(?:mailto|tel|sms):[^\s\x00-\x20\x7f]+\Z", re.IGNORECASE)
_OPEN_HOST = re.compile(
    r"https?://[^/?#\s{]*(?:\{\{[^{}]*\}\}[^/?#\s{]*?)+([.-][^/?#\s{}]+)(?:[/?#]|\Z)", re.I
)
_WRITTEN = re.compile(r"https?://([^/?#{\s]+)(.?)", re.IGNORECASE)

_blocks: "dict[int, tuple[float, array[int]]]" = {}


def leads_to(*, message_id: int, position: int) -> str:
    """The address behind a link of a message; NotFound if there is none."""
    if not 0 < position < _HIGHEST:
        raise NotFound("The message has no such link.")
    version_id = _version_of(message_id) if message_id < _LARGEST else 0
    url = links_of(version_id=version_id).get(position % SLOT_SPAN) if version_id else None
    if url is None:
        raise NotFound("The message has no such link.")
    if "{{" in url or "{%" in url:
        return _checked(_rendered(message_id, position), url)
    if position >= SLOT_SPAN:
        raise NotFound("Only links that are written for each person are met again and again.")
    return _checked(url, url)


def links_of(*, version_id: int) -> Mapping[int, str]:
    """Every tracked link of a version by its position; a version never changes."""
    return _links(version_id)


def forget() -> None:
    """Remember no links any more."""
    _links.cache_clear()
    _blocks.clear()


@lru_cache(maxsize=_MOST_VERSIONS)
def _links(version_id: int) -> dict[int, str]:
    rows = TrackedLink.objects.filter(version_id=version_id).order_by("position")
    return dict(rows.values_list("position", "url"))


def _version_of(message_id: int) -> int:
    """The version that a message was made of; 0 where there is none."""
    number, place = divmod(message_id, _BLOCK)
    known = _blocks.get(number)
    if known is None or not known[1][place] or time.monotonic() - known[0] > _KEPT_SECONDS:
        if len(_blocks) >= _MOST_BLOCKS:
            _blocks.clear()
        known = _blocks[number] = time.monotonic(), _read_block(number * _BLOCK)
    return known[1][place]


def _read_block(first: int) -> "array[int]":
    """The versions of a block of messages; a connection from before may have died."""
    try:
        return _ask(first)
    except (DatabaseError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return _ask(first)


def _ask(first: int) -> "array[int]":
    versions = array("q", bytes(8 * _BLOCK))
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, [first, first + _BLOCK - 1])
        for message_id, version_id in cursor.fetchall():
            versions[message_id - first] = version_id or 0
    return versions


def _rendered(message_id: int, position: int) -> str:
    """The link as it stands in this very message."""
    message = Message.objects.select_related("template_version__template", "kept").get(
        pk=message_id
    )
    assert message.template_version is not None
    compiled = templates.compiled(version=message.template_version)
    known = messages.thaw(value=message.variables or {})
    try:
        links = messages.links(message_id=message_id)
        return compiled.render_link(position=position, variables=known, links=links)
    except (LookupError, RenderError) as error:
        raise NotFound("The link leads nowhere any more.") from error


def _checked(url: str, written: str) -> str:
    """A web address, of the host that staff wrote: what is filled in cannot change it."""
    found = _WEB.match(url)
    is_open = written.startswith(("{{", "{%"))
    if is_open and _CONTACT.match(url):
        return url
    if found is None:
        raise NotFound("The link does not lead to a web address.")
    authority = found[1].lower()
    if is_open or url == written:
        return url
    if "\\" in authority or ("@" in authority and "@" not in written):
        raise NotFound("The link was led to another host.")
    fixed = _WRITTEN.match(written)
    if fixed and _is_whole(fixed[1]) and authority != fixed[1].lower():
        raise NotFound("The link was led to another host.")
    end = _end_of_host(written)
    if end and not authority.endswith(end):
        raise NotFound("The link was led to another host.")
    return url


def _end_of_host(written: str) -> str:
    """How a host ends of which staff left the beginning open: `.shop.example`, or nothing."""
    found = _OPEN_HOST.match(written)
    return found[1].lower() if found else ""


def _is_whole(host: str) -> bool:
    """Whether staff wrote a host to its end: `shop.example`, and not `shop.` or `shop`."""
    return "." in host[:-1] and host[-1] not in ".-:"
