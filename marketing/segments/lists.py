"""Fixed lists: filled by a file of addresses or ids, or copied from who is in another segment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm import normalise
from crm.choices import IdentityKind
from crm.imports import tables
from crm.imports.reading import UnusableFile
from marketing.choices import SegmentKind
from marketing.models import Segment

from . import refreshing
from .base import lock

_SLICE = 5_000
_UNKNOWN_SHOWN = 20
# By which heading a column is known.
_HEADINGS = {
    IdentityKind.EMAIL: ("email", "emailaddress", "mail", "邮箱", "电子邮件"),
    IdentityKind.EXTERNAL: ("externalid", "customerid", "customer", "id", "userid", "客户编号"),
    IdentityKind.PHONE: ("phone", "mobile", "telephone", "phonenumber", "手机", "电话"),
}

_ADD = """
    WITH told AS (
        SELECT DISTINCT value FROM unnest(%s::text[]) AS told (value)
    ), found AS (
        SELECT told.value, held.customer_id FROM told
        LEFT JOIN crm_identity held ON held.kind = %s AND held.value = told.value
    ), entered AS (
        INSERT INTO marketing_listentry (segment_id, customer_id, added_at)
        SELECT DISTINCT %s::bigint, customer_id, %s::timestamptz FROM found
        WHERE customer_id IS NOT NULL
        ORDER BY customer_id
        ON CONFLICT (segment_id, customer_id) DO NOTHING
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM entered), (SELECT count(*) FROM found WHERE customer_id IS NULL),
        ARRAY(SELECT value FROM found WHERE customer_id IS NULL ORDER BY value LIMIT %s)
"""
_COPY = """
    INSERT INTO marketing_listentry (segment_id, customer_id, added_at)
    SELECT %s, m.customer_id, %s FROM marketing_membership m
    JOIN crm_customer c ON c.id = m.customer_id
    WHERE m.segment_id = %s ORDER BY m.customer_id
"""


@dataclass(slots=True)
class Uploaded:
    """What became of a file's rows: `added + known + unknown + unreadable = rows`, once each."""

    rows: int = 0
    added: int = 0
    known: int = 0
    unknown: int = 0
    unreadable: int = 0
    # Some of those that nobody is known by.
    examples: list[str] = field(default_factory=list)


@transaction.atomic
def upload(*, segment_id: int, path: Path, filename: str, now: datetime) -> Uploaded:
    """Put whom a file names on a fixed list, all or nothing; locks the list's members.

    The file is a table with a column of e-mail addresses, of the shop's own ids or of phone
    numbers. Who is on the list already stays; UnusableFile says what to do about a file that
    cannot be read.
    """
    lock(segment_id=segment_id)
    segment = Segment.objects.get(pk=segment_id)
    if segment.kind != SegmentKind.LIST:
        raise UnusableFile(_("Only a fixed list can be filled by a file."))
    form = tables.find_format(path=path, filename=filename)
    at, kind = _column(form.headings)
    done = Uploaded()
    with tables.rows(path=path, form=form) as rows:
        while some := list(islice(rows, _SLICE)):
            _add(segment_id, kind, _values(some, at, kind, done), done, now)
    refreshing.request_refresh(segment_id=segment_id, now=now)
    return done


@transaction.atomic
def snapshot(*, segment_id: int, name: str, now: datetime) -> Segment:
    """Copy who is in a segment now into a fixed list of its own; locks the segment's members."""
    lock(segment_id=segment_id)
    copied = Segment.objects.get(pk=segment_id)
    made = Segment.objects.create(
        name=name,
        kind=SegmentKind.LIST,
        description=_("Who was in “%(name)s”.") % {"name": copied.name},
    )
    with connection.cursor() as cursor:
        cursor.execute(_COPY, [made.pk, now, segment_id])
    refreshing.refresh(segment_id=made.pk, now=now)
    made.refresh_from_db()
    return made


def _column(headings: Sequence[str]) -> tuple[int, IdentityKind]:
    plain = ["".join(filter(str.isalnum, heading.lower())) for heading in headings]
    for kind, names in _HEADINGS.items():
        for at, heading in enumerate(plain):
            if heading in names:
                return at, kind
    raise UnusableFile(_("The first line must name a column “email”, “external_id” or “phone”."))


def _values(
    rows: Sequence[tables.Numbered], at: int, kind: IdentityKind, done: Uploaded
) -> Iterator[str]:
    """Each row's handle as it is kept; what cannot be read is counted."""
    for _line, row in rows:
        done.rows += 1
        text = str(row[at] or "").strip() if at < len(row) else ""
        value = _written(text, kind)
        if value:
            yield value
        else:
            done.unreadable += 1


def _written(text: str, kind: IdentityKind) -> str:
    if kind == IdentityKind.EMAIL:
        return normalise.email(text)
    if kind == IdentityKind.PHONE:
        return normalise.phone(text)
    return text.replace("\0", "")[:320]


def _add(
    segment_id: int, kind: IdentityKind, values: Iterator[str], done: Uploaded, now: datetime
) -> None:
    told = list(values)
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [told, kind.value, segment_id, now, _UNKNOWN_SHOWN])
        added, unknown, examples = cursor.fetchone() or (0, 0, [])
    done.added += added
    done.unknown += unknown
    done.known += len(told) - added - unknown
    done.examples += examples[: _UNKNOWN_SHOWN - len(done.examples)]
