"""Exports: rows that leave as files, masked for whoever may not see them, each kept on record."""

from .kinds import KINDS, names
from .leaving import (
    ForWhom,
    Request,
    content_type,
    expire,
    file_of,
    filename,
    may_see,
    start,
    start_for,
    stream,
    write_due,
)
from .writing import FORMATS

__all__ = [
    "FORMATS",
    "KINDS",
    "ForWhom",
    "Request",
    "content_type",
    "expire",
    "file_of",
    "filename",
    "may_see",
    "names",
    "start",
    "start_for",
    "stream",
    "write_due",
]
