"""One text a customer to search: every word of the record, in every script, under one index."""

from django.db import migrations

# Small letters without accents; Chinese, Japanese and Korean signs stand alone, so that trigrams
# find names of two signs. crm/search.py says the same in Python.
FUNCTION = r"""
CREATE FUNCTION crm_searchable(VARIADIC parts text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(said) = length(said) THEN ' ' || said || ' '
        ELSE ' ' || regexp_replace(
            regexp_replace(
                normalize(regexp_replace(normalize(said, NFKD), '[\u0300-\u036f]', '', 'g'), NFKC),
                '([\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff])', ' \1 ', 'g'),
            '\s+', ' ', 'g') || ' '
        END
    FROM (SELECT lower(left(array_to_string(parts, ' '), 4000)) AS said) AS words
$$
"""
COLUMN = """
ALTER TABLE crm_customer ADD COLUMN search_text text GENERATED ALWAYS AS (
    crm_searchable(last_name, first_name, email, phone, city, postcode, street,
                   jsonb_path_query_array(attributes, '$.*')::text)
) STORED
"""
INDEX = "CREATE INDEX customer_search ON crm_customer USING gin (search_text gin_trgm_ops)"


class Migration(migrations.Migration):
    dependencies = [("crm", "0003_customer_record")]
    operations = [
        migrations.RemoveIndex("customer", "customer_search"),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION crm_searchable(VARIADIC text[])"),
        migrations.RunSQL(COLUMN, "ALTER TABLE crm_customer DROP COLUMN search_text"),
        migrations.RunSQL(INDEX, "DROP INDEX customer_search"),
    ]
