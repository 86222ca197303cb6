"""Snapshots, and lists filled by a file: every row is accounted for, to whoever uploaded."""

import csv
import io

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from crm import customers
from marketing import segments
from marketing.choices import SegmentKind
from marketing.models import ListEntry, Segment
from marketing.segments import lists


def address(segment, part):
    return reverse(f"admin:marketing_segment_{part}", args=[segment.pk])


def said(answer):
    return " ".join(str(message) for message in answer.context["messages"])


@pytest.fixture
def guests(db, now):
    made = Segment.objects.create(name="Guests", kind=SegmentKind.LIST)
    segments.refresh(segment_id=made.pk, now=now)
    return made


def upload(client, segment, text, name="guests.csv"):
    content = text if isinstance(text, bytes) else text.encode()
    file = SimpleUploadedFile(name, content)
    return client.post(address(segment, "upload"), {"file": file}, follow=True)


def test_a_file_fills_the_list_and_every_row_is_told(admin, guests, greta, ben, rung):
    text = f"name,E-Mail\nG,{greta.email}\nG,{greta.email.upper()}\nB,{ben.email}\n"
    text += "E,eve@no.example\nx,not an address\n=1,=cmd|calc\n"

    answer = upload(admin, guests, text)

    done = answer.context["done"]
    assert (done["rows"], done["added"], done["known"]) == (6, 2, 1)
    assert (done["unknown"], done["unreadable"]) == (1, 2)
    assert rung == [("refresh_segment", guests.pk)]
    assert set(ListEntry.objects.values_list("customer_id", flat=True)) == {greta.pk, ben.pk}
    report = admin.get(address(guests, "report"), {"done": answer.context["token"]})
    rows = list(csv.reader(io.StringIO(report.content.decode("utf-8-sig"))))
    assert rows[0] == ["Line", "Value", "What became of it"]
    assert [(row[0], row[2]) for row in rows[1:]] == [
        ("2", "Added"),
        ("3", "On the list already"),
        ("4", "Added"),
        ("5", "No customer is known by it"),
        ("6", "Cannot be read"),
        ("7", "Cannot be read"),
    ]
    assert rows[6][1] == "'=cmd|calc"


def test_the_report_is_for_whoever_uploaded_only(admin, guests, greta):
    token = upload(admin, guests, f"email\n{greta.email}\n").context["token"]
    other = User.objects.create(username="otto", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(other)

    assert client.get(address(guests, "report"), {"done": token}).status_code == 404
    assert (
        "not kept any more"
        in client.get(address(guests, "upload"), {"done": token}).content.decode()
    )


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "empty.csv", "The submitted file is empty|The file is empty|Choose a file"),
        (b"colour,shape\nred,round\n", "a.csv", "must name a column"),
        (b"%PDF-1.7 ...", "a.pdf", "This is no table"),
        (b"PK\x03\x04broken", "a.xlsx", "."),
        (b"\x00\x01\x02\xff\xfe" * 50, "a.csv", "."),
    ],
)
def test_a_bad_file_is_told_clearly_and_changes_nothing(admin, guests, content, name, words):
    answer = upload(admin, guests, content, name)

    assert answer.status_code == 400
    assert answer.context["error"]
    assert any(word in answer.context["error"] for word in words.split("|"))
    assert not ListEntry.objects.exists()


def test_a_file_that_is_too_large_is_refused(admin, guests, greta, monkeypatch):
    monkeypatch.setattr(lists, "MOST_ROWS", 2)
    text = "email\n" + f"{greta.email}\n" * 3

    answer = upload(admin, guests, text)

    assert "more than 2 rows" in answer.context["error"]
    assert not ListEntry.objects.exists()
    monkeypatch.setattr(lists, "MOST_MEGABYTES", 0)
    assert "larger than 0 MB" in upload(admin, guests, text).context["error"]


def test_no_file_and_other_kinds_are_told(admin, guests, germans):
    nothing = admin.post(address(guests, "upload"))

    assert "Choose a file first" in nothing.context["error"]
    assert admin.get(address(germans, "upload")).status_code == 404
    assert address(guests, "upload") in admin.get(address(guests, "page")).content.decode()


def test_staff_who_may_only_look_do_not_upload(guests, greta):
    looks = User.objects.create(username="lo", is_staff=True)
    looks.user_permissions.add(Permission.objects.get(codename="view_segment"))
    client = Client()
    client.force_login(looks)

    answer = upload(client, guests, f"email\n{greta.email}\n")

    assert answer.status_code == 403
    assert client.post(address(guests, "snapshot"), {"name": "x"}).status_code == 403
    page = client.get(address(guests, "page")).content.decode()
    assert address(guests, "upload") not in page
    assert address(guests, "snapshot") not in page


def test_a_snapshot_becomes_a_list_of_its_own(admin, germans, greta, now):
    answer = admin.post(address(germans, "snapshot"), {"name": "Germans then"}, follow=True)
    customers.correct(customer_id=greta.pk, values={"country": "FR"}, now=now)

    kept = Segment.objects.get(name="Germans then")
    assert answer.redirect_chain[-1][0] == address(kept, "page")
    assert "stays as it is" in said(answer)
    assert list(kept.memberships.values_list("customer_id", flat=True)) == [greta.pk]


@pytest.mark.parametrize(
    ("name", "words"),
    [(" ", "Give the list a name"), ("Germans", "of that name already"), ("x" * 151, "too long")],
)
def test_a_snapshot_needs_a_name_of_its_own(admin, germans, name, words):
    answer = admin.post(address(germans, "snapshot"), {"name": name}, follow=True)

    assert words in said(answer)
    assert Segment.objects.count() == 1
