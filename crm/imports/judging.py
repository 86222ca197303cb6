"""Judging rows: which are kept, and what kind of reason stands against each of the others."""

from django.db import connection

# Two imports in one transaction must not meet each other's tables.
STAGE = """
    DROP TABLE IF EXISTS pg_temp.import_line, pg_temp.import_row, pg_temp.import_taken,
        pg_temp.import_order, pg_temp.import_customer, pg_temp.import_product,
        pg_temp.import_written;
    CREATE TEMPORARY TABLE import_line (
        line integer, invoice text, code text, description text, quantity text, placed text,
        price text, customer text, country text
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_customer (customer text, customer_id bigint) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_product (code text, product_id bigint) ON COMMIT DROP;
    CREATE TEMPORARY TABLE import_written (invoice text, order_id bigint) ON COMMIT DROP
"""

# Codes that shops use for what is no product, by what they stand for.
NOT_PRODUCTS = {
    "postage": r"^(POST|DOT|C2)$",
    "discount": r"^D$",
    "manual_entry": r"^M$",
    "samples": r"^(S|PADS)$",
    "bank_charges": r"^BANK CHARGES$",
    "marketplace_fee": r"^AMAZONFEE$",
    "donation": r"^CRUK$",
    "gift_voucher": r"^GIFT",
    "adjustment": r"^(B|ADJUST\d*|TEST\d*)$",
}

# A row is judged by the first reason that fits. What has none is a purchase or a return.
_JUDGE = """
    CREATE TEMPORARY TABLE import_row ON COMMIT DROP AS
    WITH clean AS (
        SELECT line, upper(btrim(invoice)) AS invoice, upper(btrim(code)) AS code,
            left(btrim(description), 255) AS description, btrim(quantity) AS quantity,
            btrim(placed) AS placed, btrim(price) AS price,
            regexp_replace(btrim(customer), '\\.0$', '') AS customer, btrim(country) AS country,
            row_number() OVER (
                PARTITION BY invoice, code, description, quantity, placed, price, customer, country
                ORDER BY line
            ) AS nth
        FROM import_line
    ), typed AS (
        SELECT *, pg_input_is_valid(quantity, 'integer') AND pg_input_is_valid(price, 'numeric')
            AND pg_input_is_valid(placed, 'timestamp') AND placed ~ '^[0-9]'
            AND price ~ '^-?[0-9.]+$' AND invoice <> '' AND code <> ''
            AND length(invoice) <= 100 AND length(code) <= 100 AND length(customer) <= 320
            AS is_readable
        FROM clean
    ), read AS (
        SELECT line, nth, invoice, code, description, customer, country, is_readable,
            CASE WHEN is_readable THEN quantity::integer END AS quantity,
            CASE WHEN is_readable THEN round(price::numeric, 2) END AS price,
            CASE WHEN is_readable THEN placed::timestamp AT TIME ZONE %s END AS placed_at
        FROM typed
    )
    SELECT *, CASE
        WHEN NOT is_readable THEN 'unreadable'
        WHEN nth > 1 THEN 'repeated'
        {codes}
        WHEN invoice LIKE 'C%%' AND quantity < 0 AND price > 0 THEN 'return'
        WHEN quantity <= 0 THEN 'stock_correction'
        WHEN price <= 0 THEN 'no_price'
        WHEN customer = '' THEN 'kept_without_customer'
        ELSE 'kept'
    END AS kind
    FROM read
"""


def judge(*, time_zone: str) -> None:
    """Turn the staged lines into typed rows, each with its kind; times are the shop's."""
    codes = " ".join("WHEN code ~ %s THEN %s" for _ in NOT_PRODUCTS)
    params = [value for kind, pattern in NOT_PRODUCTS.items() for value in (pattern, kind)]
    with connection.cursor() as cursor:
        # Dates written as month/day/year are read as such; years first are read either way.
        cursor.execute("SET LOCAL datestyle TO 'ISO, MDY'")
        cursor.execute(_JUDGE.replace("{codes}", codes), [time_zone, *params])
        cursor.execute("CREATE INDEX ON import_row (customer, code, price)")
        cursor.execute("ANALYZE import_row")


def settle_returns(*, matched: list[int]) -> None:
    """Say of each return whether the purchase it takes back was found."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE import_row SET kind = CASE WHEN line = ANY(%s) THEN 'kept_as_return'"
            " ELSE 'return_without_purchase' END WHERE kind = 'return'",
            [matched],
        )


def counts() -> dict[str, int]:
    """How many rows there are of each kind."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, count(*) FROM import_row GROUP BY kind ORDER BY 2 DESC")
        return dict(cursor.fetchall())
