"""Writing judged rows into the record: products, orders with their lines, and the timeline."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from crm import planner
from crm.arrays import numbers

# What is written keeps its id in a table of ours, and nothing here joins the record: the sweep of
# PostgreSQL counts none of the rows that are not committed, and a planner who believes it reads
# all lines of the file for each product.
_PRODUCTS = """
    WITH written AS (
        INSERT INTO crm_product (sku, name, description, category, brand, price, currency, url,
            image_url, is_active, created_at)
        SELECT code, coalesce(mode() WITHIN GROUP (ORDER BY nullif(description, '')), code), '',
            '', '', (array_agg(price ORDER BY placed_at DESC))[1], %s, '', '', true, min(placed_at)
        FROM import_row WHERE kind IN ('kept', 'kept_without_customer')
        GROUP BY code ORDER BY code
        ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price = excluded.price,
            currency = excluded.currency
        RETURNING sku, id
    )
    INSERT INTO import_product SELECT sku, id FROM written
"""

_TAKEN = """
    CREATE TEMPORARY TABLE import_taken ON COMMIT DROP AS
    SELECT * FROM unnest(%s::int[], %s::int[], %s::int[])
        AS taken (return_line, purchase_line, quantity)
"""

# An order whose every piece came back is cancelled and keeps its lines; from any other the
# pieces that came back are taken as negative lines.
_ORDERS = """
    CREATE TEMPORARY TABLE import_order ON COMMIT DROP AS
    WITH bought AS (
        SELECT r.invoice, min(r.placed_at) AS placed_at, max(r.customer) AS customer,
            sum(r.quantity * r.price) AS total, sum(r.quantity) AS pieces,
            array_agg(r.code ORDER BY r.line) AS codes
        FROM import_row r WHERE r.kind IN ('kept', 'kept_without_customer') GROUP BY r.invoice
    ), back AS (
        SELECT p.invoice, sum(t.quantity) AS pieces, sum(t.quantity * p.price) AS total,
            max(r.placed_at) AS last_at
        FROM import_taken t JOIN import_row p ON p.line = t.purchase_line
        JOIN import_row r ON r.line = t.return_line GROUP BY p.invoice
    )
    SELECT b.invoice, b.placed_at, c.customer_id, b.codes, back.last_at AS cancelled_at,
        coalesce(back.pieces = b.pieces, false) AS is_cancelled,
        b.total - CASE WHEN back.pieces < b.pieces THEN back.total ELSE 0 END AS total
    FROM bought b LEFT JOIN back USING (invoice)
    LEFT JOIN import_customer c USING (customer)
"""

_UPSERT_ORDERS = """
    WITH written AS (
        INSERT INTO crm_order (number, customer_id, state, placed_at, currency, total)
        SELECT invoice, customer_id, CASE WHEN is_cancelled THEN 'cancelled' ELSE 'placed' END,
            placed_at, %s, total
        FROM import_order ORDER BY placed_at, invoice
        ON CONFLICT (number) DO UPDATE SET customer_id = excluded.customer_id,
            state = excluded.state, placed_at = excluded.placed_at, currency = excluded.currency,
            total = excluded.total
        RETURNING number, id
    )
    INSERT INTO import_written SELECT number, id FROM written
"""

_WRITTEN = "SELECT order_id FROM import_written"
_DROP_LINES = "DELETE FROM crm_orderline WHERE order_id = ANY(%s::bigint[])"

_LINES = """
    DELETE FROM crm_orderline l USING crm_order o, import_order i
    WHERE l.order_id = o.id AND o.number = i.invoice
"""

_LINES = """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price)
    SELECT o.order_id, p.product_id, found.quantity, found.price FROM (
        SELECT line, invoice, code, quantity, price FROM import_row
        WHERE kind IN ('kept', 'kept_without_customer')
        UNION ALL
        SELECT t.return_line, r.invoice, r.code, -t.quantity, r.price
        FROM import_taken t JOIN import_row r ON r.line = t.purchase_line
        JOIN import_order i ON i.invoice = r.invoice AND NOT i.is_cancelled
    ) AS found
    JOIN import_written o ON o.invoice = found.invoice
    JOIN import_product p ON p.code = found.code
    ORDER BY found.line
"""

_EVENTS = """
    INSERT INTO crm_event (customer_id, name, occurred_at, received_at, properties, key)
    SELECT customer_id, 'order.' || what, at, %s, jsonb_build_object('number', invoice,
        'total', total::float8, 'currency', %s::text, 'products', to_jsonb(codes)),
        'order:' || invoice || ':' || what
    FROM (
        SELECT *, 'placed' AS what, placed_at AS at FROM import_order
        UNION ALL
        SELECT *, 'cancelled', cancelled_at FROM import_order WHERE is_cancelled
    ) AS told
    WHERE customer_id IS NOT NULL
    ON CONFLICT (key) DO NOTHING
"""

_SEEN = """
    UPDATE crm_customer c SET last_seen_at = greatest(c.last_seen_at, seen.at)
    FROM (SELECT customer_id, max(placed_at) AS at FROM import_order
          WHERE customer_id IS NOT NULL GROUP BY customer_id) AS seen
    WHERE c.id = seen.customer_id AND c.id = ANY(%s::bigint[])
      AND c.last_seen_at IS DISTINCT FROM greatest(c.last_seen_at, seen.at)
"""

_SUMMARY = """
    SELECT count(*), count(*) FILTER (WHERE is_cancelled),
        count(*) FILTER (WHERE customer_id IS NULL),
        coalesce(sum(total) FILTER (WHERE NOT is_cancelled), 0),
        array_agg(DISTINCT customer_id) FILTER (WHERE customer_id IS NOT NULL)
    FROM import_order
"""


def keep_customers(*, ids: Mapping[str, int]) -> None:
    """Keep whose each number of a customer is, for their orders."""
    with connection.cursor() as cursor:
        with cursor.copy("COPY import_customer FROM STDIN") as copy:
            for row in ids.items():
                copy.write_row(row)
        cursor.execute("ANALYZE import_customer")


def write_products(*, currency: str) -> int:
    """Add or renew the products that were bought: their usual name and latest price."""
    count = _run(_PRODUCTS, [currency])
    _run("ANALYZE import_product", [])
    return count


def write_orders(*, taken: list[tuple[int, int, int]], currency: str) -> None:
    """Add or renew the orders and their lines; `taken` is (return, purchase, quantity)."""
    columns = [[row[at] for row in taken] for at in range(3)]
    _run(_TAKEN, columns)
    _run("ANALYZE import_taken", [])
    _run(_ORDERS, [])
    _run("ANALYZE import_order", [])
    _run(_UPSERT_ORDERS, [currency])
    _run("ANALYZE import_written", [])
    _run(_DROP_LINES, [numbers(of=_column(_WRITTEN))])
    _run(_LINES, [])


def write_timeline(*, customer_ids: Collection[int], currency: str, received_at: datetime) -> None:
    """Put placed and cancelled orders on the timelines of their customers, each once."""
    _run(_EVENTS, [received_at, currency])
    # One of the sides is the record: a hash join, whatever is thought of its size.
    with planner.hashed():
        _run(_SEEN, [numbers(of=customer_ids)])


def summary() -> tuple[int, int, int, float, list[int]]:
    """Orders, of which cancelled, of which nobody's; revenue; and whose they are."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY)
        orders, cancelled, nobodys, revenue, customer_ids = cursor.fetchone()
    return orders, cancelled, nobodys, float(revenue), customer_ids or []


def _column(statement: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [value for (value,) in cursor.fetchall()]


def _run(statement: str, params: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        return int(cursor.rowcount)


def tell_the_planner() -> None:
    """Let PostgreSQL count what has come in, before anybody asks; its own sweep comes later."""
    _run(
        "ANALYZE crm_customer, crm_identity, crm_consent, crm_product, crm_order, crm_orderline, "
        "crm_orderstatistics, crm_event",
        [],
    )
