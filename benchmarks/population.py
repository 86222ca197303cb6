"""Made-up customers by the million, in Latin and Chinese script, written by PostgreSQL itself."""

from django.db import connection

_PEOPLE = """
    INSERT INTO crm_customer (first_name, last_name, email, phone, country, city, postcode, street,
        language, time_zone, attributes, bucket, created_at)
    SELECT first, last, email, phone, country, city, 'LS' || n %% 30 || ' ' || n %% 9 || 'AB',
        n %% 200 || ' High Street', language, 'UTC',
        jsonb_build_object('tier', (array['gold', 'silver', 'bronze'])[1 + n %% 3],
            'shoe_size', 36 + n %% 12, 'loyalty_number', 'L' || (n * 31337 %% 100000000)),
        n %% 10000, now() - n * interval '1 minute'
    FROM (
        SELECT n, first, last, CASE WHEN is_chinese THEN 'CN' ELSE 'GB' END AS country,
            CASE WHEN is_chinese THEN 'zh' ELSE 'en' END AS language,
            CASE WHEN is_chinese THEN '上海' ELSE 'Leeds' END AS city,
            CASE WHEN is_chinese THEN 'user' ELSE lower(first || '.' || last) END || n || '@'
                || (array['mail.example', 'post.example', 'box.example'])[1 + n %% 3] AS email,
            CASE WHEN is_chinese THEN '+8613' || lpad((n * 7919 %% 1000000000)::text, 9, '0')
                ELSE '+4477' || lpad((n * 7919 %% 100000000)::text, 8, '0') END AS phone
        FROM (
            SELECT n, n %% 4 = 0 AS is_chinese,
                CASE WHEN n %% 4 = 0 THEN (string_to_array(%(zh_first)s, ' '))[1 + n * 7 %% 20]
                    ELSE (string_to_array(%(first)s, ' '))[1 + n / 4 * 11 %% 20]
                        || (array['', 'ina', 'o', 'a', 'ette'])[1 + n %% 5] END AS first,
                CASE WHEN n %% 4 = 0 THEN (string_to_array(%(zh_last)s, ' '))[1 + n / 80 %% 20]
                    ELSE (string_to_array(%(last)s, ' '))[1 + n / 80 %% 20]
                        || (array['', 'son', 'man', 'berg', 'ford', 'well', 'ton'])[1 + n %% 7]
                    END AS last
            FROM generate_series(1::bigint, %(customers)s) AS n
        ) AS named
    ) AS reachable
"""

_IDENTITIES = """
    INSERT INTO crm_identity (customer_id, kind, value, created_at)
    SELECT id, kind, value, created_at FROM crm_customer
    CROSS JOIN LATERAL (VALUES ('external', 'C' || id), ('email', email), ('phone', phone))
        AS held (kind, value)
    ON CONFLICT DO NOTHING
"""

_ORDERS = """
    INSERT INTO crm_order (number, customer_id, state, placed_at, currency, total)
    SELECT 'A-' || id, id, 'placed', created_at, 'EUR', id %% 500 FROM crm_customer
    WHERE id %% 4 = 0
"""

# Twenty each, parted by spaces.
_NAMES = {
    "first": "James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William "
    "Barbara Richard Susan Joseph Jessica Thomas Sarah Charles Karen",
    "last": "Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez "
    "Lopez Gonzalez Wilson Anderson Taylor Moore Jackson Martin Lee",
    "zh_first": "伟 芳 娜 秀英 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀兰 霞",
    "zh_last": "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 高 林 罗",
}


def fill(*, customers: int) -> None:
    """Write so many customers with three identities each, and an order for every fourth."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"customers": customers, **_NAMES})
        cursor.execute(_IDENTITIES, [])
        cursor.execute(_ORDERS, [])
        cursor.execute("ANALYZE")
