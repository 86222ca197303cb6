"""Lists for PostgreSQL."""

from collections.abc import Iterable


def numbers(*, of: Iterable[int]) -> str:
    """Numbers as one text: quoting each takes the driver longer than PostgreSQL reads them."""
    return "{" + ",".join(map(str, of)) + "}"
