"""Order lines from a shop's file are judged as its analyst would, and every row counts."""

import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from crm import imports
from crm.imports.returns import Moved, TakenBack, match
from crm.models import (
    Consent,
    ConsentDecision,
    Customer,
    Event,
    ImportRun,
    Order,
    OrderLine,
    OrderStatistics,
    Product,
)
from tests.crm.plans import Plans, think_the_record_empty

pytestmark = pytest.mark.django_db

HEADING = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
OPTIONS = imports.Options(currency="GBP")


def line(invoice: str, code: str, quantity: object, **known: str) -> str:
    facts = {
        "description": "TEA TOWEL",
        "placed": "2011-03-01 10:00",
        "price": "2.50",
        "customer": "17850",
        "country": "United Kingdom",
        **known,
    }
    return (
        f"{invoice},{code},{facts['description']},{quantity},{facts['placed']},{facts['price']},"
        f"{facts['customer']},{facts['country']}"
    )


def written(folder: Path, *lines: str) -> Path:
    file = folder / "orders.csv"
    file.write_text("\r\n".join([HEADING, *lines, ""]), encoding="utf-8")
    return file


def take_in(file: Path, now: datetime, options: imports.Options = OPTIONS) -> imports.Report:
    return imports.import_orders(path=file, options=options, now=now, progress=lambda stage: None)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (line("536365", "85123A", 6), "kept"),
        (line("536365", "DCGS0003", 6), "kept"),
        (line("536365", "85123A", 6, customer=""), "kept_without_customer"),
        (line("536365", "POST", 1), "postage"),
        (line("536365", "DOT", 1), "postage"),
        (line("C536365", "D", -1), "discount"),
        (line("536365", "M", 1), "manual_entry"),
        (line("536365", "m", 1), "manual_entry"),
        (line("536365", "S", -1), "samples"),
        (line("536365", "BANK CHARGES", 1), "bank_charges"),
        (line("536365", "AMAZONFEE", -1), "marketplace_fee"),
        (line("C536365", "CRUK", -1), "donation"),
        (line("536365", "gift_0001_20", 1), "gift_voucher"),
        (line("A563185", "B", 1, price="11062.06"), "adjustment"),
        (line("536365", "85123A", -10, price="0"), "stock_correction"),
        (line("536365", "85123A", 6, price="0"), "no_price"),
        (line("536365", "85123A", 6, price="-3.20"), "no_price"),
        (line("C536365", "85123A", -6), "return_without_purchase"),
        (line("536365", "85123A", "six"), "unreadable"),
        (line("536365", "85123A", 6, placed="yesterday"), "unreadable"),
        (line("536365", "85123A", 6, placed="2011-02-30 10:00"), "unreadable"),
        (line("536365", "85123A", 6, price="NaN"), "unreadable"),
        (line("", "85123A", 6), "unreadable"),
        ("536365,85123A,too,few", "unreadable"),
    ],
)
def test_every_row_has_one_kind(tmp_path: Path, now: datetime, row: str, kind: str) -> None:
    report = take_in(written(tmp_path, row), now)

    assert {**report.kept, **report.rejected} == {kind: 1}
    assert report.rows == 1


def test_repeated_lines_are_dropped_and_counted(tmp_path: Path, now: datetime) -> None:
    file = written(tmp_path, *[line("536365", "85123A", 6)] * 3, line("536365", "85123A", 7))

    report = take_in(file, now)

    assert report.kept == {"kept": 2}
    assert report.rejected == {"repeated": 2}
    assert Order.objects.get().total == Decimal("32.50")


def test_orders_get_their_customer_products_and_statistics(tmp_path: Path, now: datetime) -> None:
    file = written(
        tmp_path,
        line("1", "85123A", 6, description="LANTERN"),
        line("1", "71053", 2, description="MUG", price="4"),
        line("2", "71053", 1, description="MUG", price="5", placed="2011-06-01 10:00"),
        line("3", "71053", 1, description="?", price="5", customer="", placed="2011-06-02 10:00"),
    )

    report = take_in(file, now, imports.Options(currency="GBP", time_zone="Europe/London"))

    customer = Customer.objects.get()
    assert (customer.country, customer.language) == ("GB", "en")
    assert customer.created_at == datetime(2011, 3, 1, 10, tzinfo=UTC)
    statistics = OrderStatistics.objects.get()
    assert (statistics.orders, statistics.revenue) == (2, Decimal("28.00"))
    # British summer time has begun in June.
    assert statistics.last_order_at == datetime(2011, 6, 1, 9, tzinfo=UTC)
    assert customer.last_seen_at == statistics.last_order_at
    mug = Product.objects.get(sku="71053")
    assert (mug.name, mug.price) == ("MUG", Decimal("5.00"))
    assert Order.objects.get(number="3").customer is None
    assert report.orders_without_customer == 1
    assert set(Event.objects.values_list("key", flat=True)) == {"order:1:placed", "order:2:placed"}


def test_what_came_back_is_taken_from_its_order(tmp_path: Path, now: datetime) -> None:
    file = written(
        tmp_path,
        line("1", "85123A", 6),
        line("2", "71053", 4, placed="2011-03-02 10:00"),
        line("C3", "85123A", -2, placed="2011-03-05 10:00"),
        line("C4", "71053", -4, placed="2011-03-06 10:00"),
        line("C5", "71053", -1, placed="2011-03-07 10:00"),
    )

    report = take_in(file, now)

    assert report.kept == {"kept": 2, "kept_as_return": 2}
    assert report.rejected == {"return_without_purchase": 1}
    partly, wholly = Order.objects.get(number="1"), Order.objects.get(number="2")
    assert (partly.state, partly.total) == ("placed", Decimal("10.00"))
    assert sorted(partly.lines.values_list("quantity", flat=True)) == [-2, 6]
    # An order that came back whole is cancelled and still says what it was.
    assert (wholly.state, wholly.total) == ("cancelled", Decimal("10.00"))
    cancelled = Event.objects.get(name="order.cancelled")
    assert cancelled.occurred_at == datetime(2011, 3, 6, 10, tzinfo=UTC)
    statistics = OrderStatistics.objects.get()
    assert (statistics.orders, statistics.revenue) == (1, Decimal("10.00"))


def test_importing_again_changes_nothing(tmp_path: Path, now: datetime) -> None:
    file = written(
        tmp_path,
        line("1", "85123A", 6),
        line("1", "71053", 4),
        line("C2", "85123A", -2, placed="2011-03-05 10:00"),
    )
    take_in(file, now)
    tables = (Customer, Product, Order, OrderLine, Event)
    before = [table.objects.count() for table in tables]

    report = take_in(file, now)

    assert [table.objects.count() for table in tables] == before
    assert OrderStatistics.objects.get().revenue == Decimal("20.00")
    assert report.orders == 1
    assert ImportRun.objects.filter(state="finished").count() == 2


def test_other_exports_of_the_same_shop_are_read_too(tmp_path: Path, now: datetime) -> None:
    text = (
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
        '1,85123A,"CAF\xc9, LARGE",6,12/1/2010 8:26,2.5,17850.0,Germany\n'
    )
    file = tmp_path / "orders.csv.gz"
    file.write_bytes(gzip.compress(text.encode("cp1252")))

    report = take_in(file, now)

    assert report.kept == {"kept": 1}
    assert Product.objects.get().name == "CAFÉ, LARGE"
    assert Order.objects.get().placed_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert Customer.objects.get().identities.get().value == "17850"
    assert Customer.objects.get().time_zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column"),
        (HEADING.encode(), "no rows"),
        (b"a,b,c\n1,2,3\n", "no column for invoice, code"),
        (b"PK\x03\x04 a spreadsheet", "spreadsheet"),
        (b"\x00\x01\x02\x03", "not a text file"),
        (gzip.compress(HEADING.encode() * 100, mtime=0)[:-20], "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(
    tmp_path: Path, now: datetime, content: bytes, said: str
) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(content)

    with pytest.raises(imports.UnusableFile, match=said):
        take_in(file, now)

    run = ImportRun.objects.get()
    assert run.state == "failed"
    assert said in run.error
    assert not Order.objects.exists()


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no file .*Nothing was changed"):
        call_command("import_orders", str(tmp_path / "none.csv"))


def test_nobody_has_consented_unless_it_is_said_where_and_when(
    tmp_path: Path, now: datetime
) -> None:
    file = written(tmp_path, line("1", "85123A", 6))
    take_in(file, now)
    assert not Consent.objects.exists()

    call_command(
        "import_orders",
        str(file),
        "--email-domain=example.test",
        "--consent-source=paper form",
        "--consent-date=2011-01-01",
        stdout=io.StringIO(),
    )

    decision = ConsentDecision.objects.get()
    assert decision.decided_at == datetime(2011, 1, 1, tzinfo=UTC)
    assert decision.proof == {"source": "paper form", "file": "orders.csv"}
    assert Customer.objects.get().email == "customer17850@example.test"


def test_a_return_takes_the_purchase_of_its_size_then_the_latest() -> None:
    def moved(number: int, quantity: int, day: int) -> Moved:
        return Moved(number, datetime(2011, 3, day, tzinfo=UTC), quantity)

    bought = [moved(1, 4, 1), moved(2, 9, 2), moved(3, 3, 3)]

    taken = match(purchases=bought, returns=[moved(9, 4, 5), moved(10, 5, 6), moved(11, 99, 7)])

    assert taken == [TakenBack(9, 1, 4), TakenBack(10, 3, 3), TakenBack(10, 2, 2)]
    assert match(purchases=bought, returns=[moved(9, 4, 1)]) == [TakenBack(9, 1, 4)]
    assert match(purchases=[moved(1, 4, 5)], returns=[moved(9, 4, 4)]) == []


def test_no_line_is_read_again_where_the_planner_thinks_the_record_empty(
    tmp_path: Path, now: datetime
) -> None:
    rows = [line(str(at // 8), f"9{at % 250:04}", at % 9 + 1) for at in range(6_000)]
    file = written(tmp_path, *dict.fromkeys(rows))
    take_in(file, now)
    plans = Plans("import_")
    think_the_record_empty()

    with connection.execute_wrapper(plans):
        take_in(file, now)

    assert any("Insert on crm_orderline" in plan for plan in plans.found)
    assert plans.comparing_each_with_each() == []


def test_the_online_retail_file_comes_in_whole(shared_data: Path, now: datetime) -> None:
    report = take_in(shared_data / "online_retail" / "online_retail.csv.gz", now)

    assert report.rows == 541_909
    assert report.rows == sum(report.kept.values()) + sum(report.rejected.values())
    assert report.rejected["repeated"] == 5_268
    assert (report.customers, report.orders) == (4_334, 19_773)
    assert report.seconds < 60
