"""How rows are read: columns guessed, cells understood, and what is wrong told with its reason."""

import json
from pathlib import Path

import pytest

from crm import normalise
from crm.imports import Column, CustomerOptions, Plan, addresses, cells, mapping, people
from crm.imports.names import split_name


def reader(*columns: Column, **options: str) -> people.Reader:
    return people.Reader(plan=Plan(columns, CustomerOptions(**options)), is_typed=False)


def reasons(batch: people.Batch) -> list[tuple[int, str, str]]:
    return [(bad.line, str(bad.reason), bad.heading) for bad in batch.rejected]


@pytest.mark.parametrize(
    ("headings", "wanted"),
    [
        (
            ["Customer ID", "E-Mail", "Mobile Phone", "First Name"],
            ["external_id", "email", "phone", "first_name"],
        ),
        (["客户编号", "邮箱", "手机号", "姓名"], ["external_id", "email", "phone", "full_name"]),
        (["Kundennummer", "E-Mail-Adresse", "Vorname"], ["external_id", "email", "first_name"]),
        (["Correo electrónico", "Teléfono", "País"], ["email", "phone", "country"]),
        (["id", "Lieblings-Tee"], ["external_id", "attributes.lieblings-tee"]),
        (["id", "rejected_line", "rejected_reason"], ["external_id", "", ""]),
    ],
)
def test_columns_are_guessed_from_their_headings(headings: list[str], wanted: list[str]):
    columns = mapping.guess(headings=headings, rows=[])

    assert [column.target for column in columns] == wanted


def test_columns_without_a_telling_heading_are_guessed_from_their_cells():
    rows = [["a@shop.example", "+49 151 2345678", "12"], ["b@shop.example", "+44 7700 900123", "7"]]

    columns = mapping.guess(headings=["x", "y", "z"], rows=rows)

    assert [(column.target, column.type) for column in columns] == [
        ("email", "text"),
        ("phone", "text"),
        ("attributes.z", "number"),
    ]


def test_a_number_with_leading_zeros_stays_a_text():
    columns = mapping.guess(headings=["id", "code"], rows=[["1", "007"], ["2", "120"]])

    assert columns[1].type == "text"


def test_consent_without_a_source_and_a_date_is_refused():
    plan = Plan((Column("id", "external_id"), Column("news", "consent.email")))

    found = mapping.problems(plan=plan, rows=[])

    assert len(found) == 2
    assert "source" in found[0]
    assert "date" in found[1]


def test_days_that_can_be_read_in_two_ways_are_asked_about():
    plan = Plan((Column("id", "external_id"), Column("since", "created_at")))

    assert mapping.problems(plan=plan, rows=[["1", "03/04/2026"]])
    assert not mapping.problems(plan=plan, rows=[["1", "2026-04-03"], ["2", "31.12.2026"]])


@pytest.mark.parametrize(
    ("text", "order", "wanted"),
    [
        ("2026-04-03", "", "2026-04-03"),
        ("20260403", "", "2026-04-03"),
        ("2026年4月3日", "", "2026-04-03"),
        ("03.04.2026", "", "2026-04-03"),
        ("31/12/2026", "", "2026-12-31"),
        ("03/04/2026", "dmy", "2026-04-03"),
        ("03/04/2026", "mdy", "2026-03-04"),
        ("03/04/2026", "", None),
        ("2026-02-30", "", None),
        ("soon", "", None),
    ],
)
def test_days_are_read_and_never_guessed(text: str, order: str, wanted: str | None):
    assert cells.day(order=order)(text) == wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("王伟", ("伟", "王")),
        ("欧阳娜娜", ("娜娜", "欧阳")),
        ("Ann Mary Smith", ("Ann Mary", "Smith")),
        ("Smith, Ann", ("Ann", "Smith")),
        ("Madonna", ("Madonna", "")),
    ],
)
def test_whole_names_are_parted_as_their_language_does(name: str, wanted: tuple[str, str]):
    assert split_name(text=name) == wanted


def test_each_wrong_row_is_rejected_with_the_first_reason_that_fits():
    read = reader(
        Column("id", "external_id"),
        Column("mail", "email"),
        Column("tel", "phone"),
        Column("points", "attributes.points", "number"),
        default_country="DE",
    )

    batch = read.read(
        [
            (2, ["1", "a@shop.example", "0151 23456789", "5"]),
            (3, ["2", "nobody", "", ""]),
            (4, ["3", "", "call me", ""]),
            (5, ["4", "", "", "many"]),
            (6, ["", "", "", "5"]),
            (7, ["5"]),
            (8, ["6\x00", "", "", ""]),
        ]
    )

    assert batch.lines == [2]
    assert batch.texts["phone"] == ["+4915123456789"]
    assert batch.attributes == ['{"points":5}']
    assert reasons(batch) == [
        (3, "bad_email", "mail"),
        (4, "bad_phone", "tel"),
        (5, "bad_number", "points"),
        (6, "no_identity", ""),
        (7, "columns", ""),
        (8, "bad_letter", ""),
    ]


def test_the_short_way_reads_every_phone_as_the_long_one_does(shared_corpora: Path):
    examples = json.loads((shared_corpora / "phone_examples" / "examples.json").read_text())
    forms = ("e164", "national", "international", "rfc3966")
    told = [(e[form], e["region"]) for e in examples for form in forms if form in e]
    told += [(text, other) for text, _ in told[:2000] for other in ("", "DE", "CN", "US", "IT")]

    wrong = [
        (text, region)
        for text, region in told
        if addresses.phone(country="")(text, region) != (normalise.phone(text, region) or None)
    ]

    assert len(told) > 5000
    assert not wrong


@pytest.mark.parametrize(
    "text",
    [
        "ann@shop.example", "ANN@Shop.Example", "a..b@shop.example", ".a@shop.example",
        "a@b", "a@-b.example", "müller@shop.example", "ann@münchen.example", "a@b@shop.example",
        '"a b"@shop.example', "a@localhost", "@shop.example", "ann@", "a_b+c-d@x.co.uk",
        "a@shop.example.", "a@[127.0.0.1]", "ann @shop.example", "a" * 65 + "@shop.example",
    ],
)  # fmt: skip
def test_the_short_way_reads_every_email_as_the_long_one_does(text: str):
    assert addresses.email(text) == (normalise.email(text) or None)
