"""Fixed lists: filled by a file of addresses or ids, or copied from who is in another segment."""

from collections.abc import Callable, Iterator, Sequence
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
from marketing.choices import RowFate, SegmentKind
from marketing.models import Segment

from . import refreshing
from .base import lock

# A larger table waits for too long in front of a screen.
MOST_MEGABYTES = 50
MOST_ROWS = 500_000
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
        RETURNING customer_id
    )
    SELECT value, customer_id, customer_id IN (SELECT customer_id FROM entered) FROM found
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


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: the line it stands on, whom it names, and what became of it."""

    line: int
    text: str
    fate: RowFate


def _nobody(_row: Row) -> None:
    """Whoever does not ask is told nothing."""


@transaction.atomic
def upload(
    *,
    segment_id: int,
    path: Path,
    filename: str,
    now: datetime,
    tell: Callable[[Row], None] = _nobody,
) -> Uploaded:
    """Put whom a file names on a fixed list, all or nothing; locks the list's members.

    The file is a table with a column of e-mail addresses, of the shop's own ids or of phone
    numbers. Who is on the list already stays; UnusableFile says what to do about a file that
    cannot be read. `tell` hears of every row.
    """
    if path.stat().st_size > MOST_MEGABYTES << 20:
        raise UnusableFile(_("The file is larger than %s MB; split it.") % MOST_MEGABYTES)
    lock(segment_id=segment_id)
    segment = Segment.objects.get(pk=segment_id)
    if segment.kind != SegmentKind.LIST:
        raise UnusableFile(_("Only a fixed list can be filled by a file."))
    form = tables.find_format(path=path, filename=filename)
    at, kind = _column(form.headings)
    done = Uploaded()
    with tables.rows(path=path, form=form) as rows:
        while some := list(islice(rows, _SLICE)):
            if done.rows + len(some) > MOST_ROWS:
                said = _("The file has more than %(n)d rows; split it.") % {"n": MOST_ROWS}
                raise UnusableFile(said)
            told = [(line, _cell(row, at)) for line, row in some]
            for one in _add(segment_id, kind, told, now):
                _note(one, done)
                tell(one)
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


def _cell(row: tables.Row, at: int) -> str:
    return str(row[at] or "").strip() if at < len(row) else ""


def _written(text: str, kind: IdentityKind) -> str:
    """The handle as it is kept; empty where it cannot be read."""
    if kind == IdentityKind.EMAIL:
        return normalise.email(text)
    if kind == IdentityKind.PHONE:
        return normalise.phone(text)
    return text.replace("\0", "")[:320]


def _add(
    segment_id: int, kind: IdentityKind, told: Sequence[tuple[int, str]], now: datetime
) -> Iterator[Row]:
    """Put some rows on the list, and say what became of each; who is named twice is known."""
    values = [_written(text, kind) for _line, text in told]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [[v for v in values if v], kind.value, segment_id, now])
        found = {value: (customer_id, is_new) for value, customer_id, is_new in cursor.fetchall()}
    seen: set[int] = set()
    for (line, text), value in zip(told, values, strict=True):
        customer_id, is_new = found.get(value, (None, False))
        if not value:
            fate = RowFate.UNREADABLE
        elif customer_id is None:
            fate = RowFate.UNKNOWN
        else:
            fate = RowFate.ADDED if is_new and customer_id not in seen else RowFate.KNOWN
            seen.add(customer_id)
        yield Row(line, text, fate)


def _note(row: Row, done: Uploaded) -> None:
    done.rows += 1
    setattr(done, row.fate.value, getattr(done, row.fate.value) + 1)
    if row.fate == RowFate.UNKNOWN and len(done.examples) < _UNKNOWN_SHOWN:
        done.examples.append(row.text)
