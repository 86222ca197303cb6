"""A year of what customers did: events with their days, orders, consents, scores, memberships."""

from django.db import connection
from django.utils import timezone

from benchmarks import population
from marketing import segments
from marketing.choices import SegmentKind
from marketing.models import Segment

# Of a thousand events so many are of each kind; few customers do most of it.
_EVENTS = """
    INSERT INTO crm_event (customer_id, name, occurred_at, received_at, properties, key)
    SELECT customer_id, name, at, at,
        CASE WHEN name = 'page.viewed' THEN jsonb_build_object('path', '/p/' || n %% 500)
            ELSE jsonb_build_object('sku', 'P-' || n %% 200, 'price', n %% 90 + 0.5) END,
        'bench:' || n
    FROM (
        SELECT n, 1 + (power(random(), 1.6) * (%(customers)s - 1))::bigint AS customer_id,
            now() - random() * interval '365 days' AS at,
            CASE WHEN n %% 1000 < 500 THEN 'page.viewed'
                WHEN n %% 1000 < 830 THEN 'product.viewed'
                WHEN n %% 1000 < 950 THEN 'cart.product_added'
                WHEN n %% 1000 < 990 THEN 'checkout.started'
                WHEN n %% 1000 < 999 THEN 'support.asked'
                ELSE 'tea.subscribed' END AS name
        FROM generate_series(%(first)s::bigint, %(last)s) AS n
    ) AS told
"""
_DAYS = """
    INSERT INTO crm_eventday (customer_id, name, date, count, first_at, last_at)
    SELECT customer_id, name, (occurred_at AT TIME ZONE 'UTC')::date, count(*),
        min(occurred_at), max(occurred_at)
    FROM crm_event GROUP BY 1, 2, 3
"""
_PRODUCTS = """
    INSERT INTO crm_product (sku, name, description, category, brand, price, currency, url,
        image_url, is_active, created_at)
    SELECT 'P-' || n, 'Product ' || n, '', (array['Tea', 'Pots', 'Cups', 'Books'])[1 + n % 4],
        'Brand ' || n % 20, n % 90 + 0.5, 'EUR', '', '', true, now()
    FROM generate_series(0, 199) AS n
"""
# Every fourth customer has an order of their own day from `population`; these come on top.
_ORDERS = """
    INSERT INTO crm_order (number, customer_id, state, placed_at, currency, total)
    SELECT 'B-' || n, 1 + (power(random(), 1.6) * (%(customers)s - 1))::bigint, 'placed',
        now() - random() * interval '700 days', 'EUR', 5 + n %% 400
    FROM generate_series(1, %(customers)s / 2) AS n
"""
_LINES = """
    INSERT INTO crm_orderline (order_id, product_id, quantity, unit_price)
    SELECT o.id, p.id, 1, p.price FROM crm_order o JOIN crm_product p ON p.sku = 'P-' || o.id % 200
"""
_STATISTICS = """
    INSERT INTO crm_orderstatistics (customer_id, orders, revenue, first_order_at, last_order_at)
    SELECT customer_id, count(*), sum(total), min(placed_at), max(placed_at)
    FROM crm_order GROUP BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET orders = excluded.orders, revenue = excluded.revenue,
        first_order_at = excluded.first_order_at, last_order_at = excluded.last_order_at
"""
_CONSENTS = """
    INSERT INTO crm_consent (customer_id, channel, purpose, state, decided_at)
    SELECT id, channel, 'marketing', CASE WHEN id % 10 < 7 THEN 'granted' ELSE 'withdrawn' END,
        created_at
    FROM crm_customer CROSS JOIN (VALUES ('email'), ('sms')) AS by (channel)
    WHERE id % 10 < 8 AND (channel = 'email' OR id % 3 = 0)
"""
_RUN = """
    INSERT INTO marketing_trainingrun (kind, state, rows, gate, metrics, baseline, parameters,
        artifact_sha256, error, erased_people, requested_at)
    VALUES ('buys_90_days', 'used', 1, '[]', '{}', '{}', '{}', '', '', 0, now()) RETURNING id
"""
_SCORES = """
    INSERT INTO marketing_score (customer_id, kind, value, reasons, run_id, computed_at)
    SELECT id, 'buys_90_days', power(random(), 3), '[]', %s, now() FROM crm_customer
"""
_LISTED = """
    INSERT INTO marketing_listentry (segment_id, customer_id, added_at)
    SELECT %s, id, now() FROM crm_customer WHERE id %% 7 = 0
"""
_SEEN = """
    UPDATE crm_customer SET last_seen_at = seen.at
    FROM (SELECT customer_id, max(last_at) AS at FROM crm_eventday GROUP BY 1) AS seen
    WHERE crm_customer.id = seen.customer_id
"""
_AT_ONCE = 1_000_000


def fill(*, customers: int, events: int) -> None:
    """Write so many customers and events, and everything that rules ask about beside them.

    The first segment is a list of every seventh customer.
    """
    population.fill(customers=customers)
    with connection.cursor() as cursor:
        for first in range(1, events + 1, _AT_ONCE):
            last = min(first + _AT_ONCE - 1, events)
            cursor.execute(_EVENTS, {"customers": customers, "first": first, "last": last})
        cursor.execute("ANALYZE crm_event")
        cursor.execute(_DAYS)
        cursor.execute(_PRODUCTS)
        cursor.execute(_ORDERS, {"customers": customers})
        for statement in (_LINES, _STATISTICS, _CONSENTS, _SEEN):
            cursor.execute(statement)
        cursor.execute(_RUN)
        [run_id] = cursor.fetchone()
        cursor.execute(_SCORES, [run_id])
        listed = Segment.objects.create(name="Every seventh", kind=SegmentKind.LIST)
        cursor.execute(_LISTED, [listed.pk])
        segments.refresh(segment_id=listed.pk, now=timezone.now())
        cursor.execute("VACUUM (ANALYZE)")
