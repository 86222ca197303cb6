"""Mails that passages could not put together though Jinja could: our fault, and nobody's mail.

What a template's own data cause (a value that is not there, a filter that refuses it, a cap), the
template itself meets too when it runs, and tells. Whatever it does not meet went wrong with us.
"""

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from crm.rendering.errors import RenderError

_logger = logging.getLogger(__name__)


class _Noticed(threading.local):
    errors: Counter[str] | None = None


_noticed = _Noticed()


@contextmanager
def noticed() -> Iterator[Counter[str]]:
    """How often the code inside took the detour, by the kind of error that led to it."""
    before, errors = _noticed.errors, Counter[str]()
    _noticed.errors = errors
    try:
        yield errors
    finally:
        _noticed.errors = before


def count(error: Exception) -> None:
    """Tell whoever wants to know that a mail took the detour."""
    if _noticed.errors is not None:
        _noticed.errors[kind_of(error)] += 1


def log(error: Exception, part: str) -> None:
    """Where in the template and in our code it went wrong; no values, and so no message."""
    line = error.line if isinstance(error, RenderError) else 0
    where = f"{part}, line {line}" if line else part
    frames = ""
    for each in _chain(error):
        frames += "".join(traceback.format_tb(each.__traceback__))
        each.__traceback__ = None  # an error that is kept holds on to nobody's mail
    message = "A template is rendered the slow way (%s): %s\n%s"
    _logger.error(message, where, kind_of(error), frames.rstrip())


def kind_of(error: Exception) -> str:
    """The kind of an error as it first came up."""
    *_, origin = _chain(error)
    kind = type(origin).__name__
    return f"{kind} ({origin.reason})" if isinstance(origin, RenderError) else kind


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it was made of where it names a line of the template."""
    yield error
    while isinstance(error, RenderError) and error.__context__ is not None:
        error = error.__context__
        yield error
