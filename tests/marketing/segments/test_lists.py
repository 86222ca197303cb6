"""Fixed lists hold whom a file names, or who was in another segment at a moment."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crm import customers
from crm.imports.reading import UnusableFile
from marketing import segments
from marketing.choices import SegmentKind
from marketing.models import Membership, Segment, SegmentMove
from tests import making

from .histories import GERMAN, rules

pytestmark = pytest.mark.django_db


@pytest.fixture
def guests() -> Segment:
    return Segment.objects.create(name="Guests", kind=SegmentKind.LIST)


def members(of: Segment) -> set[int]:
    return set(Membership.objects.filter(segment=of).values_list("customer_id", flat=True))


def upload(guests: Segment, folder: Path, text: str, now: datetime) -> segments.Uploaded:
    path = folder / "guests.csv"
    path.write_text(text, encoding="utf-8")
    return segments.upload(segment_id=guests.pk, path=path, filename=path.name, now=now)


def test_a_file_of_addresses_fills_a_list(now: datetime, guests: Segment, tmp_path: Path) -> None:
    ada, bob = (making.customer(now=now) for _ in range(2))
    text = f"Name,E-Mail\nAda,{ada.email.upper()}\nAda,{ada.email}\nEve,eve@no.example\n,oops\n"
    text += f"Bob,{bob.email}\n"

    done = upload(guests, tmp_path, text, now)
    segments.refresh_due(clock=lambda: now)

    assert members(guests) == {ada.pk, bob.pk}
    assert (done.rows, done.added, done.known, done.unknown, done.unreadable) == (5, 2, 1, 1, 1)
    assert done.examples == ["eve@no.example"]


@pytest.mark.parametrize("kind", ["external_id", "Phone"])
def test_a_file_may_name_people_by_other_handles(
    now: datetime, guests: Segment, tmp_path: Path, kind: str
) -> None:
    ada = making.customer(now=now)
    handle = ada.phone if kind == "Phone" else ada.identities.get(kind="external").value

    done = upload(guests, tmp_path, f"{kind};note\n{handle};x\n", now)

    assert (done.added, done.rows) == (1, 1)


def test_a_second_file_adds_to_the_list_and_its_people_came(
    now: datetime, guests: Segment, tmp_path: Path
) -> None:
    ada, bob = (making.customer(now=now) for _ in range(2))
    upload(guests, tmp_path, f"email\n{ada.email}\n", now)
    segments.refresh_due(clock=lambda: now)

    done = upload(guests, tmp_path, f"email\n{ada.email}\n{bob.email}\n", now)
    segments.refresh_due(clock=lambda: now)

    assert (done.added, done.known) == (1, 1)
    assert members(guests) == {ada.pk, bob.pk}
    assert SegmentMove.objects.get().customer_id == bob.pk


def test_a_file_that_cannot_be_read_says_what_to_do(
    now: datetime, guests: Segment, tmp_path: Path
) -> None:
    germans = Segment.objects.create(name="Germans", rules=rules(GERMAN))

    with pytest.raises(UnusableFile, match="email"):
        upload(guests, tmp_path, "colour,shape\nred,round\n", now)
    with pytest.raises(UnusableFile, match="fixed list"):
        upload(germans, tmp_path, "email\na@b.example\n", now)


def test_a_snapshot_stays_as_it_was(now: datetime) -> None:
    ada, bob = making.customer(now=now, country="DE"), making.customer(now=now, country="FR")
    germans = Segment.objects.create(name="Germans", rules=rules(GERMAN))
    segments.refresh(segment_id=germans.pk, now=now)

    kept = segments.snapshot(segment_id=germans.pk, name="Germans in April", now=now)
    customers.correct(customer_id=ada.pk, values={"country": "FR"}, now=now)
    customers.correct(customer_id=bob.pk, values={"country": "DE"}, now=now)
    segments.follow(now=now)
    segments.refresh(segment_id=kept.pk, now=now + timedelta(days=1))

    assert members(germans) == {bob.pk}
    assert members(kept) == {ada.pk}
    assert kept.member_count == 1
