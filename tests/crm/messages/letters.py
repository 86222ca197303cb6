"""Letters that the tests of messages write and send."""

from datetime import datetime

from django.db import transaction
from msgspec.structs import replace

from crm import messages, templates
from crm.messages import Draft
from crm.models import Customer, TemplateVersion


def draft(customer: Customer, **changes: object) -> Draft:
    """A campaign's e-mail to a customer, not written down yet."""
    (message_id,) = messages.reserve_ids(count=1)
    plain = Draft(
        message_id=message_id,
        customer_id=customer.pk,
        channel="email",
        purpose="marketing",
        address=customer.email,
        key=f"test-{message_id}",
        subject="Hello",
        text="Tea is here.",
        source_kind="delivery",
        source_id=1,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def templated(customer: Customer, version: TemplateVersion, now: datetime) -> Draft:
    """A campaign's e-mail rendered from a template version."""
    plain = draft(customer)
    variables = {"customer": {"id": customer.pk, "first_name": customer.first_name}, "at": now}
    rendered = templates.compiled(version=version).render(
        variables=variables, links=messages.links(message_id=plain.message_id)
    )
    return replace(
        plain,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        template_version_id=version.pk,
        variables=variables,
    )


def write(*drafts: Draft, now: datetime, owner: str = "") -> None:
    """Write drafts down as `sending`."""
    with transaction.atomic():
        messages.write_many(drafts=drafts, owner=owner or messages.owner(), now=now)


def send(*drafts: Draft, now: datetime) -> messages.Sent:
    """Write drafts down and hand them over."""
    write(*drafts, now=now)
    return messages.send_many(drafts=drafts, now=now)
