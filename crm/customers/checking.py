"""May two customers be merged? Asked before, and again under the lock."""

from collections.abc import Sequence

from django.db import connection
from django.utils.translation import gettext as _

from crm.choices import IdentityKind
from crm.customers import handles
from crm.customers.people import NAMELESS, is_nameless
from crm.models import Customer, CustomerAlias, Identity


class MergeRefused(ValueError):  # noqa: N818 - it names what happened
    """Two customers must not be merged; says why, and what to do."""


def check_merge(*, kept_id: int, merged_id: int) -> None:
    """Refuse a merge of two people who are known to be different, and whatever makes no sense."""
    if kept_id == merged_id:
        raise MergeRefused(_("A customer cannot be merged with themselves: choose another one."))
    for customer_id in (kept_id, merged_id):
        _check_is_there(customer_id)
    kept, merged = _handles(kept_id), _handles(merged_id)
    if _is_visitor(kept_id, kept) and not _is_visitor(merged_id, merged):
        raise MergeRefused(
            _(
                "#%(kept)s is an anonymous visitor and #%(merged)s is known: a visitor joins the "
                "known person, never the reverse. Keep #%(merged)s instead."
            )
            % {"kept": kept_id, "merged": merged_id}
        )
    _check_verified(kept, merged)


def lock(*, customer_ids: Sequence[int]) -> None:
    """Lock the handles of customers, then their rows in the order of their ids."""
    found = Identity.objects.filter(customer_id__in=customer_ids).values_list("kind", "value")
    handles.lock(wanted=set(found))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM crm_customer WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE",
            [sorted(customer_ids)],
        )


def _check_is_there(customer_id: int) -> None:
    if Customer.objects.filter(pk=customer_id).exists():
        return
    alias = CustomerAlias.objects.filter(pk=customer_id).first()
    if alias is not None:
        raise MergeRefused(
            _("#%(old)s was merged into #%(new)s already: take #%(new)s.")
            % {"old": customer_id, "new": alias.customer_id}
        )
    raise MergeRefused(
        _("There is no customer #%s: the person was erased, or never was.") % customer_id
    )


def _handles(customer_id: int) -> dict[tuple[str, str], bool]:
    rows = Identity.objects.filter(customer_id=customer_id)
    return {
        (kind, value): verified_at is not None
        for kind, value, verified_at in rows.values_list("kind", "value", "verified_at")
    }


def _is_visitor(customer_id: int, held: dict[tuple[str, str], bool]) -> bool:
    if not held or not is_nameless(handles=set(held)):
        return False
    return not Customer.objects.filter(pk=customer_id).exclude(email="", phone="").exists()


def _check_verified(kept: dict[tuple[str, str], bool], merged: dict[tuple[str, str], bool]) -> None:
    for kind in IdentityKind:
        if kind in NAMELESS:
            continue
        one, other = _verified(kept, kind), _verified(merged, kind)
        if one and other:
            raise MergeRefused(
                _(
                    "Both have a verified identity of the kind “%(kind)s”: %(one)s and %(other)s. "
                    "They are two people; say so instead of merging them."
                )
                % {"kind": kind.label, "one": one, "other": other}
            )


def _verified(held: dict[tuple[str, str], bool], kind: str) -> str:
    return next((value for (kind_, value), ok in sorted(held.items()) if ok and kind_ == kind), "")
