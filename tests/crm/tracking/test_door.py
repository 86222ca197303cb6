"""Openings and clicks through the door before Django, the spool and its drain."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from crm import messages, spool, tracking
from crm.models import Event, LinkDay, Message, RejectedEvent, SpoolMark, UncountedSighting
from crm.tracking import draining, seeing
from tests.crm.seeing import BROWSER, Door

pytestmark = pytest.mark.django_db

Counted = Callable[[], int]


@pytest.fixture
def links(letter: Message, settings: object) -> tuple[str, str]:
    """The paths of the first link and of the picture."""
    settings.PUBLIC_URL = ""  # type: ignore[attr-defined]
    found = messages.links(message_id=letter.pk)
    return f"{found.click_url}1", found.pixel_url


def names() -> list[str]:
    about = Event.objects.filter(name__in=("message.opened", "message.clicked"))
    return sorted(about.values_list("name", flat=True))


def test_a_click_leads_on_and_is_counted_later(
    door: Door, links: tuple[str, str], counted: Counted, letter: Message
) -> None:
    answer = door(links[0])

    assert answer.status == 302
    assert answer.headers["Location"] == f"https://shop.example/{letter.customer_id}"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in answer.headers
    assert names() == []
    assert counted() == 1
    assert names() == ["message.clicked"]


def test_an_opening_gets_a_picture_whatever_the_token(
    door: Door, links: tuple[str, str], counted: Counted
) -> None:
    answers = [door(links[1]), door("/o/nonsense"), door("/o/" + "A" * 32)]

    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].headers["Content-Type"] == "image/gif"
    assert "no-store" in answers[0].headers["Cache-Control"]
    assert counted() == 1
    assert names() == ["message.opened"]


def test_the_link_that_nobody_sees_leads_nowhere_and_shows_the_machine(
    door: Door, links: tuple[str, str], counted: Counted
) -> None:
    unseen = f"{links[0][:-1]}0"

    answers = [door(unseen), door(links[0])]

    assert [answer.status for answer in answers] == [204, 302]
    assert "Location" not in answers[0].headers
    assert counted() == 2
    assert names() == []
    reasons = UncountedSighting.objects.order_by("reason").values_list("reason", "times")
    assert list(reasons) == [("scanner", 1), ("trapped", 1)]
    assert door(f"/c/{'A' * 32}/0").status == 404


@pytest.mark.parametrize(
    ("method", "headers", "reason"),
    [
        ("HEAD", {}, "head"),
        ("GET", {"purpose": "prefetch"}, "prefetch"),
        ("GET", {"sec_purpose": "prefetch;prerender"}, "prefetch"),
        ("GET", {"x_moz": "prefetch"}, "prefetch"),
        ("GET", {"x_purpose": "preview"}, "prefetch"),
        ("GET", {"user_agent": "Googlebot/2.1"}, "crawler"),
    ],
)
def test_what_is_no_person_is_answered_and_does_not_count(
    door: Door,
    links: tuple[str, str],
    counted: Counted,
    method: str,
    headers: dict[str, str],
    reason: str,
) -> None:
    statuses = [door(path, method, **headers).status for path in links]

    assert statuses == [302, 200]
    assert counted() == 2
    assert names() == []
    assert set(UncountedSighting.objects.values_list("reason", flat=True)) == {reason}


def test_other_methods_and_broken_links_are_left_to_django(
    door: Door, links: tuple[str, str]
) -> None:
    asked = [(links[0], "POST"), ("/c/nonsense/1", "GET"), (f"{links[0]}7", "GET"), ("/c/", "GET")]

    assert [door(path, method).status for path, method in asked] == [404] * 4


def test_a_sighting_is_taken_once_however_often_it_is_read(
    door: Door, links: tuple[str, str], sightings: Path, letter: Message
) -> None:
    door(links[1])
    later = timezone.now() + timedelta(seconds=5)

    with draining.opened(folder=sightings) as first:
        assert first
        assert first.step(clock=lambda: later) == 1
    # Another process after a crash: it knows by the mark how far the first came.
    assert draining.empty(folder=sightings, clock=lambda: later) == 0
    assert SpoolMark.objects.get().position > 0
    seeing.writer().close()
    draining.empty(folder=sightings, clock=lambda: later)
    assert not spool.segments(sightings)
    assert not SpoolMark.objects.exists()


def test_what_is_fresh_waits_for_what_may_come_with_it(
    door: Door, links: tuple[str, str], sightings: Path
) -> None:
    door(links[1])

    assert draining.empty(folder=sightings, clock=timezone.now) == 0


def test_what_cannot_be_recorded_is_put_aside_and_spoils_nothing(
    door: Door,
    links: tuple[str, str],
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = draining.record

    def picky(*, seen: list[object], now: object) -> int:
        if any(one.position == 1 for one in seen):  # type: ignore[attr-defined]
            raise ValueError("no such thing")
        return record(seen=seen, now=now)  # type: ignore[arg-type]

    monkeypatch.setattr(draining, "record", picky)
    for path in links:
        door(path)
    seeing.writer().append(b"\x09from a later version")

    assert counted() == 3
    assert names() == ["message.opened"]
    assert RejectedEvent.objects.count() == 2


def test_hostile_names_of_programs_are_kept_as_text(
    door: Door, links: tuple[str, str], counted: Counted
) -> None:
    door(links[1], user_agent="bot \ud800 \x00 'x' \\ 😀" + "x" * 5000)

    assert counted() == 1
    assert len(UncountedSighting.objects.get().agent) <= 300


def test_a_full_disk_keeps_nobody_from_where_they_want_to_go(
    door: Door, links: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(payload: bytes) -> None:
        raise spool.SpoolUnwritable("no space left")

    monkeypatch.setattr(seeing.writer(), "append", refuse)

    assert [door(path).status for path in links] == [302, 200]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_is_replaced(door: Door, links: tuple[str, str]) -> None:
    connection.ensure_connection()
    connection.connection.close()

    assert door(links[0]).status == 302


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_was_answered_outlives_a_kill(
    links: tuple[str, str], letter: Message, sightings: Path, counted: Counted
) -> None:
    """A process that answers is killed in the midst of it: all it answered is counted."""
    look = tracking.Look(agent=BROWSER)
    answered, says = os.pipe()
    child = os.fork()
    if not child:
        while True:
            tracking.saw_opening(message_id=letter.pk, look=look, now=timezone.now())
            os.write(says, b".")
    os.close(says)

    told = len(os.read(answered, 200))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(answered, 65536):
        told += len(more)
    os.close(answered)

    # The last may be on the spool before it was answered.
    assert told > 0
    assert counted() - told in {0, 1}
    assert sum(LinkDay.objects.values_list("people", flat=True)) - told in {0, 1}


def test_a_kill_of_the_drain_before_its_commit_counts_nothing_twice(
    door: Door, links: tuple[str, str], sightings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = timezone.now() + timedelta(seconds=5)
    door(links[1])
    mark = draining._mark

    def die(ends: dict[str, int]) -> None:
        mark(ends)
        raise SystemExit("killed before the commit")

    monkeypatch.setattr(draining, "_mark", die)
    with pytest.raises(SystemExit):
        draining.empty(folder=sightings, clock=lambda: later)
    monkeypatch.setattr(draining, "_mark", mark)

    assert not LinkDay.objects.exists()
    assert draining.empty(folder=sightings, clock=lambda: later) == 1
    assert LinkDay.objects.get().people == 1
