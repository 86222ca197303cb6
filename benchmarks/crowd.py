"""A file of people as shops have them: numbers, names in two scripts, phones in many forms."""

import csv
import random
from pathlib import Path

HEADINGS = [
    "customer_id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "country",
    "city",
    "plan",
    "points",
    "favourite",
    "newsletter",
    "consent_source",
    "consent_date",
]
_FIRST = [
    "Ann",
    "Bob",
    "Carla",
    "Dmitri",
    "Eva",
    "Frank",
    "Grace",
    "Hans",
    "Inés",
    "Jürgen",
    "Karl",
    "Lena",
    "Marie",
    "Noah",
    "Olga",
    "Zoë",
]
_LAST = [
    "Smith",
    "Müller",
    "García",
    "Novák",
    "Dupont",
    "O'Brien",
    "Jones",
    "Rossi",
    "Schmidt",
    "Kowalski",
    "Brown",
    "Weber",
]
_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建文"
_CITIES = [
    "Berlin",
    "London",
    "Paris",
    "上海",
    "北京",
    "Madrid",
    "Wien",
    "Leeds",
    "Hamburg",
    "广州",
    "深圳",
    "Bristol",
]
_PHONES = {
    "CN": ("+86 138 {0:04d} {1:04d}", "139{0:04d}{1:04d}", "+86136{0:04d}{1:04d}"),
    "DE": ("+49 1512 {2:07d}", "01513 {2:07d}", "01514/{2:07d}", "+491515{2:07d}"),
    "GB": ("+44 7700 {3:06d}", "07401 {3:06d}", "(07402) {3:06d}", "+447403{3:06d}"),
}


def write(*, path: Path, rows: int, seed: int = 7) -> None:
    """Write a CSV of that many different people; the same seed gives the same file."""
    draw = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        for number in range(rows):
            writer.writerow(_row(number, draw))


def _row(number: int, draw: random.Random) -> list[object]:
    country = draw.choice(("CN", "DE", "GB"))
    if country == "CN":
        first, last = "".join(draw.choices(_GIVEN, k=draw.choice((1, 2)))), draw.choice(_FAMILY)
    else:
        first, last = draw.choice(_FIRST), draw.choice(_LAST)
    form = draw.choice(_PHONES[country])
    phone = form.format(number // 10_000, number % 10_000, number, number % 1_000_000)
    word = "".join(draw.choices("abcdefghiklmnoprstuw", k=6))
    return [
        f"C{number:08d}",
        first,
        last,
        f"{word}.{number}@{draw.choice(('mail', 'post', 'shop'))}{number % 97}.example",
        phone,
        country,
        draw.choice(_CITIES),
        draw.choice(("gold", "silver", "basic")),
        draw.randrange(10_000),
        draw.choice(("tea", "coffee", "cocoa 可可")),
        draw.choice(("yes", "yes", "no")),
        "sign-up form",
        f"2026-01-{draw.randrange(1, 29):02d}",
    ]
