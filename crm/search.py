"""Search: find customers by any word of their record, by number, by order; in every script.

`crm_customer.search_text` is computed by PostgreSQL (migration 0004) and indexed by trigrams. What
is typed is brought into the same form here: small letters, no accents, signs of Chinese, Japanese
and Korean apart, so that a name of two signs is found by its index too.
"""

import re
import unicodedata

from django.db import connection
from django.db.models import Case, IntegerField, QuerySet, Value, When

from crm.choices import IdentityKind
from crm.models import Customer

# More than these nobody reads; more words are typed instead.
FOUND_AT_MOST = 1_000
_WORDS_AT_MOST = 8
_SIGNS = re.compile("([\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_ACCENTS = re.compile("[\u0300-\u036f]")
_PHONE = re.compile(r"\+?[\d\s().\-/]{5,}")

_EXACT = """
    SELECT customer_id FROM crm_identity WHERE kind = ANY(%s) AND value = ANY(%s)
    UNION SELECT customer_id FROM crm_customeralias WHERE old_id = %s
    UNION SELECT id FROM crm_customer WHERE id = %s
    UNION SELECT customer_id FROM crm_order WHERE number = ANY(%s) AND customer_id IS NOT NULL
"""


def customers(*, text: str) -> QuerySet[Customer]:
    """Customers whose record holds every word of a text; whom it names exactly come first.

    Not more than FOUND_AT_MOST, so that a word that half of all people share costs little.
    """
    ids = customer_ids(text=text)
    best_first = Case(
        *(When(pk=pk, then=Value(place)) for place, pk in enumerate(ids[:50])),
        default=Value(len(ids)),
        output_field=IntegerField(),
    )
    return Customer.objects.filter(pk__in=ids).order_by(best_first, "-pk")


def customer_ids(*, text: str, at_most: int = FOUND_AT_MOST) -> list[int]:
    """The ids of the customers that a text finds, exact finds first, then the newest."""
    typed = " ".join(text.replace("\0", " ").split())
    if not typed:
        return []
    exact = _exact(typed)
    condition, patterns = _similar(typed)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM crm_customer WHERE {condition} LIMIT %s",  # noqa: S608 - no input
            [*patterns, at_most],
        )
        similar = sorted((pk for (pk,) in cursor.fetchall()), reverse=True)
    return list(dict.fromkeys([*exact, *similar]))[:at_most]


def searchable(*, text: str) -> str:
    """A text in the form that PostgreSQL keeps it in to be searched."""
    small = text.lower()
    if small.isascii():
        return small
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", small))
    apart = _SIGNS.sub(r" \1 ", unicodedata.normalize("NFKC", bare))
    return re.sub(r"\s+", " ", apart)


def _exact(typed: str) -> list[int]:
    number = int(typed.lstrip("#")) if re.fullmatch(r"#?\d{1,18}", typed, re.ASCII) else -1
    values = list({typed, typed.lower()})
    orders = list({typed, typed.upper(), typed.lstrip("#")})
    with connection.cursor() as cursor:
        cursor.execute(_EXACT, [list(IdentityKind), values, number, number, orders])
        return sorted(pk for (pk,) in cursor.fetchall())


def _similar(typed: str) -> tuple[str, list[str]]:
    """The condition that every word is in the record, and its parameters."""
    words = [_pattern(word) for word in typed.split()[:_WORDS_AT_MOST]]
    every_word = " AND ".join(["search_text LIKE %s"] * len(words))
    if not _PHONE.fullmatch(typed):
        return every_word, words
    # However a number is grouped, and with the zero that is dialled at home.
    digits = re.sub(r"\D", "", typed).lstrip("0")
    return f"(({every_word}) OR search_text LIKE %s)", [*words, f"%{digits}%"]


def _pattern(word: str) -> str:
    said = re.sub(r"([\\%_])", r"\\\1", searchable(text=word))
    return f"%{said}%"
