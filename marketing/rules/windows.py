"""Whose answer the clock alone may change, where a condition looks back so many days."""

from datetime import datetime, timedelta

from .base import Sql, join, wrap
from .operators import Question


def moved(select: Sql, column: Sql, since: datetime, until: datetime, days: int | None) -> Sql:
    """Of a select that ends in a condition: what came to be past, and what left the window."""
    spans = [(since, until)]
    if days is not None:
        window = timedelta(days=days)
        spans.append((since - window, until - window))
    arms = [wrap("", select, " AND ") + column + Sql(" BETWEEN %s AND %s", span) for span in spans]
    return join(" UNION ALL ", arms)


def window_crossed(question: Question, left: Sql, since: datetime, until: datetime) -> Sql | None:
    """The customers whose moment crossed an end of the window that is asked for."""
    if question.family != "window":
        return None
    everyone = Sql("SELECT c.id FROM crm_customer c WHERE true")
    return moved(everyone, left, since, until, question.value)
