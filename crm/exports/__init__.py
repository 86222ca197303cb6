"""Exports: rows that leave as files, masked for whoever may not see them, each kept on record."""

from .kinds import KINDS, names
from .leaving import (
    Request,
    content_type,
    expire,
    file_of,
    filename,
    may_see,
    start,
    stream,
    write_due,
)
from .writing import FORMATS

__all__ = [
    "FORMATS",
    "KINDS",
    "Request",
    "content_type",
    "expire",
    "file_of",
    "filename",
    "may_see",
    "names",
    "start",
    "stream",
    "write_due",
]
